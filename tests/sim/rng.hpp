// The one source of chance of a simulation. Everything random comes from here, so a seed is a whole run.
#pragma once

#include <cstdint>

#include "daemon/base/time.hpp"

namespace tandem::sim {

// SplitMix64 (Steele, Lea, Flood 2014): small, fast, and the same on every machine, which std's distributions are not.
class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // REQUIRES: low <= high.
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(next() % static_cast<uint64_t>(high - low + 1));
  }
  Duration between(Duration low, Duration high) { return Duration(between(low.count(), high.count())); }
  bool percent(int64_t chance) { return between(1, 100) <= chance; }

 private:
  uint64_t state_;
};

}  // namespace tandem::sim
