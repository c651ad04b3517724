// How late deadlines were served: the one figure that tells whether a box can be trusted to be active. keepalived's
// operators learn of it only by a false failover.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/time.hpp"
#include "vrrp/counters.hpp"

namespace tandem::vrrp {

class Lateness {
 public:
  static constexpr std::array<Duration, 4> kBounds{std::chrono::milliseconds(1), std::chrono::milliseconds(10),
                                                   std::chrono::milliseconds(100), std::chrono::seconds(1)};

  // One deadline that was `late`; what is early counts as in time.
  void note(Duration late);

  Duration worst() const { return worst_; }
  // How many were at most kBounds[i] late and more than the bound before it; the last counts all above.
  const std::array<uint64_t, kBounds.size() + 1>& histogram() const { return histogram_; }
  // "worst 230 ms; within 1 ms 812, 10 ms 3, 100 ms 0, 1000 ms 1, later 0"
  std::string text() const;
  // The histogram for machines: "deadlines_within_1_ms" ... "deadlines_later".
  std::vector<NamedCount> counts() const;

 private:
  Duration worst_{};
  std::array<uint64_t, kBounds.size() + 1> histogram_{};
};

}  // namespace tandem::vrrp
