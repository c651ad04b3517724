#include "checkers/throttle.hpp"

#include <gtest/gtest.h>

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;
TimePoint at(Duration since) {
  return TimePoint(since);
}

TEST(Throttle, ShrinksToWhatIsUnderWayWhenDescriptorsRunOut) {
  Throttle throttle(100);
  for (int i = 0; i < 10; ++i) throttle.started(at(0s), at(0s), 1s);
  const auto strain = throttle.ended(at(0s), Reason::kNoResources);
  ASSERT_TRUE(strain);
  EXPECT_EQ(strain->cause, Strain::Cause::kDescriptors);
  EXPECT_EQ(strain->limit, 9U);
  EXPECT_FALSE(throttle.may_start());
  EXPECT_FALSE(throttle.ended(at(0s), Reason::kNoResources));  // said once
}

TEST(Throttle, DoublesForEverySecondWithoutShortageAndSaysWhenItIsOver) {
  Throttle throttle(100);
  throttle.started(at(0s), at(0s), 1s);
  throttle.ended(at(0s), Reason::kNoResources);
  EXPECT_EQ(throttle.limit(), 1U);  // never less: something must find out that it is over
  std::optional<Strain> strain;
  for (int second = 1; second <= 7; ++second) {
    throttle.started(at(std::chrono::seconds(second)), at(0s), 1h);
    EXPECT_FALSE(throttle.ended(at(std::chrono::seconds(second)), Reason::kPassed));
  }
  EXPECT_EQ(throttle.limit(), 100U);
  throttle.started(at(31s), at(31s), 1s);
  strain = throttle.ended(at(31s), Reason::kPassed);
  ASSERT_TRUE(strain);
  EXPECT_EQ(strain->cause, Strain::Cause::kNone);
}

TEST(Throttle, SaysThatChecksAreLateOnlyWhenEveryPlaceIsTaken) {
  Throttle throttle(2);
  EXPECT_FALSE(throttle.started(at(1s), at(0s), 1s));  // late, but by a hiccup of the machine
  const auto strain = throttle.started(at(1s), at(0s), 1s);
  ASSERT_TRUE(strain);
  EXPECT_EQ(strain->cause, Strain::Cause::kConcurrency);
  EXPECT_EQ(strain->lateness, 1s);
}

}  // namespace
}  // namespace tandem::checkers
