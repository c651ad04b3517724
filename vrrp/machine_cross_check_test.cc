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

TEST_F(MachineCrossCheck, ALowerOneThatIsHeardIsPreemptedWithoutAQuestion) {
  build_backup(checking());
  hear(50);
  EXPECT_EQ(count<AskPeers>(run(3700ms)), 0u);
  EXPECT_EQ(machine_.reason(), Reason::kPreempted);
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

}  // namespace
}  // namespace tandem::vrrp
