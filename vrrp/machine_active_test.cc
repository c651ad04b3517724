// RFC 9568, section 6.4.3, one clause, one test, in the RFC's order; then the ends the RFC does not have: sleep and
// restart.
#include <gmock/gmock.h>

#include "vrrp/machine_test_bench.hpp"

namespace tandem::vrrp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MachineActive : public ::testing::Test, public MachineBench {
 protected:
  void SetUp() override {
    build_active(defaults());
    run(5s);  // past the second announcement
  }
};
class MachineRestart : public ::testing::Test, public MachineBench {};

// ---- 6.4.3 Active -------------------------------------------------------------------------------------------------

TEST_F(MachineActive, GivesUpWithPriorityZeroOnShutdown) {  // 6.4.3: Shutdown event
  EXPECT_THAT(say(Stop{}), ElementsAre(Action(SendAdvert{0}), Action(RemoveAddresses{all()}),
                                       changed(State::kActive, State::kInitialize, Reason::kStopped)));
  EXPECT_EQ(machine_.deadline(), std::nullopt);  // Cancel the Adver_Timer
  EXPECT_EQ(machine_.counters().priority_zero_sent, 1u);
}

TEST_F(MachineActive, AdvertisesWhenTheAdverTimerFires) {  // 6.4.3: Adver_Timer fires
  EXPECT_THAT(run_to_deadline(), ElementsAre(Action(SendAdvert{100})));
  EXPECT_EQ(waits(), 1s);
}

TEST_F(MachineActive, KeepsItsPaceWhenTheTimerIsALittleLate) {
  const TimePoint due = machine_.deadline().value();
  now_ = due + 300ms;
  say(DeadlineReached{});
  EXPECT_EQ(machine_.deadline(), due + 1s);
  now_ = due + 2s + 100ms;  // more than an interval: no second advert to catch up
  EXPECT_EQ(count<SendAdvert>(say(DeadlineReached{})), 1u);
  EXPECT_EQ(waits(), 1s);
}

TEST_F(MachineActive, DoesNothingBeforeTheAdverTimerFires) {
  pass(waits() - 1ns);
  EXPECT_THAT(say(DeadlineReached{}), IsEmpty());
}

TEST_F(MachineActive, AnswersAReleaseWithAnAdvert) {  // 6.4.3: priority in the advert is 0
  pass(300ms);
  EXPECT_THAT(hear(0), Contains(Action(SendAdvert{100})));
  EXPECT_EQ(waits(), 1s);  // Reset the Adver_Timer
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineActive, GivesWayToAHigherPriority) {  // 6.4.3: priority greater than local
  EXPECT_THAT(hear(101), ElementsAre(Action(RemoveAddresses{all()}), Action(SendAdvert{100}),
                                     changed(State::kActive, State::kBackup, Reason::kHigherPriority)));
  EXPECT_EQ(waits(), kDown);
  EXPECT_EQ(machine_.active_address(), address("10.99.0.9"));
  EXPECT_EQ(machine_.counters().new_active_reason, NewActiveReason::kNotActive);
}

// Beyond the RFC: when a split heals, the winner's advert may come first, and then it never learns that hosts were told
// to believe somebody else.
TEST_F(MachineActive, SaysGoodbyeToTheWinnerWhichThenAnnouncesEveryAddressAgain) {
  Machine winner({.priority = 150, .legs = defaults().legs});
  winner.on(PrimaryAddressChanged{address("10.99.0.9")}, now_);
  winner.on(Start{Resume{.was_active = true}}, now_);
  pass(500ms);
  const Actions goodbye = hear(winner.advert(150));
  EXPECT_THAT(goodbye, Contains(Action(SendAdvert{100})));
  EXPECT_THAT(winner.on(AdvertReceived{machine_.advert(100)}, now_),
              ElementsAre(Action(SendAdvert{150}), Action(Announce{all()})));
}

TEST_F(MachineActive, LearnsTheIntervalOfTheOneItGivesWayTo) {  // 6.4.3: Active_Adver_Interval := Max Adver Int
  hear(from_peer(200, 2s));
  EXPECT_EQ(waits(), active_down_interval(100, 2s));
}

TEST_F(MachineActive, GivesWayToAnEqualPriorityWithAHigherAddress) {  // 6.4.3: or equal, and greater source
  EXPECT_THAT(hear(from_peer(100, 1s, "10.99.0.6")),
              Contains(changed(State::kActive, State::kBackup, Reason::kHigherAddress)));
}

TEST_F(MachineActive, ComparesAddressesAsUnsignedNumbers) {  // 6.4.3: in network byte order
  say(PrimaryAddressChanged{address("127.255.255.255")});
  hear(from_peer(100, 1s, "128.0.0.0"));
  EXPECT_EQ(machine_.state(), State::kBackup);
}

TEST_F(MachineActive, StaysAgainstAnEqualPriorityWithALowerAddress) {  // 6.4.3: else
  EXPECT_THAT(hear(from_peer(100, 1s, "10.99.0.4")), Contains(Action(SendAdvert{100})));
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineActive, AnswersALowerPriorityWithAnAdvertAndAnnouncesEveryAddress) {  // 6.4.3, new in RFC 9568
  pass(300ms);
  EXPECT_THAT(hear(99), ElementsAre(Action(SendAdvert{100}), Action(Announce{all()})));
  EXPECT_EQ(machine_.state(), State::kActive);
  EXPECT_EQ(machine_.counters().assertions, 1u);
}

TEST_F(MachineActive, AnnouncesASecondTimeFiveSecondsAfterTheLastAssertion) {
  hear(99);
  EXPECT_EQ(count<Announce>(run(4999ms)), 0u);
  EXPECT_EQ(count<Announce>(run(1ms)), 1u);
  EXPECT_EQ(count<Announce>(run(1min)), 0u);
}

TEST_F(MachineActive, AFloodOfLowerAdvertsIsNotAnsweredOneForOne) {
  size_t adverts = 0;
  size_t announcements = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Actions actions = hear(99);
    adverts += count<SendAdvert>(actions);
    announcements += count<Announce>(actions);
    pass(100us);
  }
  EXPECT_EQ(adverts, 10u);  // in one interval
  EXPECT_EQ(announcements, 1u);
  EXPECT_EQ(count<Announce>(run(1s)), 1u);  // and one after the last of them
}

TEST_F(MachineActive, AnnouncesAfterTheLastLowerAdvertEvenWhenThatOneIsNotAnswered) {  // found by the simulator
  hear(99);
  pass(1ms);
  EXPECT_THAT(hear(99), IsEmpty());  // the loser's goodbye, right after our answer
  EXPECT_EQ(count<Announce>(run(999ms)), 1u);
}

TEST_F(MachineActive, AFloodOfLowerAdvertsDoesNotDisturbThePace) {
  for (int i = 0; i < 500; ++i) {
    hear(99);
    pass(10ms);
    EXPECT_LE(waits(), 1s);
    if (waits() <= Duration::zero()) say(DeadlineReached{});
  }
}

TEST_F(MachineActive, ARefusedAdvertTouchesNoTimer) {  // 7.1; keepalived falls silent here
  const TimePoint due = machine_.deadline().value();
  for (int i = 0; i < 9; ++i) {
    pass(100ms);
    EXPECT_THAT(say(AdvertRejected{AdvertError::kChecksum}), IsEmpty());
    EXPECT_EQ(machine_.deadline(), due);
  }
}

// ---- 8.1.2: gratuitous ARP ----------------------------------------------------------------------------------------

TEST_F(MachineActive, AnnouncesAtOnceAndAgainFiveSecondsLater) {
  build_backup(defaults());
  run_to_deadline();
  EXPECT_EQ(count<Announce>(run(4999ms)), 0u);
  EXPECT_EQ(count<Announce>(run(1ms)), 1u);
  EXPECT_EQ(count<Announce>(run(1h)), 0u);
}

TEST_F(MachineActive, ABackupAnnouncesNothing) {
  build_active(defaults());
  hear(200);
  const Actions later = run(3s);
  EXPECT_THAT(later, IsEmpty());
}

// ---- Sleep --------------------------------------------------------------------------------------------------------

TEST_F(MachineActive, StepsBackBeforeItSendsAStaleAdvert) {  // SIGSTOP, a paused VM
  pass(10s);
  // Priority 0 last: the kernel answered for the addresses all the time, so whoever is active must announce them again.
  EXPECT_THAT(say(DeadlineReached{}),
              ElementsAre(Action(RemoveAddresses{all()}), changed(State::kActive, State::kBackup, Reason::kLateWakeup),
                          Action(SendAdvert{kPriorityRelease})));
  EXPECT_EQ(waits(), kDown);
  EXPECT_EQ(machine_.counters().late_wakeups, 1u);
}

TEST_F(MachineActive, StepsBackWhateverWakesItUp) {
  pass(10s);
  EXPECT_THAT(hear(99), testing::Not(testing::Contains(Action(SendAdvert{100}))));  // it would have answered
  EXPECT_EQ(machine_.state(), State::kBackup);
}

TEST_F(MachineActive, FollowsTheNewActiveItWakesUpTo) {
  pass(10s);
  hear(200);
  EXPECT_EQ(machine_.state(), State::kBackup);
  EXPECT_EQ(machine_.reason(), Reason::kLateWakeup);
  EXPECT_EQ(waits(), kDown);
}

TEST_F(MachineActive, ADelayShorterThanItsOwnDownIntervalIsNoReasonToStepBack) {
  now_ = machine_.deadline().value() - 1s + kDown;  // the last advert was one interval before the deadline
  say(DeadlineReached{});
  EXPECT_EQ(machine_.state(), State::kActive);
}

// ---- Restart of the room ------------------------------------------------------------------------------------------

TEST_F(MachineRestart, ResumesAsActiveAtOnceWithoutATransition) {
  build(defaults());
  EXPECT_THAT(say(Start{Resume{.was_active = true, .away = 100ms}}),
              ElementsAre(Action(SendAdvert{100}), Action(AddAddresses{all()}), Action(Announce{all()})));
  EXPECT_EQ(machine_.state(), State::kActive);
  EXPECT_EQ(machine_.reason(), Reason::kResumed);
  EXPECT_EQ(machine_.counters().active_transitions, 0u);
  EXPECT_EQ(waits(), 1s);
}

TEST_F(MachineRestart, ResumesDespiteAHeldPreemption) {
  build(defaults());
  say(PreemptHold{true, "not in step"});
  say(Start{Resume{.was_active = true}});
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineRestart, ListensFirstWhenItWasAwayForLongerThanOthersWait) {
  build(defaults());
  EXPECT_EQ(count<SendAdvert>(say(Start{Resume{.was_active = true, .away = kDown + 1ns}})), 0u);
  EXPECT_EQ(machine_.state(), State::kBackup);
}

TEST_F(MachineRestart, ABackupComesBackAsBackup) {
  build(defaults());
  say(Start{Resume{.was_active = false}});
  EXPECT_EQ(machine_.state(), State::kBackup);
  EXPECT_EQ(waits(), kDown);
}

TEST_F(MachineRestart, DoesNotResumeIntoAFault) {
  build(defaults());
  say(InterfaceDown{"eth0"});
  EXPECT_THAT(
      say(Start{Resume{.was_active = true}}),
      ElementsAre(Action(RemoveAddresses{all()}), changed(State::kInitialize, State::kFault, Reason::kInterfaceDown)));
}

}  // namespace
}  // namespace tandem::vrrp
