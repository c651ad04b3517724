// The IPv4 header before an advertisement: what of it matters to VRRP (RFC 9568, 5.1.1), for every
// version of the message.
#pragma once

#include <cstdint>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "vrrp/packet.hpp"

namespace tandem::vrrp {

struct Ipv4Envelope {
  Ipv4Address source;
  Ipv4Address destination;
  uint8_t ttl = 0;
  Bytes payload;  // as long as the header says; a view into the packet
};

// Opens the envelope. Errors: kIpHeader, kProtocol, kFragment, kIpOptions. The header checksum is
// the kernel's affair: it drops what is wrong before a raw socket sees it.
Result<Ipv4Envelope, AdvertError> open_ipv4(Bytes packet);

// Whether it was sent to us, by a neighbour: kTtl, kDestination, kOwnAddress, kSource, in this
// order.
Result<void, AdvertError> check_ipv4(const Ipv4Envelope& envelope, const ReceiveContext& context);

// Writes the header of a packet with `payload_size` octets after it, its checksum included.
// REQUIRES: at least 20 octets at `packet`.
void write_ipv4(MutableBytes packet, size_t payload_size, Ipv4Address source, Ipv4Address destination, uint16_t ip_id,
                bool dont_fragment);

}  // namespace tandem::vrrp
