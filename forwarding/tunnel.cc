#include "forwarding/tunnel.hpp"

#include <algorithm>
#include <cstring>

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "forwarding/flow_table.h"
#include "forwarding/segment.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint8_t kOuterTtl = 64;
constexpr uint16_t kSmallestMtu = 68;     // RFC 791, 3.2
constexpr uint16_t kLeastBelieved = 552;  // Linux's net.ipv4.route.min_pmtu: less is more likely forged than true
constexpr uint16_t kSmallestMtu6 = 1280;  // RFC 8200, 5

bool is_ipv6(Bytes packet) {
  return static_cast<uint8_t>(packet[0]) >> 4 == 6;
}

// The same packet with one more header in front of it.
template <class Header>
MutableBytes behind(const Header& header, MutableBytes packet) {
  std::memcpy(packet.data() - sizeof(header), &header, sizeof(header));
  return {packet.data() - sizeof(header), packet.size() + sizeof(header)};
}

// One number for all packets of a flow. Of a piece of a datagram only the addresses count, which all its pieces have.
uint64_t hash_of_flow(Bytes inner) {
  uint64_t hash = 0;
  const auto add = [&](Bytes bytes) {
    for (size_t at = 0; at + sizeof(be32) <= bytes.size(); at += sizeof(be32))
      hash = tandem_mix(hash ^ wire_at<be32>(bytes, at)->value());
  };
  size_t ports_at = sizeof(Ipv6Header);
  uint8_t protocol = 0;
  if (is_ipv6(inner)) {
    const auto& ip = *wire_at<Ipv6Header>(inner);
    add(inner.subspan(offsetof(Ipv6Header, source), 2 * sizeof(ip.source)));
    protocol = ip.next_header;
  } else {
    const auto& ip = *wire_at<Ipv4Header>(inner);
    add(inner.subspan(offsetof(Ipv4Header, source), 2 * sizeof(be32)));
    ports_at = ip.header_length();
    if (ip.fragment_offset() == 0 && !ip.more_fragments()) protocol = ip.protocol;
  }
  if (has_ports(protocol) && ports_at + sizeof(be32) <= inner.size()) add(inner.subspan(ports_at, sizeof(be32)));
  return hash;
}

// RFC 7510, 3: from the dynamic ports, with 14 bits of entropy.
uint16_t entropy_port(Bytes inner) {
  return static_cast<uint16_t>(0xc000 | (hash_of_flow(inner) >> 50));
}

MutableBytes behind_gre(MutableBytes inner, bool checksum) {
  GreHeader header;
  header.flags = checksum ? GreHeader::kChecksumPresent : uint16_t{0};
  header.protocol = is_ipv6(inner) ? GreHeader::kIpv6 : GreHeader::kIpv4;
  if (!checksum) return behind(header, inner);
  const MutableBytes whole = behind(header, behind(GreChecksum{}, inner));
  wire_at<GreChecksum>(whole, sizeof(GreHeader))->checksum = internet_checksum(whole);
  return whole;
}

// UDP's own checksum covers the outer addresses, and is filled when they are there.
MutableBytes behind_gue(MutableBytes inner, uint16_t port) {
  GueHeader header;
  header.protocol = is_ipv6(inner) ? kIp6InIp : kIpInIp;
  UdpHeader udp;
  udp.source_port = entropy_port(inner);
  udp.destination_port = port;
  udp.length = static_cast<uint16_t>(inner.size() + sizeof(header) + sizeof(udp));
  return behind(udp, behind(header, inner));
}

MutableBytes behind_ipv6(MutableBytes carried, uint8_t protocol, Bytes inner, const tandem_recipe& recipe) {
  const uint32_t inside =
      is_ipv6(inner) ? wire_at<Ipv6Header>(inner)->first.value() : uint32_t{wire_at<Ipv4Header>(inner)->tos} << 20;
  Ipv6Header outer;
  outer.first = (6u << 28) | (inside & 0x0fffffff);
  outer.payload_length = static_cast<uint16_t>(carried.size());
  outer.next_header = protocol;
  outer.hop_limit = kOuterTtl;
  outer.source = tunnel_source(recipe).v6.bytes;
  outer.destination = server_address(recipe).v6.bytes;
  return behind(outer, carried);
}

MutableBytes behind_ipv4(MutableBytes carried, uint8_t protocol, Bytes inner, const tandem_recipe& recipe,
                         uint16_t id) {
  const bool six = is_ipv6(inner);
  const auto* four = wire_at<Ipv4Header>(inner);
  Ipv4Header outer;
  outer.tos = six ? wire_at<Ipv6Header>(inner)->traffic_class() : four->tos;
  outer.total_length = static_cast<uint16_t>(carried.size() + sizeof(outer));
  outer.id = id;
  outer.flags_and_offset = six || four->dont_fragment() ? Ipv4Header::kDontFragment : uint16_t{0};
  outer.ttl = kOuterTtl;
  outer.protocol = protocol;
  outer.source = recipe.tunnel_source;
  outer.destination = recipe.server_address;
  outer.checksum = internet_checksum(bytes_of(outer));
  return behind(outer, carried);
}

bool has_checksum(const tandem_recipe& recipe) {
  return (recipe.flags & TANDEM_RECIPE_TUNNEL_CHECKSUM) != 0;
}

}  // namespace

uint16_t tunnel_overhead(const tandem_recipe& recipe) {
  size_t bytes = is_server_ipv6(recipe) ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
  if (recipe.tunnel == TANDEM_GRE) bytes += sizeof(GreHeader) + (has_checksum(recipe) ? sizeof(GreChecksum) : 0);
  if (recipe.tunnel == TANDEM_GUE) bytes += sizeof(UdpHeader) + sizeof(GueHeader);
  return static_cast<uint16_t>(bytes);
}

MutableBytes encapsulate(MutableBytes inner, const tandem_recipe& recipe, uint16_t id) {
  TANDEM_ASSERT(inner.size() + tunnel_overhead(recipe) <= 65535);
  uint8_t protocol = is_ipv6(inner) ? kIp6InIp : kIpInIp;
  MutableBytes carried = inner;
  if (recipe.tunnel == TANDEM_GRE) carried = behind_gre(inner, has_checksum(recipe)), protocol = kGre;
  if (recipe.tunnel == TANDEM_GUE) carried = behind_gue(inner, recipe.tunnel_port), protocol = kUdp;
  const bool six = is_server_ipv6(recipe);
  const MutableBytes whole =
      six ? behind_ipv6(carried, protocol, inner, recipe) : behind_ipv4(carried, protocol, inner, recipe, id);
  // RFC 6935 allows UDP without a checksum around IPv6 too, where both ends agree on it.
  if (protocol == kUdp && has_checksum(recipe)) fill_transport_checksum(whole, whole.size() - carried.size(), kUdp);
  return whole;
}

Packet to_be_cut(MutableBytes outer, uint32_t identification) {
  Packet packet;
  packet.bytes = outer;
  packet.identification = identification;
  if (is_ipv6(outer)) {
    packet.source = Ipv6Address{wire_at<Ipv6Header>(outer)->source};
    packet.header_length = sizeof(Ipv6Header);
    return packet;
  }
  auto& ip = *wire_at<Ipv4Header>(outer);
  ip.id = static_cast<uint16_t>(identification);
  ip.flags_and_offset = 0;
  packet.header_length = sizeof(Ipv4Header);
  return packet;
}

bool is_of_tunnel(const Quoted& quoted, const tandem_recipe& recipe) {
  if (quoted.source != tunnel_source(recipe) || quoted.destination != server_address(recipe)) return false;
  switch (recipe.tunnel) {
    case TANDEM_GRE:
      return quoted.protocol == kGre;
    case TANDEM_GUE:
      return quoted.protocol == kUdp && quoted.destination_port == recipe.tunnel_port;
    default:
      return quoted.protocol == kIpInIp || quoted.protocol == kIp6InIp;
  }
}

namespace {

// Where the client's packet begins behind the outer IP header, and which version of IP it is. Only what encapsulate() writes.
struct Carried {
  uint8_t protocol = 0;  // kIpInIp or kIp6InIp
  size_t offset = 0;
};
std::optional<Carried> read_gre(Bytes transport) {
  const auto* header = wire_at<GreHeader>(transport);
  if (header == nullptr || (header->flags & ~GreHeader::kChecksumPresent) != 0) return std::nullopt;
  const bool checksum = header->flags != 0;
  const size_t offset = sizeof(*header) + (checksum ? sizeof(GreChecksum) : 0);
  if (header->protocol == GreHeader::kIpv4) return Carried{kIpInIp, offset};
  if (header->protocol == GreHeader::kIpv6) return Carried{kIp6InIp, offset};
  return std::nullopt;
}
std::optional<Carried> read_gue(Bytes transport) {
  const auto* header = wire_at<GueHeader>(transport, sizeof(UdpHeader));
  if (header == nullptr || header->version_and_length != 0 || header->flags != 0) return std::nullopt;
  if (header->protocol != kIpInIp && header->protocol != kIp6InIp) return std::nullopt;
  return Carried{header->protocol, sizeof(UdpHeader) + sizeof(*header)};
}
std::optional<Carried> read_carried(Bytes transport, uint8_t protocol) {
  if (protocol == kGre) return read_gre(transport);
  if (protocol == kUdp) return read_gue(transport);
  return Carried{protocol, 0};
}

// How long the outer packet was, as its quoted header has it.
size_t quoted_size(const Packet& error) {
  const Bytes quoted = Bytes(error.bytes).subspan(error.quoted->offset);
  return error.is_ipv6() ? sizeof(Ipv6Header) + wire_at<Ipv6Header>(quoted)->payload_length
                         : size_t{wire_at<Ipv4Header>(quoted)->total_length};
}

// The client's packet that the outer one held, as far as it is quoted: a packet with known ports, or nothing.
std::optional<Packet> quoted_inside(const MutableBytes inside, uint8_t protocol) {
  Packet client;
  client.bytes = inside;
  if (protocol == kIp6InIp) {
    const auto* ip = wire_at<Ipv6Header>(Bytes(inside));
    if (ip == nullptr || ip->version() != 6) return std::nullopt;
    client.source = Ipv6Address{ip->source};
    client.destination = Ipv6Address{ip->destination};
    client.protocol = ip->next_header;  // with extension headers too little is quoted as a rule
    client.header_length = sizeof(Ipv6Header);
    client.dont_fragment = true;
  } else {
    const auto* ip = wire_at<Ipv4Header>(Bytes(inside));
    if (ip == nullptr || ip->version() != 4 || ip->fragment_offset() != 0) return std::nullopt;
    const size_t length = ip->header_length();
    if (length < sizeof(Ipv4Header) || inside.size() < length) return std::nullopt;
    // We finish a header before it goes into a tunnel: with another checksum it is no packet of ours, and nothing to quote.
    if (internet_checksum(inside.first(length)) != 0) return std::nullopt;
    client.source = Ipv4Address{ip->source};
    client.destination = Ipv4Address{ip->destination};
    client.protocol = ip->protocol;
    client.header_length = static_cast<uint16_t>(length);
  }
  const auto* ports = wire_at<PortsAndMore>(Bytes(inside), client.header_length);
  if (ports == nullptr || !has_ports(client.protocol)) return std::nullopt;
  client.source_port = ports->source_port;
  client.destination_port = ports->destination_port;
  client.ports_known = true;
  return client;
}

}  // namespace

std::optional<TunnelError> read_tunnel_error(const Packet& packet) {
  TANDEM_ASSERT(packet.quoted);
  const MutableBytes transport =
      packet.bytes.subspan(std::min<size_t>(packet.quoted->transport_offset, packet.bytes.size()));
  const auto carried = read_carried(transport, packet.quoted->protocol);
  if (!carried) return std::nullopt;
  const auto client = quoted_inside(transport.subspan(std::min(carried->offset, transport.size())), carried->protocol);
  if (!client) return std::nullopt;
  TunnelError result{.client_packet = *client, .error = kIcmpHostUnreachable};

  // RFC 2003, 4.1 - 4.4; RFC 2473, 8. A server that cannot be reached is, to the client, a host that cannot be;
  // an outer header that died on the way, likewise: its TTL is ours, not the client's.
  const bool six = packet.is_ipv6();
  if (packet.icmp_type == (six ? icmp6::kParameterProblem : icmp::kParameterProblem)) return std::nullopt;
  const bool too_big =
      six ? packet.icmp_type == icmp6::kPacketTooBig
          : packet.icmp_type == icmp::kDestinationUnreachable && packet.icmp_code == icmp::kFragmentationNeeded;
  if (!too_big) return result;
  const auto& header = *wire_at<IcmpHeader>(Bytes(packet.bytes), packet.header_length);
  const uint16_t mtu = six && header.unused != 0 ? UINT16_MAX : header.mtu.value();
  const size_t overhead = (six ? sizeof(Ipv6Header) : sizeof(Ipv4Header)) + carried->offset;
  if (mtu < kSmallestMtu + overhead) return std::nullopt;
  const auto fits = static_cast<uint16_t>(mtu - overhead);
  result.error = fragmentation_needed(client->is_ipv6() ? std::max(fits, kSmallestMtu6) : fits);
  if (mtu < quoted_size(packet)) result.path_mtu = std::max(mtu, six ? kSmallestMtu6 : kLeastBelieved);
  return result;
}

}  // namespace tandem::forwarding
