// The maximum segment size that the two ends of a TCP connection tell each other (RFC 9293, 3.7.1; RFC 6691), made smaller on its
// way: for paths whose MTU the ends do not learn, because somebody drops the ICMP errors that would tell them.
//
// What can be done depends on what is seen here. NAT and full NAT carry both SYNs, so both directions are bounded. With direct routing and
// tunnelling only the client's SYN comes by, which bounds what the server sends, and that does not go through the tunnel; what the
// client sends is bounded by the server's own SYN (`advmss` on the server's route) or by the ICMP errors of this director.
#pragma once

#include <cstdint>

#include "forwarding/packet.hpp"

namespace tandem::forwarding {

// Makes the MSS option of a SYN `most` where it says more, and keeps the checksum right. A segment without SYN, without the
// option (its sender then means 536 or 1220), or with options that do not hold together stays as it is.
// Returns whether something was changed. REQUIRES: packet.ports_known.
bool clamp_mss(Packet& packet, uint16_t most);

}  // namespace tandem::forwarding
