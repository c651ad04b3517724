#include "forwarding/packet.hpp"

#include "daemon/base/assert.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

// The chunk an SCTP packet is about, as IPVS sees it (set_sctp_state). Nothing when no chunk's header is there.
std::optional<uint8_t> chunk_of(Bytes bytes, size_t at) {
  const auto* first = wire_at<SctpChunk>(bytes, at);
  if (first == nullptr) return std::nullopt;
  const size_t length = first->length;
  const bool cookie = first->type == sctp::kCookieEcho || first->type == sctp::kCookieAck;
  if (!cookie || length < sizeof(SctpChunk)) return first->type;
  const auto* second = wire_at<SctpChunk>(bytes, at + (length + 3) / 4 * 4);
  return second != nullptr && second->type == sctp::kAbort ? second->type : first->type;
}

// The TCP, UDP or SCTP header at packet.header_length; packet.bytes ends where the datagram ends.
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
  } else if (packet.protocol == kSctp) {
    const auto* header = wire_at<SctpHeader>(packet.bytes, packet.header_length);
    const auto chunk = chunk_of(packet.bytes, packet.header_length + sizeof(SctpHeader));
    if (header == nullptr || !chunk) return false;
    packet.source_port = header->source_port;
    packet.destination_port = header->destination_port;
    packet.sctp_chunk = *chunk;
    packet.payload_offset = static_cast<uint16_t>(packet.header_length + sizeof(SctpHeader));
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

// What stands behind the fixed header of IPv6, up to the first header that is no extension we walk over.
struct Extensions {
  uint8_t protocol = 0;
  size_t end = 0;  // offset of that header
  size_t fragment_offset = 0;
  size_t fragment_begin = 0;
  uint32_t identification = 0;
  bool more_fragments = false;
};

// RFC 8200, 4.
Result<Extensions, ParseError> walk_extensions(Bytes bytes, size_t at, uint8_t next) {
  Extensions found{.protocol = next, .end = at};
  // The first part of a datagram has the whole chain (RFC 7112).
  const auto cut = [&found] {
    return Failure(found.fragment_begin != 0 && found.more_fragments ? ParseError::kTinyFragment
                                                                     : ParseError::kBadIpHeader);
  };
  for (size_t count = 0; count <= kMaxExtensions; ++count) {
    const auto* extension = wire_at<Ipv6Extension>(bytes, found.end);
    size_t length = 0;
    switch (found.protocol) {
      case kIp6Fragment: {
        const auto* fragment = wire_at<Ipv6Fragment>(bytes, found.end);
        if (fragment == nullptr) return cut();
        // A piece of a piece: nobody's sender makes one, and where it stands in what cannot be said.
        if (found.fragment_begin != 0) return Failure(ParseError::kBadExtensions);
        found.fragment_offset = fragment->fragment_offset();
        found.more_fragments = fragment->more_fragments();
        found.identification = fragment->id;
        found.fragment_begin = found.end + sizeof(Ipv6Fragment);
        length = sizeof(Ipv6Fragment);
        break;
      }
      case kRouting: {
        const auto* routing = wire_at<Ipv6Routing>(bytes, found.end);
        if (routing == nullptr) return cut();
        // Its destination is not the last one: no transport header we could speak for (RFC 5095).
        if (routing->segments_left != 0) return Failure(ParseError::kBadExtensions);
        length = (size_t{routing->length} + 1) * 8;
        break;
      }
      case kHopByHop:
      case kDestinationOptions:
        if (extension == nullptr) return cut();
        length = (size_t{extension->length} + 1) * 8;
        break;
      default:
        return found;
    }
    if (length > bytes.size() - found.end) return cut();
    found.protocol = extension->next_header;
    found.end += length;
    if (found.fragment_offset != 0) return found;  // what follows is a piece of something
  }
  return Failure(ParseError::kBadExtensions);
}

// RFC 792, RFC 4443: the IP header and at least 64 bits of what follows. What is cut short is no error of
// ours to report; it then simply quotes nothing.
std::optional<Quoted> with_ports(const Packet& packet, Quoted quoted) {
  if (has_ports(quoted.protocol)) {
    const auto* ports = wire_at<PortsAndMore>(Bytes(packet.bytes), quoted.transport_offset);
    if (ports == nullptr) return std::nullopt;
    quoted.source_port = ports->source_port;
    quoted.destination_port = ports->destination_port;
  } else if (quoted.protocol != kIpInIp && quoted.protocol != kIp6InIp && quoted.protocol != kGre) {
    return std::nullopt;
  }
  return quoted;
}

std::optional<Quoted> parse_quoted6(const Packet& packet) {
  const size_t offset = packet.header_length + sizeof(IcmpHeader);
  const auto* ip = wire_at<Ipv6Header>(Bytes(packet.bytes), offset);
  if (ip == nullptr || ip->version() != 6) return std::nullopt;
  const auto chain = walk_extensions(Bytes(packet.bytes), offset + sizeof(Ipv6Header), ip->next_header);
  if (!chain || chain->fragment_offset != 0) return std::nullopt;
  Quoted quoted;
  quoted.offset = static_cast<uint16_t>(offset);
  quoted.transport_offset = static_cast<uint16_t>(chain->end);
  quoted.protocol = chain->protocol;
  quoted.source = Ipv6Address{ip->source};
  quoted.destination = Ipv6Address{ip->destination};
  return with_ports(packet, quoted);
}

std::optional<Quoted> parse_quoted4(const Packet& packet) {
  const size_t offset = packet.header_length + sizeof(IcmpHeader);
  const auto* ip = wire_at<Ipv4Header>(Bytes(packet.bytes), offset);
  if (ip == nullptr || ip->version() != 4) return std::nullopt;
  const size_t length = ip->header_length();
  if (length < sizeof(Ipv4Header) || ip->fragment_offset() != 0) return std::nullopt;
  Quoted quoted;
  quoted.offset = static_cast<uint16_t>(offset);
  quoted.transport_offset = static_cast<uint16_t>(offset + length);
  quoted.protocol = ip->protocol;
  quoted.source = Ipv4Address{ip->source};
  quoted.destination = Ipv4Address{ip->destination};
  return with_ports(packet, quoted);
}

bool is_icmp_error(const Packet& packet) {
  const uint8_t type = packet.icmp_type;
  if (packet.is_ipv6()) return type >= icmp6::kDestinationUnreachable && type <= icmp6::kParameterProblem;
  return type == icmp::kDestinationUnreachable || type == icmp::kTimeExceeded || type == icmp::kParameterProblem;
}

// The header behind IP's, in a whole packet or a first fragment. `icmp` is the protocol that is ICMP to this version of IP.
bool parse_content(Packet& packet, uint8_t icmp) {
  if (has_ports(packet.protocol)) return parse_transport(packet);
  if (packet.protocol != icmp) return true;
  const auto* header = wire_at<IcmpHeader>(Bytes(packet.bytes), packet.header_length);
  if (header == nullptr) return false;
  packet.icmp_type = header->type;
  packet.icmp_code = header->code;
  if (is_icmp_error(packet)) packet.quoted = packet.is_ipv6() ? parse_quoted6(packet) : parse_quoted4(packet);
  return true;
}

// What is to be filled in lies within the packet, and a super-packet is of a kind that its headers
// bear out.
bool offload_fits(const Packet& packet) {
  const Offload& offload = packet.offload;
  // Whoever cuts a datagram finishes it first.
  if (packet.fragment && (offload.checksum_unfilled || packet.is_super_packet())) return false;
  if (offload.checksum_unfilled) {
    const size_t field = size_t{offload.checksum_start} + offload.checksum_offset;
    if (offload.checksum_start < packet.header_length || field + 2 > packet.bytes.size()) return false;
    // The field must be this packet's own: it is rewritten as such.
    const size_t own = packet.protocol == kTcp    ? offsetof(TcpHeader, checksum)
                       : packet.protocol == kSctp ? offsetof(SctpHeader, checksum)
                                                  : offsetof(UdpHeader, checksum);
    const size_t size = packet.protocol == kSctp ? sizeof(SctpHeader::checksum) : sizeof(be16);
    if (field + size > packet.bytes.size()) return false;
    if (packet.ports_known && (offload.checksum_start != packet.header_length || offload.checksum_offset != own))
      return false;
  }
  if (!packet.is_super_packet()) return true;
  switch (offload.gso_kind()) {
    case Offload::kTcp4:
    case Offload::kTcp6:
      if ((offload.gso_kind() == Offload::kTcp6) != packet.is_ipv6()) return false;
      return packet.ports_known && packet.protocol == kTcp;
    case Offload::kUdpFragments:
    case Offload::kUdpSegments:
      return packet.ports_known && packet.protocol == kUdp;
    default:
      return false;
  }
}

ParseError bad_transport(const Packet& packet) {
  return packet.fragment ? ParseError::kTinyFragment : ParseError::kBadTransport;
}

// What each version of IP says, into a fresh packet. Filled in place: a copy would cost as much as the parsing.
std::optional<ParseError> parse_ipv4(MutableBytes captured, Packet& packet) {
  const auto* ip = wire_at<Ipv4Header>(Bytes(captured));
  if (ip == nullptr) return ParseError::kBadIpHeader;
  const size_t header_length = ip->header_length();
  const size_t total_length = ip->total_length;
  if (header_length < sizeof(Ipv4Header) || total_length < header_length || total_length > captured.size())
    return ParseError::kBadIpHeader;

  packet.bytes = captured.first(total_length);
  packet.source.v4 = {ip->source};
  packet.destination.v4 = {ip->destination};
  packet.protocol = ip->protocol;
  packet.ttl = ip->ttl;
  packet.dont_fragment = ip->dont_fragment();
  packet.more_fragments = ip->more_fragments();
  packet.fragment_offset = static_cast<uint16_t>(ip->fragment_offset());
  packet.fragment = packet.fragment_offset != 0 || packet.more_fragments;
  if (packet.fragment) {
    packet.fragment_begin = static_cast<uint16_t>(header_length);
    packet.identification = ip->id;
  }
  packet.header_length = static_cast<uint16_t>(header_length);
  packet.payload_offset = packet.header_length;
  if (!packet.is_later_part() && !parse_content(packet, kIcmp)) return bad_transport(packet);
  return std::nullopt;
}

std::optional<ParseError> parse_ipv6(MutableBytes captured, Packet& packet) {
  const auto* ip = wire_at<Ipv6Header>(Bytes(captured));
  if (ip == nullptr) return ParseError::kBadIpHeader;
  const size_t total_length = sizeof(Ipv6Header) + ip->payload_length;
  if (total_length > captured.size() || total_length > UINT16_MAX) return ParseError::kBadIpHeader;

  packet.bytes = captured.first(total_length);
  packet.source = Ipv6Address{ip->source};
  packet.destination = Ipv6Address{ip->destination};
  packet.ttl = ip->hop_limit;
  packet.dont_fragment = true;
  const auto chain = walk_extensions(Bytes(packet.bytes), sizeof(Ipv6Header), ip->next_header);
  if (!chain) return chain.error();
  packet.protocol = chain->protocol;
  packet.more_fragments = chain->more_fragments;
  packet.fragment_offset = static_cast<uint16_t>(chain->fragment_offset);
  packet.fragment = packet.fragment_offset != 0 || packet.more_fragments;
  packet.fragment_begin = static_cast<uint16_t>(chain->fragment_begin);
  packet.identification = chain->identification;
  packet.header_length = static_cast<uint16_t>(chain->end);
  packet.payload_offset = packet.header_length;
  if (!packet.is_later_part() && !parse_content(packet, kIcmp6)) return bad_transport(packet);
  return std::nullopt;
}

}  // namespace

Result<Packet, ParseError> parse(const FrameIn& frame) {
  TANDEM_ASSERT(frame.ip_offset >= kHeadroom);
  TANDEM_ASSERT(frame.ip_offset <= frame.buffer.size() && frame.ip_length <= frame.buffer.size() - frame.ip_offset);
  const MutableBytes captured = frame.buffer.subspan(frame.ip_offset, frame.ip_length);
  Result<Packet, ParseError> result;
  if (captured.empty()) {
    result = Failure(ParseError::kBadIpHeader);
    return result;
  }
  const auto version = static_cast<uint8_t>(captured[0]) >> 4;
  std::optional<ParseError> wrong = ParseError::kNotIp;
  result->offload = frame.offload;
  result->ifindex = frame.ifindex;
  if (version == 4) wrong = parse_ipv4(captured, *result);
  if (version == 6) wrong = parse_ipv6(captured, *result);
  if (!wrong && !offload_fits(*result)) wrong = ParseError::kBadOffload;
  if (wrong) result = Failure(*wrong);
  return result;
}

}  // namespace tandem::forwarding
