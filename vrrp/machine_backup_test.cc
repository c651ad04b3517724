// RFC 9568, sections 6.1, 6.4.1 and 6.4.2, one clause, one test, in the RFC's order.
#include <gmock/gmock.h>

#include "vrrp/machine_test_bench.hpp"

namespace tandem::vrrp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MachineTimers : public ::testing::Test, public MachineBench {};
class MachineInitialize : public ::testing::Test, public MachineBench {};
class MachineBackup : public ::testing::Test, public MachineBench {
 protected:
  void SetUp() override { build_backup(defaults()); }
};

// ---- 6.1 Parameters -----------------------------------------------------------------------------------------------

TEST_F(MachineTimers, SkewTimeIsTheShareOfTheIntervalThatThePriorityLacks) {  // 6.1 Skew_Time
  EXPECT_EQ(skew_time(100, 1s), 609'375us);
  EXPECT_EQ(skew_time(254, 1s), 7'812'500ns);
  EXPECT_EQ(skew_time(255, 1s), 3'906'250ns);
  EXPECT_EQ(skew_time(1, 1s), 996'093'750ns);
  EXPECT_EQ(skew_time(200, 10ms), 2'187'500ns);
}

TEST_F(MachineTimers, ActiveDownIntervalIsThreeIntervalsAndASkew) {  // 6.1 Active_Down_Interval
  EXPECT_EQ(active_down_interval(100, 1s), 3'609'375us);
  EXPECT_EQ(active_down_interval(100, 100ms), 360'937'500ns);
  EXPECT_EQ(active_down_interval(200, 10ms), 32'187'500ns);
  EXPECT_EQ(active_down_interval(1, 40'950ms), 163'640'039'062ns);
}

TEST_F(MachineTimers, ALearnedIntervalIsBoundedByThreeOfOurOwn) {  // against one forged advert of 40.95 s
  EXPECT_EQ(learned_interval(40'950ms, 1s), 3s);
  EXPECT_EQ(learned_interval(3s, 1s), 3s);
  EXPECT_EQ(learned_interval(10ms, 1s), 10ms);
}

// ---- 6.4.1 Initialize ---------------------------------------------------------------------------------------------

TEST_F(MachineInitialize, WaitsForNothingBeforeItIsStarted) {
  EXPECT_EQ(machine_.deadline(), std::nullopt);
  EXPECT_THAT(hear(200), IsEmpty());
  EXPECT_THAT(say(Stop{}), IsEmpty());
  EXPECT_EQ(machine_.state(), State::kInitialize);
}

TEST_F(MachineInitialize, TheOwnerAdvertisesAnnouncesAndIsActiveAtOnce) {  // 6.4.1: priority 255
  Settings settings = defaults();
  settings.priority = 255;
  build(settings);
  EXPECT_THAT(say(Start{}), ElementsAre(Action(SendAdvert{255}), Action(AddAddresses{all()}), Action(Announce{all()}),
                                        changed(State::kInitialize, State::kActive, Reason::kOwner)));
  EXPECT_EQ(waits(), 1s);  // Adver_Timer := Advertisement_Interval
  EXPECT_EQ(machine_.counters().new_active_reason, NewActiveReason::kPriority);
}

TEST_F(MachineInitialize, EverybodyElseListensForAnActiveDownInterval) {  // 6.4.1: else
  build(defaults());
  EXPECT_THAT(say(Start{}), ElementsAre(Action(RemoveAddresses{all()}),  // what an earlier life may have left
                                        changed(State::kInitialize, State::kBackup, Reason::kStarted)));
  EXPECT_EQ(machine_.active_adver_interval(), 1s);  // Active_Adver_Interval := Advertisement_Interval
  EXPECT_EQ(waits(), kDown);
}

// ---- 6.4.2 Backup -------------------------------------------------------------------------------------------------

TEST_F(MachineBackup, GivesUpAndReturnsToInitializeOnShutdown) {  // 6.4.2: Shutdown event
  EXPECT_THAT(say(Stop{}), ElementsAre(changed(State::kBackup, State::kInitialize, Reason::kStopped)));
  EXPECT_EQ(machine_.deadline(), std::nullopt);  // Cancel the Active_Down_Timer
}

TEST_F(MachineBackup, BecomesActiveWhenTheDownTimerFires) {  // 6.4.2: Active_Down_Timer fires
  EXPECT_THAT(run_to_deadline(),
              ElementsAre(Action(SendAdvert{100}), Action(AddAddresses{all()}), Action(Announce{all()}),
                          changed(State::kBackup, State::kActive, Reason::kActiveSilent)));
  EXPECT_EQ(waits(), 1s);
  EXPECT_EQ(machine_.counters().new_active_reason, NewActiveReason::kActiveNoResponse);
  EXPECT_EQ(machine_.counters().active_transitions, 1u);
}

TEST_F(MachineBackup, DoesNothingBeforeTheDownTimerFires) {
  pass(kDown - 1ns);
  EXPECT_THAT(say(DeadlineReached{}), IsEmpty());
  EXPECT_EQ(machine_.state(), State::kBackup);
}

TEST_F(MachineBackup, WaitsOneSkewTimeWhenTheActiveGivesUp) {  // 6.4.2: priority in the advert is 0
  hear(200);
  pass(100ms);
  EXPECT_THAT(hear(0), IsEmpty());
  EXPECT_EQ(waits(), kSkew);
  EXPECT_THAT(run_to_deadline(), ::testing::Contains(changed(State::kBackup, State::kActive, Reason::kActiveReleased)));
}

TEST_F(MachineBackup, TakesTheSkewFromTheIntervalOfTheActive) {  // 6.1: Skew_Time of Active_Adver_Interval
  hear(from_peer(200, 2s));
  hear(0);
  EXPECT_EQ(waits(), skew_time(100, 2s));
}

TEST_F(MachineBackup, ARepeatedReleaseDoesNotPutOffTheTakeover) {  // beyond the RFC: a forged stream of priority 0
  hear(200);
  hear(0);
  const TimePoint due = machine_.deadline().value();
  for (int i = 0; i < 3; ++i) {
    pass(150ms);
    hear(0);
    EXPECT_EQ(machine_.deadline(), due);
  }
  EXPECT_EQ(machine_.counters().repeated_releases, 3u);
  EXPECT_EQ(machine_.counters().priority_zero_received, 4u);
}

TEST_F(MachineBackup, AReleaseLateInTheWaitDoesNotPutOffTheTakeoverEither) {
  pass(kDown - 10ms);
  hear(0);
  EXPECT_EQ(waits(), 10ms);
}

TEST_F(MachineBackup, AnAdvertAfterAReleaseIsFollowedAgain) {
  hear(0);
  hear(200);
  EXPECT_EQ(waits(), kDown);
  hear(0);
  EXPECT_EQ(waits(), kSkew);
  EXPECT_EQ(machine_.counters().repeated_releases, 0u);
}

TEST_F(MachineBackup, RestartsTheDownTimerWhenAHigherPriorityIsHeard) {  // 6.4.2: priority >= local
  pass(2s);
  EXPECT_THAT(hear(101), IsEmpty());
  EXPECT_EQ(waits(), kDown);
  EXPECT_EQ(machine_.active_address(), address("10.99.0.9"));
}

TEST_F(MachineBackup, RestartsTheDownTimerWhenAnEqualPriorityIsHeardFromEitherSide) {  // 6.4.2: no tie-break here
  for (const char* source : {"10.99.0.1", "10.99.0.9"}) {
    pass(2s);
    hear(from_peer(100, 1s, source));
    EXPECT_EQ(waits(), kDown) << source;
  }
}

TEST_F(MachineBackup, LearnsTheIntervalOfTheActiveAndRecalculates) {  // 6.4.2: Active_Adver_Interval := Max Adver Int
  hear(from_peer(200, 100ms));
  EXPECT_EQ(machine_.active_adver_interval(), 100ms);
  EXPECT_EQ(waits(), 360'937'500ns);
  hear(from_peer(200, 2s));
  EXPECT_EQ(waits(), active_down_interval(100, 2s));
}

TEST_F(MachineBackup, BoundsAForgedInterval) {  // beyond the RFC: 40.95 s would leave no active for 140 s
  hear(from_peer(200, 40'950ms));
  EXPECT_EQ(machine_.active_adver_interval(), 3s);
  EXPECT_EQ(waits(), active_down_interval(100, 3s));
  EXPECT_EQ(machine_.counters().clamped_intervals, 1u);
}

TEST_F(MachineBackup, AdvertisesItsOwnIntervalNotTheLearnedOne) {  // 5.2.7
  hear(from_peer(200, 100ms));
  run_to_deadline();
  EXPECT_EQ(machine_.advert(100).advert_interval, 1s);
  EXPECT_EQ(waits(), 1s);
}

TEST_F(MachineBackup, KeepsWaitingWhenALowerPriorityIsHeard) {  // 6.4.2: else, discard; the timer is not touched
  const TimePoint due = machine_.deadline().value();
  for (int i = 0; i < 3; ++i) {
    pass(1s);
    hear(from_peer(99, 10ms));
    EXPECT_EQ(machine_.deadline(), due);
  }
  EXPECT_EQ(machine_.active_adver_interval(), 1s);
  EXPECT_THAT(run_to_deadline(), ::testing::Contains(changed(State::kBackup, State::kActive, Reason::kPreempted)));
  EXPECT_EQ(machine_.counters().new_active_reason, NewActiveReason::kPreempted);
}

TEST_F(MachineBackup, ALowerActiveThatFellSilentIsNotCalledPreempted) {
  hear(from_peer(99));
  hear(from_peer(200));
  EXPECT_THAT(run_to_deadline(), ::testing::Contains(changed(State::kBackup, State::kActive, Reason::kActiveSilent)));
}

TEST_F(MachineBackup, FollowsALowerPriorityWithoutPreemption) {  // 6.4.2: Preempt_Mode is False
  Settings settings = defaults();
  settings.preempt = false;
  build_backup(settings);
  pass(2s);
  hear(1);
  EXPECT_EQ(waits(), kDown);
  EXPECT_EQ(run_to_deadline().size(), 4u);
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineBackup, AnOwnerPreemptsAlways) {  // 6.1: Preempt_Mode, note on the owner
  Settings settings = defaults();
  settings.priority = 255;
  settings.preempt = false;
  settings.preempt_delay = 30s;
  build(settings);
  say(PreemptHold{true, "not in step"});
  say(Start{});
  pass(10s);
  say(DeadlineReached{});  // slept, so it stepped back
  ASSERT_EQ(machine_.state(), State::kBackup);
  hear(200);
  EXPECT_EQ(waits(), active_down_interval(255, 1s));
  run_to_deadline();
  EXPECT_EQ(machine_.state(), State::kActive);
}

// ---- 7.1 Refused adverts ------------------------------------------------------------------------------------------

TEST_F(MachineBackup, ARefusedAdvertTouchesNoTimer) {  // 7.1: discard
  for (size_t error = 0; error < kAdvertErrors; ++error) {
    const TimePoint due = machine_.deadline().value();
    pass(100ms);
    EXPECT_THAT(say(AdvertRejected{static_cast<AdvertError>(error)}), IsEmpty());
    EXPECT_EQ(machine_.deadline(), due);
    EXPECT_EQ(machine_.counters().rejected[error], 1u);
  }
  EXPECT_EQ(machine_.counters().adverts_rejected, kAdvertErrors);
  EXPECT_EQ(machine_.counters().adverts_received, 0u);
  EXPECT_EQ(machine_.counters().adv_interval_errors, 1u);
  EXPECT_EQ(machine_.counters().address_list_errors, 1u);
}

// ---- Late wakeups -------------------------------------------------------------------------------------------------

TEST_F(MachineBackup, GivesWaitingAdvertsOneSkewTimeWhenItWakesUpLate) {
  pass(kDown + 1s + 1ns);
  EXPECT_THAT(say(DeadlineReached{}), IsEmpty());
  EXPECT_EQ(waits(), kSkew);
  EXPECT_EQ(machine_.counters().late_wakeups, 1u);
  hear(200);  // it was waiting in the socket
  EXPECT_EQ(waits(), kDown);
}

TEST_F(MachineBackup, TakesOverAfterThatGraceEvenWhenItIsLateAgain) {
  pass(kDown + 1min);
  say(DeadlineReached{});
  pass(1min);
  say(DeadlineReached{});
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineBackup, ASmallDelayIsNoLateWakeup) {
  pass(kDown + 1s);
  say(DeadlineReached{});
  EXPECT_EQ(machine_.state(), State::kActive);
}

}  // namespace
}  // namespace tandem::vrrp
