// The real kernel, in network namespaces of the test's own that go with the process. Without the right to load BPF programs, or to
// make a namespace, the tests skip.
#include "forwarding/io/fast_programs.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/netlink/connection.hpp"
#include "forwarding/io/fast_hook.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint32_t kBuckets = 1024;

IpAddress at(const char* text) {
  return *IpAddress::parse(text);
}

// As the programs' records have an IPv4 address.
std::array<uint8_t, 16> mapped(const std::array<uint8_t, 4>& four) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, four[0], four[1], four[2], four[3]};
}

class FastPrograms : public ::testing::Test {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs the right to make a network namespace";
    auto loaded = forwarding::FastPrograms::load(kBuckets);
    if (!loaded && (loaded.error().find("not permitted") != std::string::npos ||
                    loaded.error().find("has no BPF") != std::string::npos))
      GTEST_SKIP() << loaded.error();
    ASSERT_TRUE(loaded) << loaded.error();
    programs_ = std::move(*loaded);
    run("ip link add t0 type veth peer name t1");
    t0_ = if_nametoindex("t0");
    ASSERT_NE(t0_, 0);
  }

  forwarding::FastPrograms& programs() { return *programs_; }
  static void run(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }
  static std::string said(const std::string& command) {
    FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return "popen failed";
    std::string all;
    for (int c = 0; (c = std::fgetc(pipe)) != EOF;) all += static_cast<char>(c);
    EXPECT_EQ(pclose(pipe), 0) << command;
    return all;
  }
  // A classic BPF program, because that every kernel that these tests run on has.
  static void add_foreign_filter(const std::string& where) {
    run("tc filter add dev t0 " + where + " bpf bytecode '1,6 0 0 0'");
  }
  static bool has_foreign_filter() { return filters().find("bytecode") != std::string::npos; }
  static std::string filters() { return said("tc filter show dev t0 ingress; tc filter show dev t0 egress"); }
  static bool has_clsact() { return said("tc qdisc show dev t0").find("clsact") != std::string::npos; }
  // As a killed room leaves it.
  void leave_a_filter() {
    const pid_t child = fork();
    if (child == 0) {
      auto mine = forwarding::FastPrograms::load(kBuckets);
      _exit(mine && (*mine)->attach(t0_) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  template <class Key>
  std::optional<uint32_t> value_of(const char* map, const Key& key) {
    uint32_t value = 0;
    if (bpf_map_lookup_elem(programs().map(map), &key, &value) != 0) return std::nullopt;
    return value;
  }
  std::optional<uint32_t> address(std::array<uint8_t, 16> bytes) { return value_of("fast_addresses", bytes); }

  std::unique_ptr<forwarding::FastPrograms> programs_;
  uint32_t t0_ = 0;
};

TEST_F(FastPrograms, TheArraysAreAsLongAsTheirTables) {
  EXPECT_EQ(programs().memory().flows.size(), kBuckets);
  EXPECT_EQ(programs().memory().sequences.size(), kBuckets);
  EXPECT_EQ(programs().memory().servers.size(), TANDEM_FAST_SERVERS);
  EXPECT_EQ(programs().memory().fronts.size(), TANDEM_SERVICE_SLOTS);
  EXPECT_EQ(programs().memory().hops.size(), TANDEM_FAST_HOPS);
  EXPECT_GE(programs().processors(), std::thread::hardware_concurrency());
  EXPECT_EQ(programs().memory().counts.size(), size_t{TANDEM_FAST_SERVERS} * programs().processors());
  EXPECT_GE(programs().tap(), 0);
}

TEST_F(FastPrograms, WhatIsWrittenHereTheProgramsSee) {
  const uint32_t number = kBuckets - 1;
  EXPECT_EQ(programs().memory().flows[number].flows[3].key, 0);
  programs().memory().flows[number].flows[3].key = 0x1234;
  tandem_fast_bucket bucket{};
  ASSERT_EQ(bpf_map_lookup_elem(programs().map("fast_flows"), &number, &bucket), 0);
  EXPECT_EQ(bucket.flows[3].key, 0x1234);

  const auto last = static_cast<uint32_t>(programs().memory().counts.size() - 1);
  const tandem_fast_count count{.packets_in = 1, .bytes_in = 2, .packets_out = 3, .bytes_out = 4};
  ASSERT_EQ(bpf_map_update_elem(programs().map("fast_counts"), &last, &count, BPF_ANY), 0);
  EXPECT_EQ(programs().memory().counts.back().bytes_out, 4);

  const uint32_t first = 0;
  programs().control().on = 1;
  tandem_fast_control control{};
  ASSERT_EQ(bpf_map_lookup_elem(programs().map("fast_control"), &first, &control), 0);
  EXPECT_EQ(control.on, 1);
}

TEST_F(FastPrograms, ATableTooLargeForTheKernelIsAnErrorInWords) {
  const auto none = forwarding::FastPrograms::load(0);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), "loading the fast path: map 'fast_flows': Invalid argument");
  EXPECT_FALSE(forwarding::FastPrograms::load(UINT32_MAX));
}

// A thread may give up what its process has.
void with_capabilities(const std::vector<cap_value_t>& kept, const std::function<void()>& act) {
  std::thread([&] {
    const std::unique_ptr<_cap_struct, decltype(&cap_free)> set(cap_init(), &cap_free);
    for (const auto flag : {CAP_PERMITTED, CAP_EFFECTIVE}) {
      const int set_them =
          kept.empty() ? 0 : cap_set_flag(set.get(), flag, static_cast<int>(kept.size()), kept.data(), CAP_SET);
      ASSERT_EQ(set_them, 0);
    }
    ASSERT_EQ(cap_set_proc(set.get()), 0);
    act();
  }).join();
}

// daemon/rooms.cc.
TEST_F(FastPrograms, TheRoomsCapabilitiesAreEnough) {
  with_capabilities({CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF, CAP_SYS_NICE, CAP_IPC_LOCK}, [this] {
    auto mine = forwarding::FastPrograms::load(kBuckets);
    ASSERT_TRUE(mine) << mine.error();
    const auto attached = (*mine)->attach(t0_);
    EXPECT_TRUE(attached) << attached.error();
    EXPECT_TRUE((*mine)->is_attached(t0_));
    EXPECT_TRUE((*mine)->set_addresses({.services = {at("192.0.2.1")}, .servers = {}, .own = {}}));
  });
}

TEST_F(FastPrograms, WithoutCapabilitiesTheErrorSaysWhichAreNeeded) {
  with_capabilities({}, [] {
    const auto mine = forwarding::FastPrograms::load(kBuckets);
    ASSERT_FALSE(mine);
    EXPECT_EQ(mine.error(), "loading the fast path: not permitted: CAP_BPF and CAP_NET_ADMIN are needed");
  });
}

TEST_F(FastPrograms, AddressesAreChangedByTheirDifference) {
  const std::array<uint8_t, 16> vip = mapped({192, 0, 2, 1}), rip = mapped({10, 0, 0, 1});
  const std::array<uint8_t, 16> vip6{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  ASSERT_TRUE(programs().set_addresses(
      {.services = {at("192.0.2.1"), at("2001:db8::1")}, .servers = {at("10.0.0.1")}, .own = {at("192.0.2.1")}}));
  EXPECT_EQ(address(vip), TANDEM_FAST_SERVICE | TANDEM_FAST_OWN);
  EXPECT_EQ(address(vip6), TANDEM_FAST_SERVICE);
  EXPECT_EQ(address(rip), TANDEM_FAST_SERVER);

  // What stays as it is is not written again.
  const uint32_t mark = 77;
  ASSERT_EQ(bpf_map_update_elem(programs().map("fast_addresses"), &vip6, &mark, BPF_EXIST), 0);
  ASSERT_TRUE(programs().set_addresses(
      {.services = {at("192.0.2.1"), at("2001:db8::1")}, .servers = {}, .own = {at("10.0.0.9")}}));
  EXPECT_EQ(address(vip), TANDEM_FAST_SERVICE);
  EXPECT_EQ(address(vip6), mark);
  EXPECT_EQ(address(rip), std::nullopt);
  EXPECT_EQ(address(mapped({10, 0, 0, 9})), TANDEM_FAST_OWN);
}

TEST_F(FastPrograms, MoreAddressesThanThereIsRoomForAreAnErrorThatPasses) {
  TapAddresses many;
  for (uint32_t i = 0; i <= 65536; ++i) many.servers.insert(Ipv4Address{0x0a000000 + i});
  const auto set = programs().set_addresses(many);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error(), "changing fast_addresses: Argument list too long");
  ASSERT_TRUE(programs().set_addresses({.services = {}, .servers = {at("10.0.0.5"), at("10.9.0.0")}, .own = {}}));
  EXPECT_EQ(address(mapped({10, 0, 0, 5})), TANDEM_FAST_SERVER);
  EXPECT_EQ(address(mapped({10, 9, 0, 0})), TANDEM_FAST_SERVER);
  EXPECT_EQ(address(mapped({10, 0, 0, 6})), std::nullopt);
}

TEST_F(FastPrograms, EndpointsAreChangedByTheirDifference) {
  const Endpoint web{.protocol = IPPROTO_TCP, .address = at("192.0.2.1"), .port = 443};
  const Endpoint names{.protocol = IPPROTO_UDP, .address = at("2001:db8::1"), .port = 53};
  const tandem_fast_endpoint web_key{.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1},
                                     .port = htons(443),
                                     .protocol = IPPROTO_TCP,
                                     .reserved = 0};
  const tandem_fast_endpoint names_key{.address = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                                       .port = htons(53),
                                       .protocol = IPPROTO_UDP,
                                       .reserved = 0};
  ASSERT_TRUE(programs().set_endpoints({{web, 1}, {names, 2}}));
  EXPECT_EQ(value_of("fast_endpoints", web_key), 1);
  EXPECT_EQ(value_of("fast_endpoints", names_key), 2);
  ASSERT_TRUE(programs().set_endpoints({{names, 3}}));
  EXPECT_EQ(value_of("fast_endpoints", web_key), std::nullopt);
  EXPECT_EQ(value_of("fast_endpoints", names_key), 3);
}

TEST_F(FastPrograms, AFilterComesWithItsQdiscAndGoesWithIt) {
  EXPECT_FALSE(programs().is_attached(t0_));
  const auto attached = programs().attach(t0_);
  ASSERT_TRUE(attached) << attached.error();
  EXPECT_TRUE(programs().is_attached(t0_));
  EXPECT_TRUE(has_clsact());
  EXPECT_NE(filters().find("pref 1 bpf"), std::string::npos) << filters();
  EXPECT_NE(filters().find("handle 0x7464 fast_forward:"), std::string::npos) << filters();
  EXPECT_NE(filters().find("direct-action"), std::string::npos) << filters();
  EXPECT_TRUE(programs().attach(t0_));
  ASSERT_TRUE(programs().detach(t0_));
  EXPECT_FALSE(programs().is_attached(t0_));
  EXPECT_FALSE(has_clsact());
  EXPECT_TRUE(programs().detach(t0_));
}

TEST_F(FastPrograms, TheFilterGoesWithItsOwner) {
  ASSERT_TRUE(programs().attach(t0_));
  programs_.reset();
  EXPECT_FALSE(has_clsact());
}

TEST_F(FastPrograms, AClsactOfSomebodyElseStays) {
  run("tc qdisc add dev t0 clsact");
  ASSERT_TRUE(programs().attach(t0_));
  ASSERT_TRUE(programs().attach(t0_));
  ASSERT_TRUE(programs().detach(t0_));
  EXPECT_EQ(filters(), "");
  EXPECT_TRUE(has_clsact());
}

TEST_F(FastPrograms, AFilterOfSomebodyElseStays) {
  ASSERT_TRUE(programs().attach(t0_));
  add_foreign_filter("egress");
  ASSERT_TRUE(programs().detach(t0_));
  EXPECT_TRUE(has_foreign_filter());
  EXPECT_EQ(filters().find("fast_forward"), std::string::npos);

  ASSERT_TRUE(programs().attach(t0_));
  run("tc filter del dev t0 egress");
  add_foreign_filter("ingress prio 2");
  ASSERT_TRUE(programs().detach(t0_));
  EXPECT_TRUE(has_foreign_filter());
  EXPECT_EQ(filters().find("fast_forward"), std::string::npos);
}

TEST_F(FastPrograms, AQdiscIngressWillDoAndStays) {
  run("tc qdisc add dev t0 ingress");
  const auto attached = programs().attach(t0_);
  ASSERT_TRUE(attached) << attached.error();
  EXPECT_TRUE(programs().is_attached(t0_));
  ASSERT_TRUE(programs().detach(t0_));
  EXPECT_EQ(said("tc filter show dev t0 ingress"), "");
  EXPECT_NE(said("tc qdisc show dev t0").find("ingress"), std::string::npos);
}

TEST_F(FastPrograms, APlaceThatIsTakenIsAnErrorInTheKernelsWords) {
  run("tc qdisc add dev t0 clsact");
  add_foreign_filter("ingress prio 1 protocol ip");  // ours is of all protocols
  const auto attached = programs().attach(t0_);
  ASSERT_FALSE(attached);
  EXPECT_TRUE(attached.error().starts_with("a filter on t0: ")) << attached.error();
  EXPECT_FALSE(programs().is_attached(t0_));
  EXPECT_TRUE(has_foreign_filter());
}

TEST_F(FastPrograms, AFilterThatSomebodyDeletedIsNotAttached) {
  ASSERT_TRUE(programs().attach(t0_));
  run("tc filter del dev t0 ingress");
  EXPECT_FALSE(programs().is_attached(t0_));
  ASSERT_TRUE(programs().attach(t0_));
  EXPECT_TRUE(programs().is_attached(t0_));
  run("tc qdisc del dev t0 clsact");
  EXPECT_FALSE(programs().is_attached(t0_));
  ASSERT_TRUE(programs().attach(t0_));
  EXPECT_TRUE(programs().is_attached(t0_));
  ASSERT_TRUE(programs().detach(t0_));
  EXPECT_FALSE(has_clsact());
}

TEST_F(FastPrograms, WhoComesLaterHasThePlace) {
  ASSERT_TRUE(programs().attach(t0_));
  auto later = forwarding::FastPrograms::load(kBuckets);
  ASSERT_TRUE(later) << later.error();
  ASSERT_TRUE((*later)->attach(t0_));
  EXPECT_FALSE(programs().is_attached(t0_));
  EXPECT_TRUE((*later)->is_attached(t0_));
  programs_.reset();
  EXPECT_TRUE((*later)->is_attached(t0_));
  later->reset();
  EXPECT_FALSE(has_clsact());
}

TEST_F(FastPrograms, AnInterfaceThatIsGoneIsAnErrorForAttachAlone) {
  ASSERT_TRUE(programs().attach(t0_));
  run("ip link del t0");
  EXPECT_FALSE(programs().is_attached(t0_));
  EXPECT_TRUE(programs().detach(t0_));
  const auto attached = programs().attach(t0_);
  ASSERT_FALSE(attached);
  EXPECT_TRUE(attached.error().starts_with("a clsact qdisc on interface ")) << attached.error();
}

TEST_F(FastPrograms, WhatAKilledRoomLeftIsRemoved) {
  leave_a_filter();
  ASSERT_NE(filters().find("fast_forward:"), std::string::npos);
  const auto removed = forwarding::FastPrograms::remove_leftovers();
  EXPECT_TRUE(removed) << removed.error();
  EXPECT_FALSE(has_clsact());
  EXPECT_TRUE(forwarding::FastPrograms::remove_leftovers());
}

TEST_F(FastPrograms, WhatAKilledRoomLeftIsReplacedByTheNextOne) {
  leave_a_filter();
  EXPECT_FALSE(programs().is_attached(t0_));
  ASSERT_TRUE(programs().attach(t0_));
  EXPECT_TRUE(programs().is_attached(t0_));
  ASSERT_TRUE(programs().detach(t0_));
  EXPECT_FALSE(has_clsact());
}

TEST_F(FastPrograms, NothingOfSomebodyElsesIsALeftover) {
  run("tc qdisc add dev t0 clsact");
  add_foreign_filter("ingress prio 1 handle 0x7464");
  run("tc qdisc add dev t1 clsact");
  ASSERT_TRUE(forwarding::FastPrograms::remove_leftovers());
  EXPECT_TRUE(has_foreign_filter());
  EXPECT_NE(said("tc qdisc show dev t1").find("clsact"), std::string::npos);
}

}  // namespace
}  // namespace tandem::forwarding
