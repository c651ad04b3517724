// The wire formats, each written once. Only decode and encode (packet.cc, ipv4_header.cc) use them.
#pragma once

#include <cstdint>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"

namespace tandem::vrrp::wire {

// RFC 791, section 3.1. The part of the IPv4 header before its options.
struct Ipv4Header {
  uint8_t version_ihl = 0;    // 4 bits version, 4 bits header length in words
  uint8_t traffic_class = 0;  // RFC 2474
  be16 total_length;          // header and payload
  be16 id;                    //
  be16 flags_offset;          // 3 bits flags, 13 bits fragment offset in 8 octets
  uint8_t ttl = 0;            // RFC 9568, 5.1.1.3: 255
  uint8_t protocol = 0;       // RFC 9568, 5.1.1.4: 112
  be16 checksum;              // over the header
  be32 source;                // RFC 9568, 5.1.1.1: the primary address of the sending interface
  be32 destination;           // RFC 9568, 5.1.1.2: 224.0.0.18
};
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

struct Ipv6Header {
  be32 version_class_flow;  // 4 bits version, 8 bits traffic class, 20 bits flow label
  be16 payload_length;      //
  uint8_t next_header = 0;  // RFC 9568, 5.1.2.4: 112
  uint8_t hop_limit = 0;    // RFC 9568, 5.1.2.3: 255
  Ipv6Address source;       // RFC 9568, 5.1.2.1: the link-local address of the sending interface
  Ipv6Address destination;  // RFC 9568, 5.1.2.2: ff02::12
};
static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);

inline constexpr uint16_t kDontFragment = 0x4000;
inline constexpr uint16_t kMoreFragments = 0x2000;
inline constexpr uint16_t kFragmentOffset = 0x1fff;

// RFC 9568, section 5.1: version 3, either family. The addresses follow (5.2.9), 4 or 16 octets
// each.
struct AdvertV3 {
  uint8_t version_type = 0;  // 5.2.1 and 5.2.2: 4 bits each
  uint8_t vrid = 0;          // 5.2.3: 1-255
  uint8_t priority = 0;      // 5.2.4
  uint8_t count = 0;         // 5.2.5: addresses, at least 1
  be16 reserved_interval;    // 5.2.6: 4 bits, sent as 0, ignored when received; 5.2.7: 12 bits,
                             // centiseconds
  be16 checksum;             // 5.2.8
};
static_assert(sizeof(AdvertV3) == 8 && alignof(AdvertV3) == 1);

// RFC 3768, section 5.3: version 2, IPv4 alone. The addresses follow, then eight octets of authentication data, always.
struct AdvertV2 {
  uint8_t version_type = 0;  // 5.3.1 and 5.3.2: 4 bits each
  uint8_t vrid = 0;          // 5.3.3: 1-255
  uint8_t priority = 0;      // 5.3.4
  uint8_t count = 0;         // 5.3.5
  uint8_t auth_type = 0;     // 5.3.6: 0; RFC 2338: 1 is a simple text password, 2 is the IP Authentication Header
  uint8_t interval = 0;      // 5.3.7: seconds
  be16 checksum;             // 5.3.8: over the whole message, without a pseudo-header
};
static_assert(sizeof(AdvertV2) == 8 && alignof(AdvertV2) == 1);

inline constexpr size_t kAuthDataBytes = 8;  // 5.3.10
inline constexpr uint8_t kAuthNone = 0;
inline constexpr uint8_t kAuthPassword = 1;
inline constexpr uint8_t kVersion2 = 2;
inline constexpr uint8_t kVersion3 = 3;
inline constexpr uint8_t kTypeAdvertisement = 1;  // 5.2.2: the only one
inline constexpr uint16_t kIntervalMask = 0x0fff;

}  // namespace tandem::vrrp::wire
