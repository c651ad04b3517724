// Time as the cores know it: a number handed in. There is no now() here; a shell reads the clock
// (CLOCK_MONOTONIC), the simulator invents one.
#pragma once

#include <chrono>

namespace tandem {

using Duration = std::chrono::nanoseconds;

// The monotonic time line of one machine. It has no now(): only shells may ask what time it is
// (daemon/loop/clock.hpp).
struct MonotonicLine {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicLine>;
  static constexpr bool is_steady = true;
};

using TimePoint = MonotonicLine::time_point;

using namespace std::chrono_literals;  // NOLINT: 30s, 250ms and their kin are the language of this
                                       // code base

}  // namespace tandem
