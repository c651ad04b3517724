// lblc: locality-based least connection. A destination address stays with the server it was first
// given, which is the one wlc picks, until that server has weight 0 or is overrun: more active
// connections than its weight, while another has fewer than half of its own. Then wlc picks again.
// Thresholds do not move an address (ip_vs_lblc does not look at them here). For services of many
// addresses (caches). Picks are those of Linux 6.1's ip_vs_lblc.
#include <algorithm>

#include "forwarding/schedulers/aging.hpp"
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

struct Place {
  Server* server = nullptr;
  TimePoint last_used{};
};

class Locality final : public Copyable<Locality> {
 public:
  explicit Locality(const SchedulerSetting& setting) : aging_(setting.expiration) {}

  void changed(const ServerList&) override {}
  void removing(const ServerList& servers, size_t index) override {
    std::erase_if(places_, [&](const auto& each) { return each.second.server == servers[index]; });
  }

  Server* pick(const ServerList& servers, const NewFlow& flow) override {
    aging_.pass(places_, flow.now);
    const auto found = places_.find(flow.destination);
    if (found != places_.end()) {
      Place& place = found->second;
      place.last_used = flow.now;
      if (place.server->weight > 0 && !is_overrun(*place.server, servers)) return place.server;
    }
    Server* server = least_connected(servers);
    if (server != nullptr) places_.insert_or_assign(flow.destination, Place{server, flow.now});
    return server;
  }

 private:
  ByAddress<Place> places_;
  Aging aging_;
};

}  // namespace

bool is_overrun(const Server& server, const ServerList& servers) {
  if (active_of(server) <= int64_t{server.weight}) return false;
  return std::ranges::any_of(servers,
                             [](const Server* other) { return active_of(*other) * 2 < int64_t{other->weight}; });
}

std::unique_ptr<Scheduler> make_locality(const SchedulerSetting& setting) {
  return std::make_unique<Locality>(setting);
}

}  // namespace tandem::forwarding
