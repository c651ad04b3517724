// A planned change: made before it breaks; and what a link that may be deaf proves.
#include <gmock/gmock.h>

#include "vrrp/machine_test_bench.hpp"

namespace tandem::vrrp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class MachineHandover : public ::testing::Test, public MachineBench {
 protected:
  static Settings lingering() {
    Settings settings = defaults();
    settings.linger = 30ms;
    return settings;
  }
  void build_yielding() {
    build_active(lingering());
    say(GiveWay{500ms});
  }
};

TEST_F(MachineHandover, WhoGivesWayIsSilentAndKeepsItsAddressesUntilTheSuccessorIsHeard) {
  build_yielding();
  EXPECT_THAT(run(400ms), IsEmpty());
  EXPECT_EQ(machine_.state(), State::kActive);
  EXPECT_THAT(hear(99), IsEmpty());
  EXPECT_THAT(run(29ms), IsEmpty());
  EXPECT_THAT(run(1ms), ElementsAre(Action(RemoveAddresses{all()}),
                                    changed(State::kActive, State::kBackup, Reason::kHandedOver)));
}

TEST_F(MachineHandover, NobodySaysGoodbyeToASuccessorThatWouldStepBackForIt) {
  build_yielding();
  hear(99);
  EXPECT_EQ(count<SendAdvert>(run(1s)), 0u);
}

TEST_F(MachineHandover, WithoutASuccessorItGoesOnAsActive) {
  build_yielding();
  EXPECT_THAT(run(500ms), ElementsAre(Action(SendAdvert{100})));
  EXPECT_EQ(count<SendAdvert>(run(3s)), 3u);
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineHandover, ThePatienceMayBeLongerThanTheDownInterval) {
  Settings fast = lingering();
  fast.advert_interval = 10ms;
  build_active(fast);
  say(GiveWay{500ms});
  run(499ms);
  EXPECT_EQ(machine_.state(), State::kActive);
  hear(from_peer(99, 10ms));
  run(30ms);
  EXPECT_EQ(machine_.reason(), Reason::kHandedOver);
}

TEST_F(MachineHandover, WhatWasHandedOverIsNotTakenBackFromALowerOne) {
  build_yielding();
  for (int i = 0; i < 100; ++i) {
    hear(99);
    run(1s);
  }
  EXPECT_EQ(machine_.state(), State::kBackup);
  EXPECT_NE(machine_.waiting_for().find("handed over"), std::string::npos);
  EXPECT_EQ(machine_.active_address(), address("10.99.0.9"));
}

TEST_F(MachineHandover, WhatWasHandedOverIsTakenBackFromSilenceAndOnRequest) {
  build_yielding();
  hear(99);
  run(4s);
  EXPECT_EQ(machine_.reason(), Reason::kActiveSilent);

  build_yielding();
  hear(99);
  run(30ms);
  EXPECT_THAT(say(TakeOver{}), Contains(changed(State::kBackup, State::kActive, Reason::kTakenOver)));
  hear(99);
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineHandover, AHigherOneEndsTheMatter) {
  build_yielding();
  hear(99);
  run(30ms);
  hear(200);
  hear(99);
  run(4s);
  EXPECT_EQ(machine_.reason(), Reason::kPreempted) << "a lower one is preempted as ever";
}

TEST_F(MachineHandover, WhoIsAskedTakesOverAtOnce) {
  build_backup(defaults());
  hear(200);
  EXPECT_THAT(say(TakeOver{}),
              ElementsAre(Action(SendAdvert{100}), Action(AddAddresses{all()}), Action(Announce{all()}),
                          changed(State::kBackup, State::kActive, Reason::kTakenOver)));
}

TEST_F(MachineHandover, WhoIsActiveOrInFaultIsNotMovedByTheRequest) {
  build_active(defaults());
  EXPECT_THAT(say(TakeOver{}), IsEmpty());
  say(InterfaceDown{"eth0"});
  EXPECT_THAT(say(TakeOver{}), IsEmpty());
  EXPECT_THAT(say(GiveWay{1s}), IsEmpty());
  EXPECT_EQ(machine_.state(), State::kFault);
}

// ---- Lingering ----------------------------------------------------------------------------------------------------

TEST_F(MachineHandover, WhoHearsAHigherOneLingersAndSaysGoodbyeAfterwards) {
  build_active(lingering());
  EXPECT_THAT(hear(200), IsEmpty());
  EXPECT_THAT(run(30ms), ElementsAre(Action(RemoveAddresses{all()}), Action(SendAdvert{100}),
                                     changed(State::kActive, State::kBackup, Reason::kHigherPriority)));
  EXPECT_EQ(waits(), kDown - 30ms) << "the down timer began with the successor's advert";
}

TEST_F(MachineHandover, ASuccessorThatGivesUpMeanwhileLeavesNoGap) {
  build_active(lingering());
  hear(200);
  pass(10ms);
  EXPECT_THAT(hear(0), ElementsAre(Action(SendAdvert{100}), Action(Announce{all()})));
  run(5s);
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineHandover, TheLingerIsNeverLongerThanAnInterval) {
  Settings fast = lingering();
  fast.advert_interval = 10ms;
  build_active(fast);
  hear(from_peer(200, 10ms));
  run(10ms);
  EXPECT_EQ(machine_.state(), State::kBackup);
}

TEST_F(MachineHandover, ALostInterfaceDoesNotLinger) {
  build_active(lingering());
  hear(200);
  EXPECT_THAT(say(InterfaceDown{"eth0"}), Contains(Action(RemoveAddresses{all()})));
  EXPECT_EQ(machine_.state(), State::kFault);
}

// ---- A link that may be deaf --------------------------------------------------------------------------------------

TEST_F(MachineHandover, SilenceOnAFreshLinkProvesNothingUntilTheHoldIsOver) {
  Settings settings = defaults();
  settings.start_hold = 30s;
  build_backup(settings);
  EXPECT_EQ(waits(), 30s);
  EXPECT_NE(machine_.waiting_for().find("deaf"), std::string::npos);
  EXPECT_THAT(run(29999ms), IsEmpty());
  EXPECT_THAT(run(1ms), Contains(changed(State::kBackup, State::kActive, Reason::kActiveSilent)));
}

TEST_F(MachineHandover, TheFirstFrameHeardEndsTheHold) {
  Settings settings = defaults();
  settings.start_hold = 30s;
  build_backup(settings);
  pass(2s);
  say(LinkHeard{});
  EXPECT_EQ(waits(), kDown);
  pass(1s);
  say(LinkHeard{});
  EXPECT_EQ(waits(), kDown - 1s) << "only the first one";
  EXPECT_TRUE(machine_.waiting_for().empty());
}

TEST_F(MachineHandover, AnAdvertEndsTheHoldToo) {
  Settings settings = defaults();
  settings.start_hold = 30s;
  build_backup(settings);
  hear(200);
  EXPECT_EQ(waits(), kDown);
}

TEST_F(MachineHandover, TheHoldBeginsAnewWithTheCarrier) {
  Settings settings = defaults();
  settings.start_hold = 30s;
  build_backup(settings);
  hear(200);
  say(InterfaceDown{"eth0"});
  pass(1min);
  say(InterfaceUp{"eth0"});
  EXPECT_EQ(waits(), 30s);
}

TEST_F(MachineHandover, AReloadDoesNotShortenTheHold) {
  Settings settings = defaults();
  settings.start_hold = 30s;
  build_backup(settings);
  settings.priority = 120;
  say(SettingsChanged{settings});
  EXPECT_EQ(waits(), 30s);
}

TEST_F(MachineHandover, AnOwnerWaitsForNoLink) {
  Settings settings = defaults();
  settings.start_hold = 30s;
  settings.priority = 255;
  build(settings);
  EXPECT_THAT(say(Start{}), Contains(changed(State::kInitialize, State::kActive, Reason::kOwner)));
}

}  // namespace
}  // namespace tandem::vrrp
