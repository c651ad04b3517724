#include "forwarding/testing/packet_builder.hpp"

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"

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
  const auto& ip = *wire_at<Ipv4Header>(packet);
  ChecksumSum sum;
  sum.add32(ip.source);
  sum.add32(ip.destination);
  sum.add16(protocol);
  sum.add16(static_cast<uint16_t>(packet.size() - header_length));
  return sum.folded();
}

size_t checksum_offset(uint8_t protocol) {
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

Frame PacketBuilder::build() const {
  std::vector<std::byte> transport;
  if (ip_.fragment_offset() == 0) {
    if (ip_.protocol == kTcp) {
      TcpHeader tcp = tcp_;
      tcp.data_offset = static_cast<uint8_t>((5 + tcp_option_words_) << 4);
      append(transport, bytes_of(tcp));
      transport.resize(transport.size() + tcp_option_words_ * 4, std::byte{1});
    } else if (ip_.protocol == kUdp) {
      UdpHeader udp = udp_;
      udp.length = static_cast<uint16_t>(sizeof(udp) + payload_.size());
      append(transport, bytes_of(udp));
    } else if (ip_.protocol == kIcmp) {
      append(transport, bytes_of(icmp_));
    }
  }
  append(transport, payload_);

  Ipv4Header ip = ip_;
  const size_t header_length = sizeof(ip) + option_words_ * 4;
  ip.version_and_length = static_cast<uint8_t>(0x40 | (header_length / 4));
  ip.total_length = static_cast<uint16_t>(header_length + transport.size());
  std::vector<std::byte> bytes;
  append(bytes, bytes_of(ip));
  bytes.resize(header_length, std::byte{1});
  append(bytes, transport);
  const MutableBytes whole(bytes);
  wire_at<Ipv4Header>(whole)->checksum = internet_checksum(whole.first(header_length));

  Offload offload;
  if (ip_.fragment_offset() == 0 && ip_.protocol == kIcmp) {
    wire_at<IcmpHeader>(whole, header_length)->checksum = internet_checksum(whole.subspan(header_length));
  } else if (ip_.fragment_offset() == 0 && (ip_.protocol == kTcp || ip_.protocol == kUdp)) {
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
    offload.gso_type = Offload::kTcp4;
    offload.gso_size = gso_size_;
    offload.header_length = static_cast<uint16_t>(header_length + sizeof(TcpHeader) + tcp_option_words_ * 4);
  }
  return frame_of(bytes, offload);
}

std::string text_of(Bytes packet) {
  const auto* ip = wire_at<Ipv4Header>(packet);
  if (ip == nullptr) return "no IPv4";
  const auto at = [](uint32_t value) { return Ipv4Address{value}.text(); };
  const std::string ttl = " ttl " + std::to_string(ip->ttl);
  const size_t offset = ip->header_length();
  if (ip->protocol == kIpInIp) {
    return at(ip->source) + " > " + at(ip->destination) + ttl + " [" + text_of(packet.subspan(offset)) + "]";
  }
  if (ip->fragment_offset() != 0) {
    return at(ip->source) + " > " + at(ip->destination) + ttl + " fragment at " + std::to_string(ip->fragment_offset());
  }
  if (ip->protocol == kIcmp) {
    const auto* icmp = wire_at<IcmpHeader>(packet, offset);
    std::string text = at(ip->source) + " > " + at(ip->destination) + " icmp " + std::to_string(icmp->type) + "/" +
                       std::to_string(icmp->code);
    if (icmp->mtu != 0) text += " mtu " + std::to_string(icmp->mtu);
    text += ttl;
    if (icmp->type != 0 && icmp->type != 8)
      text += " about [" + text_of(packet.subspan(offset + sizeof(IcmpHeader))) + "]";
    return text;
  }
  const auto* ports = wire_at<PortsAndMore>(packet, offset);
  if (ports == nullptr) return "cut short";
  std::string text = at(ip->source) + ":" + std::to_string(ports->source_port) + " > " + at(ip->destination) + ":" +
                     std::to_string(ports->destination_port);
  if (ip->protocol == kUdp) return text + " udp" + ttl;
  text += " tcp";
  if (const auto* tcp = wire_at<TcpHeader>(packet, offset)) {
    text += ' ';
    constexpr std::string_view kLetters = "FSRPAUEC";
    for (size_t i = 0; i < kLetters.size(); ++i)
      if ((tcp->flags >> i & 1) != 0) text += kLetters[i];
  }
  return text + ttl;
}

std::optional<std::string> checksum_fault(Bytes packet, const Offload& offload) {
  const auto* ip = wire_at<Ipv4Header>(packet);
  if (ip == nullptr) return "no IPv4 header";
  const size_t offset = ip->header_length();
  if (ip->total_length != packet.size()) return "total length is not the packet's";
  if (internet_checksum(packet.first(offset)) != 0) return "IP header checksum";
  if (ip->fragment_offset() != 0 || ip->more_fragments()) return std::nullopt;
  const Bytes rest = packet.subspan(offset);
  if (ip->protocol == kIpInIp) {
    const auto inner = checksum_fault(rest);
    return inner ? "inner " + *inner : inner;
  }
  if (ip->protocol == kIcmp) {
    if (internet_checksum(rest) != 0) return "ICMP checksum";
    const auto* icmp = wire_at<IcmpHeader>(rest);
    if (icmp->type == 0 || icmp->type == 8) return std::nullopt;
    const Bytes quoted = rest.subspan(sizeof(IcmpHeader));
    const auto* inner = wire_at<Ipv4Header>(quoted);
    if (inner != nullptr && internet_checksum(quoted.first(inner->header_length())) != 0)
      return "quoted IP header checksum";
    return std::nullopt;
  }
  const auto* field = wire_at<be16>(rest, checksum_offset(ip->protocol));
  if (field == nullptr) return "no transport header";
  const uint16_t pseudo = pseudo_header_sum(packet, offset, ip->protocol);
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
