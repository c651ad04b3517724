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
  if (hops_.size() >= kHops) {
    forget_all();
    lost_ = true;
  }
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

const NextHops::Route* NextHops::find(const IpAddress& destination) const {
  const Route* const places = &(*routes_)[hash_of(destination) % (kRoutes / kWays) * kWays];
  for (const Route* place = places; place != places + kWays; ++place)
    if (place->generation == generation_ && place->destination == destination) return place;
  return nullptr;
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
  if (chosen == nullptr) {
    chosen = places + next_victim_++ % kWays;
    pushed_out_ = true;
  }
  return *chosen = look_up(destination, now);
}

const Way* NextHops::send(const IpAddress& destination, MutableBytes packet, const Offload& offload, TimePoint now,
                          const Send& send) {
  const Route& route = route_for(destination, now);
  if (route.hop == nullptr) {
    ++counters_.dropped_no_route;
    return nullptr;
  }
  Hop& hop = *route.hop;
  confirm(hop, now);
  if (!hop.usable) {
    hold(hop, packet, offload, now);
    return nullptr;
  }
  last_way_ = hop.way;
  if (route.mtu != 0) last_way_.mtu = route.mtu;
  send(packet, offload, last_way_);
  return &last_way_;
}

const Way* NextHops::known_way(const IpAddress& destination) {
  const Route* const route = find(destination);
  if (route == nullptr || route->hop == nullptr || !route->hop->usable) return nullptr;
  last_way_ = route->hop->way;
  if (route->mtu != 0) last_way_.mtu = route->mtu;
  return &last_way_;
}

void NextHops::confirm(Hop& hop, TimePoint now) {
  if (hop.confirmed || now - hop.asked < (hop.usable ? kConfirmEvery : kHoldFor)) return;
  hop.asked = now;
  network_.ask(hop.key.ifindex, hop.key.address);
}

void NextHops::keep_confirmed(TimePoint now) {
  for (auto& [key, hop] : hops_)
    if (hop->usable) confirm(*hop, now);
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

bool NextHops::on_neighbour(const netlink::Neighbour& neighbour, bool removed, const Send& send) {
  const auto known = hops_.find({neighbour.interface_index, neighbour.address});
  if (known == hops_.end()) return false;
  Hop& hop = *known->second;
  const bool was_usable = std::exchange(hop.usable, !removed && neighbour.usable());
  const bool was_confirmed = std::exchange(hop.confirmed, hop.usable && is_confirmed(neighbour.state));
  // Just gone stale: the next packet asks whether it is still there.
  if (was_confirmed && !hop.confirmed) hop.asked -= kConfirmEvery;
  if (!hop.usable) return was_usable;  // the next packet asks, at most once a second
  const bool moved = was_usable && hop.way.destination != neighbour.mac;
  hop.way.destination = neighbour.mac;
  release(hop, send);
  return moved;
}

bool NextHops::forget_routes(const Prefix& changed) {
  bool some = pushed_out_;
  for (Route& place : *routes_) {
    if (place.generation != generation_ || !contains(changed, place.destination)) continue;
    place.generation = 0;
    some = true;
  }
  return some;
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
