// Preemption delayed and held: who waits follows the lower active, and takes over at once when nobody is heard.
#include <gmock/gmock.h>

#include "vrrp/machine_test_bench.hpp"

namespace tandem::vrrp {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

class MachinePreemption : public ::testing::Test, public MachineBench {
 protected:
  static Settings delayed() {
    Settings settings = defaults();
    settings.preempt_delay = 30s;
    return settings;
  }
  // A lower active is heard once a second. The time until the machine takes over, or nothing.
  std::optional<Duration> takes_over_from_a_lower_active_within(Duration limit) {
    const TimePoint begin = now_;
    while (now_ - begin < limit) {
      hear(99);
      run(1s);
      if (machine_.state() == State::kActive) return now_ - begin;
    }
    return std::nullopt;
  }
};
TEST_F(MachinePreemption, ADelayIsCountedFromTheFirstLowerAdvert) {
  build_backup(delayed());
  pass(2s);
  EXPECT_EQ(takes_over_from_a_lower_active_within(1min), 30s);
  EXPECT_EQ(machine_.reason(), Reason::kPreempted);
}

TEST_F(MachinePreemption, ADelayDoesNotHoldBackATakeoverFromNobody) {
  build_backup(delayed());
  EXPECT_EQ(waits(), kDown);
  hear(99);
  EXPECT_EQ(machine_.waiting_for(), "preemption delayed");
  EXPECT_EQ(waits(), kDown);  // the lower one is followed
  run_to_deadline();
  EXPECT_EQ(machine_.reason(), Reason::kActiveSilent);
}

TEST_F(MachinePreemption, ADelayBeginsAnewAfterAHigherActive) {
  build_backup(delayed());
  EXPECT_EQ(takes_over_from_a_lower_active_within(20s), std::nullopt);
  hear(200);
  EXPECT_EQ(takes_over_from_a_lower_active_within(1min), 30s);
}

TEST_F(MachinePreemption, AReleaseOfTheLowerActiveEndsTheDelay) {
  build_backup(delayed());
  hear(99);
  hear(0);
  EXPECT_EQ(waits(), kSkew);
}

TEST_F(MachinePreemption, AHeldRouterFollowsALowerActiveForAsLongAsItTakes) {
  build(defaults());
  say(PreemptHold{true, "dir-b: 40 % received"});
  say(Start{});
  EXPECT_EQ(takes_over_from_a_lower_active_within(10min), std::nullopt);
  EXPECT_EQ(machine_.waiting_for(), "preemption held: dir-b: 40 % received");
  EXPECT_EQ(machine_.active_address(), address("10.99.0.9"));
}

TEST_F(MachinePreemption, AHeldRouterTakesOverWhenNobodyIsHeard) {
  build(defaults());
  say(PreemptHold{true, "no peer link"});
  say(Start{});
  EXPECT_EQ(waits(), kDown);
  run_to_deadline();
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachinePreemption, AHeldRouterTakesOverAtOnceWhenItIsReleased) {
  build(defaults());
  say(PreemptHold{true, "not in step"});
  say(Start{});
  takes_over_from_a_lower_active_within(10s);
  EXPECT_THAT(say(PreemptHold{false, ""}), Contains(changed(State::kBackup, State::kActive, Reason::kPreempted)));
}

TEST_F(MachinePreemption, AReleasedHoldStillHonoursTheDelay) {
  build(delayed());
  say(PreemptHold{true, "not in step"});
  say(Start{});
  takes_over_from_a_lower_active_within(10s);
  EXPECT_THAT(say(PreemptHold{false, ""}), IsEmpty());
  EXPECT_EQ(takes_over_from_a_lower_active_within(1min), 20s);
}

TEST_F(MachinePreemption, AHoldThatComesWhilePreemptingIsHonoured) {
  build_backup(defaults());
  for (int i = 0; i < 3; ++i) {
    hear(99);
    run(1s);
  }
  say(PreemptHold{true, "lost step"});
  EXPECT_EQ(waits(), kDown - 1s);  // followed from its last advert on
  EXPECT_EQ(takes_over_from_a_lower_active_within(1min), std::nullopt);
}

TEST_F(MachinePreemption, AHoldDoesNotMoveAnActiveRouter) {
  build_active(defaults());
  EXPECT_THAT(say(PreemptHold{true, "lost step"}), IsEmpty());
  EXPECT_THAT(hear(99), Contains(Action(SendAdvert{100})));
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachinePreemption, AReloadThatForbidsItEndsTheWait) {
  build(defaults());
  say(PreemptHold{true, "not in step"});
  say(Start{});
  hear(99);
  Settings settings = defaults();
  settings.preempt = false;
  say(SettingsChanged{settings});
  EXPECT_THAT(say(PreemptHold{false, ""}), IsEmpty());
  EXPECT_EQ(takes_over_from_a_lower_active_within(1min), std::nullopt);
}

}  // namespace
}  // namespace tandem::vrrp
