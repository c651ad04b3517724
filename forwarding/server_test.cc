#include "forwarding/server.hpp"

#include <gtest/gtest.h>

namespace tandem::forwarding {
namespace {

struct Crowd {
  void come(int count) {
    for (int i = 0; i < count; ++i) counts.change(server, 0, Load::kNone, Load::kActive);
  }
  void go(int count) {
    for (int i = 0; i < count; ++i) counts.change(server, 0, Load::kActive, Load::kNone);
  }
  Server server;
  FlowCounts counts;
};

// ip_vs_bind_dest, ip_vs_unbind_dest.
TEST(Thresholds, OverloadAServerAtTheUpperOneAndRelieveItBelowTheLower) {
  Crowd crowd;
  crowd.server.set_thresholds(10, 4);
  crowd.come(9);
  EXPECT_TRUE(crowd.server.takes_new_flows());
  crowd.come(1);
  EXPECT_FALSE(crowd.server.takes_new_flows());
  crowd.go(6);
  EXPECT_FALSE(crowd.server.takes_new_flows());
  crowd.go(1);
  EXPECT_TRUE(crowd.server.takes_new_flows());
}

TEST(Thresholds, WithoutALowerOneRelieveBelowThreeQuarters) {
  Crowd crowd;
  crowd.server.set_thresholds(8, 0);
  crowd.come(8);
  crowd.go(2);
  EXPECT_FALSE(crowd.server.takes_new_flows());
  crowd.go(1);
  EXPECT_TRUE(crowd.server.takes_new_flows());
}

TEST(Thresholds, CountInactiveConnectionsAsWell) {
  Crowd crowd;
  crowd.server.set_thresholds(2, 0);
  crowd.come(1);
  crowd.counts.change(crowd.server, 0, Load::kActive, Load::kInactive);
  EXPECT_TRUE(crowd.server.takes_new_flows());
  crowd.come(1);
  EXPECT_FALSE(crowd.server.takes_new_flows());
}

TEST(Thresholds, AreJudgedAfreshByACountThatWasWrong) {
  Crowd crowd;
  crowd.server.set_thresholds(2, 0);
  crowd.counts.met(crowd.server, Load::kActive);
  crowd.counts.met(crowd.server, Load::kInactive);
  FlowCounts::replace(crowd.server);
  EXPECT_FALSE(crowd.server.takes_new_flows());
  FlowCounts::begin(crowd.server);
  FlowCounts::replace(crowd.server);
  EXPECT_TRUE(crowd.server.takes_new_flows());
}

TEST(Thresholds, AnEditThatRaisesOrRemovesTheUpperOneForgives) {
  Crowd crowd;
  crowd.server.set_thresholds(2, 0);
  crowd.come(2);
  crowd.server.set_thresholds(1, 0);
  EXPECT_FALSE(crowd.server.takes_new_flows());
  crowd.server.set_thresholds(3, 0);
  EXPECT_TRUE(crowd.server.takes_new_flows());
  crowd.come(1);
  EXPECT_FALSE(crowd.server.takes_new_flows());
  crowd.server.set_thresholds(0, 0);
  EXPECT_TRUE(crowd.server.takes_new_flows());
}

TEST(Latency, IsDamped) {
  Server server;
  server.heard_latency(8000);
  EXPECT_EQ(server.latency_us, 8000u);
  server.heard_latency(16000);
  EXPECT_EQ(server.latency_us, 9000u);
  server.heard_latency(1000);
  EXPECT_EQ(server.latency_us, 8000u);
  server.heard_latency(4'000'000'000);
  EXPECT_EQ(server.latency_us, 500'007'000u);
  Server quick;
  quick.heard_latency(0);
  EXPECT_EQ(quick.latency_us, 1u);  // measured
}

}  // namespace
}  // namespace tandem::forwarding
