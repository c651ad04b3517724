#include "forwarding/service_table.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "daemon/base/assert.hpp"
#include "forwarding/recipe.hpp"

namespace tandem::forwarding {

ServiceTable::ServiceTable(FlowTable& flows)
    : seed_(flows.header().seed[1]),
      recipes_(flows.recipes()),
      numbering_(flows.service_slots(), flows.server_slots()),
      sources_(flows),
      client_limits_(tandem_mix(flows.header().seed[0])),
      services_(TANDEM_SERVICE_SLOTS),
      facets_(TANDEM_SERVICE_SLOTS),
      servers_(TANDEM_SERVER_SLOTS) {}

ServiceTable::~ServiceTable() = default;

std::vector<Front> ServiceSetting::fronts() const {
  std::vector<Front> all{{vip, port, last_port == 0 ? port : last_port}};
  all.insert(all.end(), other_fronts.begin(), other_fronts.end());
  return all;
}

// Where a scheduler's randomness begins: not to be guessed by clients, and not the same for every service.
uint64_t ServiceTable::seed_of(uint16_t service_slot) const {
  return tandem_mix(seed_ + service_slot);
}

TableChanges ServiceTable::apply(const std::vector<ServiceSetting>& settings, TimePoint now) {
  TableChanges changes;
  std::unordered_map<std::string_view, const ServiceSetting*> wanted;
  for (const ServiceSetting& setting : settings) {
    const bool is_new = wanted.emplace(setting.name, &setting).second;
    TANDEM_ASSERT(is_new);
  }

  // First what goes, so that an address and port can pass from one service to another.
  for (auto it = by_name_.begin(); it != by_name_.end();) {
    Service& service = *services_[it->second];
    const auto found = wanted.find(it->first);
    const bool stays = found != wanted.end() && found->second->vip == service.setting.vip &&
                       found->second->port == service.setting.port &&
                       found->second->protocol == service.setting.protocol;
    if (stays) {
      ++it;
      continue;
    }
    remove_service(service, changes);
    it = by_name_.erase(it);
  }

  for (const ServiceSetting& setting : settings) {
    Service* service = find(setting.name);
    if (service == nullptr) {
      const auto slot = numbering_.take_service(setting.name, setting.protocol, setting.vip, setting.port);
      if (!slot) {
        changes.refused.push_back(setting.name);
        continue;
      }
      services_[*slot] = std::make_unique<Service>();
      service = services_[*slot].get();
      service->slot = *slot;
      service->facets = {*slot};
      service->setting = setting;
      service->setting.active = false;
      service->setting.servers.clear();
      service->scheduler = make_scheduler(setting.scheduler, seed_of(*slot));
      by_name_.emplace(setting.name, *slot);
      changes.services_added.push_back(setting.name);
    } else if (service->setting != setting) {
      changes.services_changed.push_back(setting.name);
    }
    apply_service(*service, setting, now, changes);
  }
  if (!applied_) {
    numbering_.retire_untaken();
    // What an earlier process forwarded by and this one does not.
    for (size_t i = 1; i < recipes_.size(); ++i)
      if (numbering_.is_retired_server(static_cast<uint16_t>(i))) recipes_[i] = {};
    applied_ = true;
  }
  take_pools(changes);
  index_again();
  return changes;
}

void ServiceTable::apply_service(Service& service, const ServiceSetting& wanted, TimePoint now, TableChanges& changes) {
  edited(service);  // nothing is placed by what was, while it changes
  if (wanted.active && !service.setting.active) service.active_since = now;
  const bool other_scheduler = wanted.scheduler != service.setting.scheduler;
  const bool other_fronts = wanted.fronts() != service.setting.fronts();
  service.setting = wanted;
  take_fronts(service, changes);

  std::unordered_map<std::string_view, const ServerSetting*> servers;
  for (const ServerSetting& server : wanted.servers) servers.emplace(server.name, &server);
  for (size_t i = service.servers.size(); i-- > 0;) {
    const Server& server = *service.servers[i];
    const auto found = servers.find(server.name);
    if (found == servers.end() || found->second->address != server.address || found->second->port != server.port ||
        wanted.method_of(*found->second) != server.method)
      remove_server(service, i, changes);
  }
  if (other_scheduler) {
    service.scheduler = make_scheduler(wanted.scheduler, seed_of(service.slot));
    service.scheduler->changed(service.rotation);
  }

  std::unordered_map<std::string_view, Server*> present;
  for (Server* server : service.servers) present.emplace(server->name, server);
  for (const ServerSetting& setting : wanted.servers) {
    const auto found = present.find(setting.name);
    if (found == present.end()) {
      add_server(service, setting, changes);
      continue;
    }
    Server& server = *found->second;
    server.set_thresholds(setting.upper, setting.lower);
    const bool other_tunnel = std::exchange(server.tunnel, setting.tunnel) != setting.tunnel;
    if (other_fronts || other_tunnel) write_recipe(service, server);
    take_standing(service, server, setting.standing());
  }
  in_order_of(wanted, service);
  service.scheduler->settled(service.rotation);
  edited(service);
}

// Puts the servers, which a reload may have moved about, in the order of the configuration.
void ServiceTable::in_order_of(const ServiceSetting& wanted, Service& service) {
  std::unordered_map<std::string_view, size_t> place;
  for (const ServerSetting& setting : wanted.servers) place.emplace(setting.name, place.size());
  const auto later = [&](const Server* a, const Server* b) { return place.at(a->name) > place.at(b->name); };
  std::ranges::sort(service.servers, later);
  if (std::ranges::is_sorted(service.rotation, later)) return;
  std::ranges::sort(service.rotation, later);
  service.scheduler->changed(service.rotation);
}

void ServiceTable::add_server(Service& service, const ServerSetting& wanted, TableChanges& changes) {
  const tandem_method method = service.setting.method_of(wanted);
  const auto slot = numbering_.take_server(service.slot, wanted.name, wanted.address, wanted.port, method);
  if (!slot) {
    changes.refused.push_back(service.setting.name + '/' + wanted.name);
    return;
  }
  servers_[*slot] = std::make_unique<Server>();
  Server& server = *servers_[*slot];
  server.slot = *slot;
  server.service_slot = service.slot;
  server.protocol = service.setting.protocol;
  server.method = method;
  server.tunnel = wanted.tunnel;
  server.address = wanted.address;
  server.port = wanted.port;
  server.set_weight(wanted.weight);
  server.up = wanted.up;
  server.in_rotation = false;
  server.set_thresholds(wanted.upper, wanted.lower);
  server.name = wanted.name;
  server.service_name = service.setting.name;
  write_recipe(service, server);
  service.servers.insert(service.servers.begin(), &server);
  if (wanted.in_rotation) join_rotation(service, server);
  changes.servers_added.push_back(*slot);
}

void ServiceTable::remove_server(Service& service, size_t index, TableChanges& changes) {
  Server& server = *service.servers[index];
  const uint16_t slot = server.slot;
  leave_rotation(service, server);
  service.servers.erase(service.servers.begin() + static_cast<ptrdiff_t>(index));
  recipes_[slot] = {};
  if (fast_ != nullptr) fast_->forget_server(slot);
  numbering_.retire_server(slot);
  servers_[slot].reset();
  changes.servers_removed.push_back(slot);
}

bool ServiceTable::take_standing(Service& service, Server& server, const ServerStanding& standing) {
  if (std::exchange(server.up, standing.up) != standing.up) tell_fast_path(server);
  const bool other_weight = server.weight != standing.weight;
  const bool other_place = server.in_rotation != standing.in_rotation;
  if (server.in_rotation && !standing.in_rotation) leave_rotation(service, server);
  server.set_weight(standing.weight);
  if (!server.in_rotation && standing.in_rotation) {
    join_rotation(service, server);
  } else if (other_weight && server.in_rotation) {
    service.scheduler->changed(service.rotation);
  }
  return other_weight || other_place;
}

void ServiceTable::leave_rotation(Service& service, Server& server) {
  if (!server.in_rotation) return;
  const auto at = std::ranges::find(service.rotation, &server);
  TANDEM_ASSERT(at != service.rotation.end());
  service.scheduler->removing(service.rotation, static_cast<size_t>(at - service.rotation.begin()));
  service.rotation.erase(at);
  server.in_rotation = false;
  service.scheduler->changed(service.rotation);
}

// REQUIRES: it is among the service's servers.
void ServiceTable::join_rotation(Service& service, Server& server) {
  size_t before = 0;  // those in rotation that stand before it
  for (const Server* other : service.servers) {
    if (other == &server) break;
    if (other->in_rotation) ++before;
  }
  service.rotation.insert(service.rotation.begin() + static_cast<ptrdiff_t>(before), &server);
  server.in_rotation = true;
  server.last_weight = server.weight;
  service.scheduler->changed(service.rotation);
}

// The caller takes it out of by_name_.
void ServiceTable::remove_service(Service& service, TableChanges& changes) {
  edited(service);
  while (!service.servers.empty()) remove_server(service, service.servers.size() - 1, changes);
  changes.services_removed.push_back(service.setting.name);
  const uint16_t slot = service.slot;
  for (const uint16_t facet : service.facets) {
    facets_[facet] = {};
    if (fast_ != nullptr) fast_->forget_front(facet);
    numbering_.retire_service(facet);
  }
  services_[slot].reset();
}

void ServiceTable::take_pools(TableChanges& changes) {
  std::set<IpAddress> wanted;
  for (const auto& [name, slot] : by_name_)
    wanted.insert(services_[slot]->setting.source_pool.begin(), services_[slot]->setting.source_pool.end());
  const std::vector<IpAddress> all(wanted.begin(), wanted.end());
  for (const IpAddress& address : sources_.take_pools(all)) changes.refused.push_back(address.text());
  for (const auto& [name, slot] : by_name_) {
    Service& service = *services_[slot];
    service.pool.clear();
    service.pool6.clear();
    for (const IpAddress& address : service.setting.source_pool)
      if (const uint16_t number = sources_.number_of(address))
        (address.is_v4() ? service.pool : service.pool6).push_back(number);
  }
}

// Numbers for the fronts wanted; those of fronts that are gone are given back.
void ServiceTable::take_fronts(Service& service, TableChanges& changes) {
  std::vector<uint16_t> now;
  for (const Front& front : service.setting.fronts()) {
    const auto slot =
        numbering_.take_service(service.setting.name, service.setting.protocol, front.address, front.first_port);
    if (!slot) {
      changes.refused.push_back(service.setting.name);
      continue;
    }
    facets_[*slot] = {.slot = *slot, .front = front, .service = &service};
    tell_fast_path(facets_[*slot]);
    numbering_.set_timeouts(*slot, service.setting.timeouts);
    now.push_back(*slot);
  }
  TANDEM_ASSERT(!now.empty() && now.front() == service.slot);
  for (const uint16_t before : service.facets) {
    if (std::ranges::find(now, before) != now.end()) continue;
    facets_[before] = {};
    if (fast_ != nullptr) fast_->forget_front(before);
    numbering_.retire_service(before);
  }
  service.facets = std::move(now);
}

// The part of the recipe that the configuration knows. The way there stays as it was if the same
// server was known to an earlier process: its neighbour is most likely still the right one, and the
// shell corrects it soon.
void ServiceTable::write_recipe(const Service& service, const Server& server) {
  tandem_recipe& recipe = recipes_[server.slot];
  const auto mark = [&recipe](uint8_t flag, bool set) {
    recipe.flags = static_cast<uint8_t>(set ? recipe.flags | flag : recipe.flags & ~flag);
  };
  put_address(server.address, recipe.server_address, recipe.server_address6);
  put_address(service.setting.vip, recipe.virtual_address, recipe.virtual_address6);
  mark(TANDEM_RECIPE_IPV6, !service.setting.vip.is_v4());
  mark(TANDEM_RECIPE_SERVER_IPV6, !server.address.is_v4());
  recipe.server_port = server.port;
  recipe.virtual_port = service.setting.port;
  recipe.service = service.slot;
  recipe.protocol = service.setting.protocol;
  recipe.method = static_cast<uint8_t>(server.method);
  recipe.tunnel = static_cast<uint8_t>(server.tunnel.type);
  recipe.tunnel_port = server.tunnel.port;
  mark(TANDEM_RECIPE_TUNNEL_CHECKSUM, server.tunnel.checksum);
  recipe.flags |= TANDEM_RECIPE_IN_USE;
  const bool one_front = service.setting.other_fronts.empty() && service.setting.last_port == 0 && server.port != 0;
  mark(TANDEM_RECIPE_MANY_FRONTS, !one_front);
  tell_fast_path(server);
}

bool ServiceTable::set_standing(std::string_view service_name, std::string_view server_name,
                                const ServerStanding& standing) {
  Server* server = this->server(server_slot(service_name, server_name));
  if (server == nullptr) return false;
  Service& service = *services_[server->service_slot];
  if (take_standing(service, *server, standing)) service.scheduler->settled(service.rotation);
  edited(service);
  return true;
}

bool ServiceTable::set_weight(std::string_view service, std::string_view server_name, uint32_t weight) {
  const Server* server = this->server(server_slot(service, server_name));
  return server != nullptr &&
         set_standing(service, server_name, {.weight = weight, .up = server->up, .in_rotation = server->in_rotation});
}

bool ServiceTable::set_up(std::string_view service, std::string_view server_name, bool up) {
  const Server* server = this->server(server_slot(service, server_name));
  return server != nullptr &&
         set_standing(service, server_name, {.weight = server->weight, .up = up, .in_rotation = server->in_rotation});
}

bool ServiceTable::hear_latency(std::string_view service, std::string_view server_name, uint32_t us) {
  Server* server = this->server(server_slot(service, server_name));
  if (server != nullptr) server->heard_latency(us);
  return server != nullptr;
}

bool ServiceTable::set_active(std::string_view service_name, bool active, TimePoint now) {
  Service* service = find(service_name);
  if (service == nullptr) return false;
  if (active && !service->setting.active) service->active_since = now;
  service->setting.active = active;
  edited(*service);
  return true;
}

void ServiceTable::set_next_hop(uint16_t server_slot, const NextHop& hop, bool neighbour_known) {
  Server* const known = server(server_slot);
  if (known == nullptr) return;
  tandem_recipe& recipe = recipes_[server_slot];
  // Another way may be wider.
  if (recipe.ifindex != hop.ifindex || recipe.mtu != hop.mtu) known->path_mtu.forget();
  recipe.ifindex = hop.ifindex;
  recipe.mtu = hop.mtu;
  put_address(hop.tunnel_source, recipe.tunnel_source, recipe.tunnel_source6);
  std::copy(hop.source_mac.bytes.begin(), hop.source_mac.bytes.end(), recipe.source_mac);
  std::copy(hop.destination_mac.bytes.begin(), hop.destination_mac.bytes.end(), recipe.destination_mac);
  const uint8_t others = recipe.flags & static_cast<uint8_t>(~TANDEM_RECIPE_NEIGHBOUR_KNOWN);
  recipe.flags = static_cast<uint8_t>(others | (neighbour_known ? TANDEM_RECIPE_NEIGHBOUR_KNOWN : 0));
  tell_fast_path(*known);
}

// ---- the fast path

void ServiceTable::use_fast_path(FastPath* fast) {
  fast_ = fast;
  if (fast_ == nullptr) return;
  for (const auto& server : servers_)
    if (server) tell_fast_path(*server);
  for (const Facet& facet : facets_)
    if (facet.service != nullptr) tell_fast_path(facet);
}

// Known dead, and what becomes of its flows is the engine's to decide; the same as long as nobody knows where it is.
void ServiceTable::tell_fast_path(const Server& server) {
  if (fast_ == nullptr) return;
  const tandem_recipe& recipe = recipes_[server.slot];
  const bool by_method = server.method == TANDEM_DR || (server.method == TANDEM_NAT && server.port != 0);
  const bool by_protocol = server.protocol == kTcp || server.protocol == kUdp;
  const bool by_family = is_virtual_ipv6(recipe) == is_server_ipv6(recipe);
  if (!server.up || !by_method || !by_protocol || !by_family || (recipe.flags & TANDEM_RECIPE_NEIGHBOUR_KNOWN) == 0)
    return fast_->forget_server(server.slot);
  FastPath::ServerRecord record{.translates = server.method == TANDEM_NAT,
                                .protocol = server.protocol,
                                .address = server.address,
                                .port = server.port,
                                .way = {.ifindex = recipe.ifindex, .mtu = recipe.mtu, .source = {}, .destination = {}}};
  std::ranges::copy(recipe.source_mac, record.way.source.bytes.begin());
  std::ranges::copy(recipe.destination_mac, record.way.destination.bytes.begin());
  fast_->set_server(server.slot, record);
}

void ServiceTable::tell_fast_path(const Facet& facet) {
  if (fast_ == nullptr) return;
  if (facet.front.is_range())
    fast_->forget_front(facet.slot);
  else
    fast_->set_front(facet.slot, {.protocol = facet.service->setting.protocol,
                                  .address = facet.front.address,
                                  .port = facet.front.first_port,
                                  .service = facet.service->slot,
                                  .clamps = facet.service->setting.clamp_mss != 0});
}

void ServiceTable::edited(Service& service) {
  service.edits = ++edits_;
  if (fast_ != nullptr) (void)fast_->take_back(service.slot);
}

void ServiceTable::set_own_addresses(std::vector<IpAddress> addresses) {
  std::sort(addresses.begin(), addresses.end());
  own_addresses_ = std::move(addresses);
}

bool ServiceTable::is_own(const IpAddress& address) const {
  return std::binary_search(own_addresses_.begin(), own_addresses_.end(), address);
}

Service* ServiceTable::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : services_[found->second].get();
}

uint16_t ServiceTable::service_slot(std::string_view service) const {
  const Service* found = find(service);
  return found == nullptr ? 0 : found->slot;
}

uint16_t ServiceTable::server_slot(std::string_view service, std::string_view server) const {
  const Service* found = find(service);
  if (found == nullptr) return 0;
  for (const Server* candidate : found->servers)
    if (candidate->name == server) return candidate->slot;
  return 0;
}

std::vector<const Service*> ServiceTable::all_services() const {
  std::vector<const Service*> all;
  for (const auto& service : services_)
    if (service) all.push_back(service.get());
  return all;
}

std::vector<const Server*> ServiceTable::all_servers() const {
  std::vector<const Server*> all;
  for (const auto& server : servers_)
    if (server) all.push_back(server.get());
  return all;
}

}  // namespace tandem::forwarding
