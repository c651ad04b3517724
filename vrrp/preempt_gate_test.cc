#include "vrrp/preempt_gate.hpp"

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

constexpr TimePoint kStart{100s};

TEST(PreemptGate, IsOpenWithoutAPeerLink) {
  PreemptGate gate(kStart);
  EXPECT_EQ(gate.held(kStart), std::nullopt);
  EXPECT_EQ(gate.deadline(kStart), std::nullopt);
}

TEST(PreemptGate, WaitsForThePeerLinkAtStartButNotForEver) {
  PreemptGate gate(kStart);
  gate.set_peer_link(true);
  EXPECT_EQ(gate.held(kStart), "waiting for the peer link");
  EXPECT_EQ(gate.deadline(kStart), kStart + 10s);
  EXPECT_EQ(gate.held(kStart + 10s), std::nullopt);
  EXPECT_EQ(gate.deadline(kStart + 10s), std::nullopt);
}

TEST(PreemptGate, HoldsUntilTheTableIsInStepHoweverLongThatTakes) {
  PreemptGate gate(kStart);
  gate.set_peer_link(true);
  gate.set_peer("dir-b", {.connected = true, .in_step = false});
  EXPECT_EQ(gate.held(kStart + 1h), "the connection table is not in step with dir-b yet");
  EXPECT_EQ(gate.deadline(kStart), std::nullopt);
  gate.set_peer("dir-b", {.connected = true, .in_step = true});
  EXPECT_EQ(gate.held(kStart + 1s), std::nullopt);
}

TEST(PreemptGate, APeerThatIsGoneAgainDoesNotHoldBeyondTheFirstWait) {
  PreemptGate gate(kStart);
  gate.set_peer_link(true);
  gate.set_peer("dir-b", {.connected = true, .in_step = true});
  gate.set_peer("dir-b", {.connected = false, .in_step = false});
  EXPECT_TRUE(gate.held(kStart + 9s));
  EXPECT_EQ(gate.held(kStart + 11s), std::nullopt);
}

TEST(PreemptGate, APeerThatLeftTheSiteHoldsNothing) {
  PreemptGate gate(kStart);
  gate.set_peer_link(true);
  gate.set_peer("dir-b", {.connected = true, .in_step = false});
  gate.forget_peer("dir-b");
  EXPECT_EQ(gate.held(kStart + 11s), std::nullopt);
}

TEST(PreemptGate, OneOfSeveralPeersOutOfStepIsEnoughToHold) {
  PreemptGate gate(kStart);
  gate.set_peer_link(true);
  gate.set_peer("dir-b", {.connected = true, .in_step = true});
  gate.set_peer("dir-c", {.connected = true, .in_step = false});
  EXPECT_TRUE(gate.held(kStart));
}

}  // namespace
}  // namespace tandem::vrrp
