// fo: failover. The server with the highest weight takes everything as long as it takes anything;
// among equals the first. Picks are those of Linux 6.1's ip_vs_fo.
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

class Failover final : public Stateless<Failover> {
 public:
  Server* pick(const ServerList& servers, const NewFlow&) override {
    Server* best = nullptr;
    for (Server* server : servers)
      if (server->takes_new_flows() && (best == nullptr || server->weight > best->weight)) best = server;
    return best;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_failover() {
  return std::make_unique<Failover>();
}

}  // namespace tandem::forwarding
