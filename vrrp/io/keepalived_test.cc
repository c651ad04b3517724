// A real peer: Debian's keepalived as the other router, VRRP version 3.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "daemon/loop/clock.hpp"
#include "vrrp/io/room_test_world.hpp"

namespace tandem::vrrp::test {
namespace {

using bus::RouterState;

class Keepalived {
 public:
  Keepalived(const Box& box, std::filesystem::path folder) : box_(box), folder_(std::move(folder)) {}
  ~Keepalived() { end(SIGKILL); }

  std::string addresses = "192.0.2.10/24\n 192.0.2.11/24";
  std::string address = "192.0.2.10";  // the one that is looked for

  void start(int priority, const std::string& more = "") {
    std::ofstream(folder_ / "keepalived.conf") << "global_defs { vrrp_version 3 }\n"
                                                  "vrrp_instance web {\n  interface eth0\n  virtual_router_id 51\n"
                                                  "  state BACKUP\n  advert_int 0.1\n  priority "
                                               << priority << "\n"
                                               << more << "  virtual_ipaddress { " << addresses << " }\n}\n";
    const std::string here = folder_.string();
    ASSERT_TRUE(
        box_.run("cd " + here + " && keepalived -n -P -l -f keepalived.conf -p main.pid -r vrrp.pid > log 2>&1 & "));
  }
  void end(int signal) {
    std::ifstream file(folder_ / "main.pid");
    pid_t pid = 0;
    if (!(file >> pid)) return;
    if (signal == SIGKILL) {  // both its processes, or the parent would start the child again
      pid_t child = 0;
      if (std::ifstream(folder_ / "vrrp.pid") >> child) ::kill(child, signal);
    }
    ::kill(pid, signal);
    for (int i = 0; i < 500 && ::kill(pid, 0) == 0; ++i) usleep(10'000);
    std::filesystem::remove(folder_ / "main.pid");
  }
  std::string log() const {
    std::ifstream file(folder_ / "log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  const Box& box_;
  std::filesystem::path folder_;
};

class WithKeepalived : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || std::system("unshare -n true 2>/dev/null") != 0)
      GTEST_SKIP() << "needs the right to make network namespaces";
    if (std::system("command -v keepalived >/dev/null") != 0) GTEST_SKIP() << "needs keepalived";
    folder_ = std::filesystem::path(::testing::TempDir()) / ("keepalived_test." + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    us.emplace("us");
    them.emplace("them");
    Box::cable(*us, *them);
    room.emplace(*us, folder_);
    keepalived.emplace(*them, folder_);
    configure("advert_interval: 100ms");
  }

  void configure(const std::string& keys) {
    room->say(bus::SiteText{.text = "site: test\n"
                                    "directors: { us: { priority: 100, peer_address: 192.0.2.1 } }\n"
                                    "virtual_routers:\n"
                                    "  web: { interface: eth0, id: 51, start_hold_down: 2s, addresses: " +
                                    addresses_ + ", " + keys + " }\n",
                            .path = "test.yaml",
                            .director = "us",
                            .generation = 1});
  }

  // Election both ways, preemption both ways and priority 0 both ways, whatever is spoken. `theirs`: the lines of
  // keepalived's file that say the same as our `keys`.
  void take_turns(const std::string& keys, const std::string& theirs) {
    configure(keys);
    room->start();
    ASSERT_TRUE(room->becomes("web", RouterState::kActive, 5s));
    keepalived->start(150, theirs);
    ASSERT_TRUE(room->becomes("web", RouterState::kBackup, 8s)) << "it preempts";
    EXPECT_TRUE(wait_until_it_is_active(true));
    EXPECT_TRUE(room->wait(1s, [&] { return !we_have_it(); }));
    keepalived->end(SIGTERM);
    ASSERT_TRUE(room->becomes("web", RouterState::kActive, 1s)) << "its priority 0 is understood";
    EXPECT_NE(room->state("web")->reason.find("gave up"), std::string::npos) << room->state("web")->reason;

    keepalived->start(50, theirs);
    EXPECT_FALSE(room->becomes("web", RouterState::kBackup, 2s)) << "it is the lower one";
    EXPECT_FALSE(it_is_active());
    room->stop();
    EXPECT_TRUE(room->wait(2s, [&] { return it_is_active(); })) << "our priority 0 is understood";
    room->start();
    ASSERT_TRUE(room->becomes("web", RouterState::kActive, 8s)) << "we preempt";
    EXPECT_TRUE(wait_until_it_is_active(false));
    EXPECT_EQ(room->state("web")->adverts_rejected, 0);
  }
  void TearDown() override {
    if (HasFailure()) {
      std::cout << keepalived->log();
      for (const bus::Event& event : room->events) std::cout << event.id << ' ' << event.text << '\n';
    }
    keepalived.reset();
    room.reset();
    us.reset();
    them.reset();
    std::filesystem::remove_all(folder_);
  }

  bool it_is_active() { return them->has_address(keepalived->address); }
  bool we_have_it() { return us->has_address(keepalived->address); }
  // Instead of IPv4 addresses, or beside them.
  void speak_ipv6() {
    addresses_ = "[\"2001:db8::10/64\", \"2001:db8::11/64\"]";
    keepalived->addresses = "2001:db8::10/64\n 2001:db8::11/64";
    keepalived->address = "2001:db8::10";
    ASSERT_TRUE(us->run("ip addr add 2001:db8::1/64 dev eth0 nodad"));
    ASSERT_TRUE(them->run("ip addr add 2001:db8::2/64 dev eth0 nodad"));
  }
  bool wait_until_it_is_active(bool active) {
    return room->wait(5s, [&] { return it_is_active() == active; });
  }

  std::string addresses_ = "[192.0.2.10/24, 192.0.2.11/24]";
  std::filesystem::path folder_;
  std::optional<Box> us, them;
  std::optional<RoomUnderTest> room;
  std::optional<Keepalived> keepalived;
};

TEST_F(WithKeepalived, TheLowerOneYieldsWhicheverItIs) {
  room->start();
  ASSERT_TRUE(room->becomes("web", RouterState::kActive));
  keepalived->start(150);
  ASSERT_TRUE(room->becomes("web", RouterState::kBackup, 5s));
  EXPECT_TRUE(wait_until_it_is_active(true));
  EXPECT_TRUE(room->wait(1s, [&] { return !us->has_address("192.0.2.10"); }));
  EXPECT_EQ(room->state("web")->active_address, "192.0.2.2");

  keepalived->end(SIGTERM);  // priority 0
  const TimePoint begin = loop::monotonic_now();
  ASSERT_TRUE(room->becomes("web", RouterState::kActive, 1s));
  std::cout << "active " << std::chrono::duration_cast<std::chrono::milliseconds>(loop::monotonic_now() - begin).count()
            << " ms after keepalived's process ended\n";
  EXPECT_NE(room->state("web")->reason.find("gave up"), std::string::npos) << room->state("web")->reason;

  keepalived->start(50);  // now it is the lower one: it must stay quiet
  EXPECT_FALSE(room->becomes("web", RouterState::kBackup, 2s));
  EXPECT_FALSE(it_is_active());
  EXPECT_EQ(room->state("web")->adverts_rejected, 0);
  EXPECT_EQ(keepalived->log().find("checksum"), std::string::npos) << "our checksum is not what it wants";
}

TEST_F(WithKeepalived, ItTakesOverWithinASkewTimeWhenWeStopAndWithinADownIntervalWhenWeDie) {
  room->start();
  ASSERT_TRUE(room->becomes("web", RouterState::kActive));
  keepalived->start(50);
  ASSERT_FALSE(room->becomes("web", RouterState::kBackup, 1s));
  room->stop();
  EXPECT_TRUE(wait_until_it_is_active(true));
  EXPECT_FALSE(us->has_address("192.0.2.10"));

  room->start();  // and takes it back: we are the higher one
  ASSERT_TRUE(room->becomes("web", RouterState::kActive));
  EXPECT_TRUE(wait_until_it_is_active(false));
  room->kill();
  EXPECT_TRUE(wait_until_it_is_active(true));
}

TEST_F(WithKeepalived, WithEqualPrioritiesTheHigherAddressWins) {
  room->start();
  ASSERT_TRUE(room->becomes("web", RouterState::kActive));
  keepalived->start(100);
  // It hears us, and a backup does not preempt its equal.
  EXPECT_FALSE(room->becomes("web", RouterState::kBackup, 1s));
  // Both active for a moment, as after a cut: theirs is 192.0.2.2.
  ASSERT_TRUE(
      us->run("nft \"add table ip cut { chain out { type filter hook output priority 0; ip protocol 112 drop; }; }\""));
  ASSERT_TRUE(wait_until_it_is_active(true));
  ASSERT_TRUE(us->run("nft delete table ip cut"));
  EXPECT_TRUE(room->becomes("web", RouterState::kBackup, 2s));
  EXPECT_TRUE(it_is_active());
}

TEST_F(WithKeepalived, InVersionTwoBothTakeTurns) {
  take_turns("version: 2", "  version 2\n  advert_int 1\n");
}

TEST_F(WithKeepalived, InVersionTwoWithAPasswordBothTakeTurns) {
  take_turns("version: 2, password: s3cret",
             "  version 2\n  advert_int 1\n  authentication { auth_type PASS\n auth_pass s3cret\n }\n");
}

TEST_F(WithKeepalived, InIpv6BothTakeTurns) {
  speak_ipv6();
  take_turns("advert_interval: 100ms", "");
}

TEST_F(WithKeepalived, ByUnicastBothTakeTurns) {
  take_turns("advert_interval: 100ms, unicast: { us: 192.0.2.1, them: 192.0.2.2 }",
             "  unicast_src_ip 192.0.2.2\n  unicast_peer { 192.0.2.1 }\n");
}

// keepalived sends IPv6 unicast with hop limit 64.
TEST_F(WithKeepalived, ByIpv6UnicastBothTakeTurns) {
  speak_ipv6();
  take_turns("advert_interval: 100ms, min_ttl: 64, unicast: { us: \"2001:db8::1\", them: \"2001:db8::2\" }",
             "  unicast_src_ip 2001:db8::2\n  unicast_peer { 2001:db8::1 }\n");
}

TEST_F(WithKeepalived, WhoseVersionTwoPasswordIsAnotherIsRefusedWithAdvice) {
  configure("version: 2, password: s3cret");
  room->start();
  ASSERT_TRUE(room->becomes("web", RouterState::kActive, 5s));
  keepalived->start(150, "  version 2\n  advert_int 1\n  authentication { auth_type PASS\n auth_pass other\n }\n");
  ASSERT_TRUE(room->wait(8s, [&] { return room->count("VRRP_ADVERT_REJECTED") > 0; }));
  const auto said = std::ranges::find(room->events, "VRRP_ADVERT_REJECTED", &bus::Event::id);
  EXPECT_NE(said->text.find("wrong password; give both routers the same password"), std::string::npos) << said->text;
}

TEST_F(WithKeepalived, AVersionTwoPeerIsRefusedWithAdvice) {
  room->start();
  ASSERT_TRUE(room->becomes("web", RouterState::kActive));
  keepalived->start(150, "  version 2\n  advert_int 1\n");
  ASSERT_TRUE(room->wait(8s, [&] { return room->count("VRRP_ADVERT_REJECTED") > 0; }));
  const auto said = std::ranges::find(room->events, "VRRP_ADVERT_REJECTED", &bus::Event::id);
  EXPECT_NE(said->text.find("version"), std::string::npos) << said->text;
  EXPECT_NE(said->text.find("192.0.2.2"), std::string::npos) << said->text;
}

}  // namespace
}  // namespace tandem::vrrp::test
