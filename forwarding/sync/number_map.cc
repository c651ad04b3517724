#include "forwarding/sync/number_map.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace tandem::forwarding::sync {
namespace {

constexpr size_t kNumbers = 65536;

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// What makes a service, or a server of a service, the same thing on both boxes.
auto identity(const ServiceName& s) {
  return std::tuple(std::string_view(s.name), s.protocol, s.address, s.port);
}
auto identity(const ServerName& s, uint16_t own_service) {
  return std::tuple(std::string_view(s.name), own_service, s.address, s.port);
}

}  // namespace

NumberMap::NumberMap()
    : services_(kNumbers),
      servers_(kNumbers),
      service_of_own_(kNumbers),
      group_of_own_(kNumbers),
      protocol_of_own_(kNumbers),
      family_of_own_(kNumbers) {}

bool NumberMap::set_own(const Names& names) {
  own_ = names;
  std::ranges::fill(service_of_own_, uint16_t{0});
  std::ranges::fill(protocol_of_own_, uint8_t{0});
  std::ranges::fill(group_of_own_, uint16_t{0});
  std::map<std::pair<std::string_view, uint8_t>, uint16_t> groups;
  for (const ServiceName& service : own_.services) {
    protocol_of_own_[service.number] = service.protocol;
    family_of_own_[service.number] = service.address.family;
    group_of_own_[service.number] = groups.try_emplace({service.name, service.protocol}, service.number).first->second;
  }
  for (const ServerName& server : own_.servers) service_of_own_[server.number] = server.service;
  const std::vector<uint16_t> former = servers_;
  match();
  for (const ServerName& server : peer_.servers)
    if (former[server.number] == 0 && servers_[server.number] != 0) return true;
  return false;
}

bool NumberMap::take(NamesPart part) {
  if (part.first) coming_ = {};
  append(coming_.services, part.names.services);
  append(coming_.servers, part.names.servers);
  if (coming_.services.size() > kNumbers || coming_.servers.size() > kNumbers) return false;
  if (part.last) {
    peer_ = std::exchange(coming_, {});
    peer_named_ = true;
    match();
  }
  return true;
}

void NumberMap::forget_peer() {
  peer_ = {};
  coming_ = {};
  peer_named_ = false;
  match();
}

void NumberMap::match() {
  std::map<decltype(identity(std::declval<ServiceName>())), uint16_t> own_services;
  std::map<decltype(identity(std::declval<ServerName>(), uint16_t{})), uint16_t> own_servers;
  for (const ServiceName& service : own_.services) own_services[identity(service)] = service.number;
  for (const ServerName& server : own_.servers) own_servers[identity(server, server.service)] = server.number;

  std::ranges::fill(services_, uint16_t{0});
  std::ranges::fill(servers_, uint16_t{0});
  size_t matched = 0;
  for (const ServiceName& service : peer_.services) {
    const auto found = own_services.find(identity(service));
    if (found == own_services.end()) continue;
    services_[service.number] = found->second;
    ++matched;
  }
  for (const ServerName& server : peer_.servers) {
    const uint16_t service = services_[server.service];
    const auto found = own_servers.find(identity(server, service));
    if (service == 0 || found == own_servers.end()) continue;
    servers_[server.number] = found->second;
    ++matched;
  }
  unmatched_ = peer_.services.size() + peer_.servers.size() - matched;
}

}  // namespace tandem::forwarding::sync
