// wrr: interleaved weighted round robin by a falling threshold. The list is walked again and again;
// a walk takes the servers whose weight is at least the threshold, which falls by the weights'
// greatest common divisor from walk to walk and starts again at the top. Picks, and the position
// after an edit, are those of Linux 6.1's ip_vs_wrr.
#include <algorithm>
#include <numeric>

#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

class WeightedRoundRobin final : public Copyable<WeightedRoundRobin> {
 public:
  void changed(const ServerList& servers) override {
    int64_t divisor = 0, highest = 0;
    for (const Server* server : servers) {
      divisor = std::gcd(divisor, int64_t{server->weight});
      highest = std::max(highest, int64_t{server->weight});
    }
    step_ = divisor > 0 ? divisor : 1;
    // Lowered by step-1, so that the last threshold is 1.
    top_ = highest - (step_ - 1);
    if (threshold_ > top_ || threshold_ == 0) {
      threshold_ = top_;
    } else if (step_ > 1) {
      threshold_ = threshold_ / step_ * step_ + 1;
    }
    next_ = 0;  // every edit starts the walk at the head of the list
  }

  void removing(const ServerList&, size_t) override {}

  Server* pick(const ServerList& servers, const NewFlow&) override {
    if (top_ <= 0) return nullptr;
    const bool began_at_head = next_ == 0;
    size_t index = next_;
    while (true) {
      for (; index < servers.size(); ++index) {
        Server* server = servers[index];
        if (server->overloaded || int64_t{server->weight} < threshold_) continue;
        next_ = index + 1;
        return server;
      }
      if (std::none_of(servers.begin(), servers.end(),
                       [](const Server* server) { return server->takes_new_flows(); })) {
        // Where ip_vs_wrr stands after it has tried all thresholds in vain.
        threshold_ = began_at_head ? top_ : 1;
        return nullptr;
      }
      index = 0;
      threshold_ -= step_;
      if (threshold_ <= 0) threshold_ = top_;
    }
  }

 private:
  size_t next_ = 0;  // the index after the last picked
  int64_t threshold_ = 0;
  int64_t top_ = 0;
  int64_t step_ = 1;
};

}  // namespace

std::unique_ptr<Scheduler> make_weighted_round_robin() {
  return std::make_unique<WeightedRoundRobin>();
}

}  // namespace tandem::forwarding
