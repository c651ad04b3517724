// A real peer: Debian's FRR vrrpd as the other router, VRRP version 3 in both families. FRR runs two virtual routers on
// macvlan devices of their own; here they are one dual-stack router.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "vrrp/io/room_test_world.hpp"

namespace tandem::vrrp::test {
namespace {

using bus::RouterState;

class Frr {
 public:
  Frr(const Box& box, std::filesystem::path folder) : box_(box), folder_(std::move(folder)) {}
  ~Frr() { end(SIGKILL); }

  // One macvlan for each family, as its manual asks for. FRR holds down the one of a backup.
  void start(int priority) {
    ASSERT_TRUE(
        box_.run("ip link show vrrp4 >/dev/null 2>&1 || ("
                 "ip link add vrrp4 link eth0 type macvlan mode bridge && "
                 "ip link set vrrp4 address 00:00:5e:00:01:33 addrgenmode none && "
                 "ip addr add 192.0.2.10/24 dev vrrp4 && ip link set vrrp4 up && "
                 "ip link add vrrp6 link eth0 type macvlan mode bridge && "
                 "ip link set vrrp6 address 00:00:5e:00:02:33 addrgenmode none && ip link set vrrp6 up && "
                 "ip addr add fe80::77/64 dev vrrp6 nodad && ip addr add 2001:db8::10/64 dev vrrp6 nodad)"));
    std::ofstream(folder_ / "zebra.conf") << "";
    std::ofstream(folder_ / "vrrpd.conf") << "interface eth0\n vrrp 51 version 3\n vrrp 51 priority " << priority
                                          << "\n vrrp 51 advertisement-interval 100\n vrrp 51 ip 192.0.2.10\n"
                                             " vrrp 51 ipv6 2001:db8::10\n";
    daemon("zebra");
    for (int i = 0; i < 100 && !std::filesystem::exists(folder_ / "zserv.api"); ++i) usleep(20'000);
    daemon("vrrpd");
  }
  void end(int signal) {
    for (const char* name : {"vrrpd", "zebra"}) {
      const std::filesystem::path pid_file = folder_ / (std::string(name) + ".pid");
      std::ifstream file(pid_file);
      pid_t pid = 0;
      if (!(file >> pid)) continue;
      ::kill(pid, signal);
      for (int i = 0; i < 500 && ::kill(pid, 0) == 0; ++i) usleep(10'000);
      std::filesystem::remove(pid_file);
    }
    std::filesystem::remove(folder_ / "zserv.api");
  }
  bool is_active() const {
    return box_.run("ip -d -o link show vrrp4 | grep -qv \"protodown on\"") &&
           box_.run("ip -d -o link show vrrp6 | grep -qv \"protodown on\"");
  }
  bool is_backup() const {
    return box_.run("ip -d -o link show vrrp4 | grep -q \"protodown on\"") &&
           box_.run("ip -d -o link show vrrp6 | grep -q \"protodown on\"");
  }
  std::string log() const {
    std::ifstream file(folder_ / "vrrpd.log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  void daemon(const std::string& name) {
    const std::string here = folder_.string() + "/";
    ASSERT_TRUE(box_.run("/usr/lib/frr/" + name + " -d -u frr -g frr -P 0 -f " + here + name + ".conf -i " + here +
                         name + ".pid -z " + here + "zserv.api --vty_socket " + folder_.string() +
                         " --log file:" + here + name + ".log"));
  }

  const Box& box_;
  std::filesystem::path folder_;
};

class WithFrr : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || std::system("unshare -n true 2>/dev/null") != 0)
      GTEST_SKIP() << "needs the right to make network namespaces";
    if (!std::filesystem::exists("/usr/lib/frr/vrrpd")) GTEST_SKIP() << "needs FRR";
    folder_ = std::filesystem::path(::testing::TempDir()) / ("frr_test." + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    ASSERT_EQ(std::system(("chown frr:frr " + folder_.string()).c_str()), 0);
    us.emplace("us");
    them.emplace("them");
    Box::cable(*us, *them);
    room.emplace(*us, folder_);
    frr.emplace(*them, folder_);
    room->say(bus::SiteText{.text = "site: test\n"
                                    "directors: { us: { priority: 100 } }\n"
                                    "virtual_routers:\n"
                                    "  web: { interface: eth0, id: 51, advert_interval: 100ms, start_hold_down: 2s,"
                                    " addresses: [192.0.2.10/24, \"2001:db8::10/64\"] }\n",
                            .path = "test.yaml",
                            .director = "us",
                            .generation = 1});
  }
  void TearDown() override {
    if (HasFailure() && frr) {
      std::cout << frr->log();
      for (const bus::Event& event : room->events) std::cout << event.id << ' ' << event.text << '\n';
    }
    frr.reset();
    room.reset();
    us.reset();
    them.reset();
    std::filesystem::remove_all(folder_);
  }
  bool we_have_both() const { return us->has_address("192.0.2.10") && us->has_address("2001:db8::10"); }
  bool we_have_none() const { return !us->has_address("192.0.2.10") && !us->has_address("2001:db8::10"); }

  std::filesystem::path folder_;
  std::optional<Box> us, them;
  std::optional<RoomUnderTest> room;
  std::optional<Frr> frr;
};

TEST_F(WithFrr, InBothFamiliesBothTakeTurns) {
  room->start();
  ASSERT_TRUE(room->becomes("web", RouterState::kActive, 8s));
  EXPECT_TRUE(room->wait(1s, [&] { return we_have_both(); }));
  frr->start(150);
  ASSERT_TRUE(room->becomes("web", RouterState::kBackup, 8s)) << "it preempts";
  EXPECT_TRUE(room->wait(2s, [&] { return frr->is_active() && we_have_none(); }));
  frr->end(SIGTERM);
  ASSERT_TRUE(room->becomes("web", RouterState::kActive, 1s));

  frr->start(50);
  EXPECT_FALSE(room->becomes("web", RouterState::kBackup, 2s)) << "it is the lower one";
  EXPECT_TRUE(frr->is_backup());
  room->stop();
  EXPECT_TRUE(room->wait(2s, [&] { return frr->is_active(); })) << "our priority 0 is understood";
  room->start();
  ASSERT_TRUE(room->becomes("web", RouterState::kActive, 8s)) << "we preempt";
  EXPECT_TRUE(room->wait(2s, [&] { return frr->is_backup() && we_have_both(); }));
  EXPECT_EQ(room->state("web")->adverts_rejected, 0);
}

}  // namespace
}  // namespace tandem::vrrp::test
