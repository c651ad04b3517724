#include "forwarding/service_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ServiceTable, ChangesNothingWhereNothingChanged) {
  Director director;
  director.apply({web(), dns()});
  const Server* before = &director.server("web", "web1");
  director.send(from_client(1).syn());
  const TableChanges changes = director.services.apply({web(), dns()}, director.now);
  EXPECT_THAT(changes.servers_added, IsEmpty());
  EXPECT_THAT(changes.servers_removed, IsEmpty());
  EXPECT_THAT(changes.services_changed, IsEmpty());
  EXPECT_EQ(&director.server("web", "web1"), before);
  EXPECT_EQ(before->active + director.server("web", "web2").active, 1);
  // The scheduler goes on where it stood: web2 had its turn.
  EXPECT_THAT(director.line(from_client(2).syn()), HasSubstr("to web1"));
}

TEST(ServiceTable, TellsWhatCameAndWhatWent) {
  Director director;
  const TableChanges first = director.services.apply({web(), dns()}, director.now);
  EXPECT_THAT(first.services_added, ElementsAre("web", "dns"));
  EXPECT_EQ(first.servers_added.size(), 3u);
  ServiceSetting changed = web();
  changed.servers[0].address = ip("10.0.0.9");
  const TableChanges second = director.services.apply({changed}, director.now);
  EXPECT_THAT(second.services_removed, ElementsAre("dns"));
  EXPECT_THAT(second.services_changed, ElementsAre("web"));
  EXPECT_EQ(second.servers_added.size(), 1u);
  EXPECT_EQ(second.servers_removed.size(), 2u);
  EXPECT_EQ(director.services.find(kUdp, ip("198.51.100.10"), 53), nullptr);
  EXPECT_EQ(director.services.find_server(kTcp, ip("10.0.0.1"), 8080), nullptr);
  EXPECT_NE(director.services.find_server(kTcp, ip("10.0.0.9"), 8080), nullptr);
}

TEST(ServiceTable, LetsAnAddressPassFromOneServiceToAnother) {
  Director director;
  director.apply({web()});
  ServiceSetting heir = web();
  heir.name = "heir";
  director.apply({heir});
  EXPECT_EQ(director.services.find(kTcp, ip("198.51.100.10"), 80)->service->setting.name, "heir");
}

TEST(ServiceTable, WritesTheAddressesOfTheRecipeAndTheShellTheWay) {
  Director director;
  director.apply({web()});
  const uint16_t slot = director.server("web", "web1").slot;
  const tandem_recipe& recipe = director.services.recipe(slot);
  EXPECT_EQ(recipe.server_address, ip("10.0.0.1").value);
  EXPECT_EQ(recipe.server_port, 8080);
  EXPECT_EQ(recipe.virtual_address, ip("198.51.100.10").value);
  EXPECT_EQ(recipe.virtual_port, 80);
  EXPECT_EQ(recipe.method, TANDEM_NAT);
  EXPECT_EQ(recipe.flags, TANDEM_RECIPE_IN_USE);
  director.services.set_next_hop(
      slot, {.ifindex = 3, .source_mac = {{2, 0, 0, 0, 0, 1}}, .destination_mac = {{2, 0, 0, 0, 0, 2}}, .mtu = 1500});
  EXPECT_EQ(recipe.flags, TANDEM_RECIPE_IN_USE | TANDEM_RECIPE_NEIGHBOUR_KNOWN);
  EXPECT_EQ(recipe.destination_mac[5], 2);
  director.services.set_next_hop(slot, {.ifindex = 3, .mtu = 1400}, false);
  EXPECT_EQ(recipe.flags, TANDEM_RECIPE_IN_USE);
  EXPECT_EQ(recipe.mtu, 1400);
  ServiceSetting without = web();
  without.servers.erase(without.servers.begin());
  director.apply({without});
  EXPECT_EQ(recipe.flags, 0);
}

TEST(ServiceTable, ChangesMethodAndSchedulerInPlace) {
  Director director;
  director.apply({web()});
  ServiceSetting other = web();
  other.method = TANDEM_DR;
  other.scheduler.kind = SchedulerKind::kWeightedRoundRobin;
  other.servers[0].weight = 2;
  director.apply({other});
  std::string turns;
  for (uint16_t port = 1; port <= 6; ++port) {
    const std::string line = director.line(from_client(port).syn());
    EXPECT_THAT(line, HasSubstr("198.51.100.10:80"));
    turns += line[6];
  }
  EXPECT_EQ(turns, "211211");  // to web2, to web1, to web1, ...: as IPVS, whose threshold stays when a weight rises
}

ServiceSetting three_by_hash() {
  ServiceSetting setting = web();
  setting.scheduler = {.kind = SchedulerKind::kMaglev, .port = true};
  setting.servers.push_back({"web3", ip("10.0.0.3"), 8080, 1, true});
  return setting;
}

std::string picks(Director& director, uint16_t first_port) {
  std::string text;
  for (uint16_t port = first_port; port < first_port + 60; ++port) text += director.line(from_client(port).syn())[6];
  return text;
}

TEST(ServiceTable, DealsAsIfADeadServerDidNotExist) {
  Director director;
  director.apply({three_by_hash()});
  director.services.set_standing("web", "web2", {.weight = 0, .up = false, .in_rotation = false});
  const std::string dealt = picks(director, 1000);
  EXPECT_EQ(dealt.find('2'), std::string::npos);
  EXPECT_EQ(dealt.find('n'), std::string::npos);  // nobody is refused
  EXPECT_EQ(director.services.find("web")->rotation.size(), 2u);
  EXPECT_EQ(director.services.find("web")->servers.size(), 3u);
}

TEST(ServiceTable, DealsInTheOrderOfTheFileWhateverHappenedBefore) {
  Director fresh, old;
  fresh.apply({three_by_hash()});
  ServiceSetting before = three_by_hash();
  std::swap(before.servers[0], before.servers[2]);
  before.servers.pop_back();  // web3, web2
  old.apply({before});
  old.services.set_standing("web", "web3", {.weight = 0, .up = false, .in_rotation = false});
  old.apply({three_by_hash()});
  EXPECT_EQ(picks(old, 1000), picks(fresh, 1000));
  old.services.set_standing("web", "web2", {.weight = 0, .up = false, .in_rotation = false});
  old.services.set_standing("web", "web2", {.weight = 1});
  EXPECT_EQ(picks(old, 2000), picks(fresh, 2000));
}

TEST(ServiceTable, TakesAServerOverItsThresholdOutUntilItHasFewer) {
  Director director;
  ServiceSetting setting = web();
  setting.servers[1].upper = 2;
  director.apply({setting});
  std::string turns;
  for (uint16_t port = 1; port <= 6; ++port) turns += director.line(from_client(port).syn())[6];
  EXPECT_EQ(turns, "212111");
  // An edit that raises it forgives.
  setting.servers[1].upper = 3;
  director.apply({setting});
  EXPECT_THAT(director.line(from_client(7).syn()), HasSubstr("to web2"));
  EXPECT_THAT(director.line(from_client(8).syn()), HasSubstr("to web1"));
}

TEST(ServiceTable, KeepsAFlowOnItsServerOverARestartOfTheRoom) {
  Director director;
  director.apply({web(), dns()});
  director.send(from_client().syn());
  director.send(from_client().ack());
  // Another process, another order of the configuration.
  FlowTable again = *FlowTable::attach(director.mapping.bytes());
  ServiceTable services(again);
  services.apply({dns(), web()}, director.now);
  Engine engine(again, services);
  Outputs outputs;
  Frame frame = from_client().ack().build();
  engine.handle(frame.in(), director.now, outputs);
  ASSERT_EQ(outputs.packets().size(), 1u);
  EXPECT_EQ(text_of(outputs.packets()[0].packet), "192.0.2.7:40000 > 10.0.0.2:8080 tcp A ttl 63");
  // Connections are counted by the first sweep.
  const Server* server = services.server(services.server_slot("web", "web2"));
  EXPECT_EQ(server->active, 0);
  engine.expire(director.now, again.slots());
  EXPECT_EQ(server->active, 1);
}

TEST(ServiceTable, RefusesWhatItHasNoNumberFor) {
  Director director;
  ServiceSetting long_name = web();
  long_name.name = std::string(64, 'n');
  ServiceSetting long_server = web();
  long_server.servers[0].name = std::string(64, 'm');
  const TableChanges changes = director.services.apply({long_name, long_server}, director.now);
  EXPECT_THAT(changes.refused, ElementsAre(std::string(64, 'n'), "web/" + std::string(64, 'm')));
  EXPECT_THAT(director.line(from_client().syn()), HasSubstr("to web2"));
}

TEST(ServiceTable, SaysFalseAboutNamesItDoesNotHave) {
  Director director;
  director.apply({web()});
  EXPECT_FALSE(director.services.set_weight("web", "web9", 1));
  EXPECT_FALSE(director.services.set_weight("mail", "web1", 1));
  EXPECT_FALSE(director.services.set_up("web", "web9", true));
  EXPECT_FALSE(director.services.set_active("mail", true, director.now));
  EXPECT_TRUE(director.services.set_weight("web", "web1", 5));
  EXPECT_EQ(director.services.service_slot("mail"), 0);
  EXPECT_EQ(director.services.server_slot("web", "web9"), 0);
}

TEST(ServiceTable, FindsItsWayAmongTenThousandServers) {
  Director director;
  ServiceSetting big = web();
  big.servers.clear();
  for (uint32_t i = 0; i < 10'000; ++i)
    big.servers.push_back({"s" + std::to_string(i), Ipv4Address{0x0a000000 + i}, 8080, 1, true});
  director.apply({big});
  EXPECT_EQ(director.services.find(kTcp, big.vip, 80)->service->servers.size(), 10'000u);
  for (uint32_t i = 0; i < 10'000; i += 97)
    EXPECT_EQ(director.services.find_server(kTcp, Ipv4Address{0x0a000000 + i}, 8080)->name, "s" + std::to_string(i));
}

}  // namespace
}  // namespace tandem::forwarding
