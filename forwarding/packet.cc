#include "forwarding/packet.hpp"

#include "daemon/base/assert.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

// The TCP or UDP header at packet.header_length; packet.bytes ends where the datagram ends.
bool parse_transport(Packet& packet) {
  if (packet.protocol == kTcp) {
    const auto* tcp = wire_at<TcpHeader>(packet.bytes, packet.header_length);
    if (tcp == nullptr) return false;
    const size_t length = tcp->header_length();
    if (length < sizeof(TcpHeader) || packet.header_length + length > packet.bytes.size()) return false;
    packet.source_port = tcp->source_port;
    packet.destination_port = tcp->destination_port;
    packet.tcp_flags = tcp->flags;
    packet.payload_offset = static_cast<uint16_t>(packet.header_length + length);
  } else {
    const auto* udp = wire_at<UdpHeader>(packet.bytes, packet.header_length);
    if (udp == nullptr) return false;
    // A first fragment says the length of the whole datagram. So does a super-packet of segments
    // on some kernels, and of one segment on others: only its header is required to fit.
    const bool whole = !packet.fragment && packet.offload.gso_kind() == Offload::kNone;
    const size_t length = udp->length;
    if (length < sizeof(UdpHeader)) return false;
    if (whole && packet.header_length + length > packet.bytes.size()) return false;
    packet.source_port = udp->source_port;
    packet.destination_port = udp->destination_port;
    packet.payload_offset = static_cast<uint16_t>(packet.header_length + sizeof(UdpHeader));
  }
  packet.ports_known = true;
  return true;
}

// RFC 792: the IP header and at least 64 bits of what follows. What is cut short is no error of
// ours to report; it then simply quotes nothing.
std::optional<Quoted> parse_quoted(const Packet& packet) {
  const size_t offset = packet.header_length + sizeof(IcmpHeader);
  const auto* ip = wire_at<Ipv4Header>(Bytes(packet.bytes), offset);
  if (ip == nullptr || ip->version() != 4) return std::nullopt;
  const size_t length = ip->header_length();
  if (length < sizeof(Ipv4Header) || ip->fragment_offset() != 0) return std::nullopt;
  Quoted quoted;
  quoted.offset = static_cast<uint16_t>(offset);
  quoted.transport_offset = static_cast<uint16_t>(offset + length);
  quoted.protocol = ip->protocol;
  quoted.source = {ip->source};
  quoted.destination = {ip->destination};
  if (quoted.protocol == kTcp || quoted.protocol == kUdp) {
    const auto* ports = wire_at<PortsAndMore>(Bytes(packet.bytes), offset + length);
    if (ports == nullptr) return std::nullopt;
    quoted.source_port = ports->source_port;
    quoted.destination_port = ports->destination_port;
  } else if (quoted.protocol != kIpInIp) {
    return std::nullopt;
  }
  return quoted;
}

bool is_icmp_error(uint8_t type) {
  return type == icmp::kDestinationUnreachable || type == icmp::kTimeExceeded || type == icmp::kParameterProblem;
}

// What is to be filled in lies within the packet, and a super-packet is of a kind that its headers
// bear out.
bool offload_fits(const Packet& packet) {
  const Offload& offload = packet.offload;
  if (offload.checksum_unfilled) {
    const size_t field = size_t{offload.checksum_start} + offload.checksum_offset;
    if (offload.checksum_start < sizeof(Ipv4Header) || field + 2 > packet.bytes.size()) return false;
    // The field must be this packet's own: it is rewritten as such.
    const size_t own = packet.protocol == kTcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum);
    if (packet.ports_known && (offload.checksum_start != packet.header_length || offload.checksum_offset != own))
      return false;
  }
  if (!packet.is_super_packet()) return true;
  switch (offload.gso_kind()) {
    case Offload::kTcp4:
      return packet.ports_known && packet.protocol == kTcp;
    case Offload::kUdpFragments:
    case Offload::kUdpSegments:
      return packet.ports_known && packet.protocol == kUdp;
    default:
      return false;
  }
}

}  // namespace

Result<Packet, ParseError> parse(const FrameIn& frame) {
  TANDEM_ASSERT(frame.ip_offset >= kHeadroom);
  TANDEM_ASSERT(frame.ip_offset <= frame.buffer.size() && frame.ip_length <= frame.buffer.size() - frame.ip_offset);
  const MutableBytes captured = frame.buffer.subspan(frame.ip_offset, frame.ip_length);
  const auto* ip = wire_at<Ipv4Header>(Bytes(captured));
  if (ip == nullptr) return Failure(ParseError::kBadIpHeader);
  if (ip->version() != 4) return Failure(ParseError::kNotIpv4);
  const size_t header_length = ip->header_length();
  const size_t total_length = ip->total_length;
  if (header_length < sizeof(Ipv4Header) || total_length < header_length || total_length > captured.size())
    return Failure(ParseError::kBadIpHeader);

  Packet packet;
  packet.bytes = captured.first(total_length);
  packet.offload = frame.offload;
  packet.ifindex = frame.ifindex;
  packet.source = {ip->source};
  packet.destination = {ip->destination};
  packet.protocol = ip->protocol;
  packet.ttl = ip->ttl;
  packet.dont_fragment = ip->dont_fragment();
  packet.fragment = ip->fragment_offset() != 0 || ip->more_fragments();
  packet.header_length = static_cast<uint16_t>(header_length);
  packet.payload_offset = packet.header_length;

  if (ip->fragment_offset() == 0) {
    if (packet.protocol == kTcp || packet.protocol == kUdp) {
      if (!parse_transport(packet)) return Failure(ParseError::kBadTransport);
    } else if (packet.protocol == kIcmp) {
      const auto* header = wire_at<IcmpHeader>(Bytes(packet.bytes), header_length);
      if (header == nullptr) return Failure(ParseError::kBadTransport);
      packet.icmp_type = header->type;
      packet.icmp_code = header->code;
      if (is_icmp_error(header->type) && !packet.fragment) packet.quoted = parse_quoted(packet);
    }
  }
  if (!offload_fits(packet)) return Failure(ParseError::kBadOffload);
  return packet;
}

}  // namespace tandem::forwarding
