// rr: the next server in the list after the one picked last. The weight only says whether a server
// takes part. Picks are those of Linux 6.1's ip_vs_rr.
#include <algorithm>

#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

class RoundRobin final : public Copyable<RoundRobin> {
 public:
  void changed(const ServerList& servers) override {
    const auto at = std::find(servers.begin(), servers.end(), last_);
    next_ = at == servers.end() ? 0 : static_cast<size_t>(at - servers.begin()) + 1;
  }

  void removing(const ServerList& servers, size_t index) override {
    // The one before it becomes the last picked, so that nobody's turn is skipped.
    if (servers[index] == last_) last_ = index > 0 ? servers[index - 1] : nullptr;
  }

  Server* pick(const ServerList& servers, const NewFlow&) override {
    for (size_t i = 0; i < servers.size(); ++i) {
      const size_t index = (next_ + i) % servers.size();
      if (!servers[index]->takes_new_flows()) continue;
      next_ = index + 1;
      return last_ = servers[index];
    }
    return nullptr;
  }

 private:
  Server* last_ = nullptr;  // nullptr: before the first
  size_t next_ = 0;         // the index after last_
};

}  // namespace

std::unique_ptr<Scheduler> make_round_robin() {
  return std::make_unique<RoundRobin>();
}

}  // namespace tandem::forwarding
