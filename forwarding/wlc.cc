// wlc: the server with the least connections for its weight. An active connection weighs as much as
// 256 inactive ones; quotients are compared by cross-multiplication, the first smallest wins. Picks
// are those of Linux 6.1's ip_vs_wlc.
#include "forwarding/scheduler.hpp"

namespace tandem::forwarding {
namespace {

int64_t overhead_of(const Server& server) {
  return server.active.load(std::memory_order_relaxed) * 256 + server.inactive.load(std::memory_order_relaxed);
}

class WeightedLeastConnection final : public Scheduler {
 public:
  void changed(const ServerList&) override {}
  void removing(const ServerList&, size_t) override {}

  Server* pick(const ServerList& servers, const NewFlow&) override {
    Server* best = nullptr;
    int64_t best_overhead = 0;
    for (Server* server : servers) {
      if (!server->takes_new_flows()) continue;
      const int64_t overhead = overhead_of(*server);
      // overhead / weight < best_overhead / best->weight
      if (best == nullptr || best_overhead * int64_t{server->weight} > overhead * int64_t{best->weight}) {
        best = server;
        best_overhead = overhead;
      }
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_weighted_least_connection() {
  return std::make_unique<WeightedLeastConnection>();
}

}  // namespace tandem::forwarding
