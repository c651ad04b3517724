#include "forwarding/tunnel.hpp"

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint8_t kOuterTtl = 64;
constexpr uint16_t kSmallestMtu = 68;  // RFC 791, 3.2

}  // namespace

MutableBytes encapsulate(MutableBytes inner, const tandem_recipe& recipe, uint16_t id) {
  TANDEM_ASSERT(inner.size() + kTunnelOverhead <= 65535);
  const auto& inside = *wire_at<Ipv4Header>(Bytes(inner));
  Ipv4Header outer;
  outer.tos = inside.tos;
  outer.total_length = static_cast<uint16_t>(inner.size() + kTunnelOverhead);
  outer.id = id;
  outer.flags_and_offset = inside.dont_fragment() ? Ipv4Header::kDontFragment : uint16_t{0};
  outer.ttl = kOuterTtl;
  outer.protocol = kIpInIp;
  outer.source = recipe.tunnel_source;
  outer.destination = recipe.server_address;
  outer.checksum = internet_checksum(bytes_of(outer));
  std::memcpy(inner.data() - kTunnelOverhead, &outer, sizeof(outer));
  return {inner.data() - kTunnelOverhead, inner.size() + kTunnelOverhead};
}

std::optional<TunnelError> read_tunnel_error(const Packet& packet) {
  TANDEM_ASSERT(packet.quoted && packet.quoted->protocol == kIpInIp);
  const MutableBytes inside =
      packet.bytes.subspan(std::min<size_t>(packet.quoted->transport_offset, packet.bytes.size()));
  const auto* ip = wire_at<Ipv4Header>(Bytes(inside));
  if (ip == nullptr || ip->version() != 4 || ip->fragment_offset() != 0) return std::nullopt;
  const size_t length = ip->header_length();
  const auto* ports = wire_at<PortsAndMore>(Bytes(inside), length);
  if (length < sizeof(Ipv4Header) || ports == nullptr || (ip->protocol != kTcp && ip->protocol != kUdp))
    return std::nullopt;
  // We finish a header before it goes into a tunnel: with another checksum it is no packet of ours, and nothing to quote.
  if (internet_checksum(inside.first(length)) != 0) return std::nullopt;

  TunnelError result;
  Packet& client = result.client_packet;
  client.bytes = inside;
  client.source = {ip->source};
  client.destination = {ip->destination};
  client.protocol = ip->protocol;
  client.header_length = static_cast<uint16_t>(length);
  client.source_port = ports->source_port;
  client.destination_port = ports->destination_port;
  client.ports_known = true;

  // RFC 2003, 4.1 - 4.4. A server that cannot be reached is, to the client, a host that cannot be;
  // an outer header that died on the way, likewise: its TTL is ours, not the client's.
  if (packet.icmp_type == icmp::kParameterProblem) return std::nullopt;
  if (packet.icmp_type == icmp::kDestinationUnreachable && packet.icmp_code == icmp::kFragmentationNeeded) {
    const uint16_t mtu = wire_at<IcmpHeader>(Bytes(packet.bytes), packet.header_length)->mtu;
    if (mtu < kSmallestMtu + kTunnelOverhead) return std::nullopt;
    result.error = fragmentation_needed(static_cast<uint16_t>(mtu - kTunnelOverhead));
  } else {
    result.error = kIcmpHostUnreachable;
  }
  return result;
}

}  // namespace tandem::forwarding
