// lc: the server with the least connections, whatever its weight, which only says whether it takes
// part. An active connection weighs as much as 256 inactive ones; the first smallest wins. Picks are
// those of Linux 6.1's ip_vs_lc.
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

class LeastConnection final : public Stateless<LeastConnection> {
 public:
  Server* pick(const ServerList& servers, const NewFlow&) override {
    Server* best = nullptr;
    int64_t best_overhead = 0;
    for (Server* server : servers) {
      if (!server->takes_new_flows()) continue;
      const int64_t overhead = overhead_of(*server);
      if (best != nullptr && overhead >= best_overhead) continue;
      best = server;
      best_overhead = overhead;
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_least_connection() {
  return std::make_unique<LeastConnection>();
}

}  // namespace tandem::forwarding
