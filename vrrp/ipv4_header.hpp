// The IP header before an advertisement: what of it matters to VRRP (RFC 9568, 5.1.1 and 5.1.2), for every version of the
// message and both families.
#pragma once

#include <cstdint>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "vrrp/packet.hpp"

namespace tandem::vrrp {

struct Envelope {
  IpAddress source;
  IpAddress destination;
  uint8_t ttl = 0;  // or hop limit
  Bytes payload;    // as long as the header says; a view into the packet
};

// Opens the envelope. Errors: kIpHeader, kProtocol, kFragment, kIpOptions. The header checksum is
// the kernel's affair: it drops what is wrong before a raw socket sees it.
Result<Envelope, AdvertError> open_ipv4(Bytes packet);

// Whether it was sent to us, by a neighbour or a peer: kTtl, kDestination, kOwnAddress, kSource or kNotPeer, in this order.
Result<void, AdvertError> check_envelope(const Envelope& envelope, const Acceptance& acceptance,
                                         const ReceiveContext& context);

// Writes the header of a packet with `payload_size` octets after it, its checksum included.
// REQUIRES: at least 20 octets at `packet`.
void write_ipv4(MutableBytes packet, size_t payload_size, Ipv4Address source, Ipv4Address destination, uint16_t ip_id,
                bool dont_fragment);

}  // namespace tandem::vrrp
