#include "forwarding/io/stats_teller.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "forwarding/recipe.hpp"

namespace tandem::forwarding {
namespace {

// A count that a worker and the sweep correct at the same time may be below zero for a moment.
uint64_t at_least_zero(int64_t count) {
  return static_cast<uint64_t>(std::max<int64_t>(count, 0));
}

template <class Stats>
void fill(Stats& stats, const ServerTotals& totals, const bus::TrafficRates& rates) {
  stats.connections = totals.connections;
  stats.packets_in = totals.traffic.packets_in;
  stats.bytes_in = totals.traffic.bytes_in;
  stats.packets_out = totals.traffic.packets_out;
  stats.bytes_out = totals.traffic.bytes_out;
  stats.rates = rates;
}

template <class Stats>
bool same_numbers(const Stats& a, const Stats& b) {
  return a.method == b.method && a.active_connections == b.active_connections &&
         a.inactive_connections == b.inactive_connections && a.connections == b.connections &&
         a.packets_in == b.packets_in && a.packets_out == b.packets_out && a.rates == b.rates;
}

bool same_counters(const std::vector<bus::NamedCounter>& a, const std::vector<bus::NamedCounter>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return x.name == y.name && x.value == y.value; });
}

// "nat"; "dr+nat" when its servers differ.
std::string methods_of(const Service& service) {
  std::set<std::string_view> methods;
  for (const Server* server : service.servers) methods.insert(name_of(server->method));
  if (methods.empty()) methods.insert(name_of(service.setting.method));
  std::string text;
  for (const std::string_view method : methods) text += (text.empty() ? "" : "+") + std::string(method);
  return text;
}

}  // namespace

ServerTotals& ServerTotals::operator+=(const ServerTotals& more) {
  connections += more.connections;
  traffic += more.traffic;
  return *this;
}

ServerTotals ServerTotals::minus(const ServerTotals& base) const {
  ServerTotals rest;
  rest.connections = connections - base.connections;
  rest.traffic = {traffic.packets_in - base.traffic.packets_in, traffic.bytes_in - base.traffic.bytes_in,
                  traffic.packets_out - base.traffic.packets_out, traffic.bytes_out - base.traffic.bytes_out};
  return rest;
}

void TrafficMeter::look(const ServerTotals& totals, TimePoint now) {
  connections_.look(totals.connections, now);
  packets_in_.look(totals.traffic.packets_in, now);
  bytes_in_.look(totals.traffic.bytes_in, now);
  packets_out_.look(totals.traffic.packets_out, now);
  bytes_out_.look(totals.traffic.bytes_out, now);
}

bus::TrafficRates TrafficMeter::rates() const {
  return {.connections = connections_.per_second(),
          .packets_in = packets_in_.per_second(),
          .bytes_in = bytes_in_.per_second(),
          .packets_out = packets_out_.per_second(),
          .bytes_out = bytes_out_.per_second()};
}

void StatsTeller::tell(TimePoint now) {
  tell_servers(now);
  tell_services(now);
  tell_engine();
}

void StatsTeller::tell_servers(TimePoint now) {
  for (auto& [key, account] : servers_) account.met = false;
  for (const Server* server : sources_.services.all_servers()) {
    const std::string key = server->service_name + '/' + server->name;
    const auto [found, is_new] = servers_.try_emplace(key);
    ServerAccount& account = found->second;
    // A server that came back under another number goes on from there.
    if (is_new || account.slot != server->slot) account.base = slot_totals_[server->slot];
    if (!is_new && account.slot != server->slot) services_[server->service_name].gone += account.totals;
    account.slot = server->slot;
    account.met = true;
    const ServerTraffic traffic = sources_.engines.traffic(server->slot);
    // Connections are counted in the server itself, which begins at 0.
    slot_totals_[server->slot] = {.connections = 0, .traffic = traffic};
    account.totals = ServerTotals{.connections = server->connections.load(), .traffic = traffic}.minus(account.base);
    account.meter.look(account.totals, now);
    bus::ServerStats stats{.service = server->service_name,
                           .server = server->name,
                           .method = std::string(name_of(server->method)),
                           .active_connections = at_least_zero(server->active.load()),
                           .inactive_connections = at_least_zero(server->inactive.load())};
    fill(stats, account.totals, account.meter.rates());
    if (account.is_said && same_numbers(account.said, stats)) continue;
    account.said = stats;
    account.is_said = true;
    publish_(std::move(stats));
  }
  std::erase_if(servers_, [&](const auto& each) {
    if (each.second.met) return false;
    services_[each.second.said.service].gone += each.second.totals;
    publish_(bus::Forget{.kind = std::string(bus::ServerStats::kKind), .of_key = each.first});
    return true;
  });
}

std::vector<bus::NamedCounter> StatsTeller::drops_of(const Service& service, ServiceAccount& account) {
  std::vector<bus::NamedCounter> drops;
  for (const uint16_t facet : service.facets)
    if (!account.drop_base.contains(facet)) account.drop_base[facet] = slot_drops_[facet];
  for (size_t i = 0; i < static_cast<size_t>(Counter::kCount); ++i) {
    const auto reason = static_cast<Counter>(i);
    uint64_t value = 0;
    for (const uint16_t facet : service.facets) {
      const uint64_t counted = sources_.engines.dropped(facet, reason);
      slot_drops_[facet][i] = counted;
      value += counted - account.drop_base[facet][i];
    }
    if (value != 0) drops.push_back({std::string(name_of(reason)), value});
  }
  return drops;
}

void StatsTeller::tell_services(TimePoint now) {
  for (auto& [name, account] : services_) account.met = false;
  for (const Service* service : sources_.services.all_services()) {
    ServiceAccount& account = services_[service->setting.name];
    account.met = true;
    ServerTotals totals = account.gone;
    bus::ServiceStats stats;
    stats.service = service->setting.name;
    stats.method = methods_of(*service);
    for (const Server* server : service->servers) {
      stats.active_connections += at_least_zero(server->active.load());
      stats.inactive_connections += at_least_zero(server->inactive.load());
      if (const auto found = servers_.find(stats.service + '/' + server->name); found != servers_.end())
        totals += found->second.totals;
    }
    account.meter.look(totals, now);
    fill(stats, totals, account.meter.rates());
    stats.drops = drops_of(*service, account);
    if (account.is_said && same_numbers(account.said, stats) && same_counters(account.said.drops, stats.drops))
      continue;
    account.said = stats;
    account.is_said = true;
    publish_(std::move(stats));
  }
  std::erase_if(services_, [&](const auto& each) {
    if (each.second.met) return false;
    if (each.second.is_said) publish_(bus::Forget{.kind = std::string(bus::ServiceStats::kKind), .of_key = each.first});
    return true;
  });
}

void StatsTeller::tell_engine() {
  const ShellNumbers shell = sources_.shell();
  const WorkerStats& worker = shell.workers_counted;
  bus::EngineStats stats{.engine = "af_packet",
                         .flows = sources_.engines.flow_count(),
                         .flow_capacity = shell.flow_capacity,
                         .fast_path = shell.fast_path,
                         .counters = {}};
  for (size_t i = 0; i < static_cast<size_t>(Counter::kCount); ++i) {
    const auto counter = static_cast<Counter>(i);
    stats.counters.push_back({std::string(name_of(counter)), sources_.engines.counted(counter)});
  }
  const auto add = [&](const char* name, uint64_t value) { stats.counters.push_back({name, value}); };
  add("workers", shell.workers);
  add("ports", shell.ports);
  add("port_received", worker.ports.received);
  add("port_receive_dropped", worker.ports.receive_dropped);
  add("port_receive_malformed", worker.ports.receive_malformed);
  add("port_sent", worker.ports.sent);
  add("port_sent_by_xdp", worker.ports.sent_by_xdp);
  const FastPath::Frames fast = sources_.engines.fast_frames();
  add("fast_to_servers", fast.to_servers);
  add("fast_to_clients", fast.to_clients);
  add("port_send_retried", worker.ports.send_retried);
  add("port_send_dropped", worker.ports.send_dropped);
  add("next_hop_lookups", worker.hops.lookups);
  add("next_hop_held", worker.hops.held);
  add("drop_next_hop_unresolved", worker.hops.dropped_waiting);
  add("drop_no_route", worker.hops.dropped_no_route);
  add("drop_no_port", worker.dropped_no_port);
  add("drop_too_long", worker.dropped_too_long);
  add("delivered_locally", worker.delivered_locally);
  add("drop_local", worker.dropped_local);
  const bool same = stats.flows == engine_said_.flows && stats.flow_capacity == engine_said_.flow_capacity &&
                    stats.fast_path == engine_said_.fast_path && same_counters(stats.counters, engine_said_.counters);
  if (same) return;
  engine_said_ = stats;
  publish_(std::move(stats));
}

}  // namespace tandem::forwarding
