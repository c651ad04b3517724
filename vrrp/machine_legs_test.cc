// One election with several legs: a dual-stack router, a sync group, unicast.
#include <gmock/gmock.h>

#include "vrrp/machine_test_bench.hpp"

namespace tandem::vrrp {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

constexpr auto kIpv6 = IpAddress::Family::kIpv6;

class MachineLegs : public MachineBench, public testing::Test {
 protected:
  static VirtualAddress vip6() { return {Prefix::parse("2001:db8::100/64").value(), "eth0"}; }
  static Settings dual() {
    Settings settings = defaults();
    settings.legs.push_back({.vrid = 51, .interface = "eth0", .family = kIpv6, .addresses = {vip6()}});
    return settings;
  }
  void build_dual(Settings settings) {
    build(std::move(settings));
    say(PrimaryAddressChanged{address("fe80::5"), 1});
    say(Start{});
  }
  static Advert from_peer6(uint8_t priority, const char* source = "fe80::9") {
    return {.vrid = 51,
            .priority = priority,
            .advert_interval = 1s,
            .source = address(source),
            .destination = kMulticastIpv6,
            .addresses = {address("2001:db8::100")}};
  }
  Actions hear6(Advert advert) { return say(AdvertReceived{std::move(advert), 1}); }
};

TEST_F(MachineLegs, EveryLegSaysWhatTheElectionDecided) {
  build_dual(dual());
  run_to_deadline();
  ASSERT_EQ(machine_.state(), State::kActive);
  const std::vector<Outgoing> adverts = machine_.adverts(100);
  ASSERT_EQ(adverts.size(), 2);
  EXPECT_EQ(adverts[0].advert.source, address("10.99.0.5"));
  EXPECT_EQ(adverts[0].advert.addresses, std::vector{address("10.99.0.100")});
  EXPECT_EQ(adverts[1].leg, 1);
  EXPECT_EQ(adverts[1].advert.source, address("fe80::5"));
  EXPECT_EQ(adverts[1].advert.destination, IpAddress(kMulticastIpv6));
  EXPECT_EQ(adverts[1].advert.addresses, std::vector{address("2001:db8::100")});
}

TEST_F(MachineLegs, AllAddressesMoveTogether) {
  Settings settings = dual();
  settings.excluded = {vip("10.99.0.200/24")};
  build_dual(settings);
  EXPECT_THAT(run_to_deadline(),
              Contains(Action(AddAddresses{{vip("10.99.0.100/24"), vip6(), vip("10.99.0.200/24")}})));
  EXPECT_EQ(machine_.adverts(100)[0].advert.addresses.size(), 1) << "excluded addresses are not advertised";
  EXPECT_THAT(say(Stop{}), Contains(Action(RemoveAddresses{{vip("10.99.0.100/24"), vip6(), vip("10.99.0.200/24")}})));
}

TEST_F(MachineLegs, AnAdvertOnEitherLegKeepsTheWholeBackup) {
  build_dual(dual());
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(run(1s), ElementsAre());
    hear6(from_peer6(200));
  }
  EXPECT_EQ(machine_.state(), State::kBackup);
  run(4s);
  EXPECT_EQ(machine_.state(), State::kActive) << "both are silent";
}

TEST_F(MachineLegs, ABetterOneOnEitherLegEndsTheWholeActive) {
  build_dual(dual());
  run_to_deadline();
  EXPECT_THAT(hear6(from_peer6(200)), Contains(changed(State::kActive, State::kBackup, Reason::kHigherPriority)));
}

TEST_F(MachineLegs, WhatIsHeardIsCountedByLegToo) {
  build_dual(dual());
  hear(200);
  hear6(from_peer6(200));
  hear6(from_peer6(0));
  say(AdvertRejected{AdvertError::kTtl, 1});
  EXPECT_EQ(machine_.counters().adverts_received, 3u);
  EXPECT_EQ(machine_.counters_of(0).adverts_received, 1u);
  EXPECT_EQ(machine_.counters_of(1).adverts_received, 2u);
  EXPECT_EQ(machine_.counters_of(1).priority_zero_received, 1u);
  EXPECT_EQ(machine_.counters_of(0).adverts_rejected, 0u);
  EXPECT_EQ(named(machine_.counters_of(1), "ipv6")[4].name, "ipv6: ip_ttl_errors");
  EXPECT_EQ(named(machine_.counters_of(1), "ipv6")[4].value, 1u);
}

TEST_F(MachineLegs, AFaultOfOneLegIsTheFaultOfAll) {
  Settings settings = dual();
  settings.legs[1].interface = "eth1";
  build_dual(settings);
  run_to_deadline();
  EXPECT_THAT(say(InterfaceDown{"eth1"}), Contains(changed(State::kActive, State::kFault, Reason::kInterfaceDown)));
  say(InterfaceUp{"eth1"});
  EXPECT_EQ(machine_.state(), State::kBackup);
  say(PrimaryAddressChanged{std::nullopt, 1});  // nobody speaks on eth1
  EXPECT_EQ(machine_.state(), State::kFault);
  EXPECT_EQ(machine_.reason(), Reason::kNoPrimaryAddress);
}

// Their orders may differ: 10.99.0.5 is below 10.99.0.9, fe80::5 above fe80::1. Both boxes would give way.
TEST_F(MachineLegs, AmongEqualsTheAddressOfTheFirstLegDecides) {
  build_dual(dual());
  run_to_deadline();
  hear(from_peer(100, 1s, "10.99.0.1"));  // we win there
  EXPECT_THAT(hear6(from_peer6(100, "fe80::9")),
              Not(Contains(changed(State::kActive, State::kBackup, Reason::kHigherAddress))));
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineLegs, TheOtherLegDecidesWhileTheFirstIsDeaf) {
  build_dual(dual());
  run_to_deadline();
  EXPECT_THAT(hear6(from_peer6(100, "fe80::9")),
              Contains(changed(State::kActive, State::kBackup, Reason::kHigherAddress)));
}

TEST_F(MachineLegs, AReloadAddsALegWithoutAFault) {
  build_active(defaults());
  const Actions actions = say(SettingsChanged{dual(), {address("10.99.0.5"), address("fe80::5")}});
  EXPECT_EQ(machine_.state(), State::kActive);
  EXPECT_THAT(actions, Contains(Action(AddAddresses{{vip6()}})));
  EXPECT_EQ(machine_.adverts(100).size(), 2);
  EXPECT_THAT(say(SettingsChanged{defaults(), {address("10.99.0.5")}}), Contains(Action(RemoveAddresses{{vip6()}})));
  EXPECT_EQ(machine_.adverts(100).size(), 1);
}

// IPv6 is switched on by a reload, and the interface has no link-local address (yet).
TEST_F(MachineLegs, ALegWithoutAnAddressIsMuteAndTheOtherFamilyGoesOn) {
  build_active(defaults());
  const Actions actions = say(SettingsChanged{dual(), {address("10.99.0.5"), std::nullopt}});
  EXPECT_EQ(machine_.state(), State::kActive);
  EXPECT_THAT(actions, Contains(Action(AddAddresses{{vip6()}})));
  EXPECT_THAT(actions, Contains(Action(LegMute{1, true})));
  EXPECT_EQ(machine_.adverts(100).size(), 1);
  EXPECT_THAT(run(10s), Not(Contains(Action(LegMute{1, true})))) << "said once";

  EXPECT_THAT(say(PrimaryAddressChanged{address("fe80::5"), 1}),
              ElementsAre(Action(SendAdvert{100}), Action(LegMute{1, false})));
  EXPECT_EQ(machine_.adverts(100).size(), 2);
  EXPECT_THAT(say(PrimaryAddressChanged{std::nullopt, 1}), Contains(Action(LegMute{1, true}))) << "and again";
  EXPECT_EQ(machine_.state(), State::kActive);
}

// Its duplicate address detection takes seconds; nothing is said unless it lasts until the router becomes active.
TEST_F(MachineLegs, AStartDoesNotWaitForTheIpv6Address) {
  build(dual());
  EXPECT_THAT(say(Start{}), Contains(changed(State::kInitialize, State::kBackup, Reason::kStarted)));
  EXPECT_THAT(run_to_deadline(), Contains(Action(LegMute{1, true})));
  EXPECT_EQ(machine_.state(), State::kActive);
}

TEST_F(MachineLegs, WhoCannotSpeakInOneFamilySpeaksInTheOther) {
  build(dual());
  say(PrimaryAddressChanged{std::nullopt, 0});
  say(PrimaryAddressChanged{address("fe80::5"), 1});
  say(Start{});
  run_to_deadline();
  ASSERT_EQ(machine_.state(), State::kActive);
  EXPECT_EQ(machine_.adverts(100).at(0).leg, 1);
  EXPECT_EQ(machine_.active_address(), address("fe80::5"));
  EXPECT_THAT(say(PrimaryAddressChanged{std::nullopt, 1}),
              Contains(changed(State::kActive, State::kFault, Reason::kNoPrimaryAddress)))
      << "nobody speaks any more";
}

// Among equals a mute leg has no address that could win.
TEST_F(MachineLegs, AMuteLegGivesWayToAnEqual) {
  build(dual());
  say(Start{});
  run_to_deadline();
  EXPECT_THAT(hear6(from_peer6(100, "fe80::1")),
              Contains(changed(State::kActive, State::kBackup, Reason::kHigherAddress)));
}

TEST_F(MachineLegs, UnicastSpeaksToEachPeer) {
  Settings settings = defaults();
  settings.legs[0].peers = {address("10.99.0.9"), address("10.99.0.10")};
  build_active(settings);
  const std::vector<Outgoing> adverts = machine_.adverts(100);
  ASSERT_EQ(adverts.size(), 2);
  EXPECT_EQ(adverts[0].advert.destination, address("10.99.0.9"));
  EXPECT_EQ(adverts[1].advert.destination, address("10.99.0.10"));
}

TEST_F(MachineLegs, VersionTwoCountsItsSkewInSeconds) {
  Settings settings = defaults();
  settings.legs[0].version = Version::kV2;
  settings.advert_interval = 10s;
  build_backup(settings);
  EXPECT_EQ(waits(), 30s + kSkew);  // RFC 3768, 6.1: 3 x interval + (256 - priority) / 256 s
}

}  // namespace
}  // namespace tandem::vrrp
