#include "forwarding/sync/refresher.hpp"

#include <gtest/gtest.h>

#include <map>

#include "forwarding/sync/test_table.hpp"

namespace tandem::forwarding::sync {
namespace {

// Runs the walk for `time`, taking dirty bits as a sender would; counts how often each port's flow was told.
std::map<uint16_t, int> told_within(TestTable& table, Duration time, bool packets_flow) {
  Refresher refresher(*table);
  std::map<uint16_t, int> told;
  for (TimePoint now = kBegin; now < kBegin + time; now += 200ms) {
    if (packets_flow)
      for (uint16_t port = 1; port <= 100; ++port) table.packet(1, port, 1, 11, FlowState::kEstablished, now, false);
    refresher.step(now);
    table->take_dirty(0, 0, SIZE_MAX, [&](const Flow& flow) { ++told[flow.client_port()]; });
  }
  return told;
}

TEST(Refresher, ABusyFlowIsToldAgainWellBeforeItsLifetimeEnds) {
  TestTable table;
  const auto told = told_within(table, timeout_of(FlowState::kEstablished), true);
  ASSERT_EQ(told.size(), 100U);
  for (const auto& [port, times] : told) {
    EXPECT_GE(times, 2) << port;  // at most a third of the lifetime apart
    EXPECT_LE(times, 5) << port;
  }
}

TEST(Refresher, AFlowThatSleepsIsLeftToGrowOld) {
  TestTable table;
  for (uint16_t port = 1; port <= 100; ++port)
    table.packet(1, port, 1, 11, FlowState::kEstablished, kBegin - 400s, false);
  EXPECT_TRUE(told_within(table, 900s, false).empty());
}

TEST(Refresher, WhatWasLearntIsNotTold) {
  TestTable table;
  const uint64_t value =
      tandem_flow_value(11, static_cast<uint8_t>(FlowState::kEstablished), TANDEM_FLOW_LEARNT, tick_of(kBegin));
  table->insert(kTcpNumber, tandem_flow_key(1, 1, 1), value);
  EXPECT_TRUE(told_within(table, 300s, false).empty());
}

TEST(Refresher, AWalkThatWasHeldUpGoesOnWhereItStood) {
  TestTable table;
  Refresher refresher(*table);
  for (uint16_t port = 1; port <= 100; ++port) table.packet(1, port, 1, 11, FlowState::kClose, kBegin, false);
  refresher.step(kBegin);
  refresher.step(kBegin + 9s);  // a whole round at once; flows that live for 10 s have their turn in every one
  size_t dirty = 0;
  table->take_dirty(0, 0, SIZE_MAX, [&](const Flow&) { ++dirty; });
  EXPECT_EQ(dirty, 100U);
}

}  // namespace
}  // namespace tandem::forwarding::sync
