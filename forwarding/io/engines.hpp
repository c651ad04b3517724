// An Engine for each worker, over the same tables, and what they have counted together. Engines only become more: their counts
// stay when a reload takes workers away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "forwarding/engine.hpp"
#include "forwarding/fast_path.hpp"

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

  // What goes by the fast path is counted with the rest. Nothing: there is none any more, and what it has counted stays.
  void use_fast_path(const FastPath* fast);
  // Of what is counted, that part which went by it.
  FastPath::Frames fast_frames() const;

  uint64_t counted(Counter counter) const {
    return sum([&](const Engine& engine) { return engine.counters().value(counter); }) + counted_fast(counter);
  }
  uint64_t dropped(uint16_t facet, Counter reason) const {
    return sum([&](const Engine& engine) { return engine.service_drops().of(facet, reason); });
  }
  ServerTraffic traffic(uint16_t server_slot) const {
    ServerTraffic total = fast_traffic(server_slot);
    for (const auto& engine : all_) total += engine->traffic(server_slot);
    return total;
  }
  // Only the first one sweeps.
  uint64_t flow_count() const { return all_[0]->flow_count(); }

 private:
  uint64_t counted_fast(Counter counter) const;
  ServerTraffic fast_traffic(uint16_t server_slot) const;
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
  const FastPath* fast_ = nullptr;
  FastPath::Frames closed_frames_;                    // of fast paths that have ended
  std::map<uint16_t, ServerTraffic> closed_traffic_;  // the same, by server
};

}  // namespace tandem::forwarding
