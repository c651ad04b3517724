// The whole room, twice, on one cable: real sockets, real addresses, a board held by the test. Adverts every 100 ms, so
// an Active_Down_Interval is less than 0.4 s.
#include "vrrp/io/room.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "daemon/loop/clock.hpp"
#include "vrrp/io/room_test_world.hpp"

namespace tandem::vrrp::test {
namespace {

using bus::RouterState;

struct Words {
  std::string interval = "100ms";
  std::string web_addresses = "[192.0.2.10/24, 192.0.2.11/24]";
  std::string mail_addresses = "[192.0.2.20/24]";
  std::string track;
  std::string mail_more;
  std::string peer_link;
  std::string hold = "0s";
  uint64_t generation = 1;
};

bus::SiteText site(const std::string& director, const Words& words) {
  return {.text =
              "site: test\n"
              "directors:\n"
              "  a: { priority: 150, peer_address: 192.0.2.1 }\n"
              "  b: { priority: 100, peer_address: 192.0.2.2 }\n" +
              words.peer_link +
              "virtual_routers:\n"
              "  web: { interface: eth0, id: 51, advert_interval: " +
              words.interval + ", start_hold_down: " + words.hold + ", addresses: " + words.web_addresses +
              words.track +
              " }\n"
              "  mail: { interface: eth0, id: 52, advert_interval: " +
              words.interval + ", start_hold_down: 0s, addresses: " + words.mail_addresses + words.mail_more + " }\n",
          .path = "test.yaml",
          .director = director,
          .generation = words.generation};
}

bool may_make_namespaces() {
  return geteuid() == 0 && std::system("unshare -n true 2>/dev/null") == 0;
}

class TwoBoxes : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!may_make_namespaces()) GTEST_SKIP() << "needs the right to make network namespaces";
  }
  void SetUp() override {
    if (!may_make_namespaces()) GTEST_SKIP() << "needs the right to make network namespaces";
    folder_ = std::filesystem::path(::testing::TempDir()) / ("room_test." + std::to_string(getpid()));
    std::filesystem::create_directories(folder_ / "a");
    std::filesystem::create_directories(folder_ / "b");
    box_a.emplace("a");
    box_b.emplace("b");
    Box::cable(*box_a, *box_b);
    a.emplace(*box_a, folder_ / "a");
    b.emplace(*box_b, folder_ / "b");
  }
  void TearDown() override {
    if (HasFailure())
      for (auto* room : {&a, &b})
        for (const bus::Event& event : (*room)->events)
          std::cout << (room == &a ? "a " : "b ") << event.unix_ms % 100000 << ' ' << event.id << ' ' << event.subject
                    << ": " << event.text << '\n';
    a.reset();
    b.reset();
    box_a.reset();
    box_b.reset();
    std::filesystem::remove_all(folder_);
  }

  void tell(const Words& words) {
    a->say(site("a", words));
    b->say(site("b", words));
  }
  // Both rooms up, a active, b backup.
  void settle(const Words& words = {}) {
    tell(words);
    a->start();
    ASSERT_TRUE(a->becomes("web", RouterState::kActive));
    ASSERT_TRUE(a->becomes("mail", RouterState::kActive));
    b->start();
    ASSERT_TRUE(b->becomes("web", RouterState::kBackup));
    ASSERT_TRUE(wait_both(*b, *a, 1s, [&] { return b->state("web")->active_address == "192.0.2.1"; }));
    ASSERT_TRUE(box_a->has_address("192.0.2.10"));
  }
  int64_t ms_since(TimePoint begin) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(loop::monotonic_now() - begin).count();
  }

  std::filesystem::path folder_;
  std::optional<Box> box_a, box_b;
  std::optional<RoomUnderTest> a, b;
};

TEST_F(TwoBoxes, ElectTheHigherPriorityWhichStartsLast) {
  tell({});
  b->start();
  ASSERT_TRUE(b->becomes("web", RouterState::kActive));
  EXPECT_TRUE(box_b->has_address("192.0.2.10"));
  EXPECT_TRUE(box_b->has_address("192.0.2.11"));
  a->start();
  ASSERT_TRUE(a->becomes("web", RouterState::kActive));
  ASSERT_TRUE(b->becomes("web", RouterState::kBackup));
  EXPECT_TRUE(b->wait(1s, [&] { return !box_b->has_address("192.0.2.10") && !box_b->has_address("192.0.2.11"); }));
  EXPECT_TRUE(box_a->has_address("192.0.2.10"));
  EXPECT_EQ(a->generation(), 1);
}

TEST_F(TwoBoxes, AnOrderlyStopCostsOneSkewTimeAndLeavesNothing) {
  settle();
  const TimePoint begin = loop::monotonic_now();
  a->stop();
  ASSERT_TRUE(b->becomes("web", RouterState::kActive, 500ms));
  std::cout << "takeover after an orderly stop: " << ms_since(begin) << " ms\n";
  EXPECT_FALSE(box_a->has_address("192.0.2.10"));
  EXPECT_FALSE(box_a->has_address("192.0.2.20"));
  EXPECT_EQ(a->state("web")->state, RouterState::kInitialize);
  EXPECT_NE(b->state("web")->reason.find("gave up"), std::string::npos) << b->state("web")->reason;
}

TEST_F(TwoBoxes, ARoomThatIsKilledAndStartedAgainResumesAndNobodyNotices) {
  settle();
  a->serve();
  const uint64_t transitions = a->state("web")->transitions;
  const uint64_t since = a->state("web")->since_unix_ms;
  a->kill();
  EXPECT_TRUE(box_a->has_address("192.0.2.10"));
  usleep(100'000);
  a->start();
  ASSERT_TRUE(a->wait(2s, [&] { return a->count("VRRP_RESUMED") == 2; }));
  EXPECT_FALSE(b->wait(600ms, [&] {
    a->serve();
    return b->state("web")->state != RouterState::kBackup;
  }));
  EXPECT_TRUE(box_a->has_address("192.0.2.10"));
  EXPECT_EQ(a->state("web")->transitions, transitions);
  EXPECT_EQ(a->state("web")->since_unix_ms, since);
  EXPECT_EQ(a->count("VRRP_LEFTOVER_REMOVED"), 0);
}

TEST_F(TwoBoxes, ARoomThatComesBackTooLateGivesItsAddressesUpFirst) {
  settle();
  a->serve();
  a->kill();
  ASSERT_TRUE(b->becomes("web", RouterState::kActive, 1s));
  a->start();
  ASSERT_TRUE(a->becomes("web", RouterState::kBackup, 1s)) << "the retained state said active";
  EXPECT_EQ(a->count("VRRP_RESUMED"), 0);
  ASSERT_TRUE(a->becomes("web", RouterState::kActive)) << "and then it preempts as ever";
}

TEST_F(TwoBoxes, WhatADeadDaemonLeftBehindIsRemoved) {
  settle();
  a->kill();
  ASSERT_TRUE(b->becomes("web", RouterState::kActive, 1s));
  ASSERT_TRUE(box_a->has_address("192.0.2.11"));
  // The daemon died as a whole, the board with it, and the file meanwhile names other addresses.
  a->forget_everything();
  a->say(site("a", {.web_addresses = "[192.0.2.10/24]"}));
  a->start();
  ASSERT_TRUE(a->wait(2s, [&] { return a->count("VRRP_LEFTOVER_REMOVED") > 0; }));
  EXPECT_FALSE(box_a->has_address("192.0.2.11"));
}

TEST_F(TwoBoxes, ALostTrackedInterfaceHandsOverAtOnce) {
  ASSERT_TRUE(box_a->run("ip link add in0 type veth peer name in1; ip link set in0 up; ip link set in1 up"));
  ASSERT_TRUE(box_b->run("ip link add in0 type veth peer name in1; ip link set in0 up; ip link set in1 up"));
  settle({.track = ", track: { interfaces: [in0] }"});
  const TimePoint begin = loop::monotonic_now();
  ASSERT_TRUE(box_a->run("ip link set in1 down"));
  ASSERT_TRUE(b->becomes("web", RouterState::kActive, 500ms));
  std::cout << "takeover after a lost tracked interface: " << ms_since(begin) << " ms\n";
  ASSERT_TRUE(a->becomes("web", RouterState::kFault));
  EXPECT_NE(a->state("web")->reason.find("in0"), std::string::npos) << a->state("web")->reason;
  EXPECT_EQ(a->state("mail")->state, RouterState::kActive);
  EXPECT_TRUE(a->wait(1s, [&] { return !box_a->has_address("192.0.2.10"); }));
  ASSERT_TRUE(box_a->run("ip link set in1 up"));
  ASSERT_TRUE(a->becomes("web", RouterState::kActive));
}

TEST_F(TwoBoxes, AnAddressThatSomebodyTookAwayComesBack) {
  settle();
  ASSERT_TRUE(box_a->run("ip addr del 192.0.2.10/24 dev eth0"));
  ASSERT_TRUE(a->wait(1s, [&] { return a->count("VRRP_ADDRESS_RESTORED") == 1; }));
  EXPECT_TRUE(a->wait(1s, [&] { return box_a->has_address("192.0.2.10"); }));
  EXPECT_EQ(b->state("web")->state, RouterState::kBackup);
}

TEST_F(TwoBoxes, AReloadTouchesOnlyWhatChangedAndMovesAnAddressInOneStep) {
  settle();
  a->serve();
  const uint64_t transitions = a->state("mail")->transitions;
  ASSERT_TRUE(box_a->run("ip -o -4 monitor address > /tmp/room_test_monitor." + std::to_string(getpid()) +
                         " & echo $! > /tmp/room_test_monitor.pid." + std::to_string(getpid())));
  usleep(50'000);
  const Words moved{
      .web_addresses = "[192.0.2.10/24]", .mail_addresses = "[192.0.2.20/24, 192.0.2.11/24]", .generation = 2};
  tell(moved);
  ASSERT_TRUE(wait_both(*a, *b, 1s, [&] { return a->generation() == 2 && b->generation() == 2; }));
  EXPECT_TRUE(a->wait(500ms, [&] { return a->state("mail")->addresses.size() == 2; }));
  usleep(50'000);
  const std::string own = std::to_string(getpid());
  (void)!std::system(
      ("kill $(cat /tmp/room_test_monitor.pid." + own + "); rm /tmp/room_test_monitor.pid." + own).c_str());
  EXPECT_NE(std::system(("grep -q Deleted /tmp/room_test_monitor." + own).c_str()), 0)
      << "the moved address was gone for a moment";
  std::filesystem::remove("/tmp/room_test_monitor." + own);
  EXPECT_TRUE(box_a->has_address("192.0.2.11"));
  EXPECT_EQ(a->state("web")->state, RouterState::kActive);
  EXPECT_EQ(a->state("mail")->transitions, transitions);
  EXPECT_EQ(b->count("VRRP_BECAME_ACTIVE"), 0);
}

TEST_F(TwoBoxes, ARouterThatIsNoLongerInTheSiteGivesUpAndIsForgotten) {
  settle();
  bus::SiteText less = site("a", {.generation = 2});
  less.text.erase(less.text.find("  mail:"));
  a->say(less);
  ASSERT_TRUE(a->wait(1s, [&] { return a->state("mail") == nullptr; }));
  EXPECT_TRUE(b->becomes("mail", RouterState::kActive, 200ms)) << "priority 0 was said, so b has it at once";
  EXPECT_TRUE(a->wait(1s, [&] { return !box_a->has_address("192.0.2.20"); }));
  EXPECT_EQ(a->state("web")->state, RouterState::kActive);
}

TEST_F(TwoBoxes, PreemptionWaitsUntilTheConnectionTableIsInStep) {
  const Words words{.peer_link = "peer_link: { key_file: /etc/tandem/peer.key }\n"};
  tell(words);
  b->say(bus::SyncStatus{.peer = "a"});
  b->start();
  ASSERT_TRUE(b->becomes("web", RouterState::kActive));
  a->say(bus::SyncStatus{.peer = "b", .connected = true, .in_step = false});
  a->start();
  ASSERT_TRUE(a->becomes("web", RouterState::kBackup));
  EXPECT_FALSE(a->becomes("web", RouterState::kActive, 800ms));
  EXPECT_NE(a->state("web")->reason.find("not in step with b"), std::string::npos) << a->state("web")->reason;
  a->say(bus::SyncStatus{.peer = "b", .connected = true, .in_step = true});
  EXPECT_TRUE(a->becomes("web", RouterState::kActive, 200ms));
}

TEST_F(TwoBoxes, AnInterfaceThatIsMissingAtStartIsAFaultAndNoMore) {
  tell({.track = ", track: { interfaces: [late0] }"});
  a->start();
  ASSERT_TRUE(a->becomes("web", RouterState::kFault));
  ASSERT_TRUE(a->becomes("mail", RouterState::kActive));
  ASSERT_TRUE(box_a->run("ip link add late0 type veth peer name late1; ip link set late1 up; ip link set late0 up"));
  EXPECT_TRUE(a->becomes("web", RouterState::kActive));
}

TEST_F(TwoBoxes, ANewCableIsFound) {
  settle();
  ASSERT_TRUE(box_a->run("ip link del eth0"));
  ASSERT_TRUE(a->becomes("web", RouterState::kFault));
  ASSERT_TRUE(b->becomes("web", RouterState::kFault));
  Box::cable(*box_a, *box_b);
  ASSERT_TRUE(a->becomes("web", RouterState::kActive));
  ASSERT_TRUE(wait_both(*b, *a, 2s, [&] { return b->state("web")->active_address == "192.0.2.1"; }));
  EXPECT_TRUE(a->wait(1s, [&] { return box_a->has_address("192.0.2.10"); }));
  EXPECT_EQ(b->state("web")->state, RouterState::kBackup);
}

TEST_F(TwoBoxes, ARoomThatWasFrozenStepsBackBeforeItSpeaks) {
  settle();
  a->freeze(true);
  ASSERT_TRUE(b->becomes("web", RouterState::kActive, 1s));
  usleep(300'000);
  a->events.clear();
  a->freeze(false);
  ASSERT_TRUE(a->wait(1s, [&] { return a->count("VRRP_BECAME_BACKUP") > 0; }));
  EXPECT_GE(a->count("VRRP_LATE"), 1);
  ASSERT_TRUE(a->becomes("web", RouterState::kActive));
}

TEST_F(TwoBoxes, ALinkOnWhichNobodyIsHeardIsNotBelievedToBeSilentBeforeTheHoldIsOver) {
  ASSERT_TRUE(box_a->run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; ip link set eth0 arp off"));
  ASSERT_TRUE(box_b->run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; ip link set eth0 arp off"));
  usleep(200'000);  // what was under way has arrived
  a->say(site("a", {.hold = "60s"}));
  a->start();
  ASSERT_TRUE(a->becomes("mail", RouterState::kActive)) << "it has no hold";
  ASSERT_TRUE(a->becomes("web", RouterState::kBackup));
  EXPECT_NE(a->state("web")->reason.find("deaf"), std::string::npos) << a->state("web")->reason;
  EXPECT_FALSE(a->becomes("web", RouterState::kActive, 1s));
  // One frame from the other station, of whatever kind.
  ASSERT_TRUE(
      box_b->run("ip link set eth0 arp on; ip neigh flush dev eth0; ping -c1 -W1 192.0.2.77 >/dev/null || true"));
  EXPECT_TRUE(a->becomes("web", RouterState::kActive, 2s));
}

// ---- Groups and families ------------------------------------------------------------------------------------------

TEST_F(TwoBoxes, RoutersOfAGroupMoveTogether) {
  Words words;
  words.track = ", group: all, track: { interfaces: [eth1] }";
  words.mail_more = ", group: all";
  for (const Box* box : {&*box_a, &*box_b})
    ASSERT_TRUE(box->run("ip link add eth1 type veth peer name far1 && ip link set eth1 up && ip link set far1 up"));
  a->say(site("a", words));
  b->say(site("b", words));
  a->start();
  b->start();
  const auto all = [](RoomUnderTest& room, RouterState state) {
    return room.state("web") && room.state("mail") && room.state("web")->state == state &&
           room.state("mail")->state == state;
  };
  ASSERT_TRUE(wait_both(*a, *b, 5s, [&] { return all(*a, RouterState::kActive) && all(*b, RouterState::kBackup); }));
  EXPECT_EQ(a->state("mail")->vrid, 52);
  EXPECT_EQ(a->state("mail")->addresses, std::vector<std::string>{"192.0.2.20/24"});
  // Only web tracks it, and mail moves along.
  ASSERT_TRUE(box_a->run("ip link set far1 down"));
  ASSERT_TRUE(wait_both(*a, *b, 3s, [&] { return all(*a, RouterState::kFault) && all(*b, RouterState::kActive); }));
  EXPECT_TRUE(box_b->has_address("192.0.2.20"));
  ASSERT_TRUE(wait_both(*a, *b, 3s, [&] { return !box_a->has_address("192.0.2.20"); }));
  ASSERT_TRUE(box_a->run("ip link set far1 up"));
  ASSERT_TRUE(wait_both(*a, *b, 3s, [&] { return all(*a, RouterState::kActive) && all(*b, RouterState::kBackup); }));
}

TEST_F(TwoBoxes, AnIpv6AddressIsAddedAndTakenAwayByReloadsWithoutATransition) {
  Words words;
  a->say(site("a", words));
  a->start();
  ASSERT_TRUE(a->becomes("web", RouterState::kActive));
  // A link-local address is not used before the link has been asked whether it is free.
  ASSERT_TRUE(a->wait(5s, [&] { return box_a->run("ip -6 addr show dev eth0 scope link -tentative | grep -q fe80"); }));
  const uint64_t transitions = a->state("web")->transitions;
  words.web_addresses = "[192.0.2.10/24, 192.0.2.11/24, \"2001:db8::10/64\"]";
  words.generation = 2;
  a->say(site("a", words));
  ASSERT_TRUE(a->wait(3s, [&] { return box_a->has_address("2001:db8::10"); }));
  words.web_addresses = "[192.0.2.10/24, 192.0.2.11/24]";
  words.generation = 3;
  a->say(site("a", words));
  ASSERT_TRUE(a->wait(3s, [&] { return !box_a->has_address("2001:db8::10"); }));
  EXPECT_EQ(a->state("web")->state, RouterState::kActive);
  EXPECT_EQ(a->state("web")->transitions, transitions);
  EXPECT_EQ(a->count("VRRP_FAULT"), 0u);
}

TEST_F(TwoBoxes, RoutesAndRulesAreThereWhileItIsActive) {
  Words words;
  words.track =
      ", routes: { out: { to: 203.0.113.0/24, via: 192.0.2.2, metric: 7 } },"
      " rules: { mine: { from: 192.0.2.10/32, table: 100, priority: 1234 } }";
  a->say(site("a", words));
  a->start();
  const auto there = [&] {
    return box_a->run("ip route show | grep -q \"203.0.113.0/24 via 192.0.2.2 .* metric 7\"") &&
           box_a->run("ip rule show | grep -q \"1234:.*from 192.0.2.10 lookup 100\"");
  };
  const auto gone = [&] {
    return box_a->run("! ip route show | grep -q 203.0.113.0") && box_a->run("! ip rule show | grep -q 1234:");
  };
  ASSERT_TRUE(a->becomes("web", RouterState::kActive));
  ASSERT_TRUE(a->wait(2s, there));
  EXPECT_EQ(a->count("VRRP_ROUTE_FAILED"), 0u);
  a->kill();
  EXPECT_TRUE(there());
  a->start();  // goes on as active, and they are still there
  ASSERT_TRUE(a->wait(3s, [&] { return a->count("VRRP_RESUMED") > 0; }));
  ASSERT_TRUE(a->wait(2s, there));
  words.track = ", routes: { out: { to: 203.0.113.0/24, via: 192.0.2.99 } }";
  words.generation = 2;
  a->say(site("a", words));
  ASSERT_TRUE(a->wait(2s, [&] { return box_a->run("ip route show | grep -q \"203.0.113.0/24 via 192.0.2.99\""); }));
  a->stop();
  EXPECT_TRUE(gone());
}

TEST_F(TwoBoxes, MaintenanceOutlivesTheDaemon) {
  a->say(site("a", {}));
  b->say(site("b", {}));
  a->start();
  ASSERT_TRUE(a->becomes("web", RouterState::kActive));
  a->say(bus::Maintenance{.on = true});
  ASSERT_TRUE(a->wait(2s, [&] { return std::filesystem::exists(folder_ / "a" / "maintenance"); }));
  a->stop();
  b->start();
  ASSERT_TRUE(b->becomes("web", RouterState::kActive));
  a->forget_everything();
  a->start();
  EXPECT_FALSE(
      wait_both(*a, *b, 1500ms, [&] { return a->state("web") && a->state("web")->state == RouterState::kActive; }));
  ASSERT_TRUE(a->state("web"));
  EXPECT_NE(a->state("web")->reason.find("maintenance"), std::string::npos) << a->state("web")->reason;
  a->say(bus::Maintenance{.on = false});
  ASSERT_TRUE(wait_both(*a, *b, 3s, [&] { return a->state("web")->state == RouterState::kActive; }));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a" / "maintenance"));
}

// RFC 9568, 5.2.4 and 6.4.1: priority 255 has the addresses configured itself, waits for nobody, and keeps them.
TEST_F(TwoBoxes, TheOwnerOfTheAddressesWaitsForNobodyAndTheyStayTheOperators) {
  ASSERT_TRUE(box_a->run("ip addr add 192.0.2.10/24 dev eth0"));
  Words words;
  words.web_addresses = "[192.0.2.10/24], priorities: { a: 255 }";
  b->say(site("b", words));
  b->start();
  ASSERT_TRUE(b->becomes("web", RouterState::kActive));
  a->say(site("a", words));
  a->start();
  ASSERT_TRUE(wait_both(*a, *b, 2s, [&] { return a->state("web") && a->state("web")->state == RouterState::kActive; }));
  ASSERT_TRUE(wait_both(*a, *b, 2s, [&] { return b->state("web")->state == RouterState::kBackup; }));
  EXPECT_FALSE(b->state("web")->addresses.empty());
  a->stop();
  EXPECT_TRUE(box_a->has_address("192.0.2.10"));
}

// ---- What is tracked -----------------------------------------------------------------------------------------------

// The script looks for a file; a's priority is 150 and falls to 50 without it.
TEST_F(TwoBoxes, AScriptThatFailsLowersThePriorityAndTheOtherTakesOver) {
  const std::string flag = (folder_ / "well").string();
  std::ofstream(flag) << "1";
  Words words;
  words.track = ", track: { checks: { app: { script: \"/usr/bin/test -e " + flag +
                "\", weight: -100, interval: 100ms, fall: 2 } } }";
  a->say(site("a", words));
  b->say(site("b", {}));
  a->start();
  b->start();
  ASSERT_TRUE(wait_both(*a, *b, 5s, [&] { return a->state("web") && a->state("web")->state == RouterState::kActive; }));
  ASSERT_TRUE(wait_both(*a, *b, 2s, [&] { return a->state("web")->tracked.size() == 1; }));
  EXPECT_EQ(a->state("web")->priority, 150);
  std::filesystem::remove(flag);
  ASSERT_TRUE(wait_both(*a, *b, 3s, [&] { return b->state("web")->state == RouterState::kActive; }));
  EXPECT_EQ(a->state("web")->priority, 50);
  EXPECT_EQ(a->count("VRRP_TRACK"), 1u);
  EXPECT_NE(a->state("web")->tracked.front().find("script 'app' is not well (-100): exit code 1"), std::string::npos)
      << a->state("web")->tracked.front();
  std::ofstream(flag) << "1";
  ASSERT_TRUE(wait_both(*a, *b, 3s, [&] { return a->state("web")->state == RouterState::kActive; }));
}

TEST_F(TwoBoxes, AServiceWithoutServersIsAFaultWhenItIsTracked) {
  Words words;
  words.track = ", track: { checks: { web: { service: shop } } }";
  bus::SiteText text = site("a", words);
  text.text += "services:\n  shop: { address: 192.0.2.10, port: 80, servers: { s: { address: 10.0.0.1 } } }\n";
  a->say(text);
  a->say(bus::ServiceHealth{.service = "shop", .up = true});
  a->start();
  ASSERT_TRUE(a->becomes("web", RouterState::kActive));
  a->say(bus::ServiceHealth{.service = "shop", .up = false});
  ASSERT_TRUE(a->becomes("web", RouterState::kFault));
  EXPECT_NE(a->state("web")->reason.find("service 'web'"), std::string::npos) << a->state("web")->reason;
  a->say(bus::ServiceHealth{.service = "shop", .up = true});
  ASSERT_TRUE(a->becomes("web", RouterState::kActive));
}

TEST_F(TwoBoxes, AWeightAboveZeroCountsFromTheBeginning) {
  Words words;
  words.track = ", track: { checks: { app: { script: /bin/true, weight: 30, interval: 100ms } } }";
  a->say(site("a", words));
  a->start();
  ASSERT_TRUE(a->becomes("web", RouterState::kActive));
  EXPECT_EQ(a->state("web")->priority, 180);
}

// A gateway that does not answer, a process that is not there, a file with a number, a route that is missing.
TEST_F(TwoBoxes, EveryKindOfThingIsLookedAt) {
  const std::string file = (folder_ / "number").string();
  std::ofstream(file) << "-3\n";
  Words words;
  words.track =
      ", track: { checks: { gw: { gateway: 192.0.2.2, weight: 2, interval: 200ms },"
      " gone: { gateway: 192.0.2.99, weight: -5, interval: 200ms, timeout: 100ms },"
      " none: { process: nosuchprocess, weight: -7, interval: 200ms },"
      " way: { route: 203.0.113.1, weight: -11, interval: 200ms },"
      " eth: { interface: eth0, weight: 13 },"
      " load: { file: " +
      file + ", weight: 2, interval: 200ms } } }";
  a->say(site("a", words));
  a->start();
  ASSERT_TRUE(
      a->wait(5s, [&] { return a->state("web") && a->state("web")->priority == 150 + 2 - 5 - 7 - 11 + 13 - 6; }));
}

}  // namespace
}  // namespace tandem::vrrp::test
