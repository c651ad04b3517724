// Lets one thing through in each span of time and counts the rest, so that a flood of bad packets is not a flood of
// words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "daemon/base/time.hpp"

namespace tandem::vrrp {

class Throttle {
 public:
  explicit Throttle(Duration spacing = std::chrono::seconds(1)) : spacing_(spacing) {}

  // Whether to speak now. If so, `suppressed()` tells how many times it was not since it last was.
  bool allow(TimePoint now) {
    if (last_ && now - *last_ < spacing_) {
      ++waiting_;
      return false;
    }
    last_ = now;
    suppressed_ = std::exchange(waiting_, 0);
    return true;
  }
  uint64_t suppressed() const { return suppressed_; }
  // " (and 12 more like it)", or nothing.
  std::string suffix() const {
    return suppressed_ == 0 ? std::string() : " (and " + std::to_string(suppressed_) + " more since the last report)";
  }

 private:
  Duration spacing_;
  std::optional<TimePoint> last_;
  uint64_t waiting_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace tandem::vrrp
