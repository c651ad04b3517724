// The keys of a virtual router that the small site does not use: what they read, and what is refused.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "daemon/config/files.hpp"
#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The small site's router with more keys.
std::string router_with(const std::string& keys) {
  std::string text = site_with("    preempt: true\n", "    preempt: true\n    " + keys + "\n");
  // It has one of its own, after ours.
  if (keys.starts_with("track:")) {
    const size_t own = text.rfind("    track:");
    text.erase(own, text.find('\n', own) + 1 - own);
  }
  return text;
}
VirtualRouter router_of(const std::string& keys) {
  const Reading reading = read_site(router_with(keys), "s");
  EXPECT_THAT(reading.errors, IsEmpty()) << reading.errors.front().render();
  return reading.site ? reading.site->virtual_routers.front() : VirtualRouter{};
}

TEST(RouterKeys, TrackedThingsHaveTheirKindWeightAndPace) {
  const VirtualRouter router = router_of(
      "track: { checks: { app: { script: /bin/true -x, weight: -20, rise: 2, fall: 3, interval: 5s, timeout: 2s, user: "
      "nobody },"
      " up: { interface: eth7 }, load: { file: /run/load, weight: 2 }, ha: { process: haproxy, processes: 2 },"
      " shop: { service: web }, way: { route: 203.0.113.1 }, gw: { gateway: 192.0.2.254 } } }");
  ASSERT_EQ(router.tracked.size(), 7u);
  EXPECT_EQ(router.tracked[0], (Tracked{.name = "app",
                                        .kind = TrackedKind::kScript,
                                        .subject = "/bin/true -x",
                                        .user = "nobody",
                                        .weight = -20,
                                        .rise = 2,
                                        .fall = 3,
                                        .interval = 5s,
                                        .timeout = 2s}));
  const TrackedKind kinds[] = {TrackedKind::kScript,  TrackedKind::kInterface, TrackedKind::kFile,
                               TrackedKind::kProcess, TrackedKind::kService,   TrackedKind::kRoute,
                               TrackedKind::kGateway};
  for (size_t i = 0; i < 7; ++i) EXPECT_EQ(router.tracked[i].kind, kinds[i]);
  EXPECT_EQ(router.tracked[3].processes, 2u);
  EXPECT_EQ(router.tracked[6].address.text(), "192.0.2.254");
}

// keepalived's nopreempt with weights never fails over, and nobody is told.
TEST(RouterKeys, AWeightThatMovesNobodyIsAWarning) {
  std::string text = router_with("track: { checks: { app: { interface: eth7, weight: -20 } } }");
  EXPECT_THAT(warnings_of(text), IsEmpty());
  text.replace(text.find("preempt: true"), 13, "preempt: false");
  EXPECT_THAT(warnings_of(text), testing::Contains(HasSubstr("app: weight: with preempt: false nobody takes over")));
}

TEST(RouterKeys, ANotifyScriptHasItsUserItsTimeAndItsAttempts) {
  EXPECT_EQ(router_of("notify: { script: /bin/true eu-west, user: nobody, timeout: 5s, attempts: 3 }").notify,
            (Notify{.script = "/bin/true eu-west", .user = "nobody", .timeout = 5s, .attempts = 3}));
  EXPECT_EQ(router_of("notify: { script: /bin/true }").notify, (Notify{.script = "/bin/true"}));
  EXPECT_THAT(errors_of(router_with("notify: { user: nobody }")), ElementsAre(HasSubstr("script")));
}

TEST(RouterKeys, ATrackedThingIsOneThing) {
  EXPECT_THAT(errors_of(router_with("track: { checks: { app: { script: /bin/true, file: /x } } }")),
              ElementsAre(HasSubstr("app: expected exactly one of interface, script, file, process, service, route and "
                                    "gateway, found 2")));
  EXPECT_THAT(errors_of(router_with("track: { checks: { app: { weight: 3 } } }")),
              ElementsAre(HasSubstr("found none of them")));
}

TEST(RouterKeys, WeightsHaveTheirRange) {
  EXPECT_THAT(errors_of(router_with("track: { checks: { app: { interface: eth7, weight: -254 } } }")),
              ElementsAre(HasSubstr("weight: expected a whole number from -253 to 253, found '-254'")));
}

TEST(RouterKeys, ATrackedServiceMustExist) {
  EXPECT_THAT(errors_of(router_with("track: { checks: { app: { service: shop } } }")),
              ElementsAre(HasSubstr("app: there is no service 'shop'")));
}

TEST(RouterKeys, RoutesAndRulesOfBothFamilies) {
  const VirtualRouter router = router_of(
      "routes: { out: { to: default, via: 198.51.100.254, metric: 5, table: 1000 },"
      " six: { to: \"2001:db8::/32\", via: \"fe80::1\", interface: eth0 } }\n"
      "    rules: { mine: { from: 198.51.100.10/32, table: 1000 } }");
  ASSERT_EQ(router.routes.size(), 2u);
  EXPECT_EQ(router.routes[0].to.length, 0);
  EXPECT_EQ(router.routes[0].table, 1000u);
  EXPECT_EQ(router.routes[1].via.text(), "fe80::1");
  ASSERT_EQ(router.rules.size(), 1u);
  EXPECT_EQ(router.rules[0].from->text(), "198.51.100.10/32");
}

TEST(RouterKeys, RoutesThatCannotBeAreRefused) {
  EXPECT_THAT(errors_of(router_with("routes: { out: { to: 10.0.0.1/8, via: 198.51.100.254 } }")),
              ElementsAre(HasSubstr("it has host bits beyond its length")));
  EXPECT_THAT(errors_of(router_with("routes: { out: { to: 10.0.0.0/8, via: \"fe80::1\" } }")),
              ElementsAre(HasSubstr("via: expected an address of the same family as `to`")));
  EXPECT_THAT(errors_of(router_with("routes: { out: { to: 10.0.0.0/8 } }")),
              ElementsAre(HasSubstr("out: expected via, interface or both")));
  EXPECT_THAT(errors_of(router_with("rules: { mine: { table: 7 } }")),
              ElementsAre(HasSubstr("mine: expected from, to or both")));
}

TEST(RouterKeys, AnnouncementsAreTheSitesToChoose) {
  const VirtualRouter router = router_of("announce: { count: 5, again_after: 10s, refresh: 60s }");
  EXPECT_EQ(router.announce, (AnnounceRules{.count = 5, .again_after = 10s, .refresh = 60s}));
}

TEST(RouterKeys, AVirtualMacAddressIsForMulticastAndOneId) {
  EXPECT_TRUE(router_of("virtual_mac: true").virtual_mac);
  EXPECT_THAT(errors_of(router_with("virtual_mac: true\n    unicast: { dir-a: 198.51.100.2, dir-b: 198.51.100.3 }")),
              ElementsAre(HasSubstr("virtual_mac: switches learn it from multicast; expected no unicast")));
  std::string two = router_with("virtual_mac: true");
  two.replace(two.find("services:\n"), 10,
              "  db: { interface: eth1, id: 51, virtual_mac: true, addresses: [198.51.100.20/24] }\nservices:\n");
  EXPECT_THAT(errors_of(two), ElementsAre(HasSubstr("virtual_mac: 'web' has the same id, so the same MAC address")));
}

TEST(RouterKeys, ACrossCheckNeedsThePeerLinkAndAnOwnerAlwaysAccepts) {
  EXPECT_FALSE(router_of("accept: false").accept);
  std::string unlinked = router_with("cross_check: true");
  unlinked.replace(unlinked.find("peer_link"), 9, "#");
  EXPECT_THAT(errors_of(unlinked), ElementsAre(HasSubstr("cross_check: asks by the peer link")));
  EXPECT_THAT(errors_of(router_with("accept: false\n    priorities: { dir-a: 255, dir-b: 100 }")),
              ElementsAre(HasSubstr("accept: the owner of the addresses (priority 255) answers on them always")));
}

TEST(RouterKeys, ExcludedAddressesMoveAndMayNotBeTwice) {
  EXPECT_EQ(router_of("excluded_addresses: [198.51.100.11/24]").excluded_addresses.size(), 1u);
  EXPECT_THAT(errors_of(router_with("excluded_addresses: [198.51.100.10/24]")),
              ElementsAre(HasSubstr("is also an address of virtual router 'web'")));
}

// What root runs every second must be root's alone to change.
TEST(RouterKeys, AScriptMustBeThereExecutableAndNobodyElsesToChange) {
  const std::string path = testing::TempDir() + "tracked." + std::to_string(getpid());
  const auto words = [&](mode_t mode) {
    std::ofstream(path) << "#!/bin/sh\n";
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    const auto errors = check_files({{"script", path, {}}}, "s");
    return errors.empty() ? std::string() : errors.front().text;
  };
  EXPECT_EQ(words(0755), "");
  EXPECT_THAT(words(0644), HasSubstr("is not executable; chmod 755"));
  EXPECT_THAT(words(0777), HasSubstr("can be changed by others than root"));
  if (geteuid() == 0) {
    const auto words_for = [&](const std::string& user) {
      const auto errors = check_files({{"script", path, {}, user}}, "s");
      return errors.empty() ? std::string() : errors.front().text;
    };
    EXPECT_EQ(words(0755), "");
    ASSERT_EQ(chown(path.c_str(), 65534, 65534), 0);  // nobody
    EXPECT_THAT(words_for(""), HasSubstr("can be changed by others than root"));
    EXPECT_THAT(words_for("daemon"), HasSubstr("can be changed by others than root"));
    EXPECT_EQ(words_for("nobody"), "") << "who runs it may change it";
    ASSERT_EQ(chown(path.c_str(), 0, 0), 0);
    EXPECT_EQ(words_for("nobody"), "");
    for (const mode_t mode : {0700, 0711, 0754}) {
      ASSERT_EQ(chmod(path.c_str(), mode), 0);
      EXPECT_THAT(words_for("nobody"), HasSubstr("cannot be run by its user")) << mode;
      EXPECT_EQ(words_for("root"), "");
    }
    EXPECT_EQ(words_for(""), "") << "the daemon's own";
  }
  unlink(path.c_str());
  EXPECT_THAT(check_files({{"script", path, {}}}, "s").front().text, HasSubstr("does not exist"));
}

}  // namespace
}  // namespace tandem::config
