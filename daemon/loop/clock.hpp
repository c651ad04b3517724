// The clocks, for shells. A core is handed the time.
//
// The machines run on CLOCK_MONOTONIC, not CLOCK_BOOTTIME: it is what epoll and timerfd (and so
// Asio's steady_timer) count in, and a deadline must be compared on the clock that its timer runs
// on. The two differ only by time spent suspended, and after that every deadline of the past fires
// at once on either.
#pragma once

#include <cstdint>
#include <ctime>

#include "daemon/base/time.hpp"

namespace tandem::loop {

inline TimePoint monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail with a valid clock
  return TimePoint(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

// Wall-clock milliseconds since 1970: for people, never for a decision.
inline uint64_t unix_ms_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace tandem::loop
