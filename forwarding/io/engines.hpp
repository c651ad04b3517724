// An Engine for each worker, over the same tables, and what they have counted together. Engines only become more: their counts
// stay when a reload takes workers away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "forwarding/engine.hpp"

namespace tandem::forwarding {

class Engines {
 public:
  Engines(FlowTable& flows, ServiceTable& services)
      : flows_(flows),
        services_(services),
        fragments_(std::make_shared<Fragments>(flows.header().seed[0] ^ flows.header().seed[1])) {
    grow_to(1);
  }

  void grow_to(size_t count) {
    while (all_.size() < count)
      all_.push_back(
          std::make_unique<Engine>(flows_, services_, EngineSettings{.answers = {}, .fragments = fragments_}));
  }
  Engine& at(size_t worker) { return *all_[worker]; }

  uint64_t counted(Counter counter) const {
    return sum([&](const Engine& engine) { return engine.counters().value(counter); });
  }
  uint64_t dropped(uint16_t facet, Counter reason) const {
    return sum([&](const Engine& engine) { return engine.service_drops().of(facet, reason); });
  }
  ServerTraffic traffic(uint16_t server_slot) const {
    ServerTraffic total;
    for (const auto& engine : all_) {
      const ServerTraffic part = engine->traffic(server_slot);
      total.packets_in += part.packets_in, total.bytes_in += part.bytes_in;
      total.packets_out += part.packets_out, total.bytes_out += part.bytes_out;
    }
    return total;
  }
  // Only the first one sweeps.
  uint64_t flow_count() const { return all_[0]->flow_count(); }

 private:
  template <class Part>
  uint64_t sum(Part part) const {
    uint64_t total = 0;
    for (const auto& engine : all_) total += part(*engine);
    return total;
  }

  FlowTable& flows_;
  ServiceTable& services_;
  std::shared_ptr<Fragments> fragments_;  // a reload may change which worker a client's parts meet
  std::vector<std::unique_ptr<Engine>> all_;
};

}  // namespace tandem::forwarding
