// lblcr: lblc with replication. A destination address has a set of servers; the least connected of
// them takes the flow. When none takes any or that one is overrun (lblc.cc), wlc picks one of all
// servers, which joins the set. A set of several that has not changed for `expiration` loses its most
// connected member. Picks are those of Linux 6.1's ip_vs_lblcr.
#include <algorithm>
#include <vector>

#include "forwarding/schedulers/aging.hpp"
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

struct Places {
  ServerList servers;  // last added first, as the kernel's list
  TimePoint last_changed{};
  TimePoint last_used{};
};

// The most loaded for its weight, overloaded ones included; the first among equals; nullptr when all have weight 0.
Server* most_connected(const ServerList& servers) {
  Server* most = nullptr;
  for (Server* server : servers) {
    if (server->weight == 0) continue;
    if (most == nullptr || is_heavier(overhead_of(*server), *server, overhead_of(*most), *most)) most = server;
  }
  return most;
}

class LocalityReplicated final : public Copyable<LocalityReplicated> {
 public:
  explicit LocalityReplicated(const SchedulerSetting& setting)
      : expiration_(setting.expiration), aging_(setting.expiration) {}

  void changed(const ServerList&) override {}
  void removing(const ServerList& servers, size_t index) override {
    for (auto& [address, places] : places_) std::erase(places.servers, servers[index]);
  }

  Server* pick(const ServerList& servers, const NewFlow& flow) override {
    aging_.pass(places_, flow.now);
    const auto found = places_.find(flow.destination);
    if (found == places_.end()) {
      Server* server = least_connected(servers);
      if (server != nullptr) places_.emplace(flow.destination, Places{{server}, flow.now, flow.now});
      return server;
    }
    Places& places = found->second;
    places.last_used = flow.now;
    // Chosen before the set shrinks, as the kernel does.
    Server* server = least_connected(places.servers);
    if (places.servers.size() > 1 && flow.now - places.last_changed > expiration_) shrink(places, flow.now);
    if (server != nullptr && !is_overrun(*server, servers)) return server;
    server = least_connected(servers);
    if (server != nullptr && std::ranges::find(places.servers, server) == places.servers.end()) {
      places.servers.insert(places.servers.begin(), server);
      places.last_changed = flow.now;
    }
    return server;
  }

 private:
  static void shrink(Places& places, TimePoint now) {
    if (Server* const most = most_connected(places.servers)) {
      std::erase(places.servers, most);
      places.last_changed = now;
    }
  }

  Duration expiration_;
  ByAddress<Places> places_;
  Aging aging_;
};

}  // namespace

std::unique_ptr<Scheduler> make_locality_replicated(const SchedulerSetting& setting) {
  return std::make_unique<LocalityReplicated>(setting);
}

}  // namespace tandem::forwarding
