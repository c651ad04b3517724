// sed: the server with the shortest expected delay, which is (active connections + 1) / weight: the
// new one counts already, inactive ones do not. The first smallest wins. Picks are those of Linux
// 6.1's ip_vs_sed.
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

class ShortestDelay final : public Stateless<ShortestDelay> {
 public:
  Server* pick(const ServerList& servers, const NewFlow&) override {
    Server* best = nullptr;
    int64_t best_delay = 0;
    for (Server* server : servers) {
      if (!server->takes_new_flows()) continue;
      const int64_t delay = active_of(*server) + 1;
      if (best != nullptr && !is_heavier(best_delay, *best, delay, *server)) continue;
      best = server;
      best_delay = delay;
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_shortest_delay() {
  return std::make_unique<ShortestDelay>();
}

}  // namespace tandem::forwarding
