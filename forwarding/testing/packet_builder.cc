#include "forwarding/testing/packet_builder.hpp"

#include <algorithm>

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "daemon/base/crc32c.hpp"

namespace tandem::forwarding::testing {
namespace {

Ipv4Address address(std::string_view text) {
  const auto parsed = Ipv4Address::parse(text);
  TANDEM_ASSERT(parsed.has_value());
  return *parsed;
}

void append(std::vector<std::byte>& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

uint16_t pseudo_header_sum(Bytes packet, size_t header_length, uint8_t protocol) {
  ChecksumSum sum;
  if (static_cast<uint8_t>(packet[0]) >> 4 == 6) {
    const auto& ip = *wire_at<Ipv6Header>(packet);
    sum.add(std::as_bytes(std::span(ip.source)));
    sum.add(std::as_bytes(std::span(ip.destination)));
  } else {
    const auto& ip = *wire_at<Ipv4Header>(packet);
    sum.add32(ip.source);
    sum.add32(ip.destination);
  }
  sum.add16(protocol);
  sum.add16(static_cast<uint16_t>(packet.size() - header_length));
  return sum.folded();
}

size_t checksum_offset(uint8_t protocol) {
  if (protocol == kIcmp6) return offsetof(IcmpHeader, checksum);
  return protocol == kTcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum);
}

}  // namespace

Frame frame_of(Bytes ip_packet, const Offload& offload) {
  Frame frame;
  frame.buffer.resize(kHeadroom);
  append(frame.buffer, ip_packet);
  frame.length = ip_packet.size();
  frame.offload = offload;
  return frame;
}

PacketBuilder& PacketBuilder::ipv4(std::string_view source, std::string_view destination) {
  ip_.source = address(source).value;
  ip_.destination = address(destination).value;
  ip_.ttl = 64;
  return *this;
}

PacketBuilder& PacketBuilder::flag(uint16_t bits) {
  ip_.flags_and_offset = static_cast<uint16_t>(ip_.flags_and_offset | bits);
  return *this;
}

PacketBuilder& PacketBuilder::tcp(uint16_t source_port, uint16_t destination_port) {
  ip_.protocol = kTcp;
  tcp_.source_port = source_port;
  tcp_.destination_port = destination_port;
  tcp_.window = 64240;
  return *this;
}

PacketBuilder& PacketBuilder::udp(uint16_t source_port, uint16_t destination_port) {
  ip_.protocol = kUdp;
  udp_.source_port = source_port;
  udp_.destination_port = destination_port;
  return *this;
}

PacketBuilder& PacketBuilder::sctp(uint16_t source_port, uint16_t destination_port, uint8_t chunk) {
  ip_.protocol = kSctp;
  sctp_.source_port = source_port;
  sctp_.destination_port = destination_port;
  sctp_.verification_tag = 0x01020304;
  chunk_.type = chunk;
  return *this;
}

PacketBuilder& PacketBuilder::icmp(uint8_t type, uint8_t code, uint16_t mtu) {
  ip_.protocol = kIcmp;
  icmp_.type = type;
  icmp_.code = code;
  icmp_.mtu = mtu;
  return *this;
}

PacketBuilder& PacketBuilder::quoting(Bytes packet, size_t bytes) {
  payload_.assign(packet.begin(), packet.begin() + std::min(bytes, packet.size()));
  return *this;
}

PacketBuilder& PacketBuilder::payload(size_t bytes) {
  payload_.resize(bytes);
  for (size_t i = 0; i < bytes; ++i) payload_[i] = static_cast<std::byte>(i * 7 + 3);
  return *this;
}

PacketBuilder& PacketBuilder::payload(std::string_view text) {
  const Bytes bytes = std::as_bytes(std::span(text));
  payload_.assign(bytes.begin(), bytes.end());
  return *this;
}

PacketBuilder& PacketBuilder::ipv6(std::string_view source, std::string_view destination) {
  six_ = true;
  ip_.ttl = 64;
  ip6_.source = Ipv6Address::parse(source).value().bytes;
  ip6_.destination = Ipv6Address::parse(destination).value().bytes;
  return *this;
}

PacketBuilder& PacketBuilder::extension(uint8_t type, size_t words) {
  std::vector<std::byte> bytes(words * 8, std::byte{0});  // Pad1 (RFC 8200, 4.2)
  bytes[1] = static_cast<std::byte>(words - 1);
  extensions_.push_back({type, std::move(bytes)});
  return *this;
}

PacketBuilder& PacketBuilder::hop_by_hop(const std::vector<int>& options) {
  TANDEM_ASSERT(options.size() % 8 == 6);
  extension(kHopByHop, (options.size() + 2) / 8);
  std::ranges::transform(options, extensions_.back().bytes.begin() + 2, [](int value) { return std::byte(value); });
  return *this;
}

PacketBuilder& PacketBuilder::fragment_header(size_t offset, bool more, uint32_t identification) {
  Ipv6Fragment fragment;
  fragment.offset_and_flags = static_cast<uint16_t>(offset | (more ? 1 : 0));
  fragment.id = identification;
  const Bytes bytes = bytes_of(fragment);
  extensions_.push_back({44, {bytes.begin(), bytes.end()}});
  later_fragment_ = offset != 0;
  return *this;
}

PacketBuilder& PacketBuilder::routing_header(uint8_t segments_left) {
  extension(43, 1).extensions_.back().bytes[3] = static_cast<std::byte>(segments_left);
  return *this;
}

PacketBuilder& PacketBuilder::icmp6(uint8_t type, uint8_t code, uint16_t mtu) {
  icmp(type, code, mtu);
  ip_.protocol = kIcmp6;
  return *this;
}

std::vector<std::byte> PacketBuilder::transport() const {
  std::vector<std::byte> bytes;
  if (ip_.fragment_offset() == 0 && !later_fragment_) {
    if (ip_.protocol == kTcp) {
      TcpHeader tcp = tcp_;
      tcp.data_offset = static_cast<uint8_t>((5 + tcp_option_words_) << 4);
      append(bytes, bytes_of(tcp));
      bytes.resize(bytes.size() + tcp_option_words_ * 4, std::byte{1});
    } else if (ip_.protocol == kUdp) {
      UdpHeader udp = udp_;
      udp.length = static_cast<uint16_t>(sizeof(udp) + payload_.size());
      append(bytes, bytes_of(udp));
    } else if (ip_.protocol == kSctp) {
      SctpChunk chunk = chunk_;
      chunk.length = static_cast<uint16_t>(sizeof(chunk) + payload_.size());
      append(bytes, bytes_of(sctp_));
      append(bytes, bytes_of(chunk));
    } else if (ip_.protocol == kIcmp || ip_.protocol == kIcmp6) {
      append(bytes, bytes_of(icmp_));
    }
  }
  append(bytes, payload_);
  return bytes;
}

Frame PacketBuilder::build() const {
  const std::vector<std::byte> content = transport();
  std::vector<std::byte> bytes;
  if (six_) {
    Ipv6Header ip = ip6_;
    ip.first = (6u << 28) | (uint32_t{ip_.tos} << 20);
    ip.hop_limit = ip_.ttl;
    ip.next_header = extensions_.empty() ? ip_.protocol : extensions_[0].type;
    size_t length = content.size();
    for (const Extension& extension : extensions_) length += extension.bytes.size();
    ip.payload_length = static_cast<uint16_t>(length);
    append(bytes, bytes_of(ip));
    for (size_t i = 0; i < extensions_.size(); ++i) {
      const size_t at = bytes.size();
      append(bytes, extensions_[i].bytes);
      bytes[at] = static_cast<std::byte>(i + 1 < extensions_.size() ? extensions_[i + 1].type : ip_.protocol);
    }
    const size_t header_length = bytes.size();
    append(bytes, content);
    return finish(std::move(bytes), header_length, !later_fragment_);
  }
  Ipv4Header ip = ip_;
  const size_t header_length = sizeof(ip) + option_words_ * 4;
  ip.version_and_length = static_cast<uint8_t>(0x40 | (header_length / 4));
  ip.total_length = static_cast<uint16_t>(header_length + content.size());
  append(bytes, bytes_of(ip));
  bytes.resize(header_length, std::byte{1});
  append(bytes, content);
  wire_at<Ipv4Header>(MutableBytes(bytes))->checksum = internet_checksum(Bytes(bytes).first(header_length));
  return finish(std::move(bytes), header_length, ip_.fragment_offset() == 0);
}

// The transport's checksum, where its header is here, and what is left to be done by others.
Frame PacketBuilder::finish(std::vector<std::byte> bytes, size_t header_length, bool has_header) const {
  const MutableBytes whole(bytes);
  Offload offload;
  if (has_header && ip_.protocol == kIcmp) {
    wire_at<IcmpHeader>(whole, header_length)->checksum = internet_checksum(whole.subspan(header_length));
  } else if (has_header && ip_.protocol == kSctp) {
    const MutableBytes content = whole.subspan(header_length);
    offload.checksum_unfilled = unfilled_;
    offload.checksum_start = static_cast<uint16_t>(unfilled_ ? header_length : 0);
    offload.checksum_offset = unfilled_ ? offsetof(SctpHeader, checksum) : 0;
    if (!unfilled_) wire_at<SctpHeader>(content)->set_crc(crc32c_without(content, offsetof(SctpHeader, checksum)));
  } else if (has_header && (ip_.protocol == kTcp || ip_.protocol == kUdp || ip_.protocol == kIcmp6)) {
    auto& field = *wire_at<be16>(whole, header_length + checksum_offset(ip_.protocol));
    field = pseudo_header_sum(whole, header_length, ip_.protocol);
    if (unfilled_) {
      offload.checksum_unfilled = true;
      offload.checksum_start = static_cast<uint16_t>(header_length);
      offload.checksum_offset = static_cast<uint16_t>(checksum_offset(ip_.protocol));
    } else {
      const uint16_t checksum = internet_checksum(whole.subspan(header_length));
      field = ip_.protocol == kUdp && checksum == 0 ? uint16_t{0xffff} : checksum;
      if (ip_.protocol == kUdp && !udp_checksum_) field = 0;
    }
  }
  if (gso_size_ != 0) {
    offload.gso_type = six_ ? Offload::kTcp6 : Offload::kTcp4;
    offload.gso_size = gso_size_;
    offload.header_length = static_cast<uint16_t>(header_length + sizeof(TcpHeader) + tcp_option_words_ * 4);
  }
  return frame_of(bytes, offload);
}

namespace {

// What both versions of IP say, for the two below.
struct Envelope {
  IpAddress source, destination;
  uint8_t protocol = 0, ttl = 0;
  size_t offset = 0;  // of what is carried
  size_t fragment_offset = 0;
  bool more_fragments = false;
  size_t length = 0;  // of the packet, as it says
  bool is_icmp() const { return protocol == (source.is_v4() ? kIcmp : kIcmp6); }
  bool is_error(uint8_t type) const { return source.is_v4() ? type != 0 && type != 8 : type < 128; }
};

std::optional<Envelope> open(Bytes packet) {
  if (packet.empty()) return std::nullopt;
  Envelope envelope;
  if (static_cast<uint8_t>(packet[0]) >> 4 != 6) {
    const auto* ip = wire_at<Ipv4Header>(packet);
    if (ip == nullptr) return std::nullopt;
    envelope = {Ipv4Address{ip->source}, Ipv4Address{ip->destination}, ip->protocol,         ip->ttl,
                ip->header_length(),     ip->fragment_offset(),        ip->more_fragments(), ip->total_length};
    return envelope;
  }
  const auto* ip = wire_at<Ipv6Header>(packet);
  if (ip == nullptr) return std::nullopt;
  envelope = {Ipv6Address{ip->source},
              Ipv6Address{ip->destination},
              ip->next_header,
              ip->hop_limit,
              sizeof(*ip),
              0,
              false,
              sizeof(*ip) + ip->payload_length};
  while (envelope.protocol == 0 || envelope.protocol == 43 || envelope.protocol == 44 || envelope.protocol == 60) {
    if (const auto* fragment = wire_at<Ipv6Fragment>(packet, envelope.offset); envelope.protocol == 44) {
      envelope.fragment_offset = fragment->fragment_offset();
      envelope.more_fragments = fragment->more_fragments();
    }
    const auto& extension = *wire_at<Ipv6Extension>(packet, envelope.offset);
    envelope.offset += envelope.protocol == 44 ? 8 : (size_t{extension.length} + 1) * 8;
    envelope.protocol = extension.next_header;
  }
  return envelope;
}

// Where the packet in a tunnel begins behind the outer header; 0 when nothing is a packet in a tunnel there.
struct Tunnelled {
  bool is = false;
  std::string_view word;  // " gre", " gre with checksum", " gue"
  size_t offset = 0;      // from what the outer header carries
};
Tunnelled look_into(const Envelope& ip, Bytes carried) {
  if (ip.protocol == kIpInIp || ip.protocol == kIp6InIp) return {true, "", 0};
  if (ip.protocol == kGre) {
    const auto* gre = wire_at<GreHeader>(carried);
    if (gre == nullptr) return {};
    return gre->flags == 0 ? Tunnelled{true, " gre", 4} : Tunnelled{true, " gre with checksum", 8};
  }
  const auto* udp = wire_at<UdpHeader>(carried);
  const auto* gue = wire_at<GueHeader>(carried, sizeof(UdpHeader));
  const bool is_gue = ip.protocol == kUdp && ip.fragment_offset == 0 && gue != nullptr &&
                      udp->destination_port == 6080 && gue->version_and_length == 0 &&
                      (gue->protocol == kIpInIp || gue->protocol == kIp6InIp);
  if (is_gue) return {true, " gue", 12};
  return {};
}

}  // namespace

std::string text_of(Bytes packet) {
  const auto ip = open(packet);
  if (!ip) return "no IP";
  const std::string ends = ip->source.text() + " > " + ip->destination.text();
  const std::string ttl = " ttl " + std::to_string(ip->ttl);
  const Bytes carried = packet.subspan(std::min(ip->offset, packet.size()));
  if (const Tunnelled inside = look_into(*ip, carried); inside.is && inside.offset <= carried.size())
    return ends + std::string(inside.word) + ttl + " [" + text_of(carried.subspan(inside.offset)) + "]";
  if (ip->fragment_offset != 0) return ends + ttl + " fragment at " + std::to_string(ip->fragment_offset);
  if (ip->is_icmp()) {
    const auto* icmp = wire_at<IcmpHeader>(packet, ip->offset);
    std::string text = ends + (ip->source.is_v4() ? " icmp " : " icmp6 ") + std::to_string(icmp->type) + "/" +
                       std::to_string(icmp->code);
    if (icmp->mtu != 0) text += " mtu " + std::to_string(icmp->mtu);
    text += ttl;
    if (ip->is_error(icmp->type)) text += " about [" + text_of(packet.subspan(ip->offset + sizeof(IcmpHeader))) + "]";
    return text;
  }
  if (ip->protocol == kEsp || ip->protocol == kAh) return ends + (ip->protocol == kEsp ? " esp" : " ah") + ttl;
  const auto* ports = wire_at<PortsAndMore>(packet, ip->offset);
  if (ports == nullptr) return "cut short";
  const auto end = [](const IpAddress& address, uint16_t port) {
    return (address.is_v4() ? address.text() : "[" + address.text() + "]") + ":" + std::to_string(port);
  };
  std::string text = end(ip->source, ports->source_port) + " > " + end(ip->destination, ports->destination_port);
  if (ip->protocol == kUdp) return text + " udp" + ttl;
  if (ip->protocol == kSctp) {
    const auto* chunk = wire_at<SctpChunk>(packet, ip->offset + sizeof(SctpHeader));
    return text + " sctp" + (chunk != nullptr ? " " + std::to_string(chunk->type) : "") + ttl;
  }
  text += " tcp";
  if (const auto* tcp = wire_at<TcpHeader>(packet, ip->offset)) {
    text += ' ';
    constexpr std::string_view kLetters = "FSRPAUEC";
    for (size_t i = 0; i < kLetters.size(); ++i)
      if ((tcp->flags >> i & 1) != 0) text += kLetters[i];
  }
  return text + ttl;
}

std::optional<std::string> checksum_fault(Bytes packet, const Offload& offload) {
  const auto ip = open(packet);
  if (!ip) return "no IP header";
  const bool four = ip->source.is_v4();
  if (ip->length != packet.size()) return "total length is not the packet's";
  if (four && internet_checksum(packet.first(ip->offset)) != 0) return "IP header checksum";
  if (ip->fragment_offset != 0 || ip->more_fragments) return std::nullopt;
  const Bytes rest = packet.subspan(ip->offset);
  if (const Tunnelled inside = look_into(*ip, rest); inside.is && inside.offset <= rest.size()) {
    if (ip->protocol == kGre && inside.offset == 8 && internet_checksum(rest) != 0) return "GRE checksum";
    if (const auto inner = checksum_fault(rest.subspan(inside.offset))) return "inner " + *inner;
    if (ip->protocol != kUdp) return std::nullopt;
  }
  if (four && ip->is_icmp()) {
    if (internet_checksum(rest) != 0) return "ICMP checksum";
    const auto* icmp = wire_at<IcmpHeader>(rest);
    if (!ip->is_error(icmp->type)) return std::nullopt;
    const Bytes quoted = rest.subspan(sizeof(IcmpHeader));
    const auto* inner = wire_at<Ipv4Header>(quoted);
    if (inner != nullptr && internet_checksum(quoted.first(inner->header_length())) != 0)
      return "quoted IP header checksum";
    return std::nullopt;
  }
  if (ip->protocol == kSctp) {
    const auto* header = wire_at<SctpHeader>(rest);
    if (header == nullptr) return "no SCTP header";
    const bool right = header->crc() == crc32c_without(rest, offsetof(SctpHeader, checksum));
    return right || offload.checksum_unfilled ? std::nullopt : std::optional<std::string>("CRC32c");
  }
  if (ip->protocol == kEsp || ip->protocol == kAh) return std::nullopt;
  const auto* field = wire_at<be16>(rest, checksum_offset(ip->protocol));
  if (field == nullptr) return "no transport header";
  const uint16_t pseudo = pseudo_header_sum(packet, ip->offset, ip->protocol);
  if (offload.checksum_unfilled) {
    if (field->value() % 0xffff != pseudo % 0xffff) return "pseudo-header sum";
    return std::nullopt;
  }
  if (ip->protocol == kUdp && *field == 0) return std::nullopt;
  ChecksumSum sum;
  sum.add16(pseudo);
  sum.add(rest);
  if (sum.finish() != 0) return "transport checksum";
  return std::nullopt;
}

}  // namespace tandem::forwarding::testing
