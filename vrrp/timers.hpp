// VRRP's arithmetic of time (RFC 9568, 6.1).
#pragma once

#include <algorithm>
#include <cstdint>

#include "daemon/base/time.hpp"

namespace tandem::vrrp {

// A learned interval counts at most this many times our own. Without the bound one forged advert
// with the longest interval leaves a network without an active router for 140 s.
inline constexpr int kMaxLearnedFactor = 3;

// Skew_Time: a low priority waits longer, so that the best backup is the first one. In whole
// nanoseconds; the RFC calculates in centiseconds, in which every skew of a 10 ms interval would be
// 0.
constexpr Duration skew_time(uint8_t priority, Duration active_adver_interval) {
  return active_adver_interval * (256 - priority) / 256;
}

// Active_Down_Interval: how long the active router may be silent.
constexpr Duration active_down_interval(uint8_t priority, Duration active_adver_interval) {
  return 3 * active_adver_interval + skew_time(priority, active_adver_interval);
}

// Active_Adver_Interval: what an advert teaches a router whose own interval is `configured`.
constexpr Duration learned_interval(Duration advertised, Duration configured) {
  return std::min(advertised, kMaxLearnedFactor * configured);
}

}  // namespace tandem::vrrp
