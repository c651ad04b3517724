#include "forwarding/io/server_hops.hpp"

#include <algorithm>
#include <utility>

#include "daemon/base/address_traits.hpp"

namespace tandem::forwarding {

void ServerHops::tell(const Entry& entry, std::vector<HopChange>& changes) {
  for (const uint16_t slot : entry.slots) changes.push_back({slot, entry.hop, entry.known});
}

// True when something about the way changed.
bool ServerHops::look_up(const IpAddress& server, Entry& entry, TimePoint now) {
  const NextHop hop_before = entry.hop;
  const bool known_before = entry.known;
  entry.hop = {};
  entry.known = entry.confirmed = false;
  const auto route = network_.route_to(server);
  const auto interface = route ? network_.interface(route->interface_index) : std::nullopt;
  if (interface) {
    entry.via = route->next_hop(server);
    const uint32_t mtu = route->mtu != 0 ? route->mtu : interface->mtu;
    entry.hop.ifindex = static_cast<uint32_t>(route->interface_index);
    entry.hop.source_mac = interface->mac;
    entry.hop.mtu = static_cast<uint16_t>(std::min<uint32_t>(mtu, 65535));
    if (route->preferred_source && route->preferred_source->family == server.family)
      entry.hop.tunnel_source = *route->preferred_source;
    const auto neighbour = network_.neighbour(route->interface_index, entry.via);
    if (neighbour && neighbour->usable()) {
      entry.hop.destination_mac = neighbour->mac;
      entry.known = true;
      entry.confirmed = is_confirmed(neighbour->state);
    } else {
      entry.asked = now;
      network_.ask(route->interface_index, entry.via);
    }
  }
  return entry.hop != hop_before || entry.known != known_before;
}

std::vector<HopChange> ServerHops::set_servers(std::span<const Server* const> servers, TimePoint now) {
  std::map<IpAddress, Entry> fresh;
  for (const Server* server : servers) {
    Entry& entry = fresh[server->address];
    entry.slots.push_back(server->slot);
    entry.tunnelled |= server->method == TANDEM_TUN;
  }
  std::vector<HopChange> changes;
  for (auto& [address, entry] : fresh) {
    std::ranges::sort(entry.slots);
    const auto before = entries_.find(address);
    if (before == entries_.end()) {
      look_up(address, entry, now);
      tell(entry, changes);
      continue;
    }
    const bool same_slots = before->second.slots == entry.slots;
    before->second.slots = std::move(entry.slots);
    before->second.tunnelled = entry.tunnelled;
    entry = std::move(before->second);
    if (!same_slots) tell(entry, changes);
  }
  entries_ = std::move(fresh);
  return changes;
}

std::vector<HopChange> ServerHops::on_neighbour(const netlink::NeighbourChange& change) {
  std::vector<HopChange> changes;
  const netlink::Neighbour& neighbour = change.neighbour;
  const bool usable = !change.removed && neighbour.usable();
  for (auto& [address, entry] : entries_) {
    if (entry.hop.ifindex != static_cast<uint32_t>(neighbour.interface_index) || entry.via != neighbour.address)
      continue;
    const bool was_confirmed = std::exchange(entry.confirmed, usable && is_confirmed(neighbour.state));
    // Just gone stale: is it still there? As the kernel asks of a neighbour it uses.
    if (was_confirmed && !entry.confirmed) entry.asked.reset();
    if (usable == entry.known && (!usable || neighbour.mac == entry.hop.destination_mac)) continue;
    entry.known = usable;
    if (usable) entry.hop.destination_mac = neighbour.mac;
    tell(entry, changes);
  }
  return changes;
}

std::vector<HopChange> ServerHops::on_route(const Prefix& destination, TimePoint now) {
  return on_route(destination, now, false);
}

std::vector<HopChange> ServerHops::on_route(const Prefix& destination, TimePoint now, bool all) {
  std::vector<HopChange> changes;
  for (auto& [address, entry] : entries_)
    if ((all || contains(destination, address)) && look_up(address, entry, now)) tell(entry, changes);
  return changes;
}

std::vector<HopChange> ServerHops::every_second(TimePoint now) {
  std::vector<HopChange> changes;
  if (std::exchange(sources_stale_, false)) {
    for (auto& [address, entry] : entries_)
      if (entry.tunnelled && look_up(address, entry, now)) tell(entry, changes);
  }
  confirm(now);
  return changes;
}

void ServerHops::confirm(TimePoint now) {
  for (auto& [address, entry] : entries_) {
    if (entry.confirmed || entry.hop.ifindex == 0) continue;
    if (entry.asked && now - *entry.asked < kConfirmEvery) continue;
    entry.asked = now;
    network_.ask(static_cast<int>(entry.hop.ifindex), entry.via);
  }
}

}  // namespace tandem::forwarding
