// RFC 9568, sections 6 and 8: one test for each thing the RFC demands of a router, in its order. What Tandem does beyond
// the RFC is in the machine_*_test.cc; what takes a kernel is listed in clauses.md.
#include <gmock/gmock.h>

#include "vrrp/machine_test_bench.hpp"

namespace tandem::vrrp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class Rfc9568Machine : public MachineBench, public ::testing::Test {
 protected:
  static Settings owner() {
    Settings settings = defaults();
    settings.priority = kPriorityOwner;
    return settings;
  }
  // Becomes active and has forgotten what it said on the way.
  void build_settled_active() {
    build_active(defaults());
    run(10s);
  }
};

// ---- 6.1 Parameters per virtual router -----------------------------------------------------------------------------

TEST_F(Rfc9568Machine, S6_1_ThePriorityIs100UnlessConfigured) {
  EXPECT_EQ(Settings{}.priority, 100);
}

TEST_F(Rfc9568Machine, S6_1_TheAdvertisementIntervalIsOneSecondUnlessConfigured) {
  EXPECT_EQ(Settings{}.advert_interval, 1s);
}

TEST_F(Rfc9568Machine, S6_1_TheActiveAdverIntervalBeginsAsOurOwn) {
  build_backup(defaults());
  EXPECT_EQ(machine_.active_adver_interval(), 1s);
}

TEST_F(Rfc9568Machine, S6_1_TheSkewTimeIsTheShareOfTheIntervalThatThePriorityLacks) {
  build_backup(defaults());
  EXPECT_EQ(machine_.skew_time(), kSkew);
}

TEST_F(Rfc9568Machine, S6_1_TheActiveDownIntervalIsThreeIntervalsAndTheSkew) {
  build_backup(defaults());
  EXPECT_EQ(machine_.active_down_interval(), 3s + kSkew);
}

TEST_F(Rfc9568Machine, S6_1_PreemptModeIsTrueUnlessConfiguredAndAnOwnerPreemptsAlways) {
  EXPECT_TRUE(Settings{}.preempt);
  Settings settings = owner();
  settings.preempt = false;
  build(settings);
  say(InterfaceDown{"eth0"});
  say(Start{});
  hear(200);
  say(InterfaceUp{"eth0"});
  EXPECT_EQ(machine_.state(), State::kActive);
}

// ---- 6.4.1 Initialize ----------------------------------------------------------------------------------------------

TEST_F(Rfc9568Machine, S6_4_1_TheOwnerAdvertisesAnnouncesAndBecomesActive) {
  build(owner());
  EXPECT_THAT(say(Start{}), ElementsAre(Action(SendAdvert{255}), Action(AddAddresses{all()}), Action(Announce{all()}),
                                        changed(State::kInitialize, State::kActive, Reason::kOwner)));
  EXPECT_EQ(waits(), 1s) << "the Adver_Timer";
}

TEST_F(Rfc9568Machine, S6_4_1_AnybodyElseSetsTheDownTimerAndBecomesBackup) {
  build(defaults());
  EXPECT_THAT(say(Start{}), Contains(changed(State::kInitialize, State::kBackup, Reason::kStarted)));
  EXPECT_EQ(waits(), kDown);
}

// ---- 6.4.2 Backup --------------------------------------------------------------------------------------------------

TEST_F(Rfc9568Machine, S6_4_2_ABackupHasNoneOfTheAddresses) {
  build(defaults());
  const Actions actions = say(Start{});
  EXPECT_THAT(actions, Contains(Action(RemoveAddresses{all()})));
  EXPECT_EQ(count<AddAddresses>(actions), 0u);
}

TEST_F(Rfc9568Machine, S6_4_2_AtShutdownTheDownTimerIsCancelledAndItIsInitialize) {
  build_backup(defaults());
  EXPECT_THAT(say(Stop{}), ElementsAre(changed(State::kBackup, State::kInitialize, Reason::kStopped)));
  EXPECT_EQ(machine_.deadline(), std::nullopt);
}

TEST_F(Rfc9568Machine, S6_4_2_WhenTheDownTimerFiresItAdvertisesAnnouncesAndBecomesActive) {
  build_backup(defaults());
  EXPECT_THAT(run_to_deadline(),
              ElementsAre(Action(SendAdvert{100}), Action(AddAddresses{all()}), Action(Announce{all()}),
                          changed(State::kBackup, State::kActive, Reason::kActiveSilent)));
  EXPECT_EQ(waits(), 1s) << "the Adver_Timer";
}

TEST_F(Rfc9568Machine, S6_4_2_PriorityZeroSetsTheDownTimerToTheSkewTime) {
  build_backup(defaults());
  hear(0);
  EXPECT_EQ(waits(), kSkew);
}

TEST_F(Rfc9568Machine, S6_4_2_AHigherOrEqualPriorityTeachesItsIntervalAndRestartsTheDownTimer) {
  for (const uint8_t priority : std::initializer_list<uint8_t>{100, 101, 255}) {
    build_backup(defaults());
    pass(2s);
    hear(from_peer(priority, 2s));
    EXPECT_EQ(machine_.active_adver_interval(), 2s);
    EXPECT_EQ(machine_.skew_time(), 2 * kSkew);
    EXPECT_EQ(waits(), 6s + 2 * kSkew);
  }
}

TEST_F(Rfc9568Machine, S6_4_2_WithoutPreemptionALowerPriorityDoesToo) {
  Settings settings = defaults();
  settings.preempt = false;
  build_backup(settings);
  pass(2s);
  hear(1);
  EXPECT_EQ(waits(), kDown);
}

TEST_F(Rfc9568Machine, S6_4_2_WithPreemptionALowerPriorityIsDiscarded) {
  build_backup(defaults());
  pass(2s);
  EXPECT_THAT(hear(from_peer(99, 2s)), Not(Contains(Action(SendAdvert{100}))));
  EXPECT_EQ(waits(), kDown - 2s) << "the timer runs on";
}

// ---- 6.4.3 Active --------------------------------------------------------------------------------------------------

TEST_F(Rfc9568Machine, S6_4_3_AtShutdownItSendsPriorityZeroAndIsInitialize) {
  build_settled_active();
  EXPECT_THAT(say(Stop{}), ElementsAre(Action(SendAdvert{0}), Action(RemoveAddresses{all()}),
                                       changed(State::kActive, State::kInitialize, Reason::kStopped)));
  EXPECT_EQ(machine_.deadline(), std::nullopt);
}

TEST_F(Rfc9568Machine, S6_4_3_WhenTheAdverTimerFiresItAdvertisesAndSetsTheTimerAgain) {
  build_settled_active();
  EXPECT_THAT(run_to_deadline(), ElementsAre(Action(SendAdvert{100})));
  EXPECT_EQ(waits(), 1s);
}

TEST_F(Rfc9568Machine, S6_4_3_PriorityZeroIsAnsweredAtOnceAndTheAdverTimerSetAgain) {
  build_settled_active();
  run_to_deadline();
  pass(500ms);
  EXPECT_THAT(hear(0), Contains(Action(SendAdvert{100})));
  EXPECT_EQ(waits(), 1s);
}

TEST_F(Rfc9568Machine, S6_4_3_AHigherPriorityMakesItBackupWithTheIntervalOfTheOther) {
  build_settled_active();
  EXPECT_THAT(hear(from_peer(101, 2s)), Contains(changed(State::kActive, State::kBackup, Reason::kHigherPriority)));
  EXPECT_EQ(machine_.active_adver_interval(), 2s);
  EXPECT_EQ(waits(), 6s + 2 * kSkew);
}

TEST_F(Rfc9568Machine, S6_4_3_AnEqualPriorityFromAGreaterAddressDoesToo) {
  build_settled_active();
  hear(from_peer(100, 1s, "10.99.0.6"));
  EXPECT_EQ(machine_.state(), State::kBackup);
}

TEST_F(Rfc9568Machine, S6_4_3_AddressesAreComparedAsUnsignedNumbersInNetworkOrder) {
  build_settled_active();
  hear(from_peer(100, 1s, "200.0.0.1"));  // negative as a signed number, and smaller the other way round
  EXPECT_EQ(machine_.state(), State::kBackup);
}

TEST_F(Rfc9568Machine, S6_4_3_ALowerPriorityIsDiscardedAndAnsweredWithAnAdvertAtOnce) {
  build_settled_active();
  EXPECT_THAT(hear(99), Contains(Action(SendAdvert{100})));
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(Rfc9568Machine, S6_4_3_SoIsAnEqualOneFromALowerAddress) {
  build_settled_active();
  EXPECT_THAT(hear(from_peer(100, 1s, "10.99.0.4")), Contains(Action(SendAdvert{100})));
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(Rfc9568Machine, S6_4_3_WhoBecomesBackupTakesTheAddressesAway) {
  build_settled_active();
  EXPECT_THAT(hear(200), Contains(Action(RemoveAddresses{all()})));
}

// ---- 7.1 Receiving: what is logged and never dropped ---------------------------------------------------------------

TEST_F(Rfc9568Machine, S7_1_AnotherIntervalIsLoggedAndNotDropped) {
  build_backup(defaults());
  pass(2s);
  EXPECT_EQ(count<PeerDisagrees>(hear(from_peer(200, 2s))), 1u);
  EXPECT_GT(waits(), kDown) << "it was followed";
  EXPECT_EQ(machine_.counters().adv_interval_errors, 1u);
}

TEST_F(Rfc9568Machine, S7_1_AnotherAddressListIsLoggedAndNotDropped) {
  build_backup(defaults());
  pass(2s);
  Advert advert = from_peer(200);
  advert.addresses.push_back(address("10.99.0.101"));
  EXPECT_EQ(count<PeerDisagrees>(hear(advert)), 1u);
  EXPECT_EQ(waits(), kDown);
  EXPECT_EQ(machine_.counters().address_list_errors, 1u);
}

TEST_F(Rfc9568Machine, S7_1_AnAdvertWhileWeOwnTheAddressesIsNotDropped) {  // erratum 8298
  build(owner());
  say(Start{});
  run(10s);
  EXPECT_THAT(hear(200), Contains(Action(SendAdvert{255})));
  EXPECT_EQ(machine_.counters().adverts_received, 1u);
}

// ---- 8 Operational issues ------------------------------------------------------------------------------------------

TEST_F(Rfc9568Machine, S8_1_2_TheGratuitousArpComesAfterTheAddressesAreConfigured) {
  build_backup(defaults());
  const Actions actions = run_to_deadline();
  const auto at = [&](const Action& action) { return std::ranges::find(actions, action) - actions.begin(); };
  EXPECT_LT(at(AddAddresses{all()}), at(Announce{all()}));
}

TEST_F(Rfc9568Machine, S8_3_2_TheBestBackupWaitsTheShortest) {
  for (uint8_t priority = 1; priority < 254; ++priority)
    EXPECT_LT(active_down_interval(priority + 1, 1s), active_down_interval(priority, 1s));
}

// Beyond that of the MIB there is one counter for each way to be refused (RFC 6527, 4.2).
TEST_F(Rfc9568Machine, S9_WhatIsRefusedIsCountedByItsReason) {
  build_backup(defaults());
  for (size_t i = 0; i < kAdvertErrors; ++i) say(AdvertRejected{static_cast<AdvertError>(i)});
  EXPECT_EQ(machine_.counters().adverts_rejected, kAdvertErrors);
  for (size_t i = 0; i < kAdvertErrors; ++i)
    EXPECT_EQ(machine_.counters().rejected_for(static_cast<AdvertError>(i)), 1u);
}

}  // namespace
}  // namespace tandem::vrrp
