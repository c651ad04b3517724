#include "checkers/schedule.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace tandem::checkers {
namespace {

TimePoint at(int64_t ms) {
  return TimePoint(std::chrono::milliseconds(ms));
}

TEST(Schedule, GivesTheEarliestFirstAndOnlyWhenItsTimeHasCome) {
  Schedule schedule;
  schedule.plan(1, at(30));
  schedule.plan(2, at(10));
  schedule.plan(3, at(20));
  EXPECT_EQ(schedule.next(), at(10));
  EXPECT_FALSE(schedule.take_due(at(9)));
  EXPECT_EQ(schedule.take_due(at(25))->id, 2U);
  EXPECT_EQ(schedule.take_due(at(25))->id, 3U);
  EXPECT_FALSE(schedule.take_due(at(25)));
  EXPECT_EQ(schedule.next(), at(30));
}

TEST(Schedule, ANewPlanReplacesTheOldOne) {
  Schedule schedule;
  schedule.plan(1, at(30));
  schedule.plan(1, at(50));
  EXPECT_EQ(schedule.size(), 1U);
  EXPECT_EQ(schedule.next(), at(50));
  schedule.plan(1, at(5));
  EXPECT_EQ(schedule.next(), at(5));
}

TEST(Schedule, DroppingWhatIsNotPlannedIsNothing) {
  Schedule schedule;
  schedule.drop(7);
  schedule.plan(1, at(1));
  schedule.drop(1);
  schedule.drop(1);
  EXPECT_FALSE(schedule.next());
}

TEST(Schedule, AgreesWithASortedSet) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 dice(seed);
    Schedule schedule;
    std::map<uint32_t, TimePoint> plans;
    std::set<std::pair<TimePoint, uint32_t>> order;
    const auto forget = [&](uint32_t id) {
      if (const auto it = plans.find(id); it != plans.end()) {
        order.erase({it->second, id});
        plans.erase(it);
      }
    };
    for (int step = 0; step < 2000; ++step) {
      const auto id = static_cast<uint32_t>(dice() % 100);
      switch (dice() % 4) {
        case 0:
          schedule.drop(id);
          forget(id);
          break;
        case 1: {
          const TimePoint now = at(static_cast<int64_t>(dice() % 1000));
          const auto due = schedule.take_due(now);
          ASSERT_EQ(due.has_value(), !order.empty() && order.begin()->first <= now);
          if (!due) break;
          ASSERT_EQ(due->at, order.begin()->first);
          ASSERT_EQ(plans.at(due->id), due->at);
          forget(due->id);
          break;
        }
        default: {
          const TimePoint when = at(static_cast<int64_t>(dice() % 1000));
          schedule.plan(id, when);
          forget(id);
          plans[id] = when;
          order.insert({when, id});
        }
      }
      ASSERT_EQ(schedule.size(), plans.size());
      ASSERT_EQ(schedule.next().has_value(), !order.empty());
      if (!order.empty()) {
        ASSERT_EQ(*schedule.next(), order.begin()->first);
      }
    }
  }
}

TEST(Jitter, StaysWithinTenPercentAndIsTheSameForTheSameSeed) {
  Jitter one(7), same(7), other(8);
  Duration least = 1h, most = 0s;
  bool differs = false;
  for (int i = 0; i < 10000; ++i) {
    const Duration duration = one.around(1s);
    ASSERT_EQ(duration, same.around(1s));
    differs |= duration != other.around(1s);
    least = std::min(least, duration);
    most = std::max(most, duration);
  }
  EXPECT_TRUE(differs);
  EXPECT_GE(least, 900ms);
  EXPECT_LT(least, 901ms);
  EXPECT_LT(most, 1100ms);
  EXPECT_GT(most, 1099ms);
}

}  // namespace
}  // namespace tandem::checkers
