#include "checkers/health.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace tandem::checkers {
namespace {

Outcome ok() {
  return {.took = 300us};
}
Outcome refused() {
  return {.reason = Outcome::Reason::kRefused};
}
Outcome shortage() {
  return {.reason = Outcome::Reason::kNoResources};
}

// '+' a success, '-' a failure, '.' an attempt that could not be made.
Outcome outcome_of(char letter) {
  return letter == '+' ? ok() : letter == '-' ? refused() : shortage();
}

struct Row {
  uint32_t rise, fall;
  const char* outcomes;
  const char* states;  // U, D after each outcome
};

TEST(Health, FollowsTheTable) {
  const Row rows[] = {
      {2, 3, "+", "U"},                    // the first answer decides at once
      {9, 9, "-+", "DD"},                  // both ways
      {2, 3, "-++", "DDU"},                // rise
      {2, 3, "-+-+-++", "DDDDDDU"},        // only in a row
      {2, 3, "+---", "UUUD"},              // fall
      {2, 3, "+--+--+---", "UUUUUUUUUD"},  // only in a row
      {1, 1, "+-+-", "UDUD"},              // no damping when asked for none
      {2, 3, "..+", "DDU"},                // what says nothing is not the first answer
      {2, 3, "+-.-.-", "UUUUUD"},          // and does not break a row
      {2, 3, "+---+-++", "UUUDDDDU"},
  };
  for (const Row& row : rows) {
    Health health = Health::fresh(0);
    const Check check{.rise = row.rise, .fall = row.fall};
    std::string states;
    for (const char letter : std::string(row.outcomes)) {
      health.on(outcome_of(letter), check, 0);
      states += health.up() ? 'U' : 'D';
    }
    EXPECT_EQ(states, row.states) << row.outcomes;
  }
}

// The rule in other words: up turns down when the last `fall` results all failed, and so on.
TEST(Health, AgreesWithTenLinesOfReference) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 dice(seed);
    const Check check{.rise = 1 + static_cast<uint32_t>(dice() % 5), .fall = 1 + static_cast<uint32_t>(dice() % 5)};
    const uint64_t success_percent = 20 + dice() % 60;
    Health health = Health::fresh(0);
    std::string history;
    bool up = false;
    for (int i = 0; i < 400; ++i) {
      history += dice() % 100 < success_percent ? '+' : '-';
      const auto last_all = [&](size_t count, char letter) {
        return history.size() >= count &&
               std::ranges::all_of(history.substr(history.size() - count), [letter](char c) { return c == letter; });
      };
      const bool before = up;
      up = history.size() == 1 ? history[0] == '+' : up ? !last_all(check.fall, '-') : last_all(check.rise, '+');
      const auto change = health.on(outcome_of(history.back()), check, 0);
      ASSERT_EQ(health.up(), up) << "seed " << seed << " after " << history;
      if (history.size() > 1) {
        ASSERT_EQ(change != Health::Change::kNone, up != before) << "seed " << seed;
      }
    }
    EXPECT_EQ(health.record().attempts, 400U);
    EXPECT_EQ(health.record().failures, std::ranges::count(history, '-'));
  }
}

TEST(Health, ANewServerIsDownAndUnknownUntilItsFirstAttemptEnds) {
  Health health = Health::fresh(1000);
  EXPECT_FALSE(health.up());
  EXPECT_FALSE(health.record().known);
  EXPECT_EQ(health.record().reason, "waiting for its first check");
  EXPECT_EQ(health.on(refused(), {}, 2000), Health::Change::kDown);
  EXPECT_TRUE(health.record().known);
  EXPECT_EQ(health.record().reason, "connection refused");
  EXPECT_EQ(health.record().since_unix_ms, 2000U);
}

TEST(Health, SaysWhenAndWhyItChangedLast) {
  Health health = Health::fresh(0);
  const Check check{.fall = 3};
  EXPECT_EQ(health.on(ok(), check, 10), Health::Change::kUp);
  health.on(refused(), check, 20);
  health.on(refused(), check, 30);
  EXPECT_EQ(health.record().since_unix_ms, 10U);
  EXPECT_EQ(health.on(refused(), check, 40), Health::Change::kDown);
  EXPECT_EQ(health.record().since_unix_ms, 40U);
  EXPECT_EQ(health.record().reason, "connection refused (3 in a row)");
  health.on(refused(), check, 50);
  EXPECT_EQ(health.record().since_unix_ms, 40U);
}

TEST(Health, ARestoredServerNeedsAWholeRowToChange) {
  Health health(HealthRecord{.up = true, .known = true, .reason = "connected", .attempts = 70});
  const Check check{.fall = 2};
  EXPECT_EQ(health.on(refused(), check, 0), Health::Change::kNone);
  EXPECT_EQ(health.on(refused(), check, 0), Health::Change::kDown);
  EXPECT_EQ(health.record().attempts, 72U);
}

TEST(Health, AnEditedCheckStartsANewRowAndKeepsTheState) {
  Health health = Health::fresh(0);
  const Check check{.fall = 2};
  health.on(ok(), check, 0);
  health.on(refused(), check, 0);
  health.check_changed();
  health.on(refused(), check, 0);
  EXPECT_TRUE(health.up());
  health.on(refused(), check, 0);
  EXPECT_FALSE(health.up());
}

TEST(Health, RemembersHowTheLastAttemptsEndedThoseAlikeInARowAsOne) {
  Health health = Health::fresh(0);
  for (uint64_t i = 1; i <= 1000; ++i) health.on(ok(), {}, i);
  health.on(refused(), {}, 1001);
  ASSERT_EQ(health.record().recent.size(), 2U);
  EXPECT_EQ(health.record().recent[0], (AttemptRun{true, "connected", 1000, 1, 1000, 300}));
  EXPECT_EQ(health.record().recent[1].words, "connection refused");
  for (uint64_t i = 0; i < 100; ++i) health.on(i % 2 == 0 ? ok() : refused(), {}, 2000 + i);
  EXPECT_EQ(health.record().recent.size(), kMostRuns);
  EXPECT_EQ(health.record().recent.back().last_unix_ms, 2099U);
}

TEST(Health, AServerThatBeginsUpGoesDownWithItsFirstFailureAndNotWithASuccess) {
  Health health = Health::fresh(0, true);
  EXPECT_TRUE(health.up());
  EXPECT_EQ(health.on(ok(), {}, 1), Health::Change::kNone);
  Health other = Health::fresh(0, true);
  EXPECT_EQ(other.on(refused(), {}, 1), Health::Change::kDown);
}

TEST(Health, KeepsTheDurationOfTheLastAttempt) {
  Health health = Health::fresh(0);
  health.on(Outcome{.took = 1234567ns}, {}, 0);
  EXPECT_EQ(health.record().last_duration_us, 1234U);
}

}  // namespace
}  // namespace tandem::checkers
