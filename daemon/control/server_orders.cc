#include "daemon/control/server_orders.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tandem::control {
namespace {

constexpr uint32_t kMostWeight = 65535;
constexpr size_t kMostNamed = 8;

std::unexpected<QueryRefusal> refuse(unsigned status, std::string why) {
  return std::unexpected(QueryRefusal{status, std::move(why)});
}

// "web1, web2 and 7 more"
template <class List>
std::string names_of(const List& list) {
  std::string names;
  size_t shown = 0;
  for (const auto& each : list) {
    if (++shown > kMostNamed) break;
    names += (names.empty() ? "" : ", ") + each.name;
  }
  if (list.size() > kMostNamed) names += " and " + std::to_string(list.size() - kMostNamed) + " more";
  return names;
}

std::string value_of(const Query& query, const char* name) {
  const auto found = query.values.find(name);
  return found == query.values.end() ? std::string() : found->second;
}

struct Order {
  bus::OverrideKind kind = bus::OverrideKind::kNone;
  uint32_t weight = 0;
};

std::expected<Order, QueryRefusal> order_of(const Query& query) {
  const std::string set = value_of(query, "set"), weight = value_of(query, "weight");
  Order order;
  if (set == "weight") {
    order.kind = bus::OverrideKind::kWeight;
    const auto [end, error] = std::from_chars(weight.data(), weight.data() + weight.size(), order.weight);
    if (weight.empty() || error != std::errc{} || end != weight.data() + weight.size() || order.weight > kMostWeight)
      return refuse(400, "weight: expected a whole number from 0 to " + std::to_string(kMostWeight));
    return order;
  }
  if (!weight.empty()) return refuse(400, "weight: only with set=weight");
  if (set == "drain") order.kind = bus::OverrideKind::kDrain;
  if (set == "disable") order.kind = bus::OverrideKind::kDisable;
  if (order.kind == bus::OverrideKind::kNone && set != "enable")
    return refuse(400, "set: expected weight, drain, disable or enable");
  return order;
}

std::string line_of(const std::string& key, const config::Server& server, const Order& order) {
  switch (order.kind) {
    case bus::OverrideKind::kNone:
      return key + ": as its checks say, with weight " + std::to_string(server.weight);
    case bus::OverrideKind::kWeight:
      return key + ": weight " + std::to_string(order.weight) + " instead of " + std::to_string(server.weight);
    case bus::OverrideKind::kDrain:
      return key + ": drained; it gets no new connections and keeps those it has";
    case bus::OverrideKind::kDisable:
      return key + ": disabled; it counts as down";
  }
  return key;
}

}  // namespace

std::expected<ServerOrders, QueryRefusal> orders_of(const Query& query, std::string_view method,
                                                    const config::Site& site, uint64_t unix_ms) {
  if (method != "POST") return refuse(405, "another method is wanted");
  for (const auto& [name, value] : query.values)
    if (name != "service" && name != "server" && name != "set" && name != "weight")
      return refuse(400, name + ": there is no such condition");
  const std::string in_service = value_of(query, "service"), name = value_of(query, "server");
  if (name.empty()) return refuse(400, "server: it is missing");
  const auto order = order_of(query);
  if (!order) return std::unexpected(order.error());
  if (!in_service.empty() && site.service(in_service) == nullptr)
    return refuse(404, "there is no service '" + in_service + "' here; there are " + names_of(site.services));
  ServerOrders orders;
  for (const config::Service& service : site.services) {
    if (!in_service.empty() && service.name != in_service) continue;
    const auto server = std::ranges::find(service.servers, name, &config::Server::name);
    if (server == service.servers.end()) continue;
    bus::Override word;
    word.service = service.name;
    word.server = name;
    word.kind = order->kind;
    word.weight = order->weight;
    word.since_unix_ms = unix_ms;
    orders.lines.push_back(line_of(word.key(), *server, *order));
    if (order->kind == bus::OverrideKind::kNone)
      orders.words.push_back(bus::Forget{.kind = std::string(bus::Override::kKind), .of_key = word.key()});
    else
      orders.words.push_back(std::move(word));
  }
  if (!orders.words.empty()) return orders;
  if (in_service.empty()) return refuse(404, "no service has a server '" + name + "'");
  return refuse(404, "service '" + in_service + "' has no server '" + name + "'; it has " +
                         names_of(site.service(in_service)->servers));
}

}  // namespace tandem::control
