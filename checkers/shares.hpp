// What a server's weight becomes on its way to the scheduler: slow start, latency, and the shares of checks.
//
// A share is a number of hundredths of the weight. Weights are small whole numbers, so a service in which shares occur
// says all of its weights a hundred times as large (ServicePolicy::hundredths).
//
// Slow start. In ten equal steps: a tenth of the weight at once, two tenths after a tenth of the time, and all of it after
// nine tenths.
//
// Latency. What a server's first check takes is smoothed by an eighth (RFC 6298, 2.3). The fastest server of the service
// has its whole weight; one that takes longer has (fastest + 1 ms) / (its own + 1 ms) of it, but a tenth at least. The
// millisecond keeps the noise of a fast network out. Shares are looked at every 5 s, and one is said anew when it moved
// by a tenth of itself.
#pragma once

#include <algorithm>
#include <cstdint>

#include "daemon/base/time.hpp"

namespace tandem::checkers {

constexpr uint32_t kWhole = 100;
constexpr uint32_t kMostWeight = 65535;
constexpr uint32_t kRampSteps = 10;
constexpr Duration kReweighInterval = 5s;

// REQUIRES: ramp > 0.
constexpr uint32_t ramp_share(Duration since, Duration ramp) {
  const auto step = std::clamp<int64_t>(since.count() * kRampSteps / ramp.count(), 0, kRampSteps - 1);
  return static_cast<uint32_t>(step + 1) * kWhole / kRampSteps;
}
// How long after its beginning a ramp takes its next step; a whole weight takes none.
constexpr Duration next_ramp_step(Duration since, Duration ramp) {
  const auto step = std::clamp<int64_t>(since.count() * kRampSteps / ramp.count(), 0, kRampSteps - 1);
  return (ramp * (step + 1) + Duration(kRampSteps - 1)) / kRampSteps;
}

constexpr uint32_t smoothed_latency_us(uint32_t before, uint32_t now) {
  const int64_t after = before == 0 ? int64_t{now} : before + (int64_t{now} - before) / 8;
  return static_cast<uint32_t>(std::max<int64_t>(after, 1));
}
constexpr uint32_t latency_share(uint32_t fastest_us, uint32_t own_us) {
  const uint64_t own = uint64_t{own_us} + 1000;
  const uint64_t share = ((uint64_t{fastest_us} + 1000) * kWhole + own / 2) / own;
  return static_cast<uint32_t>(std::clamp<uint64_t>(share, kWhole / 10, kWhole));
}
constexpr bool moved_enough(uint32_t said, uint32_t now) {
  const uint32_t apart = said > now ? said - now : now - said;
  return apart * 10 >= said || (now == kWhole && now != said);
}

// `weight` as it is said. Nothing of a weight is left only where a share is 0.
constexpr uint32_t weight_said(uint32_t weight, bool hundredths, uint32_t by_checks, uint32_t by_ramp,
                               uint32_t by_latency) {
  if (weight == 0 || by_checks == 0) return 0;
  const uint64_t shares = uint64_t{by_checks} * by_ramp * by_latency;
  const uint64_t scaled = uint64_t{weight} * (hundredths ? 100 : 1) * shares / (uint64_t{kWhole} * kWhole * kWhole);
  return static_cast<uint32_t>(std::clamp<uint64_t>(scaled, 1, kMostWeight));
}

}  // namespace tandem::checkers
