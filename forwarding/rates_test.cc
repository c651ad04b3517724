#include "forwarding/rates.hpp"

#include <gtest/gtest.h>

namespace tandem::forwarding {
namespace {

TEST(Rate, ComesToWhatACounterGrowsBy) {
  Rate rate;
  TimePoint now(1000s);
  for (uint64_t total = 0; total <= 100'000; total += 1000, now += 1s) rate.look(total, now);
  EXPECT_NEAR(static_cast<double>(rate.per_second()), 1000, 1);
}

TEST(Rate, MovesByAQuarterOfTheDifference) {
  Rate rate;
  rate.look(0, TimePoint(10s));
  EXPECT_EQ(rate.per_second(), 0u);
  rate.look(800, TimePoint(12s));  // 400 a second
  EXPECT_EQ(rate.per_second(), 100u);
  rate.look(1200, TimePoint(13s));
  EXPECT_EQ(rate.per_second(), 175u);
}

TEST(Rate, ComesToAnEnd) {
  Rate rate;
  TimePoint now(10s);
  rate.look(0, now);
  rate.look(1'000'000, now += 1s);
  int looks = 0;
  for (; rate.per_second() != 0 && looks < 100; ++looks) rate.look(1'000'000, now += 1s);
  EXPECT_LT(looks, 60);
}

TEST(Rate, OfACounterThatBeganAnewIsNotNegative) {
  Rate rate;
  rate.look(1000, TimePoint(10s));
  rate.look(5, TimePoint(11s));
  EXPECT_EQ(rate.per_second(), 0u);
  rate.look(405, TimePoint(12s));
  EXPECT_EQ(rate.per_second(), 100u);
}

}  // namespace
}  // namespace tandem::forwarding
