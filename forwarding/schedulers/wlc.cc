// wlc: the server with the least connections for its weight. An active connection weighs as much as
// 256 inactive ones; quotients are compared by cross-multiplication, the first smallest wins. Picks
// are those of Linux 6.1's ip_vs_wlc.
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

class WeightedLeastConnection final : public Stateless<WeightedLeastConnection> {
 public:
  Server* pick(const ServerList& servers, const NewFlow&) override { return least_connected(servers); }
};

}  // namespace

Server* least_connected(const ServerList& servers) {
  Server* best = nullptr;
  int64_t best_overhead = 0;
  for (Server* server : servers) {
    if (!server->takes_new_flows()) continue;
    const int64_t overhead = overhead_of(*server);
    if (best != nullptr && !is_heavier(best_overhead, *best, overhead, *server)) continue;
    best = server;
    best_overhead = overhead;
  }
  return best;
}

std::unique_ptr<Scheduler> make_weighted_least_connection() {
  return std::make_unique<WeightedLeastConnection>();
}

}  // namespace tandem::forwarding
