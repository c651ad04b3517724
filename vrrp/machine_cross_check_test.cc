// What a backup does that hears nobody and may ask the peers by another way.
#include <gmock/gmock.h>

#include "vrrp/machine_test_bench.hpp"

namespace tandem::vrrp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Priority 100 at 1 s: the down interval is 3609.375 ms; the peers are asked 100 ms before its end.
class MachineCrossCheck : public ::testing::Test, public MachineBench {
 protected:
  static Settings checking() {
    Settings settings = defaults();
    settings.peer_link = settings.cross_check = true;
    return settings;
  }
};

TEST_F(MachineCrossCheck, AsksOnceBeforeTheDownIntervalEndsAndTakesOverWhenNobodyAnswers) {
  build_backup(checking());
  EXPECT_THAT(run(3509ms), IsEmpty());
  EXPECT_THAT(run(1ms), ElementsAre(Action(AskPeers{})));
  EXPECT_THAT(run(99ms), IsEmpty());
  run(1ms);
  EXPECT_EQ(machine_.reason(), Reason::kActiveSilent);
}

TEST_F(MachineCrossCheck, StaysBackupForAnotherDownIntervalWhenAPeerIsActiveAndSaysSoOnce) {
  build_backup(checking());
  run(3550ms);
  say(PeerAffirms{"dir-a"});
  EXPECT_THAT(run(100ms), ElementsAre(Action(UnheardActive{.peer = "dir-a"})));
  EXPECT_EQ(machine_.state(), State::kBackup);
  EXPECT_THAT(run(3500ms), ElementsAre(Action(AskPeers{})));
  say(PeerAffirms{"dir-a"});
  EXPECT_THAT(run(200ms), IsEmpty());
  EXPECT_EQ(machine_.state(), State::kBackup);
  EXPECT_EQ(machine_.counters().deaf_intervals, 2u);
}

TEST_F(MachineCrossCheck, TakesOverOnceThePeerThatWasActiveAnswersNoMore) {
  build_backup(checking());
  run(3550ms);
  say(PeerAffirms{"dir-a"});
  run(3650ms);
  EXPECT_EQ(machine_.state(), State::kBackup);
  run(100ms);
  EXPECT_EQ(machine_.reason(), Reason::kActiveSilent);
}

TEST_F(MachineCrossCheck, AnAdvertEndsTheMatter) {
  build_backup(checking());
  run(3550ms);
  hear(200);
  say(PeerAffirms{"dir-a"});  // late: nothing is asked any more
  EXPECT_THAT(run(3500ms), IsEmpty());
  EXPECT_THAT(run(50ms), Contains(Action(AskPeers{})));
  EXPECT_EQ(count<UnheardActive>(run(100ms)), 0u);
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineCrossCheck, WhoeverGaveUpIsNotAskedFor) {
  build_backup(checking());
  hear(200);
  hear(0);
  EXPECT_EQ(count<AskPeers>(run(700ms)), 0u);
  EXPECT_EQ(machine_.reason(), Reason::kActiveReleased);
}

TEST_F(MachineCrossCheck, WithoutItTheTimerIsTheTimer) {
  build_backup(defaults());
  EXPECT_EQ(count<AskPeers>(run(10s)), 0u);
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineCrossCheck, WhoTookOverFromSilenceAsksAnIntervalLaterWhetherThereAreTwo) {
  Settings settings = defaults();
  settings.peer_link = true;
  build_active(settings);
  EXPECT_EQ(count<AskPeers>(run(999ms)), 0u);
  EXPECT_EQ(count<AskPeers>(run(1ms)), 1u);
  EXPECT_THAT(say(PeerAffirms{"dir-a"}), ElementsAre(Action(UnheardActive{.peer = "dir-a", .here_too = true})));
  EXPECT_EQ(count<AskPeers>(run(10s)), 0u);
}

// It was about to preempt it, but what was heard of it is old.
TEST_F(MachineCrossCheck, ALowerOneThatFellSilentIsAskedAbout) {
  build_backup(checking());
  hear(from_peer(50, 1s));
  EXPECT_THAT(run(3550ms), ElementsAre(Action(AskPeers{})));
  say(PeerAffirms{"dir-b"});
  EXPECT_THAT(run(100ms), ElementsAre(Action(UnheardActive{.peer = "dir-b"})));
  EXPECT_EQ(machine_.state(), State::kBackup);
}

TEST_F(MachineCrossCheck, ALowerOneThatIsHeardIsPreemptedWithoutAQuestion) {
  build_backup(checking());
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(run(1s), IsEmpty());
    hear(50);
  }
  run(700ms);
  EXPECT_EQ(machine_.reason(), Reason::kPreempted);
}

// Its own pace is what it is measured by: at three times our interval it is heard once in our down interval.
TEST_F(MachineCrossCheck, ASlowLowerOneIsNotSilent) {
  build_backup(checking());
  hear(from_peer(50, 3s));
  EXPECT_EQ(count<AskPeers>(run(3700ms)), 0u);
  EXPECT_EQ(machine_.reason(), Reason::kPreempted);
}

// Stopped for a while, or starved: the question is as late as the takeover.
TEST_F(MachineCrossCheck, ALateQuestionIsStillWaitedFor) {
  build_backup(checking());
  pass(kDown + 500ms);
  EXPECT_THAT(say(DeadlineReached{}), ElementsAre(Action(AskPeers{})));
  EXPECT_EQ(machine_.state(), State::kBackup);
  EXPECT_EQ(waits(), 50ms);
  EXPECT_THAT(say(PeerAffirms{"dir-a"}), IsEmpty());
  run(50ms);
  EXPECT_EQ(machine_.state(), State::kBackup);
}

}  // namespace
}  // namespace tandem::vrrp
