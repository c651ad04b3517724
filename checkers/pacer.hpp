// Spreads the publishing of counters: every server's turn comes once in a period, a few at a time.
//
// The period is 5 s, and longer where more than 500 messages a second would come of it: counters
// are for people, and 50,000 servers must not keep the message board busy with them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include "daemon/base/time.hpp"

namespace tandem::checkers {

class Pacer {
 public:
  void resize(size_t count, TimePoint now) {
    count_ = count;
    if (count == 0) {
      next_.reset();
      return;
    }
    period_ = std::max<Duration>(5s, std::chrono::microseconds(2000) * count);
    step_ = std::max<Duration>(period_ / count, 50ms);
    const auto turns = static_cast<size_t>(period_ / step_);
    batch_ = (count + turns - 1) / turns;
    if (!next_ || *next_ > now + step_) next_ = now + step_;
  }

  std::optional<TimePoint> next() const { return next_; }

  // Calls `turn(index)` for every index whose turn has come.
  void take_turns(TimePoint now, auto&& turn) {
    if (!next_ || *next_ > now) return;
    next_ = now + step_;
    for (size_t i = 0; i < std::min(batch_, count_); ++i) {
      if (cursor_ >= count_) cursor_ = 0;
      turn(cursor_++);
    }
  }

 private:
  size_t count_ = 0;
  size_t batch_ = 1;
  size_t cursor_ = 0;
  Duration period_ = 5s;
  Duration step_ = 5s;
  std::optional<TimePoint> next_;
};

}  // namespace tandem::checkers
