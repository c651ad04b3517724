// How many attempts may be under way at once, and when to say that they are too few.
//
// The most is what the file descriptors allow. When descriptors run out all the same (somebody
// lowered the limit, or another part of the process took them), the limit falls to what is under
// way and doubles for each tenth of a second that passes without a shortage. So checks degrade, nothing spins,
// and what is over is forgotten within a second.
#pragma once

#include <cstdint>
#include <optional>

#include "checkers/events.hpp"
#include "daemon/base/time.hpp"

namespace tandem::checkers {

class Throttle {
 public:
  explicit Throttle(uint32_t most) : most_(most == 0 ? 1 : most), limit_(most_) {}

  bool may_start() const { return under_way_ < limit_; }
  uint32_t under_way() const { return under_way_; }
  uint32_t limit() const { return limit_; }

  // An attempt that was planned for `planned` starts now; `interval` is its check's.
  std::optional<Strain> started(TimePoint now, TimePoint planned, Duration interval);
  // REQUIRES: one call for one started().
  std::optional<Strain> ended(TimePoint now, Outcome::Reason reason);

 private:
  std::optional<Strain> strained(TimePoint now, Strain::Cause cause, Duration lateness);

  uint32_t most_;
  uint32_t limit_;
  uint32_t under_way_ = 0;
  TimePoint last_shortage_{};  // or the last time the limit was raised after one
  Strain::Cause cause_ = Strain::Cause::kNone;
  TimePoint last_strain_{};
};

}  // namespace tandem::checkers
