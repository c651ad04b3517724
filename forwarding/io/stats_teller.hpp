// Says the counters: of servers and services what changed, of the engine everything, once a second at most.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/bus/messages.hpp"
#include "forwarding/io/engines.hpp"
#include "forwarding/io/worker.hpp"
#include "forwarding/rates.hpp"
#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

// What a server has counted under one name. Its number in the engine's counters may have been another's before.
struct ServerTotals {
  uint64_t connections = 0;
  ServerTraffic traffic;
  ServerTotals& operator+=(const ServerTotals& more);
  ServerTotals minus(const ServerTotals& base) const;
  bool operator==(const ServerTotals&) const = default;
};

// The five rates that go with totals.
class TrafficMeter {
 public:
  void look(const ServerTotals& totals, TimePoint now);
  bus::TrafficRates rates() const;

 private:
  Rate connections_, packets_in_, bytes_in_, packets_out_, bytes_out_;
};

// What the shell counts, beside the engines.
struct ShellNumbers {
  WorkerStats workers_counted;
  uint64_t workers = 0, ports = 0;
  bool fast_path = false;
  uint64_t flow_capacity = 0;
};

class StatsTeller {
 public:
  struct Sources {
    const ServiceTable& services;
    const Engines& engines;
    std::function<ShellNumbers()> shell;
  };
  StatsTeller(std::function<void(bus::Message)> publish, Sources sources)
      : publish_(std::move(publish)), sources_(std::move(sources)) {}

  // Publishes the stats of servers, services and the engine that differ from what was last said; forgets what is gone.
  void tell(TimePoint now);

 private:
  struct ServerAccount {
    uint16_t slot = 0;
    ServerTotals base;  // what the slot had counted before it was this server's
    ServerTotals totals;
    TrafficMeter meter;
    bus::ServerStats said;
    bool is_said = false;
    bool met = false;
  };
  struct ServiceAccount {
    ServerTotals gone;  // of its servers that are no more
    TrafficMeter meter;
    // Of each front's number, which may have been another service's before.
    std::map<uint16_t, std::array<uint64_t, static_cast<size_t>(Counter::kCount)>> drop_base;
    bus::ServiceStats said;
    bool is_said = false;
    bool met = false;
  };

  void tell_servers(TimePoint now);
  void tell_services(TimePoint now);
  void tell_engine();
  std::vector<bus::NamedCounter> drops_of(const Service& service, ServiceAccount& account);

  std::function<void(bus::Message)> publish_;
  Sources sources_;
  bus::EngineStats engine_said_;
  std::map<std::string, ServerAccount> servers_;    // by "service/server"
  std::map<std::string, ServiceAccount> services_;  // by name
  std::map<uint16_t, ServerTotals> slot_totals_;    // of every slot that ever was a server's: what it had counted
  std::map<uint16_t, std::array<uint64_t, static_cast<size_t>(Counter::kCount)>> slot_drops_;  // the same of fronts
};

}  // namespace tandem::forwarding
