// What the RFC leaves open: faults, reload, tampering, peers that disagree.
#include <gmock/gmock.h>

#include "vrrp/machine_test_bench.hpp"

namespace tandem::vrrp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MachineFault : public ::testing::Test, public MachineBench {};
class MachineReload : public ::testing::Test, public MachineBench {
 protected:
  Actions reload(const Settings& settings) { return say(SettingsChanged{settings}); }
};
class MachinePeers : public ::testing::Test, public MachineBench {
 protected:
  void SetUp() override { build_backup(defaults()); }
};

// ---- Faults -------------------------------------------------------------------------------------------------------

TEST_F(MachineFault, AnActiveThatLosesItsInterfaceGivesUpAndTakesTheAddressesAway) {
  build_active(defaults());
  EXPECT_THAT(say(InterfaceDown{"eth0"}), ElementsAre(Action(SendAdvert{0}), Action(RemoveAddresses{all()}),
                                                      changed(State::kActive, State::kFault, Reason::kInterfaceDown)));
  EXPECT_EQ(machine_.deadline(), std::nullopt);
}

TEST_F(MachineFault, ATrackedInterfaceIsAFaultTooAndAnyOtherIsNot) {
  Settings settings = defaults();
  settings.needs = {"eth1"};
  build_active(settings);
  EXPECT_THAT(say(InterfaceDown{"eth2"}), IsEmpty());
  say(InterfaceDown{"eth1"});
  EXPECT_EQ(machine_.state(), State::kFault);
}

TEST_F(MachineFault, IgnoresAdvertsAndDeadlines) {
  build_backup(defaults());
  say(InterfaceDown{"eth0"});
  EXPECT_THAT(hear(1), IsEmpty());
  pass(1h);
  EXPECT_THAT(say(DeadlineReached{}), IsEmpty());
  EXPECT_EQ(machine_.counters().ignored_in_fault, 1u);
}

TEST_F(MachineFault, ListensLikeAfterAStartWhenTheLastFaultIsOver) {
  Settings settings = defaults();
  settings.needs = {"eth1"};
  build_active(settings);
  say(InterfaceDown{"eth0"});
  say(InterfaceDown{"eth1"});
  EXPECT_THAT(say(InterfaceUp{"eth0"}), IsEmpty());
  EXPECT_THAT(say(InterfaceUp{"eth1"}), ElementsAre(changed(State::kFault, State::kBackup, Reason::kFaultCleared)));
  EXPECT_EQ(waits(), kDown);
}

TEST_F(MachineFault, AnOwnerIsActiveAtOnceWhenTheFaultIsOver) {
  Settings settings = defaults();
  settings.priority = 255;
  build(settings);
  say(Start{});
  say(InterfaceDown{"eth0"});
  EXPECT_THAT(say(InterfaceUp{"eth0"}), Contains(changed(State::kFault, State::kActive, Reason::kOwner)));
}

TEST_F(MachineFault, WithoutAPrimaryAddressThereIsNobodyToAdvertise) {
  machine_ = Machine(defaults());
  say(Start{});
  EXPECT_EQ(machine_.state(), State::kFault);
  EXPECT_EQ(machine_.reason(), Reason::kNoPrimaryAddress);
  say(PrimaryAddressChanged{address("10.99.0.5")});
  EXPECT_EQ(machine_.state(), State::kBackup);
}

TEST_F(MachineFault, LosingThePrimaryAddressSendsNothingThatHasNoSource) {
  build_active(defaults());
  EXPECT_THAT(
      say(PrimaryAddressChanged{std::nullopt}),
      ElementsAre(Action(RemoveAddresses{all()}), changed(State::kActive, State::kFault, Reason::kNoPrimaryAddress)));
}

TEST_F(MachineFault, ANewPrimaryAddressIsAdvertisedAtOnce) {
  build_active(defaults());
  pass(300ms);
  EXPECT_THAT(say(PrimaryAddressChanged{address("10.99.0.7")}), ElementsAre(Action(SendAdvert{100})));
  EXPECT_EQ(machine_.advert(100).source, address("10.99.0.7"));
  EXPECT_THAT(say(PrimaryAddressChanged{address("10.99.0.7")}), IsEmpty());
}

TEST_F(MachineFault, StopsFromAFault) {
  build_backup(defaults());
  say(InterfaceDown{"eth0"});
  EXPECT_THAT(say(Stop{}), ElementsAre(changed(State::kFault, State::kInitialize, Reason::kStopped)));
}

TEST_F(MachineFault, AnAddressSomebodyRemovedComesBackAtOnce) {
  build_active(defaults());
  EXPECT_THAT(say(AddressLost{vip("10.99.0.100/24")}),
              ElementsAre(Action(AddAddresses{all()}), Action(Announce{all()})));
  EXPECT_EQ(machine_.counters().addresses_restored, 1u);
  EXPECT_THAT(say(AddressLost{vip("10.99.0.101/24")}), IsEmpty());  // not ours
}

TEST_F(MachineFault, ABackupMissesNoAddress) {
  build_backup(defaults());
  EXPECT_THAT(say(AddressLost{vip("10.99.0.100/24")}), IsEmpty());
}

// ---- Reload -------------------------------------------------------------------------------------------------------

TEST_F(MachineReload, AnUnchangedFileDoesNothing) {
  build_active(defaults());
  const auto due = machine_.deadline();
  pass(300ms);
  EXPECT_THAT(reload(defaults()), IsEmpty());
  EXPECT_EQ(machine_.deadline(), due);
}

TEST_F(MachineReload, AddressesAreAddedAndRemovedAndTheOthersNotTouched) {
  Settings settings = defaults();
  settings.legs[0].addresses = {vip("10.99.0.100/24"), vip("10.99.0.101/24")};
  build_active(settings);
  settings.legs[0].addresses = {vip("10.99.0.100/24"), vip("10.99.0.102/24")};
  EXPECT_THAT(reload(settings), ElementsAre(Action(RemoveAddresses{{vip("10.99.0.101/24")}}),
                                            Action(AddAddresses{{vip("10.99.0.102/24")}}),
                                            Action(Announce{{vip("10.99.0.102/24")}}), Action(SendAdvert{100})));
  EXPECT_THAT(machine_.advert(100).addresses, ElementsAre(address("10.99.0.100"), address("10.99.0.102")));
}

TEST_F(MachineReload, ABackupTakesANewListWithoutAWord) {
  build_backup(defaults());
  Settings settings = defaults();
  settings.legs[0].addresses.push_back(vip("10.99.0.101/24"));
  EXPECT_THAT(reload(settings), IsEmpty());
  EXPECT_EQ(waits(), kDown);
}

TEST_F(MachineReload, ANewPriorityIsAdvertisedAtOnceAndNothingBounces) {
  build_active(defaults());
  Settings settings = defaults();
  settings.priority = 150;
  EXPECT_THAT(reload(settings), ElementsAre(Action(SendAdvert{150})));
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineReload, ABackupsTimerKeepsItsBeginning) {
  build_backup(defaults());
  hear(200);
  pass(1s);
  Settings settings = defaults();
  settings.priority = 200;
  reload(settings);
  EXPECT_EQ(waits(), active_down_interval(200, 1s) - 1s);
}

TEST_F(MachineReload, ABackupKeepsTheIntervalItLearned) {
  build_backup(defaults());
  hear(from_peer(200, 2s));
  Settings settings = defaults();
  settings.advert_interval = 3s;
  reload(settings);
  EXPECT_EQ(machine_.active_adver_interval(), 2s);
  settings.advert_interval = 500ms;  // the bound is three of our own
  reload(settings);
  EXPECT_EQ(machine_.active_adver_interval(), 1500ms);
}

TEST_F(MachineReload, ABackupThatHeardNobodyTakesItsOwnNewInterval) {
  build_backup(defaults());
  Settings settings = defaults();
  settings.advert_interval = 100ms;
  reload(settings);
  EXPECT_EQ(waits(), active_down_interval(100, 100ms));
}

TEST_F(MachineReload, ARunningSkewTimerIsLeftAlone) {
  build_backup(defaults());
  hear(0);
  Settings settings = defaults();
  settings.advert_interval = 2s;
  reload(settings);
  EXPECT_EQ(waits(), kSkew);
}

TEST_F(MachineReload, AShorterIntervalIsInForceAtOnce) {
  build_active(defaults());
  pass(900ms);
  Settings settings = defaults();
  settings.advert_interval = 100ms;
  EXPECT_THAT(reload(settings), ElementsAre(Action(SendAdvert{100})));
  EXPECT_EQ(waits(), 100ms);
  run(1s);
  EXPECT_EQ(machine_.state(), State::kActive);  // not taken for a late wakeup
}

TEST_F(MachineReload, ALongerIntervalIsAdvertisedAtTheOldPaceFirst) {  // three adverts may be lost before it is learned
  Settings settings = defaults();
  settings.advert_interval = 100ms;
  build_active(settings);
  settings.advert_interval = 1s;
  EXPECT_THAT(reload(settings), ElementsAre(Action(SendAdvert{100})));
  EXPECT_EQ(machine_.advert(100).advert_interval, 1s);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(waits(), 100ms);
    run_to_deadline();
  }
  EXPECT_EQ(waits(), 1s);
}

TEST_F(MachineReload, TrackingLessMayEndAFaultAndTrackingMoreMayBeginOne) {
  Settings settings = defaults();
  settings.needs = {"eth1"};
  build_backup(defaults());
  say(InterfaceDown{"eth1"});
  EXPECT_EQ(machine_.state(), State::kBackup);
  reload(settings);
  EXPECT_EQ(machine_.state(), State::kFault);
  reload(defaults());
  EXPECT_EQ(machine_.state(), State::kBackup);
}

TEST_F(MachineReload, AForcedChecksumIsSentAndAutoFollowsThePeer) {
  build_backup(defaults());
  EXPECT_EQ(machine_.advert(100).checksum_form, ChecksumForm::kPseudoHeader);
  Advert heard = from_peer(200);
  heard.checksum_form = ChecksumForm::kMessageOnly;
  hear(heard);
  EXPECT_EQ(machine_.advert(100).checksum_form, ChecksumForm::kMessageOnly);
  Settings settings = defaults();
  settings.legs[0].checksum = ChecksumPolicy::kRfc5798;
  reload(settings);
  EXPECT_EQ(machine_.advert(100).checksum_form, ChecksumForm::kPseudoHeader);
  EXPECT_EQ(machine_.counters().message_only_checksums, 1u);
}

// ---- Peers that disagree (7.1) ------------------------------------------------------------------------------------

TEST_F(MachinePeers, AnotherListIsFollowedCountedAndSaidOnce) {
  Advert advert = from_peer(200);
  advert.addresses = {address("10.99.0.100"), address("10.99.0.77")};
  EXPECT_THAT(hear(advert),
              ElementsAre(Action(PeerDisagrees{
                  .source = address("10.99.0.9"), .advert_interval = 1s, .extra = {address("10.99.0.77")}})));
  EXPECT_EQ(waits(), kDown);
  EXPECT_THAT(hear(advert), IsEmpty());
  EXPECT_EQ(machine_.counters().address_list_errors, 2u);
}

// Somebody else's router with our VRID: it may not silence ours, and ours goes on beside it.
TEST_F(MachinePeers, AListWithoutAnyOfOursIsRefusedAndTouchesNothing) {
  pass(1s);
  Advert advert = from_peer(200);
  advert.addresses = {address("10.99.0.77")};
  const TimePoint before = machine_.deadline().value();
  EXPECT_THAT(hear(advert), ElementsAre(Action(PeerDisagrees{.source = address("10.99.0.9"),
                                                             .advert_interval = 1s,
                                                             .missing = {address("10.99.0.100")},
                                                             .extra = {address("10.99.0.77")},
                                                             .refused = true})));
  EXPECT_THAT(hear(advert), IsEmpty()) << "said once";
  EXPECT_EQ(machine_.deadline(), before);
  EXPECT_EQ(machine_.counters().adverts_received, 0u);
  EXPECT_EQ(machine_.counters().rejected_for(AdvertError::kForeignAddresses), 2u);
  run(4s);
  EXPECT_EQ(machine_.state(), State::kActive);
  hear(advert);
  EXPECT_EQ(machine_.state(), State::kActive) << "priority 200, and still not ours";
}

TEST_F(MachinePeers, AnotherStationWithOurAddressIsAnAlarmAndIsAnsweredEveryTenSeconds) {
  const AddressClaimed claim{address("10.99.0.100"), *MacAddress::parse("02:00:00:00:00:99")};
  EXPECT_THAT(say(claim), IsEmpty()) << "a backup has no claim to it";
  build_active(defaults());
  EXPECT_THAT(say(claim), IsEmpty()) << "the loser's last answers";
  pass(1500ms);
  EXPECT_THAT(say(claim), ElementsAre(Action(AddressConflict{claim.address, claim.by}), Action(Announce{all()})));
  pass(1ms);
  EXPECT_THAT(say(claim), IsEmpty());
  run(10s);
  EXPECT_THAT(say(claim), ElementsAre(Action(AddressConflict{claim.address, claim.by}), Action(Announce{all()})));
  EXPECT_THAT(say(AddressClaimed{address("10.99.0.55"), claim.by}), IsEmpty());
  EXPECT_EQ(machine_.counters().address_conflicts, 3u);
}

TEST_F(MachinePeers, AnInterfaceWithAnotherMacAddressIsAnnouncedAtOnceAndOnceASecond) {
  EXPECT_THAT(say(HardwareAddressChanged{"eth0"}), IsEmpty()) << "a backup has nothing to announce";
  build_active(defaults());
  EXPECT_THAT(say(HardwareAddressChanged{"eth1"}), IsEmpty()) << "no address of ours is there";
  EXPECT_THAT(say(HardwareAddressChanged{"eth0"}), ElementsAre(Action(Announce{all()})));
  pass(10ms);
  EXPECT_THAT(say(HardwareAddressChanged{"eth0"}), IsEmpty()) << "a bond that swings is no reason for a flood";
  EXPECT_EQ(count<Announce>(run(1s)), 1u) << "but the last change is told";
}

TEST_F(MachinePeers, AMacAddressThatChangesWhileARouterGivesWayIsAnnouncedOnlyIfNobodyTakesOver) {
  build_active(defaults());
  run(10s);
  say(GiveWay{500ms});
  EXPECT_THAT(say(HardwareAddressChanged{"eth0"}), IsEmpty());
  EXPECT_EQ(count<Announce>(run(1s)), 1u) << "nobody came";
  say(GiveWay{5s});
  hear(200);
  EXPECT_THAT(say(HardwareAddressChanged{"eth0"}), IsEmpty());
  EXPECT_EQ(count<Announce>(run(3s)), 0u) << "the addresses are another one's";
}

TEST_F(MachinePeers, ALowerRouterThatGoesOnBeingActiveIsAnAlarmOnce) {
  build_active(defaults());
  size_t said = 0;
  for (int i = 0; i < 10; ++i) {
    run(1s);
    said += count<AnotherActive>(hear(from_peer(50)));
    if (i == 1) {
      EXPECT_EQ(said, 0u) << "the loser's last words are none";
    }
  }
  EXPECT_EQ(said, 1u);
  run(10s);
  for (int i = 0; i < 3; ++i) said += count<AnotherActive>(hear(from_peer(50)));
  EXPECT_EQ(said, 2u);
}

TEST_F(MachinePeers, TheSecondAnnouncementAndItsRefreshAreTheSitesToChoose) {
  Settings settings = defaults();
  settings.announce_again = 2s;
  settings.announce_refresh = 10s;
  build_active(settings);
  EXPECT_EQ(count<Announce>(run(1900ms)), 0u);
  EXPECT_EQ(count<Announce>(run(200ms)), 1u);
  EXPECT_EQ(count<Announce>(run(30s)), 3u);
  settings.announce_again = settings.announce_refresh = Duration::zero();
  build_active(settings);
  EXPECT_EQ(count<Announce>(run(60s)), 0u);
}

TEST_F(MachinePeers, TheOrderOfTheListDoesNotMatter) {
  Settings settings = defaults();
  settings.legs[0].addresses.push_back(vip("10.99.0.101/24"));
  build_backup(settings);
  Advert advert = from_peer(200);
  advert.addresses = {address("10.99.0.101"), address("10.99.0.100")};
  EXPECT_THAT(hear(advert), IsEmpty());
  EXPECT_EQ(machine_.counters().address_list_errors, 0u);
}

TEST_F(MachinePeers, AnotherIntervalIsSaidOnceAndAgainWhenItChanges) {
  EXPECT_EQ(count<PeerDisagrees>(hear(from_peer(200, 2s))), 1u);
  EXPECT_EQ(count<PeerDisagrees>(hear(from_peer(200, 2s))), 0u);
  EXPECT_EQ(count<PeerDisagrees>(hear(from_peer(200, 3s))), 1u);
  EXPECT_EQ(count<PeerDisagrees>(hear(from_peer(200, 1s))), 0u);  // agrees again
  EXPECT_EQ(count<PeerDisagrees>(hear(from_peer(200, 2s))), 1u);
  EXPECT_EQ(machine_.counters().adv_interval_errors, 4u);
}

TEST_F(MachinePeers, TwoPeersThatDisagreeDoNotTakeTurnsInTheLog) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(count<PeerDisagrees>(hear(from_peer(200, 2s, "10.99.0.8"))), i == 0 ? 1u : 0u);
    EXPECT_EQ(count<PeerDisagrees>(hear(from_peer(200, 3s, "10.99.0.9"))), i == 0 ? 1u : 0u);
  }
}

TEST_F(MachinePeers, EachOneThatIsHeardIsCounted) {
  build_backup(defaults());
  hear(200);
  hear(200);
  hear(from_peer(200, 1s, "10.99.0.10"));
  for (uint8_t i = 0; i < 100; ++i) hear(from_peer(200, 1s, ("10.99.1." + std::to_string(i)).c_str()));
  EXPECT_EQ(machine_.counters().adverts_from.at(address("10.99.0.9")), 2u);
  EXPECT_EQ(machine_.counters().adverts_from.size(), kMostSources);
  const auto counts = named(machine_.counters());
  EXPECT_EQ(std::ranges::count(counts, "adverts from 10.99.0.10", &NamedCount::name), 1);
}

TEST_F(MachinePeers, MadeUpSourcesDoNotFillTheMemory) {
  size_t said = 0;
  for (uint32_t i = 1; i < 200; ++i) {
    Advert advert = from_peer(200, 2s);
    advert.source = Ipv4Address{0x0a630000 + i};
    said += count<PeerDisagrees>(hear(advert));
  }
  EXPECT_EQ(said, 16u);
}

TEST(MachineText, EveryReasonAndStateHasItsOwnWords) {
  for (uint8_t i = 0; i <= static_cast<uint8_t>(Reason::kStopped); ++i) {
    EXPECT_NE(text(static_cast<Reason>(i)), "?");
    for (uint8_t j = 0; j < i; ++j) EXPECT_NE(text(static_cast<Reason>(i)), text(static_cast<Reason>(j)));
  }
  for (const State state : {State::kInitialize, State::kBackup, State::kActive, State::kFault})
    EXPECT_NE(text(state), "?");
}

}  // namespace
}  // namespace tandem::vrrp
