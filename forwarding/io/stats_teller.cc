#include "forwarding/io/stats_teller.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace tandem::forwarding {
namespace {

// A count that a worker and the sweep correct at the same time may be below zero for a moment.
uint64_t at_least_zero(int64_t count) {
  return static_cast<uint64_t>(std::max<int64_t>(count, 0));
}

bool same_counters(const bus::ServerStats& a, const bus::ServerStats& b) {
  return a.active_connections == b.active_connections && a.inactive_connections == b.inactive_connections &&
         a.connections == b.connections && a.packets_in == b.packets_in && a.packets_out == b.packets_out;
}

}  // namespace

void StatsTeller::tell() {
  tell_servers();
  tell_engine();
}

void StatsTeller::tell_servers() {
  std::map<std::string, bus::ServerStats> now;
  for (const Server* server : forwarder_.services().all_servers()) {
    const ServerTraffic traffic = forwarder_.engine().traffic(server->slot);
    bus::ServerStats stats{.service = server->service_name,
                           .server = server->name,
                           .active_connections = at_least_zero(server->active.load()),
                           .inactive_connections = at_least_zero(server->inactive.load()),
                           .connections = server->connections.load(),
                           .packets_in = traffic.packets_in,
                           .bytes_in = traffic.bytes_in,
                           .packets_out = traffic.packets_out,
                           .bytes_out = traffic.bytes_out};
    const std::string key = stats.key();
    const auto before = said_.find(key);
    if (before == said_.end() || !same_counters(before->second, stats)) board_.publish(stats);
    now.emplace(key, std::move(stats));
  }
  for (const auto& [key, stats] : said_)
    if (!now.contains(key)) board_.publish(bus::Forget{.kind = std::string(bus::ServerStats::kKind), .of_key = key});
  said_ = std::move(now);
}

void StatsTeller::tell_engine() {
  const WorkerStats worker = forwarder_.worker_stats();
  bus::EngineStats stats{.engine = "af_packet",
                         .flows = forwarder_.engine().flow_count(),
                         .flow_capacity = forwarder_.flows().slots(),
                         .counters = {}};
  for (size_t i = 0; i < static_cast<size_t>(Counter::kCount); ++i) {
    const auto counter = static_cast<Counter>(i);
    stats.counters.push_back({std::string(name_of(counter)), forwarder_.engine().counters().value(counter)});
  }
  const auto add = [&](const char* name, uint64_t value) { stats.counters.push_back({name, value}); };
  add("ports", forwarder_.port_count());
  add("port_received", worker.ports.received);
  add("port_receive_dropped", worker.ports.receive_dropped);
  add("port_receive_malformed", worker.ports.receive_malformed);
  add("port_sent", worker.ports.sent);
  add("port_send_retried", worker.ports.send_retried);
  add("port_send_dropped", worker.ports.send_dropped);
  add("next_hop_lookups", worker.hops.lookups);
  add("next_hop_held", worker.hops.held);
  add("drop_next_hop_unresolved", worker.hops.dropped_waiting);
  add("drop_no_route", worker.hops.dropped_no_route);
  add("drop_no_port", worker.dropped_no_port);
  add("drop_too_long", worker.dropped_too_long);
  board_.publish(std::move(stats));
}

}  // namespace tandem::forwarding
