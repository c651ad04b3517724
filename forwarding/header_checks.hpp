// What the kernel looks at in every packet before anybody else sees it, and a tap does not: the header's own checksum, options
// that end where they say, senders that nobody can be. A packet that does not hold them is dropped as the kernel would
// drop it (ip_rcv, ip_options_compile, ip_route_input; ipv6_rcv, ip6_parse_tlv), so that nothing corrupt is sent on, and no flow is
// made for it. Of IPv6's options those hop by hop are everybody's; the destination's are the server's to read.
//
// The checksums of TCP and UDP are not looked at: the server does that, and an incremental update keeps a wrong one wrong.
#pragma once

#include <cstdint>
#include <optional>

#include "forwarding/packet.hpp"

namespace tandem::forwarding {

enum class HeaderFault : uint8_t {
  kChecksum,  // of IPv4's header, or of an ICMP error, whose checksum is made anew with what is rewritten in it
  kOptions,   // malformed; a source route (RFC 7126, 4.3, 4.4: to be dropped); one of IPv6 that must not be passed over
};

std::optional<HeaderFault> header_fault(const Packet& packet);

// False for what no host sends from: nobody's, everybody's, its own (RFC 1122, 3.2.1.3), an IPv4 address in IPv6's clothes.
bool can_be_sender(const IpAddress& address);

}  // namespace tandem::forwarding
