// The wire formats of forwarding, written once. Only parse, apply, segment and answers see them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "daemon/base/bytes.hpp"

namespace tandem::forwarding {

// RFC 791, 3.1.
struct Ipv4Header {
  uint8_t version_and_length = 0x45;
  uint8_t tos = 0;  // DSCP (RFC 2474) and ECN (RFC 3168)
  be16 total_length;
  be16 id;
  be16 flags_and_offset;
  uint8_t ttl = 0;
  uint8_t protocol = 0;
  be16 checksum;
  be32 source;
  be32 destination;

  static constexpr uint16_t kDontFragment = 0x4000;
  static constexpr uint16_t kMoreFragments = 0x2000;
  static constexpr uint16_t kOffsetMask = 0x1fff;

  uint8_t version() const { return version_and_length >> 4; }
  size_t header_length() const { return size_t{4} * (version_and_length & 0x0f); }
  bool dont_fragment() const { return (flags_and_offset & kDontFragment) != 0; }
  bool more_fragments() const { return (flags_and_offset & kMoreFragments) != 0; }
  size_t fragment_offset() const { return size_t{8} * (flags_and_offset & kOffsetMask); }
};
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

// RFC 8200, 3.
struct Ipv6Header {
  be32 first;  // version (4 bits), traffic class (8), flow label (20)
  be16 payload_length;
  uint8_t next_header = 0;
  uint8_t hop_limit = 0;
  std::array<uint8_t, 16> source{};
  std::array<uint8_t, 16> destination{};

  uint8_t version() const { return static_cast<uint8_t>(first >> 28); }
  uint8_t traffic_class() const { return static_cast<uint8_t>(first >> 20); }
};
static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);

// RFC 8200, 4.2: what every extension header begins with, the fragment header excepted.
struct Ipv6Extension {
  uint8_t next_header = 0;
  uint8_t length = 0;  // in units of eight bytes, the first not counted
};

// RFC 8200, 4.4.
struct Ipv6Routing {
  uint8_t next_header = 0;
  uint8_t length = 0;
  uint8_t type = 0;
  uint8_t segments_left = 0;
};

// RFC 8200, 4.5.
struct Ipv6Fragment {
  uint8_t next_header = 0;
  uint8_t reserved = 0;
  be16 offset_and_flags;  // offset in units of eight bytes (13 bits), two reserved bits, more fragments
  be32 id;

  bool more_fragments() const { return (offset_and_flags & 1) != 0; }
  size_t fragment_offset() const { return offset_and_flags & 0xfff8; }
};
static_assert(sizeof(Ipv6Fragment) == 8 && alignof(Ipv6Fragment) == 1);

// RFC 9293, 3.1.
struct TcpHeader {
  be16 source_port;
  be16 destination_port;
  be32 sequence;
  be32 acknowledgment;
  uint8_t data_offset = 0x50;  // upper four bits: 32-bit words
  uint8_t flags = 0;           // TcpFlags
  be16 window;
  be16 checksum;
  be16 urgent;

  size_t header_length() const { return size_t{4} * (data_offset >> 4); }
};
static_assert(sizeof(TcpHeader) == 20 && alignof(TcpHeader) == 1);

// RFC 768.
struct UdpHeader {
  be16 source_port;
  be16 destination_port;
  be16 length;    // header and payload
  be16 checksum;  // 0: none was made
};
static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);

// RFC 9260, 3.1.
struct SctpHeader {
  be16 source_port;
  be16 destination_port;
  be32 verification_tag;
  std::array<uint8_t, 4> checksum{};  // CRC32c, its least significant byte first (appendix A)

  uint32_t crc() const {
    return uint32_t{checksum[0]} | uint32_t{checksum[1]} << 8 | uint32_t{checksum[2]} << 16 |
           uint32_t{checksum[3]} << 24;
  }
  void set_crc(uint32_t crc) {
    for (size_t i = 0; i < checksum.size(); ++i) checksum[i] = static_cast<uint8_t>(crc >> (8 * i));
  }
};
static_assert(sizeof(SctpHeader) == 12 && alignof(SctpHeader) == 1);

// RFC 9260, 3.2.
struct SctpChunk {
  uint8_t type = 0;
  uint8_t flags = 0;
  be16 length;  // header and value, padding not counted
};
static_assert(sizeof(SctpChunk) == 4 && alignof(SctpChunk) == 1);

namespace sctp {
inline constexpr uint8_t kData = 0;
inline constexpr uint8_t kInit = 1;
inline constexpr uint8_t kInitAck = 2;
inline constexpr uint8_t kAbort = 6;
inline constexpr uint8_t kShutdown = 7;
inline constexpr uint8_t kShutdownAck = 8;
inline constexpr uint8_t kError = 9;
inline constexpr uint8_t kCookieEcho = 10;
inline constexpr uint8_t kCookieAck = 11;
inline constexpr uint8_t kShutdownComplete = 14;
}  // namespace sctp

// RFC 2784, 2.1.
struct GreHeader {
  be16 flags;  // checksum present: the first bit; version: the last three
  be16 protocol;

  static constexpr uint16_t kChecksumPresent = 0x8000;
  static constexpr uint16_t kIpv4 = 0x0800;
  static constexpr uint16_t kIpv6 = 0x86dd;
};
static_assert(sizeof(GreHeader) == 4 && alignof(GreHeader) == 1);
struct GreChecksum {
  be16 checksum;
  be16 reserved;
};
static_assert(sizeof(GreChecksum) == 4);

// draft-ietf-intarea-gue-09, 3.1 (variant 0, no control message, no extensions).
struct GueHeader {
  uint8_t version_and_length = 0;  // variant (2 bits), control (1), length of extensions in units of four bytes (5)
  uint8_t protocol = 0;
  be16 flags;
};
static_assert(sizeof(GueHeader) == 4 && alignof(GueHeader) == 1);

// RFC 792; RFC 4443, 2.1, where `unused` and `mtu` are one number of 32 bits (3.2).
struct IcmpHeader {
  uint8_t type = 0;
  uint8_t code = 0;
  be16 checksum;
  be16 unused;
  be16 mtu;  // of the next hop, in "fragmentation needed" (RFC 1191, 4)
};
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

namespace icmp {
inline constexpr uint8_t kDestinationUnreachable = 3;
inline constexpr uint8_t kSourceQuench = 4;
inline constexpr uint8_t kRedirect = 5;
inline constexpr uint8_t kTimeExceeded = 11;
inline constexpr uint8_t kParameterProblem = 12;
inline constexpr uint8_t kFragmentationNeeded = 4;  // code of kDestinationUnreachable
}  // namespace icmp

// RFC 4443. Types below 128 are errors.
namespace icmp6 {
inline constexpr uint8_t kDestinationUnreachable = 1;
inline constexpr uint8_t kPacketTooBig = 2;
inline constexpr uint8_t kTimeExceeded = 3;
inline constexpr uint8_t kParameterProblem = 4;
inline constexpr uint8_t kRedirect = 137;  // RFC 4861, 4.5
}  // namespace icmp6

// The first 64 bits of TCP and of UDP: all that an ICMP error must quote.
struct PortsAndMore {
  be16 source_port;
  be16 destination_port;
  be32 more;
};
static_assert(sizeof(PortsAndMore) == 8);

}  // namespace tandem::forwarding
