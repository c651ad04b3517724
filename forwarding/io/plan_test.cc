#include "forwarding/io/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace tandem::forwarding {
namespace {

using testing::ElementsAre;

config::Site small_site() {
  config::Service web{.name = "web", .address = *IpAddress::parse("198.51.100.10"), .port = 80};
  web.router = "main";
  web.checks.checks = {{.name = "check", .check = {}}};
  web.servers = {{.name = "web1", .address = *IpAddress::parse("10.0.1.11"), .port = 8080, .weight = 10}};
  config::Site site;
  site.services = {web};
  return site;
}

bus::ServerHealth health(bool known, bool up, uint32_t weight) {
  return {.service = "web",
          .server = "web1",
          .up = up,
          .known = known,
          .dead = known && !up,
          .in_rotation = up,
          .weight = weight};
}

TEST(Plan, TheFastPathMayBeTakenUnlessTheSiteFileSaysOff) {
  auto site = small_site();
  EXPECT_TRUE(may_take_fast_path(site));
  site.fast_path = config::FastPathUse::kOff;
  EXPECT_FALSE(may_take_fast_path(site));
}

TEST(Plan, AServerNobodySpokeOfTakesNothingButIsNotDead) {
  const auto site = small_site();
  EXPECT_EQ(standing_of(site.services[0], site.services[0].servers[0], {}), (ServerStanding{0, true, false}));
}

TEST(Plan, AServerThatIsNotCheckedTakesItsConfiguredWeight) {
  auto site = small_site();
  site.services[0].checks.checks.clear();
  EXPECT_EQ(standing_of(site.services[0], site.services[0].servers[0], {}), (ServerStanding{10, true}));
}

TEST(Plan, TheCheckersWordIsTaken) {
  const auto site = small_site();
  Knowledge knowledge;
  auto& said = knowledge.health["web/web1"];
  said = health(false, false, 0);
  EXPECT_EQ(standing_of(site.services[0], site.services[0].servers[0], knowledge), (ServerStanding{0, true, false}));
  said = health(true, true, 7);
  EXPECT_EQ(standing_of(site.services[0], site.services[0].servers[0], knowledge), (ServerStanding{7, true}));
  said = health(true, false, 7);
  EXPECT_EQ(standing_of(site.services[0], site.services[0].servers[0], knowledge), (ServerStanding{0, false, false}));
  // One that is down and keeps its place (on_down: inhibit), and a spare that is well.
  said.in_rotation = true;
  EXPECT_EQ(standing_of(site.services[0], site.services[0].servers[0], knowledge), (ServerStanding{0, false, true}));
  said = health(true, true, 0);
  said.in_rotation = false;
  EXPECT_EQ(standing_of(site.services[0], site.services[0].servers[0], knowledge), (ServerStanding{0, true, false}));
}

TEST(Plan, ASorryServerTakesNothingUnlessTheCheckersSaySo) {
  auto site = small_site();
  site.services[0].checks.checks.clear();
  site.services[0].servers[0].sorry = true;
  EXPECT_EQ(standing_of(site.services[0], site.services[0].servers[0], {}), (ServerStanding{0, true, false}));
}

TEST(Plan, AServiceIsActiveWhereItsRouterIs) {
  auto site = small_site();
  Knowledge knowledge;
  EXPECT_FALSE(is_active(site.services[0], knowledge));
  knowledge.routers["main"] = {.router = "main", .state = bus::RouterState::kBackup};
  EXPECT_FALSE(is_active(site.services[0], knowledge));
  knowledge.routers["main"].state = bus::RouterState::kActive;
  EXPECT_TRUE(is_active(site.services[0], knowledge));
  site.services[0].router.clear();
  EXPECT_TRUE(is_active(site.services[0], {}));
}

TEST(Plan, FiltersAreWantedForEveryServiceAndForTheServersOfNat) {
  auto site = small_site();
  auto direct = site.services[0];
  direct.name = "direct";
  direct.port = 81;
  direct.servers[0].forward = config::ForwardMethod::kDr;
  site.services.push_back(direct);
  const auto settings = settings_of(site, {});
  EXPECT_EQ(settings[1].method_of(settings[1].servers[0]), TANDEM_DR);
  const SilenceRules rules = silence_of(settings);
  EXPECT_THAT(rules.services, ElementsAre(Endpoint{IPPROTO_TCP, Ipv4Address{0xc633640a}, 80},
                                          Endpoint{IPPROTO_TCP, Ipv4Address{0xc633640a}, 81}));
  EXPECT_THAT(rules.nat_servers, ElementsAre(Endpoint{IPPROTO_TCP, Ipv4Address{0x0a00010b}, 8080}));
}

TEST(Plan, IPv6IsForwardedAndSilencedLikeIPv4) {
  const IpAddress vip = *IpAddress::parse("2001:db8::10"), second = *IpAddress::parse("2001:db8::20");
  const IpAddress server = *IpAddress::parse("fd00::11");
  auto site = small_site();
  site.services[0].address = vip;
  site.services[0].other_addresses = {second};
  site.services[0].servers[0].address = server;
  const auto settings = settings_of(site, {});
  ASSERT_EQ(settings.size(), 1u);
  EXPECT_THAT(settings[0].fronts(), ElementsAre(Front{vip, 80, 80}, Front{second, 80, 80}));
  EXPECT_EQ(settings[0].servers[0].address, server);
  const SilenceRules rules = silence_of(settings);
  EXPECT_THAT(rules.services, ElementsAre(Endpoint{IPPROTO_TCP, vip, 80}, Endpoint{IPPROTO_TCP, second, 80}));
  EXPECT_THAT(rules.nat_servers, ElementsAre(Endpoint{IPPROTO_TCP, server, 8080}));
}

TEST(Plan, AnAddressIsDeafToPingWhenAServiceSaysSoAndNoneOfItsOthersAllowsIt) {
  std::vector<std::byte> memory(FlowTable::bytes_needed(64) + 64);
  std::byte* const aligned = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
  auto flows = FlowTable::format({aligned, FlowTable::bytes_needed(64)}, {.bucket_count = 64, .seed = {1, 2}});
  ASSERT_TRUE(flows.has_value());
  ServiceTable table(*flows);
  const IpAddress vip = *IpAddress::parse("198.51.100.10");
  ServiceSetting web{.name = "web", .vip = vip, .port = 80};
  web.servers = {{.name = "web1", .address = *IpAddress::parse("10.0.1.11"), .port = 80}};
  ServiceSetting other{.name = "other", .vip = vip, .port = 81};
  const auto deaf = [&](Ping of_web, Ping of_other) {
    web.ping = of_web, other.ping = of_other;
    table.apply({web, other}, TimePoint{});
    return !deaf_to_ping(table).empty();
  };
  EXPECT_FALSE(deaf(Ping::kUnsaid, Ping::kUnsaid));
  EXPECT_TRUE(deaf(Ping::kNever, Ping::kUnsaid));
  EXPECT_FALSE(deaf(Ping::kNever, Ping::kAlways));
  EXPECT_FALSE(deaf(Ping::kUp, Ping::kNever));
  EXPECT_TRUE(deaf(Ping::kUnsaid, Ping::kUp)) << "the other one has no server";
  EXPECT_FALSE(deaf(Ping::kUp, Ping::kUnsaid));
  table.set_standing("web", "web1", {.weight = 0, .up = false, .in_rotation = false});
  EXPECT_THAT(deaf_to_ping(table), ElementsAre(vip));
}

}  // namespace
}  // namespace tandem::forwarding
