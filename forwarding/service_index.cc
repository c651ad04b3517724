// How a packet finds its service and server: the maps of ServiceTable that are made anew on every change and then only read.
#include <algorithm>
#include <unordered_map>

#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

void ServiceTable::index_again() {
  std::vector<std::pair<uint64_t, uint32_t>> by_vip, by_server, vips, nat_servers;
  std::unordered_map<uint64_t, Server*> first;
  std::unordered_map<uint64_t, uint32_t> list_of;
  range_lists_.assign(1, {});
  has_servers_of_any_port_ = false;
  for (const auto& [name, slot] : by_name_) {
    const Service& service = *services_[slot];
    const ServiceSetting& setting = service.setting;
    for (const uint16_t number : service.facets) {
      const Facet& facet = facets_[number];
      const uint64_t vip = endpoint_key(setting.protocol, facet.front.address, 0);
      uint32_t& list = list_of[vip];
      if (!facet.front.is_range()) {
        by_vip.emplace_back(endpoint_key(setting.protocol, facet.front.address, facet.front.first_port), number);
        continue;
      }
      if (list == 0) {
        list = static_cast<uint32_t>(range_lists_.size());
        range_lists_.emplace_back();
      }
      range_lists_[list].push_back(facet);
    }
    for (Server* server : service.servers) {
      server->next_same_endpoint = nullptr;
      if (server->method != TANDEM_NAT && server->method != TANDEM_TUN) continue;
      const uint64_t key = server->method == TANDEM_TUN ? endpoint_key(kIpInIp, server->address, 0)
                                                        : endpoint_key(setting.protocol, server->address, server->port);
      if (server->method == TANDEM_NAT && server->port == 0) has_servers_of_any_port_ = true;
      if (server->method == TANDEM_NAT)
        nat_servers.emplace_back(endpoint_key(setting.protocol, server->address, 0), server->slot);
      // Services that share a server: a chain, which is nearly always one long.
      auto& head = first[key];
      server->next_same_endpoint = head;
      head = server;
    }
  }
  // The narrower range first: "any" is what nobody else has.
  for (auto& list : range_lists_)
    std::ranges::sort(list, {}, [](const Facet& facet) { return facet.front.last_port - facet.front.first_port; });
  for (const auto& [vip, list] : list_of) vips.emplace_back(vip, list + 1);
  for (const auto& [key, server] : first) by_server.emplace_back(key, server->slot);
  by_vip_.assign(by_vip);
  by_server_.assign(by_server);
  vips_.assign(vips);
  nat_servers_.assign(nat_servers);
}

const Facet* ServiceTable::find_in_ranges(uint8_t protocol, const IpAddress& vip, uint16_t port) const {
  const uint32_t found = vips_.find(endpoint_key(protocol, vip, 0));
  if (found == 0) return nullptr;
  for (const Facet& facet : range_lists_[found - 1])
    if (facet.front.has(port) && facet.front.address == vip) return &facet;
  return nullptr;
}

}  // namespace tandem::forwarding
