// Packets that read as sentences:
//
//   packet().ipv4("192.0.2.7", "198.51.100.10").tcp(40000, 80).syn().payload(100)
//
// Checksums are right unless the sentence says otherwise. build() gives a frame with headroom
// before it, as a shell would hand it in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "forwarding/packet.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding::testing {

// A frame in a buffer of its own.
struct Frame {
  std::vector<std::byte> buffer;
  size_t length = 0;
  Offload offload;

  FrameIn in() { return {MutableBytes(buffer), kHeadroom, length, offload, 1}; }
  MutableBytes ip() { return MutableBytes(buffer).subspan(kHeadroom, length); }
  Bytes ip() const { return Bytes(buffer).subspan(kHeadroom, length); }
};

Frame frame_of(Bytes ip_packet, const Offload& offload = {});

class PacketBuilder {
 public:
  PacketBuilder& ipv4(std::string_view source, std::string_view destination);
  PacketBuilder& ipv6(std::string_view source, std::string_view destination);
  PacketBuilder& hop_by_hop(size_t words = 1) { return extension(0, words); }  // of eight bytes, all padding
  PacketBuilder& hop_by_hop(const std::vector<int>& options);                  // six bytes, or eight times n more
  PacketBuilder& destination_options(size_t words = 1) { return extension(60, words); }
  PacketBuilder& fragment_header(size_t offset, bool more, uint32_t identification = 77);
  PacketBuilder& routing_header(uint8_t segments_left);
  PacketBuilder& ttl(uint8_t value) { return ip_.ttl = value, *this; }
  PacketBuilder& tos(uint8_t value) { return ip_.tos = value, *this; }
  PacketBuilder& id(uint16_t value) { return ip_.id = value, *this; }
  PacketBuilder& dont_fragment() { return flag(Ipv4Header::kDontFragment); }
  PacketBuilder& more_fragments() { return flag(Ipv4Header::kMoreFragments); }
  PacketBuilder& at_offset(size_t bytes) { return flag(static_cast<uint16_t>(bytes / 8)); }
  PacketBuilder& ip_options(size_t words) { return option_words_ = words, *this; }  // no-operations

  PacketBuilder& tcp(uint16_t source_port, uint16_t destination_port);
  PacketBuilder& syn() { return tcp_flag(kSyn); }
  PacketBuilder& fin() { return tcp_flag(kFin); }
  PacketBuilder& rst() { return tcp_flag(kRst); }
  PacketBuilder& psh() { return tcp_flag(kPsh); }
  PacketBuilder& cwr() { return tcp_flag(kCwr); }
  PacketBuilder& ack(uint32_t number = 1) { return tcp_.acknowledgment = number, tcp_flag(kAck); }
  PacketBuilder& seq(uint32_t number) { return tcp_.sequence = number, *this; }
  PacketBuilder& tcp_options(size_t words) { return tcp_option_words_ = words, *this; }

  PacketBuilder& udp(uint16_t source_port, uint16_t destination_port);
  PacketBuilder& without_checksum() { return udp_checksum_ = false, *this; }

  // With one chunk, whose value is the payload.
  PacketBuilder& sctp(uint16_t source_port, uint16_t destination_port, uint8_t chunk);

  // An ICMP message; with quoting() an error about another packet, of which `bytes` are quoted.
  PacketBuilder& icmp(uint8_t type, uint8_t code = 0, uint16_t mtu = 0);
  PacketBuilder& icmp6(uint8_t type, uint8_t code = 0, uint16_t mtu = 0);
  PacketBuilder& quoting(Bytes packet, size_t bytes = 28);
  PacketBuilder& protocol(uint8_t number) { return ip_.protocol = number, *this; }

  PacketBuilder& payload(size_t bytes);  // of a pattern
  PacketBuilder& payload(std::string_view text);
  // The checksum is still to be filled, as on veth and virtio.
  PacketBuilder& unfilled() { return unfilled_ = true, *this; }
  // A super-packet: segments of `gso_size` bytes of payload. Unfilled, as all of them are.
  PacketBuilder& in_segments_of(uint16_t gso_size) { return gso_size_ = gso_size, unfilled_ = true, *this; }

  Frame build() const;

 private:
  PacketBuilder& flag(uint16_t bits);
  PacketBuilder& tcp_flag(uint8_t bit) { return tcp_.flags |= bit, *this; }

  PacketBuilder& extension(uint8_t type, size_t words);
  std::vector<std::byte> transport() const;
  Frame finish(std::vector<std::byte> bytes, size_t header_length, bool has_header) const;

  struct Extension {
    uint8_t type = 0;
    std::vector<std::byte> bytes;  // the first is the next header's number, written by build()
  };
  bool six_ = false;
  Ipv6Header ip6_;
  std::vector<Extension> extensions_;
  bool later_fragment_ = false;
  Ipv4Header ip_;
  TcpHeader tcp_;
  UdpHeader udp_;
  SctpHeader sctp_;
  SctpChunk chunk_;
  IcmpHeader icmp_;
  size_t option_words_ = 0;
  size_t tcp_option_words_ = 0;
  bool udp_checksum_ = true;
  bool unfilled_ = false;
  uint16_t gso_size_ = 0;
  std::vector<std::byte> payload_;
};

inline PacketBuilder packet() {
  return {};
}

// What a packet is, in one line: "192.0.2.7:40000 > 10.0.0.1:80 tcp S ttl 63 payload 0". UDP to port 6080 is GUE here.
std::string text_of(Bytes ip_packet);

// Why the packet's checksums are wrong; nothing when all of them are right, given what the offload
// leaves to be filled. Looks into tunnels and at the header an ICMP error quotes.
std::optional<std::string> checksum_fault(Bytes ip_packet, const Offload& offload = {});

}  // namespace tandem::forwarding::testing
