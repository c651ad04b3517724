#include "checkers/throttle.hpp"

#include <algorithm>

#include "daemon/base/assert.hpp"

namespace tandem::checkers {
namespace {

constexpr Duration kRaiseEvery = 100ms;  // a try too many costs one failed call; a second would be an interval lost
constexpr Duration kCalmAfter = 30s;     // without strain, before it is said to be over

}  // namespace

std::optional<Strain> Throttle::started(TimePoint now, TimePoint planned, Duration interval) {
  TANDEM_ASSERT(may_start());
  const bool was_full = ++under_way_ == limit_;
  // Late by more than half an interval with every place taken: not a hiccup of the machine.
  if (was_full && now - planned > interval / 2) return strained(now, Strain::Cause::kConcurrency, now - planned);
  return std::nullopt;
}

std::optional<Strain> Throttle::ended(TimePoint now, Outcome::Reason reason) {
  TANDEM_ASSERT(under_way_ > 0);
  --under_way_;
  if (reason == Outcome::Reason::kNoResources) {
    limit_ = std::max(1U, std::min(limit_, under_way_));
    last_shortage_ = now;
    return strained(now, Strain::Cause::kDescriptors, Duration::zero());
  }
  if (limit_ < most_ && now - last_shortage_ >= kRaiseEvery) {
    limit_ = limit_ > most_ / 2 ? most_ : limit_ * 2;
    last_shortage_ = now;
  }
  if (cause_ != Strain::Cause::kNone && now - last_strain_ >= kCalmAfter) {
    cause_ = Strain::Cause::kNone;
    return Strain{.limit = limit_};
  }
  return std::nullopt;
}

std::optional<Strain> Throttle::strained(TimePoint now, Strain::Cause cause, Duration lateness) {
  last_strain_ = now;
  // While descriptors are short, places are short too: one word until it is over.
  if (cause_ == cause || cause_ == Strain::Cause::kDescriptors) return std::nullopt;
  cause_ = cause;
  return Strain{.cause = cause, .limit = limit_, .lateness = lateness};
}

}  // namespace tandem::checkers
