// nq: never queue. The first server without an active connection, also a slow one; when there is
// none, as sed. Picks are those of Linux 6.1's ip_vs_nq.
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

class NeverQueue final : public Stateless<NeverQueue> {
 public:
  Server* pick(const ServerList& servers, const NewFlow&) override {
    Server* best = nullptr;
    int64_t best_delay = 0;
    for (Server* server : servers) {
      if (!server->takes_new_flows()) continue;
      const int64_t active = active_of(*server);
      if (active == 0) return server;
      const int64_t delay = active + 1;
      if (best != nullptr && !is_heavier(best_delay, *best, delay, *server)) continue;
      best = server;
      best_delay = delay;
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_never_queue() {
  return std::make_unique<NeverQueue>();
}

}  // namespace tandem::forwarding
