#include "checkers/passive.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tandem::checkers {
namespace {

const PassiveRule kRule{.on = true, .failures = 50, .minimum = 20, .clients = 5, .window = 10s, .hold = 30s};

TimePoint at(Duration since) {
  return TimePoint(1h) + since;
}
// `failures` of `opened` connections, by so many clients.
PassiveReport report(uint64_t opened, uint64_t failures, uint32_t clients) {
  return {.opened = opened,
          .unanswered = failures / 2,
          .resets = failures - failures / 2,
          .client_marks = clients >= 64 ? ~uint64_t{0} : (uint64_t{1} << clients) - 1};
}

TEST(Passive, AServerThatFailsManyOfManyClientsHasFailedThem) {
  PassiveWindow window;
  const auto why = window.on(report(40, 30, 10), kRule, at(0s));
  ASSERT_TRUE(why);
  EXPECT_EQ(*why, "30 of 40 connections of 11 or so clients failed within 10s (15 not answered, 15 reset)");
}

TEST(Passive, OneClientOrAFewConnectionsOrASmallShareTakeNoServerDown) {
  EXPECT_FALSE(PassiveWindow().on(report(10000, 10000, 1), kRule, at(0s))) << "one hostile client";
  EXPECT_FALSE(PassiveWindow().on(report(10000, 10000, 4), kRule, at(0s)));
  EXPECT_FALSE(PassiveWindow().on(report(19, 19, 19), kRule, at(0s))) << "too few to tell";
  EXPECT_FALSE(PassiveWindow().on(report(100, 49, 40), kRule, at(0s))) << "most fare well";
  EXPECT_TRUE(PassiveWindow().on(report(100, 50, 40), kRule, at(0s)));
}

TEST(Passive, FailuresOfConnectionsThatWereOpenedEarlierAreNotMoreThanAll) {
  EXPECT_TRUE(PassiveWindow().on(report(0, 30, 10), kRule, at(0s)));
}

TEST(Passive, TheWindowForgets) {
  PassiveWindow window;
  EXPECT_FALSE(window.on(report(15, 15, 10), kRule, at(0s)));
  EXPECT_TRUE(window.on(report(15, 15, 10), kRule, at(9s))) << "both within ten seconds";
  PassiveWindow slow;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(slow.on(report(9, 9, 9), kRule, at(6s * i))) << i;
}

TEST(Passive, WhatDoesNotHelpIsHeldTwiceAsLongUpToABound) {
  PassiveWindow window;
  TimePoint now = at(0s);
  Duration expected = 30s;
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(window.hold(kRule, now), expected) << i;
    EXPECT_TRUE(window.held(now + expected - 1ms));
    EXPECT_FALSE(window.held(now + expected));
    now += expected + 20s;
    expected = std::min<Duration>(expected * 2, 30s * 32);
  }
  now += 30s * 32 * 10;
  EXPECT_EQ(window.hold(kRule, now), 30s) << "long ago";
}

TEST(Passive, ClientsAreCountedWithinAQuarterUpToForty) {
  std::mt19937_64 dice(1);
  for (uint32_t clients = 1; clients <= 40; ++clients) {
    double sum = 0;
    for (int run = 0; run < 200; ++run) {
      uint64_t marks = 0;
      for (uint32_t i = 0; i < clients; ++i) marks |= uint64_t{1} << dice() % 64;
      sum += clients_of(marks);
    }
    EXPECT_NEAR(sum / 200, clients, 1 + clients / 10.0);
  }
  EXPECT_EQ(clients_of(0), 0U);
  EXPECT_EQ(clients_of(1), 1U);
  EXPECT_EQ(clients_of(~uint64_t{0}), 266U);
}

}  // namespace
}  // namespace tandem::checkers
