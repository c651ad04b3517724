// Stage one, parse: what a frame is, as far as forwarding wants to know.
//
// A frame comes as the kernel has it: possibly a TCP super-packet of up to 64 KB, possibly with a
// checksum that somebody after us is to fill in. Both travel with it as an Offload, so that one
// flow lookup serves 64 KB. Every length is checked here, once; the later stages trust the offsets
// of a Packet and never look outside `bytes`.
//
// Of IPv6, extension headers are walked over, at most kMaxExtensions of them; what they hide a transport header behind
// (authentication, encryption) is not forwarding's.
//
// RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP), RFC 768 (UDP), RFC 9260 (SCTP), RFC 792 (ICMP),
// RFC 4443 (ICMPv6).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/result.hpp"

namespace tandem::forwarding {

inline constexpr uint8_t kIcmp = 1;
inline constexpr uint8_t kIpInIp = 4;
inline constexpr uint8_t kTcp = 6;
inline constexpr uint8_t kUdp = 17;
inline constexpr uint8_t kIp6InIp = 41;
inline constexpr uint8_t kIp6Fragment = 44;
inline constexpr uint8_t kGre = 47;
inline constexpr uint8_t kEsp = 50;
inline constexpr uint8_t kAh = 51;
inline constexpr uint8_t kIcmp6 = 58;
inline constexpr uint8_t kSctp = 132;

// Extension headers (RFC 8200, 4.1).
inline constexpr uint8_t kHopByHop = 0;
inline constexpr uint8_t kRouting = 43;
inline constexpr uint8_t kDestinationOptions = 60;

// Has a port at either end: what services are of.
inline constexpr bool has_ports(uint8_t protocol) {
  return protocol == kTcp || protocol == kUdp || protocol == kSctp;
}
inline constexpr std::string_view name_of_protocol(uint8_t protocol) {
  return protocol == kTcp ? "tcp" : protocol == kUdp ? "udp" : protocol == kSctp ? "sctp" : "another protocol";
}

// Free bytes before every packet, in and out: room for the longest tunnel header (IPv6, UDP and GUE: 52 bytes) and for
// Ethernet with a VLAN tag.
inline constexpr size_t kHeadroom = 72;

// A sender that means well has no more than four (RFC 8200, 4.1).
inline constexpr size_t kMaxExtensions = 8;

// What is still to be done to a packet, with the meaning and the numbers of virtio_net_hdr, but
// counted from the IP header and in host order.
struct Offload {
  enum Gso : uint8_t {
    kNone = 0,
    kTcp4 = 1,
    kUdpFragments = 3,
    kTcp6 = 4,
    kUdpSegments = 5,
    kEcnBit = 0x80  // the first segment alone keeps CWR
  };
  bool checksum_unfilled = false;  // VIRTIO_NET_HDR_F_NEEDS_CSUM: the field holds the pseudo-header's
                                   // sum, not complemented
  uint8_t gso_type = kNone;        // Gso, perhaps with kEcnBit
  uint16_t gso_size = 0;           // bytes of payload in a segment
  uint16_t header_length = 0;      // bytes of IP and TCP headers; a hint
  uint16_t checksum_start = 0;     // first byte that is summed
  uint16_t checksum_offset = 0;    // of the field, from checksum_start
  bool operator==(const Offload&) const = default;

  uint8_t gso_kind() const { return gso_type & static_cast<uint8_t>(~kEcnBit); }
};

// A frame as the shell hands it in. It is rewritten in place.
struct FrameIn {
  MutableBytes buffer;  // REQUIRES: kHeadroom writable bytes before ip_offset
  size_t ip_offset = 0;
  size_t ip_length = 0;  // as captured; Ethernet's padding may follow the IP packet
  Offload offload;
  uint32_t ifindex = 0;
};

enum TcpFlags : uint8_t {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
  kUrg = 0x20,
  kEce = 0x40,
  kCwr = 0x80
};

// The packet an ICMP error quotes: its header, and at least the ports.
struct Quoted {
  uint16_t offset = 0;            // of the quoted IP header, from the outer IP header
  uint16_t transport_offset = 0;  // of the quoted TCP or UDP header
  uint8_t protocol = 0;
  IpAddress source;
  IpAddress destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};

struct Packet {
  MutableBytes bytes;  // the IP packet, exactly as long as it says
  Offload offload;
  uint32_t ifindex = 0;

  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;        // of IPv6: what stands behind the extension headers
  uint8_t ttl = 0;             // or hop limit
  bool dont_fragment = false;  // always so with IPv6
  bool fragment = false;       // part of a datagram; ports are known in the first part alone
  bool more_fragments = false;
  bool ports_known = false;     // TCP, UDP or SCTP with its header here
  uint16_t header_length = 0;   // of IP, bytes; extension headers included
  uint16_t payload_offset = 0;  // first byte after the TCP, UDP or SCTP header
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t tcp_flags = 0;
  uint16_t fragment_offset = 0;  // bytes; where this part stands in its datagram
  uint16_t fragment_begin = 0;   // first byte that is of the datagram: what follows the IP, or the fragment header
  uint32_t identification = 0;   // of the datagram. These three are set where `fragment`
  uint32_t datagram_length =
      0;                   // bytes of all parts from fragment_begin on; 0 while nobody has told, as parse() has not
  uint8_t sctp_chunk = 0;  // the type that counts: the first one's; an ABORT behind a COOKIE ECHO or ACK

  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
  std::optional<Quoted> quoted;  // of an ICMP error

  bool is_ipv6() const { return !source.is_v4(); }
  bool is_later_part() const { return fragment_offset != 0; }
  // Bytes from the transport header on, of a first part those of all parts. REQUIRES: they are known.
  size_t transport_length() const {
    return fragment ? size_t{datagram_length} + fragment_begin - header_length : bytes.size() - header_length;
  }
  size_t payload_length() const { return bytes.size() - payload_offset; }
  bool is_super_packet() const { return offload.gso_kind() != Offload::kNone && offload.gso_size > 0; }
  // Packets on the wire: more than one for a super-packet.
  size_t wire_packets() const {
    if (!is_super_packet()) return 1;
    const size_t count = (payload_length() + offload.gso_size - 1) / offload.gso_size;
    return count == 0 ? 1 : count;
  }
  // Bytes of IP of the largest packet on the wire.
  size_t wire_size() const {
    if (!is_super_packet() || payload_length() <= offload.gso_size) return bytes.size();
    return static_cast<size_t>(payload_offset) + offload.gso_size;
  }
};

enum class ParseError : uint8_t {
  kNotIp,
  kBadIpHeader,    // header length or total length does not fit what was captured
  kBadTransport,   // the TCP, UDP, SCTP or ICMP header does not fit
  kTinyFragment,   // the same in the first part of a datagram, which must have it whole (RFC 3128; RFC 7112)
  kBadExtensions,  // of IPv6: too many, a piece of a piece, or a source route under way
  kBadOffload,     // what is to be filled in lies outside of the packet
};

Result<Packet, ParseError> parse(const FrameIn& frame);

}  // namespace tandem::forwarding
