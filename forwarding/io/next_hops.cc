#include "forwarding/io/next_hops.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "daemon/base/address_traits.hpp"
#include "forwarding/flow_table.h"

namespace tandem::forwarding {

netlink::Outcome<KernelNetwork> KernelNetwork::open() {
  auto connection = netlink::Connection::open();
  if (!connection) return Failure(connection.error());
  return KernelNetwork(std::move(*connection));
}

std::optional<netlink::RouteAnswer> KernelNetwork::route_to(const IpAddress& destination) {
  auto answer = netlink::route_to(connection_, destination);
  if (!answer || answer->kind != netlink::RouteKind::kUnicast) return std::nullopt;
  return std::move(*answer);
}

std::optional<netlink::Neighbour> KernelNetwork::neighbour(int ifindex, const IpAddress& address) {
  auto answer = netlink::find_neighbour(connection_, ifindex, address);
  if (!answer) return std::nullopt;
  return *answer;
}

void KernelNetwork::ask(int ifindex, const IpAddress& address) {
  // What comes of it is told by the Monitor; a refusal shows as a next hop that stays unresolved.
  (void)netlink::ask_neighbour(connection_, ifindex, address);
}

std::optional<NetworkView::Interface> KernelNetwork::interface(int ifindex) {
  auto link = netlink::find_link(connection_, ifindex);
  if (!link) return std::nullopt;
  return Interface{.mac = link->mac, .mtu = link->mtu};
}

namespace {

uint64_t word_of(const IpAddress& address) {
  if (address.is_v4()) return address.v4.value;
  uint64_t halves[2];
  std::memcpy(halves, address.v6.bytes.data(), sizeof halves);
  return tandem_mix(halves[0]) ^ halves[1];
}
uint64_t hash_of(const IpAddress& address) {
  return tandem_mix(word_of(address));
}

}  // namespace

size_t NextHops::HashHopKey::operator()(const HopKey& key) const {
  return tandem_mix(word_of(key.address) ^ (static_cast<uint64_t>(key.ifindex) << 32));
}

NextHops::NextHops(NetworkView& network) : network_(network), routes_(std::make_unique<std::array<Route, kRoutes>>()) {}

NextHops::Route NextHops::look_up(const IpAddress& destination, TimePoint now) {
  ++counters_.lookups;
  Route result{.destination = destination, .generation = generation_, .asked = now};
  const auto route = network_.route_to(destination);
  if (!route) return result;
  result.mtu = route->mtu;
  result.hop = hop_of({route->interface_index, route->next_hop(destination)}, now);
  result.generation = generation_;  // making room for the hop may have begun a new one
  return result;
}

NextHops::Hop* NextHops::hop_of(const HopKey& key, TimePoint now) {
  if (const auto known = hops_.find(key); known != hops_.end()) return known->second.get();
  const auto interface = network_.interface(key.ifindex);
  if (!interface || interface->mac.is_zero()) return nullptr;
  if (hops_.size() >= kHops) forget_all();
  auto hop = std::make_unique<Hop>();
  hop->key = key;
  hop->way = {.ifindex = static_cast<uint32_t>(key.ifindex),
              .source = interface->mac,
              .destination = {},
              .mtu = interface->mtu};
  if (const auto neighbour = network_.neighbour(key.ifindex, key.address); neighbour && neighbour->usable()) {
    hop->way.destination = neighbour->mac;
    hop->usable = true;
    hop->confirmed = is_confirmed(neighbour->state);
  }
  // One that is known, but not confirmed lately, is asked for at its first use.
  hop->asked = now - kConfirmEvery;
  return (hops_[key] = std::move(hop)).get();
}

NextHops::Route& NextHops::route_for(const IpAddress& destination, TimePoint now) {
  const uint64_t set = hash_of(destination) % (kRoutes / kWays);
  Route* const places = &(*routes_)[set * kWays];
  Route* chosen = nullptr;
  for (Route* place = places; place != places + kWays; ++place) {
    if (place->generation != generation_) {
      if (chosen == nullptr) chosen = place;
    } else if (place->destination == destination) {
      if (place->hop != nullptr || now - place->asked < kNoRouteFor) return *place;
      chosen = place;
      break;
    }
  }
  if (chosen == nullptr) chosen = places + next_victim_++ % kWays;
  return *chosen = look_up(destination, now);
}

void NextHops::send(const IpAddress& destination, MutableBytes packet, const Offload& offload, TimePoint now,
                    const Send& send) {
  const Route& route = route_for(destination, now);
  if (route.hop == nullptr) {
    ++counters_.dropped_no_route;
    return;
  }
  Hop& hop = *route.hop;
  if (!hop.confirmed && now - hop.asked >= (hop.usable ? kConfirmEvery : kHoldFor)) {
    hop.asked = now;
    network_.ask(hop.key.ifindex, hop.key.address);
  }
  if (!hop.usable) return hold(hop, packet, offload, now);
  Way way = hop.way;
  if (route.mtu != 0) way.mtu = route.mtu;
  send(packet, offload, way);
}

void NextHops::hold(Hop& hop, Bytes packet, const Offload& offload, TimePoint now) {
  if (hop.held.size() >= kHeldPerHop || held_bytes_ + packet.size() > kHeldBytes) {
    ++counters_.dropped_waiting;
    return;
  }
  ++counters_.held;
  ++held_packets_;
  held_bytes_ += packet.size();
  Held held{.bytes = std::vector<std::byte>(kHeadroom + packet.size()), .offload = offload, .until = now + kHoldFor};
  std::ranges::copy(packet, held.bytes.begin() + kHeadroom);
  hop.held.push_back(std::move(held));
}

void NextHops::release(Hop& hop, const Send& send) {
  for (Held& held : hop.held) {
    const MutableBytes packet = MutableBytes(held.bytes).subspan(kHeadroom);
    --held_packets_;
    held_bytes_ -= packet.size();
    send(packet, held.offload, hop.way);
    released_.push_back(std::move(held));  // moving a vector leaves its bytes where they are
  }
  hop.held.clear();
}

void NextHops::on_neighbour(const netlink::Neighbour& neighbour, bool removed, const Send& send) {
  const auto known = hops_.find({neighbour.interface_index, neighbour.address});
  if (known == hops_.end()) return;
  Hop& hop = *known->second;
  hop.usable = !removed && neighbour.usable();
  const bool was_confirmed = std::exchange(hop.confirmed, hop.usable && is_confirmed(neighbour.state));
  // Just gone stale: the next packet asks whether it is still there.
  if (was_confirmed && !hop.confirmed) hop.asked -= kConfirmEvery;
  if (!hop.usable) return;  // the next packet asks, at most once a second
  hop.way.destination = neighbour.mac;
  release(hop, send);
}

void NextHops::forget_routes(const Prefix& changed) {
  for (Route& place : *routes_)
    if (contains(changed, place.destination)) place.generation = 0;
}

void NextHops::forget_all() {
  for (auto& [key, hop] : hops_) counters_.dropped_waiting += hop->held.size();
  held_packets_ = 0;
  held_bytes_ = 0;
  hops_.clear();
  if (++generation_ == 0) {  // after 2^32 changes old places would look new
    routes_->fill({});
    generation_ = 1;
  }
}

void NextHops::tick(TimePoint now) {
  if (held_packets_ == 0) return;
  for (auto& [key, hop] : hops_) {
    std::erase_if(hop->held, [&](const Held& held) {
      if (held.until > now) return false;
      --held_packets_;
      held_bytes_ -= held.bytes.size() - kHeadroom;
      ++counters_.dropped_waiting;
      return true;
    });
  }
}

}  // namespace tandem::forwarding
