#include "forwarding/tunnel.hpp"

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "forwarding/recipe.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint8_t kOuterTtl = 64;
constexpr uint16_t kSmallestMtu = 68;     // RFC 791, 3.2
constexpr uint16_t kSmallestMtu6 = 1280;  // RFC 8200, 5

bool is_ipv6(Bytes packet) {
  return static_cast<uint8_t>(packet[0]) >> 4 == 6;
}

MutableBytes with_outer(MutableBytes inner, Bytes outer) {
  std::memcpy(inner.data() - outer.size(), outer.data(), outer.size());
  return {inner.data() - outer.size(), inner.size() + outer.size()};
}

MutableBytes encapsulate_in_ipv6(MutableBytes inner, const tandem_recipe& recipe) {
  const bool six = is_ipv6(inner);
  const uint32_t inside =
      six ? wire_at<Ipv6Header>(Bytes(inner))->first.value() : uint32_t{wire_at<Ipv4Header>(Bytes(inner))->tos} << 20;
  Ipv6Header outer;
  outer.first = (6u << 28) | (inside & 0x0fffffff);
  outer.payload_length = static_cast<uint16_t>(inner.size());
  outer.next_header = six ? kIp6InIp : kIpInIp;
  outer.hop_limit = kOuterTtl;
  outer.source = tunnel_source(recipe).v6.bytes;
  outer.destination = server_address(recipe).v6.bytes;
  return with_outer(inner, bytes_of(outer));
}

}  // namespace

MutableBytes encapsulate(MutableBytes inner, const tandem_recipe& recipe, uint16_t id) {
  const uint16_t overhead = tunnel_overhead(recipe);
  TANDEM_ASSERT(inner.size() + overhead <= 65535);
  if (is_server_ipv6(recipe)) return encapsulate_in_ipv6(inner, recipe);
  const bool six = is_ipv6(inner);
  const auto* four = wire_at<Ipv4Header>(Bytes(inner));
  Ipv4Header outer;
  outer.tos = six ? wire_at<Ipv6Header>(Bytes(inner))->traffic_class() : four->tos;
  outer.total_length = static_cast<uint16_t>(inner.size() + kTunnelOverhead);
  outer.id = id;
  outer.flags_and_offset = six || four->dont_fragment() ? Ipv4Header::kDontFragment : uint16_t{0};
  outer.ttl = kOuterTtl;
  outer.protocol = six ? kIp6InIp : kIpInIp;
  outer.source = recipe.tunnel_source;
  outer.destination = recipe.server_address;
  outer.checksum = internet_checksum(bytes_of(outer));
  return with_outer(inner, bytes_of(outer));
}

namespace {

// The client's packet that the outer one held, as far as it is quoted: a packet with known ports, or nothing.
std::optional<Packet> quoted_inside(const Packet& packet) {
  const MutableBytes inside =
      packet.bytes.subspan(std::min<size_t>(packet.quoted->transport_offset, packet.bytes.size()));
  Packet client;
  client.bytes = inside;
  if (packet.quoted->protocol == kIp6InIp) {
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
  if (ports == nullptr || (client.protocol != kTcp && client.protocol != kUdp)) return std::nullopt;
  client.source_port = ports->source_port;
  client.destination_port = ports->destination_port;
  client.ports_known = true;
  return client;
}

}  // namespace

std::optional<TunnelError> read_tunnel_error(const Packet& packet) {
  TANDEM_ASSERT(packet.quoted && (packet.quoted->protocol == kIpInIp || packet.quoted->protocol == kIp6InIp));
  const auto client = quoted_inside(packet);
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
  const uint16_t overhead = six ? kTunnelOverhead6 : kTunnelOverhead;
  if (mtu < kSmallestMtu + overhead) return std::nullopt;
  const auto fits = static_cast<uint16_t>(mtu - overhead);
  result.error = fragmentation_needed(client->is_ipv6() ? std::max(fits, kSmallestMtu6) : fits);
  return result;
}

}  // namespace tandem::forwarding
