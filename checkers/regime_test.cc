#include "checkers/regime.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "checkers/shares.hpp"

namespace tandem::checkers {
namespace {

Stance up(uint32_t weight, uint8_t group = 1) {
  return {.up = true, .known = true, .weight = weight, .configured = weight, .group = group};
}
Stance down(uint32_t weight, uint8_t group = 1) {
  return {.up = false, .known = true, .weight = weight, .configured = weight, .group = group};
}
Stance unknown(uint32_t weight, uint8_t group = 1) {
  return {.weight = weight, .configured = weight, .group = group};
}
Stance sorry(bool is_up) {
  return {.up = is_up, .known = true, .weight = 1, .configured = 1, .sorry = true};
}
Tally tally_of(const std::vector<Stance>& stances) {
  Tally tally;
  for (const Stance& stance : stances) tally.add(stance);
  return tally;
}

// keepalived's update_quorum_state, as it is written there.
bool keepalived(bool up, uint64_t weight, uint64_t quorum, uint64_t hysteresis) {
  const uint64_t threshold = quorum + (up ? -hysteresis : hysteresis);
  if (up && (weight == 0 || weight < threshold)) return false;
  return up || weight >= threshold;
}

TEST(Quorum, TurnsAsKeepalivedsDoes) {
  for (uint32_t quorum = 1; quorum <= 8; ++quorum)
    for (uint32_t hysteresis = 0; hysteresis < quorum; ++hysteresis)
      for (uint32_t weight = 0; weight <= 20; ++weight)
        for (const bool before : {false, true}) {
          const QuorumRule rule{.quorum = {quorum}, .hysteresis = {hysteresis}};
          const Quorum now = quorum_of(rule, tally_of({up(weight), down(20 - weight)}));
          EXPECT_EQ(now.holds(before), keepalived(before, weight, quorum, hysteresis))
              << weight << " of " << quorum << " +-" << hysteresis;
        }
}

TEST(Quorum, AShareIsOfTheConfiguredWeightOrOfTheServers) {
  const Tally tally = tally_of({up(10), up(1), down(2), sorry(true)});
  EXPECT_EQ(quorum_of({.quorum = {50, true}}, tally), (Quorum{.has = 11, .total = 13, .needed = 7}));
  EXPECT_EQ(quorum_of({.quorum = {50, true}, .hysteresis = {30, true}, .of_servers = true}, tally),
            (Quorum{.has = 2, .total = 3, .needed = 2, .hysteresis = 0}));
  EXPECT_EQ(quorum_of({.quorum = {60, true}, .hysteresis = {20, true}}, tally).hysteresis, 2U);
  EXPECT_EQ(quorum_of({.quorum = {1, true}}, Tally()).needed, 1U) << "nothing is no quorum";
}

TEST(Quorum, DrainedServersAreNotCounted) {
  Stance drained = up(10);
  drained.weight = 0;
  EXPECT_EQ(quorum_of({}, tally_of({drained, up(3)})).has, 3U);
  EXPECT_EQ(quorum_of({.of_servers = true}, tally_of({drained, up(3)})).has, 1U);
}

struct Row {
  const char* what;
  std::vector<Stance> servers;
  uint32_t quorum, minimum;
  bool before, settled;
  Regime expected;
};

TEST(Regime, FollowsTheTableOfItsChapter) {
  const Row rows[] = {
      {"the quorum is there", {up(1), down(1), sorry(true)}, 1, 1, true, true, {true, false, 1}},
      {"gone, and a sorry server is up", {up(1), down(1), sorry(true)}, 2, 1, true, true, {false, true, 1}},
      {"gone, and the sorry server is down", {up(1), down(1), sorry(false)}, 2, 1, true, true, {false, false, 1}},
      {"gone, without a sorry server", {up(1), down(1)}, 2, 1, true, true, {false, false, 1}},
      {"nobody is left", {down(1), sorry(true)}, 1, 1, true, true, {false, true, 1}},
      {"nobody at all", {down(1)}, 1, 1, true, true, {false, false, 1}},
      // spares
      {"the first group is enough", {up(1), up(1), up(1, 2)}, 1, 2, true, true, {true, false, 1}},
      {"one is missing", {up(1), down(1), up(1, 2)}, 1, 2, true, true, {true, false, 2}},
      {"a drained one is missing, too", {up(1), up(0), up(1, 2)}, 1, 2, true, true, {true, false, 2}},
      {"a third group", {down(1), up(1, 2), up(1, 3)}, 1, 2, true, true, {true, false, 3}},
      {"no more than needed", {down(1), up(1, 2), up(1, 3)}, 1, 1, true, true, {true, false, 2}},
      {"an empty number in between", {down(1), up(1, 9)}, 1, 1, true, true, {true, false, 9}},
      {"too few in all", {up(1), up(1, 2), down(1, 2)}, 1, 5, true, true, {true, false, 2}},
      {"spares hold the quorum", {down(1), up(1, 2), sorry(true)}, 1, 1, true, true, {true, false, 2}},
      // the beginning
      {"not yet looked at: no sorry page", {unknown(1), sorry(true)}, 1, 1, false, false, {false, false, 1}},
      {"nor spares", {unknown(1), up(1, 2)}, 1, 1, false, false, {true, false, 1}},
      {"but who is too few anyway", {down(1), unknown(1), sorry(true)}, 2, 1, false, false, {false, true, 1}},
      {"a new server later on", {unknown(1), down(1), sorry(true)}, 1, 1, true, true, {false, true, 1}},
  };
  for (const Row& row : rows) {
    const ServicePolicy policy{.quorum = {.quorum = {row.quorum}}, .group_minimum = row.minimum};
    EXPECT_EQ(regime_of(policy, tally_of(row.servers), row.before, row.settled), row.expected) << row.what;
  }
}

TEST(Tally, WhatIsTakenAwayLeavesNoTrace) {
  std::mt19937_64 dice(7);
  const auto any = [&] {
    return Stance{.up = dice() % 2 == 0,
                  .known = dice() % 2 == 0,
                  .weight = static_cast<uint32_t>(dice() % 4),
                  .configured = static_cast<uint32_t>(dice() % 4),
                  .group = static_cast<uint8_t>(1 + dice() % kMostGroups),
                  .sorry = dice() % 8 == 0};
  };
  std::vector<Stance> kept, all;
  Tally tally;
  for (int i = 0; i < 1000; ++i) {
    const Stance stance = any();
    tally.add(stance);
    (i % 3 == 0 ? kept : all).push_back(stance);
  }
  for (const Stance& stance : all) tally.remove(stance);
  const Tally fresh = tally_of(kept);
  EXPECT_EQ(tally.weight_up(), fresh.weight_up());
  EXPECT_EQ(tally.taking(), fresh.taking());
  EXPECT_EQ(tally.unknown(), fresh.unknown());
  EXPECT_EQ(tally.weight_unknown(), fresh.weight_unknown());
  EXPECT_EQ(tally.configured(), fresh.configured());
  EXPECT_EQ(tally.sorry_taking(), fresh.sorry_taking());
  EXPECT_EQ(tally.servers(), fresh.servers());
  EXPECT_EQ(tally.last_group(), fresh.last_group());
  for (size_t group = 1; group <= kMostGroups; ++group) EXPECT_EQ(tally.taking_of(group), fresh.taking_of(group));
}

TEST(Shares, ARampHasTenStepsAndEndsWithTheWhole) {
  const Duration ramp = 20s;
  Duration at{};
  std::vector<uint32_t> shares;
  while (shares.empty() || shares.back() < kWhole) {
    shares.push_back(ramp_share(at, ramp));
    const Duration next = next_ramp_step(at, ramp);
    ASSERT_GT(next, at);
    EXPECT_EQ(ramp_share(next - 1ns, ramp), shares.back()) << "no step before its time";
    at = next;
  }
  EXPECT_EQ(shares, (std::vector<uint32_t>{10, 20, 30, 40, 50, 60, 70, 80, 90, 100}));
  EXPECT_EQ(at, ramp);
  EXPECT_EQ(ramp_share(1h, ramp), kWhole);
  for (int ns = 1; ns < 40; ++ns) EXPECT_GT(next_ramp_step(Duration(ns / 2), Duration(ns)), Duration(ns / 2));
}

TEST(Shares, LatencyCountsFromAMillisecondOnAndLeavesATenthAtLeast) {
  EXPECT_EQ(latency_share(200, 200), 100U);
  EXPECT_EQ(latency_share(200, 400), 86U);  // the noise of a fast network
  EXPECT_EQ(latency_share(1000, 3000), 50U);
  EXPECT_EQ(latency_share(1000, 10'000'000), 10U);
  EXPECT_EQ(smoothed_latency_us(0, 800), 800U);
  EXPECT_EQ(smoothed_latency_us(800, 1600), 900U);
  EXPECT_EQ(smoothed_latency_us(800, 0), 700U);
  EXPECT_FALSE(moved_enough(50, 54));
  EXPECT_TRUE(moved_enough(50, 55));
  EXPECT_TRUE(moved_enough(99, 100)) << "a whole one is a whole one";
  EXPECT_FALSE(moved_enough(100, 100));
}

TEST(Shares, OfAWeightThereIsAlwaysSomethingLeftUnlessAShareIsNothing) {
  EXPECT_EQ(weight_said(10, false, 100, 100, 100), 10U);
  EXPECT_EQ(weight_said(1, true, 100, 100, 100), 100U);
  EXPECT_EQ(weight_said(1, true, 50, 10, 10), 1U);
  EXPECT_EQ(weight_said(1, false, 50, 100, 100), 1U);
  EXPECT_EQ(weight_said(1, true, 0, 100, 100), 0U);
  EXPECT_EQ(weight_said(0, true, 100, 100, 100), 0U);
  EXPECT_EQ(weight_said(65535, true, 100, 100, 100), kMostWeight);
}

}  // namespace
}  // namespace tandem::checkers
