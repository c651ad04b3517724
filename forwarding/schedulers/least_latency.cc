// least_latency: the server that is likely to answer first: the least latency * (active connections +
// 1) / weight, the first among equals. IPVS has nothing like it.
//
// Latency is how long the checks of a server take, damped (Server::heard_latency): a single slow or
// quick check moves it by an eighth of the difference. Alone it would send every new flow to the
// quickest server until that is the slowest; multiplied with the flows a server has, twice the latency
// is half of the flows. Differences below kFloor are noise of the checks, not of the servers. A server
// nobody has measured yet counts as the average of the others.
#include <algorithm>

#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

constexpr int64_t kFloorUs = 500;

int64_t latency_of(const Server& server) {
  return server.latency_us.load(std::memory_order_relaxed);
}

class LeastLatency final : public Stateless<LeastLatency> {
 public:
  Server* pick(const ServerList& servers, const NewFlow&) override {
    const int64_t usual = average(servers);
    Server* best = nullptr;
    int64_t best_cost = 0;
    for (Server* server : servers) {
      if (!server->takes_new_flows()) continue;
      const int64_t measured = latency_of(*server);
      const int64_t cost = std::max(measured == 0 ? usual : measured, kFloorUs) * (active_of(*server) + 1);
      if (best != nullptr && !is_heavier(best_cost, *best, cost, *server)) continue;
      best = server;
      best_cost = cost;
    }
    return best;
  }

 private:
  static int64_t average(const ServerList& servers) {
    int64_t sum = 0, count = 0;
    for (const Server* server : servers)
      if (server->takes_new_flows() && latency_of(*server) != 0) sum += latency_of(*server), ++count;
    return count == 0 ? 0 : sum / count;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_least_latency() {
  return std::make_unique<LeastLatency>();
}

}  // namespace tandem::forwarding
