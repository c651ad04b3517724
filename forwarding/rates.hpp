// How fast a counter grows, damped: each look moves the rate by a quarter of the difference, as IPVS's estimators do every two
// seconds (ip_vs_est.c).
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "daemon/base/time.hpp"

namespace tandem::forwarding {

class Rate {
 public:
  // The counter as it is now. A counter that went back is a new one.
  void look(uint64_t total, TimePoint now) {
    if (last_ && now > last_->when && total >= last_->total) {
      const double seconds = std::chrono::duration<double>(now - last_->when).count();
      const double fresh = static_cast<double>(total - last_->total) / seconds;
      per_second_ += (fresh - per_second_) / 4;
      if (fresh == 0 && per_second_ < 0.5) per_second_ = 0;  // it would never end
    }
    last_ = {total, now};
  }
  uint64_t per_second() const { return static_cast<uint64_t>(std::llround(per_second_)); }

 private:
  struct Look {
    uint64_t total;
    TimePoint when;
  };
  std::optional<Look> last_;
  double per_second_ = 0;
};

}  // namespace tandem::forwarding
