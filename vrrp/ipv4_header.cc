#include "vrrp/ipv4_header.hpp"

#include <algorithm>

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "vrrp/wire.hpp"

namespace tandem::vrrp {
namespace {

constexpr uint8_t kVersionAndPlainLength = 0x45;  // IPv4, five words: no options
constexpr uint32_t kLimitedBroadcast = 0xffffffff;

uint32_t mask_of(uint8_t length) {
  return length == 0 ? 0 : ~uint32_t{0} << (32 - length);
}

bool on_link(Ipv4Address source, const Prefix& local) {
  if (!local.address.is_v4()) return false;
  const uint32_t mask = mask_of(local.length);
  if ((source.value & mask) != (local.address.v4.value & mask)) return false;
  if (local.length >= 31) return true;                       // RFC 3021: a /31 has no network and no broadcast address
  return source.value != (local.address.v4.value & mask) &&  // the network's own address
         source.value != (local.address.v4.value | ~mask);   // its broadcast address
}

bool can_be_a_host(Ipv4Address source) {
  return !source.is_unspecified() && !source.is_loopback() && !source.is_multicast() &&
         source.value != kLimitedBroadcast;
}

// RFC 4291, 2.5.6: fe80::/10.
bool is_link_local(const Ipv6Address& address) {
  return address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

}  // namespace

Result<Envelope, AdvertError> open_ipv4(Bytes packet) {
  const auto* header = wire_at<wire::Ipv4Header>(packet);
  if (header == nullptr || header->version_ihl >> 4 != 4) return Failure(AdvertError::kIpHeader);
  const size_t header_size = size_t{4} * (header->version_ihl & 0xf);
  const size_t total = header->total_length.value();
  if (header_size < sizeof(*header) || total < header_size || total > packet.size())
    return Failure(AdvertError::kIpHeader);
  if (header->protocol != kVrrpProtocol) return Failure(AdvertError::kProtocol);
  if ((header->flags_offset & (wire::kMoreFragments | wire::kFragmentOffset)) != 0)
    return Failure(AdvertError::kFragment);
  if (header_size != sizeof(*header)) return Failure(AdvertError::kIpOptions);
  return Envelope{.source = Ipv4Address{header->source},
                  .destination = Ipv4Address{header->destination},
                  .ttl = header->ttl,
                  .payload = packet.subspan(header_size, total - header_size)};
}

Result<void, AdvertError> check_envelope(const Envelope& envelope, const Acceptance& acceptance,
                                         const ReceiveContext& context) {
  const IpAddress group = envelope.source.is_v4() ? IpAddress(kMulticastIpv4) : IpAddress(kMulticastIpv6);
  const bool to_group = envelope.destination == group;
  const bool unicast = !acceptance.peers.empty();
  if (envelope.ttl < (unicast && !to_group ? acceptance.min_ttl : kVrrpTtl)) return Failure(AdvertError::kTtl);
  const auto is = [](const IpAddress& address) {
    return [&address](const Prefix& local) { return local.address == address; };
  };
  // A router with a list of peers listens to nobody else: what comes by the group is not from them.
  const bool for_us = unicast ? std::ranges::any_of(context.local, is(envelope.destination)) : to_group;
  if (!for_us) return Failure(AdvertError::kDestination);
  if (std::ranges::any_of(context.local, is(envelope.source))) return Failure(AdvertError::kOwnAddress);
  if (unicast) {
    if (std::ranges::find(acceptance.peers, envelope.source) == acceptance.peers.end())
      return Failure(AdvertError::kNotPeer);
    return {};
  }
  if (!envelope.source.is_v4())
    return is_link_local(envelope.source.v6) ? Result<void, AdvertError>() : Failure(AdvertError::kSource);
  const auto has_source = [&](const Prefix& local) { return on_link(envelope.source.v4, local); };
  if (!can_be_a_host(envelope.source.v4) || !std::ranges::any_of(context.local, has_source))
    return Failure(AdvertError::kSource);
  return {};
}

void write_ipv4(MutableBytes packet, size_t payload_size, Ipv4Address source, Ipv4Address destination, uint16_t ip_id,
                bool dont_fragment) {
  auto* header = wire_at<wire::Ipv4Header>(packet);
  TANDEM_ASSERT(header != nullptr);
  *header = {.version_ihl = kVersionAndPlainLength,
             .traffic_class = kTrafficClass,
             .total_length = static_cast<uint16_t>(sizeof(*header) + payload_size),
             .id = ip_id,
             .flags_offset = dont_fragment ? wire::kDontFragment : uint16_t{0},
             .ttl = kVrrpTtl,
             .protocol = kVrrpProtocol,
             .checksum = 0,
             .source = source.value,
             .destination = destination.value};
  header->checksum = internet_checksum(bytes_of(*header));
}

}  // namespace tandem::vrrp
