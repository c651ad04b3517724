// A service for tests of schedulers: servers in the order they were added, and the scheduler that is
// told of every edit as the service table tells it.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/assert.hpp"
#include "forwarding/scheduler.hpp"

namespace tandem::forwarding::testing {

inline IpAddress address(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  TANDEM_ASSERT(parsed.has_value());
  return *parsed;
}

class Pool {
 public:
  explicit Pool(const SchedulerSetting& setting, uint64_t seed = 0) : scheduler(make_scheduler(setting, seed)) {}
  Pool(const SchedulerSetting& setting, const std::vector<uint32_t>& weights, uint64_t seed = 0) : Pool(setting, seed) {
    for (size_t i = 0; i < weights.size(); ++i) add(weights[i], Ipv4Address{0x0a010001 + static_cast<uint32_t>(i)}, 80);
  }

  void add(uint32_t weight, const IpAddress& server_address, uint16_t port) {
    servers.push_back(std::make_unique<Server>());
    Server& server = *servers.back();
    server.weight = server.last_weight = weight;
    server.address = server_address;
    server.port = port;
    list.insert(list.begin(), &server);
    edited();
  }
  void set_weight(size_t server, uint32_t weight) {
    servers[server]->set_weight(weight);
    edited();
  }
  void remove(Server* server) {
    const auto at = std::find(list.begin(), list.end(), server);
    scheduler->removing(list, static_cast<size_t>(at - list.begin()));
    list.erase(at);
    edited();
  }
  void edited() {
    scheduler->changed(list);
    scheduler->settled(list);
  }

  // The place of the server picked in the order of adding; -1: nobody.
  int64_t pick(const NewFlow& flow = {}) {
    last = scheduler->pick(list, flow);
    return place_of(last);
  }
  int64_t place_of(const Server* wanted) const {
    for (size_t i = 0; i < servers.size(); ++i)
      if (servers[i].get() == wanted) return static_cast<int64_t>(i);
    return -1;
  }
  Server& operator[](size_t server) { return *servers[server]; }

  std::unique_ptr<Scheduler> scheduler;
  std::vector<std::unique_ptr<Server>> servers;
  ServerList list;
  Server* last = nullptr;
};

}  // namespace tandem::forwarding::testing
