// twos: the power of two choices. Two servers are drawn at random, each with a chance in proportion
// to its weight; the one with the smaller overhead for its weight takes the flow, the first drawn one
// among equals.
//   Mitzenmacher, Richa, Sitaraman, "The Power of Two Random Choices".
// The rule is that of Linux 6.1's ip_vs_twos, with its draw from 0 to the sum of the weights
// inclusive, which gives the first server of the list one part more.
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators").
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  // 0 to `most`.
  int64_t roll(int64_t most) {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return static_cast<int64_t>((z ^ z >> 31) % (static_cast<uint64_t>(most) + 1));
  }

 private:
  uint64_t state_;
};

class TwoChoices final : public Copyable<TwoChoices> {
 public:
  explicit TwoChoices(uint64_t seed) : dice_(seed) {}

  void changed(const ServerList&) override {}
  void removing(const ServerList&, size_t) override {}

  Server* pick(const ServerList& servers, const NewFlow&) override {
    int64_t total = 0;
    for (const Server* server : servers)
      if (server->takes_new_flows()) total += server->weight;
    if (total == 0) return nullptr;
    Server* const first = at(servers, dice_.roll(total));
    Server* const second = at(servers, dice_.roll(total));
    return is_heavier(overhead_of(*first), *first, overhead_of(*second), *second) ? second : first;
  }

 private:
  // The server in whose share of the weights the place `drawn` lies.
  static Server* at(const ServerList& servers, int64_t drawn) {
    Server* last = nullptr;
    for (Server* server : servers) {
      if (!server->takes_new_flows()) continue;
      last = server;
      drawn -= server->weight;
      if (drawn <= 0) break;
    }
    return last;
  }

  Dice dice_;
};

}  // namespace

std::unique_ptr<Scheduler> make_two_choices(uint64_t seed) {
  return std::make_unique<TwoChoices>(seed);
}

}  // namespace tandem::forwarding
