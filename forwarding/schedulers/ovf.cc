// ovf: overflow. The server with the highest weight whose active connections are not more than its
// weight; among equals the first. When all are full, nobody takes the flow. Picks are those of Linux
// 6.1's ip_vs_ovf.
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

class Overflow final : public Stateless<Overflow> {
 public:
  Server* pick(const ServerList& servers, const NewFlow&) override {
    Server* best = nullptr;
    for (Server* server : servers) {
      if (!server->takes_new_flows() || active_of(*server) > int64_t{server->weight}) continue;
      if (best == nullptr || server->weight > best->weight) best = server;
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_overflow() {
  return std::make_unique<Overflow>();
}

}  // namespace tandem::forwarding
