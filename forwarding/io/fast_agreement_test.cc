// Whatever the fast path takes it does what the engine would have done, byte for byte: the kernel runs the programs on frames made
// here (BPF_PROG_TEST_RUN), and the engine gets the same.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <net/ethernet.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "forwarding/io/fast_events.hpp"
#include "forwarding/io/fast_programs.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

constexpr uint32_t kBuckets = 64;
constexpr int kRedirected = 7, kPassed = -1;  // TC_ACT_REDIRECT, TC_ACT_UNSPEC

using Bytes6 = std::array<uint8_t, 6>;
constexpr Bytes6 kToServer = {2, 0, 0, 0, 0, 2}, kFromServerSide = {2, 0, 0, 0, 0, 1};
constexpr Bytes6 kToClient = {2, 0, 0, 0, 0, 4}, kFromClientSide = {2, 0, 0, 0, 0, 3};

struct Case {
  const char* name;
  tandem_method method;
  uint8_t protocol;
  bool six;
};

struct Agreement : ::testing::TestWithParam<Case> {
  void SetUp() override {
    auto loaded = FastPrograms::load(kBuckets);
    if (!loaded) GTEST_SKIP() << "this kernel or user has no fast path: " << loaded.error();
    programs = std::move(*loaded);
    // The word between the two programs is a processor's own.
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<size_t>(sched_getcpu()), &here);
    ASSERT_EQ(sched_setaffinity(0, sizeof here, &here), 0);
    auto ring = FastEvents::open(programs->map("fast_events"));
    ASSERT_TRUE(ring) << ring.error();
    events = std::move(*ring);
    fast.emplace(programs->memory());
    director.flows.use_fast_path(fast->flows(), fast->sequences());
    director.services.use_fast_path(&*fast);
    tandem_fast_control& control = programs->control();
    std::copy(std::begin(director.flows.header().seed), std::end(director.flows.header().seed), control.seed);
    control.bucket_count = kBuckets;
    control.on = 1;
    serve();
  }

  void serve() {
    ServiceSetting setting = web(GetParam().method);
    setting.protocol = GetParam().protocol;
    if (GetParam().six) {
      setting.vip = any_ip("2001:db8::10");
      setting.servers[0].address = any_ip("fd00::1");
      setting.servers[1].address = any_ip("fd00::2");
    }
    vip = setting.vip;
    director.apply({setting});
    for (const Server* each : director.services.find("web")->servers)
      director.services.set_next_hop(each->slot, {.ifindex = 3,
                                                  .source_mac = {kFromServerSide},
                                                  .destination_mac = {kToServer},
                                                  .mtu = 1500,
                                                  .tunnel_source = ip("10.0.0.254")});
    TapAddresses addresses{.services = {vip}, .servers = {}, .own = {}};
    for (const ServerSetting& server : setting.servers)
      if (GetParam().method == TANDEM_NAT) addresses.servers.insert(server.address);
    ASSERT_TRUE(programs->set_addresses(addresses));
    ASSERT_TRUE(programs->set_endpoints(
        {{{.protocol = setting.protocol, .address = vip, .port = setting.port}, director.services.find("web")->slot}}));
    director.handle_all({of_client(tcp() ? kSyn : 0), of_server(kSyn | kAck), of_client(kAck)}, GetParam().method);
    director.pass(2s);  // UDP's second second
    director.handle_all({of_client(kAck)}, GetParam().method);
    const auto flow = director.flows.find(GetParam().protocol, any_ip(client()), 40000, 1);
    ASSERT_TRUE(flow && fast->flows().has(flow->index, flow->key));
    fast->set_hop(flow->index, flow->key,
                  {.ifindex = 5, .mtu = 1500, .source = {kFromClientSide}, .destination = {kToClient}}, director.now);
  }

  bool tcp() const { return GetParam().protocol == kTcp; }
  static const char* client() { return GetParam().six ? "2001:db8:c::7" : "192.0.2.7"; }

  PacketBuilder between(std::string_view source, uint16_t source_port, std::string_view destination, uint16_t port,
                        unsigned flags) const {
    PacketBuilder it = GetParam().six ? packet().ipv6(source, destination) : packet().ipv4(source, destination);
    if (!tcp()) return it.udp(source_port, port);
    it.tcp(source_port, port);
    if ((flags & kSyn) != 0) it.syn();
    if ((flags & kAck) != 0) it.ack();
    return it;
  }
  PacketBuilder of_client(unsigned flags) const { return between(client(), 40000, vip.text(), 80, flags); }
  PacketBuilder of_server(unsigned flags) const {
    return between(GetParam().six ? "fd00::2" : "10.0.0.2", 8080, client(), 40000, flags);
  }

  // What leaves, from the Ethernet header on; nothing when the frame is the engine's. `padding`: bytes behind the packet.
  std::optional<std::vector<std::byte>> by_fast_path(Bytes ip, size_t padding) {
    std::vector<std::byte> frame(ETH_HLEN + ip.size() + padding);
    const uint16_t type = htons(GetParam().six ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
    std::memcpy(frame.data() + 12, &type, sizeof type);
    std::ranges::copy(ip, frame.begin() + ETH_HLEN);
    // A filter is run without the Ethernet header, with which a packet socket has it.
    std::vector<std::byte> twice(frame.begin(), frame.begin() + ETH_HLEN);
    twice.insert(twice.end(), frame.begin(), frame.end());
    if (run(programs->tap(), twice).first != 0) return std::nullopt;
    const auto [verdict, out] = run(programs->forward(), frame);
    if (verdict == kPassed) return std::nullopt;  // not even the engine wants it
    EXPECT_EQ(verdict, kRedirected);
    return out;
  }
  static std::pair<int, std::vector<std::byte>> run(int program, const std::vector<std::byte>& frame) {
    std::vector<std::byte> out(frame.size() + 256);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<uint32_t>(frame.size());
    options.data_out = out.data();
    options.data_size_out = static_cast<uint32_t>(out.size());
    EXPECT_EQ(bpf_prog_test_run_opts(program, &options), 0);
    out.resize(options.data_size_out);
    return {static_cast<int>(options.retval), std::move(out)};
  }

  // False when the fast path leaves it to the engine.
  bool agree(Frame frame, bool answer, size_t padding = 0) {
    const std::vector<std::byte> before(frame.ip().begin(), frame.ip().end());
    const auto fast_out = by_fast_path(before, padding);
    if (!fast_out) return false;
    const auto sent = director.send(frame);
    EXPECT_EQ(sent.size(), 1U) << text_of(before);
    if (sent.size() != 1) return true;
    const Bytes want = sent[0].frame.ip();
    const Bytes got = Bytes(*fast_out).subspan(ETH_HLEN, want.size());
    EXPECT_TRUE(std::ranges::equal(got, want))
        << text_of(before) << "\nengine    " << text_of(want) << "\nfast path " << text_of(got);
    EXPECT_EQ(fast_out->size(), ETH_HLEN + want.size() + padding);
    const Bytes6& to = answer ? kToClient : kToServer;
    EXPECT_EQ(std::memcmp(fast_out->data(), to.data(), to.size()), 0);
    return true;
  }

  std::vector<tandem_fast_event> hear() {
    std::vector<tandem_fast_event> all;
    events->hear([&](std::span<const tandem_fast_event> heard) { all.assign(heard.begin(), heard.end()); });
    return all;
  }

  struct Talking : Director {
    using Director::Director;
    void handle_all(const std::vector<PacketBuilder>& all, tandem_method method) {
      for (size_t i = 0; i < all.size(); ++i) {
        if (i == 1 && method == TANDEM_DR) continue;  // answers do not come by
        send(all[i]);
        for (const Flow& flow : engine.offers()) flows.offer(flow);
        engine.offers().clear();
      }
    }
  };
  Talking director{kBuckets};
  std::unique_ptr<FastPrograms> programs;
  std::unique_ptr<FastEvents> events;
  std::optional<FastPath> fast;
  IpAddress vip;
  std::mt19937 dice{17};
};

TEST_P(Agreement, EverySizeComesOutAsTheEngineHasIt) {
  const bool answers = GetParam().method == TANDEM_NAT;
  for (size_t size = 0; size <= 1400; ++size) {
    const auto about = static_cast<uint32_t>(dice());
    ASSERT_TRUE(agree(of_client(kAck).seq(about).payload(size).tos(static_cast<uint8_t>(size)).build(), false)) << size;
    if (answers) {
      ASSERT_TRUE(
          agree(of_server(kAck).seq(about).payload(size).ttl(static_cast<uint8_t>(2 + size % 250)).build(), true))
          << size;
    }
  }
}

TEST_P(Agreement, WhatPadsAShortFrameStaysBehindIt) {
  const Frame frame = of_client(kAck).build();
  const size_t shortest = ETHER_MIN_LEN - ETHER_CRC_LEN - ETH_HLEN;
  if (frame.length < shortest) {
    EXPECT_TRUE(agree(frame, false, shortest - frame.length));
  }
  EXPECT_FALSE(agree(of_client(kAck).payload(200).build(), false, 4)) << "a longer frame has no business to be padded";
}

TEST_P(Agreement, NoChangedByteMakesAnythingElseOfIt) {
  const size_t ip_bytes = GetParam().six ? 40 : 20;
  size_t taken = 0, asked = 0;
  for (int round = 0; round < 6000; ++round) {
    const bool answer = GetParam().method == TANDEM_NAT && round % 2 == 1;
    PacketBuilder it = answer ? of_server(kAck) : of_client(kAck);
    Frame frame = it.seq(static_cast<uint32_t>(dice())).payload(dice() % 64).build();
    for (unsigned changes = 1 + dice() % 2; changes > 0; --changes)
      frame.ip()[dice() % (ip_bytes + (tcp() ? 20 : 8))] = static_cast<std::byte>(dice());
    ++asked;
    taken += agree(frame, answer) ? 1 : 0;
  }
  EXPECT_GT(taken, asked / 40) << "flow labels, sequence numbers and checksums of the transport may be anything";
  EXPECT_EQ(programs->control().lost, 0U);
}

TEST_P(Agreement, WhatChangesAnythingIsTheEngines) {
  if (tcp()) {
    EXPECT_FALSE(agree(of_client(kSyn).build(), false)) << "its flow is known";
    EXPECT_FALSE(agree(of_client(kSyn | kAck).build(), false)) << "by a client";
    EXPECT_FALSE(agree(of_client(kSyn).fin().build(), false));
    EXPECT_FALSE(agree(of_client(0).fin().build(), false));
    EXPECT_FALSE(agree(of_client(0).payload(10).build(), false)) << "no ACK";
  }
  EXPECT_FALSE(agree(of_client(kAck).ttl(1).build(), false));
  EXPECT_FALSE(agree(of_client(kAck).payload(1480).build(), false)) << "longer than the way takes";
  EXPECT_FALSE(agree(between(client(), 40001, vip.text(), 80, kAck).build(), false)) << "nobody's flow";
  if (!GetParam().six) {
    EXPECT_FALSE(agree(of_client(kAck).ip_options(1).build(), false));
    EXPECT_FALSE(agree(of_client(kAck).more_fragments().payload(64).build(), false));
  } else {
    EXPECT_FALSE(agree(of_client(kAck).destination_options().build(), false));
  }
  director.services.set_up("web", "web2", false);
  EXPECT_FALSE(agree(of_client(kAck).build(), false)) << "its server is down";
}

// ---- what is told

TEST_P(Agreement, WhatMovesAConnectionGoesOnAndIsTold) {
  if (!tcp()) GTEST_SKIP() << "of TCP alone";
  const auto flow = director.flows.find(kTcp, any_ip(client()), 40000, 1).value();
  EXPECT_TRUE(agree(of_client(kAck).seq(1).payload(5).build(), false));
  EXPECT_TRUE(hear().empty()) << "the flow is established";
  EXPECT_TRUE(agree(of_client(kAck).fin().seq(77).payload(5).build(), false));
  EXPECT_TRUE(agree(of_client(kAck).rst().seq(78).build(), false));
  EXPECT_TRUE(agree(of_client(0).rst().seq(79).build(), false));
  auto told = hear();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0].key, flow.key);
  EXPECT_EQ(told[0].index, flow.index);
  EXPECT_EQ(told[0].server, 0);
  EXPECT_EQ(told[0].sequence, 77U);
  EXPECT_EQ(told[0].payload, 5U);
  EXPECT_EQ(told[0].flags, kFin | kAck);
  EXPECT_EQ(told[0].from_client, 1);
  EXPECT_EQ(told[1].flags, kRst | kAck);
  EXPECT_EQ(told[2].flags, kRst);
  if (GetParam().method == TANDEM_NAT) {
    EXPECT_TRUE(agree(of_server(kSyn | kAck).seq(99).build(), true));
    told = hear();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].flags, kSyn | kAck);
    EXPECT_EQ(told[0].from_client, 0);
    EXPECT_EQ(told[0].sequence, 99U);
  }
  // The engine saw the same packets, and its flow has ended.
  EXPECT_TRUE(agree(of_client(kAck).build(), false));
  EXPECT_EQ(hear().size(), 1U) << "no flow that is not established is left in the dark";
}

TEST_P(Agreement, ASynPassesUntouchedWhereItsSizeMayBeClamped) {
  if (!tcp() || GetParam().method != TANDEM_NAT) GTEST_SKIP() << "of answers alone";
  ServiceSetting setting = director.services.find("web")->setting;
  setting.clamp_mss = 1000;
  director.apply({setting});
  EXPECT_FALSE(agree(of_server(kSyn | kAck).build(), true));
  EXPECT_TRUE(agree(of_server(kAck).build(), true));
}

// ---- new connections

TEST_P(Agreement, ANewConnectionGoesToTheServerThatWasDealt) {
  if (!tcp()) GTEST_SKIP() << "of TCP alone";
  const uint16_t number = director.services.find("web")->slot;
  const uint16_t web1 = director.services.server_slot("web", "web1");
  director.services.set_weight("web", "web2", 0);  // so that the engine has no choice either
  const auto from = [&](uint16_t port, unsigned flags) {
    return between(client(), port, vip.text(), 80, flags).seq(500).payload(3);
  };
  EXPECT_FALSE(agree(from(41000, kSyn).build(), false)) << "nothing was dealt";
  const std::vector<uint16_t> picks(TANDEM_FAST_PICKS, web1);
  fast->deal(number, picks);
  size_t placed = 0;
  for (uint16_t port = 42000; port < 42040; ++port) {
    Frame frame = from(port, kSyn).build();
    const auto out = by_fast_path({frame.ip().begin(), frame.ip().end()}, 0);
    if (!out) continue;  // no room, or a tag that is alike
    ++placed;
    const auto told = hear();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].server, web1);
    EXPECT_EQ(told[0].flags, kSyn);
    EXPECT_EQ(told[0].sequence, 500U);
    EXPECT_EQ(fast_address(told[0].client), any_ip(client()));
    ASSERT_FALSE(director.flows.find(kTcp, any_ip(client()), port, number));
    // What comes before the engine has heard goes on, and a second SYN is the engine's.
    EXPECT_TRUE(by_fast_path(from(port, kAck).build().ip(), 0));
    ASSERT_EQ(hear().size(), 1U);
    EXPECT_FALSE(by_fast_path(frame.ip(), 0));
    director.engine.told(told[0], director.now);
    const auto flow = director.flows.find(kTcp, any_ip(client()), port, number);
    ASSERT_TRUE(flow);
    EXPECT_EQ(flow->index, told[0].index);
    EXPECT_EQ(flow->key, told[0].key);
    EXPECT_EQ(flow->server(), web1);
    // Sent as the engine sends what it knows.
    const auto sent = director.send(frame);
    ASSERT_EQ(sent.size(), 1U);
    const Bytes want = sent[0].frame.ip();
    EXPECT_TRUE(std::ranges::equal(Bytes(*out).subspan(ETH_HLEN, want.size()), want));
  }
  EXPECT_GT(placed, 30U);
  EXPECT_EQ(fast->dealt(number).taken, placed) << "a pick is taken for what is placed alone";
}

TEST_P(Agreement, WhatNobodyCanHaveSentBeginsNothing) {
  if (!tcp()) GTEST_SKIP() << "of TCP alone";
  const uint16_t number = director.services.find("web")->slot;
  fast->deal(number, std::vector<uint16_t>(16, director.services.server_slot("web", "web1")));
  const std::vector<const char*> four{"127.0.0.1", "0.1.2.3", "224.0.0.1", "255.255.255.255", "198.51.100.10"};
  const std::vector<const char*> six{"::1", "::", "ff02::1", "::ffff:1.2.3.4", "2001:db8::10"};
  for (const char* source : GetParam().six ? six : four)
    EXPECT_FALSE(by_fast_path(between(source, 43000, vip.text(), 80, kSyn).build().ip(), 0)) << source;
  EXPECT_TRUE(by_fast_path(between(client(), 43001, vip.text(), 80, kSyn).build().ip(), 0));
  // The number has become another front's, of which the list of endpoints does not tell yet.
  fast->set_front(number, {.protocol = kTcp, .address = vip, .port = 81, .service = number});
  EXPECT_FALSE(by_fast_path(between(client(), 43003, vip.text(), 80, kSyn).build().ip(), 0));
  fast->set_front(number, {.protocol = kTcp, .address = any_ip("198.51.100.99"), .port = 80, .service = number});
  EXPECT_FALSE(by_fast_path(between(client(), 43004, vip.text(), 80, kSyn).build().ip(), 0));
  fast->set_front(number, {.protocol = kTcp, .address = vip, .port = 80, .service = number});
  EXPECT_TRUE(by_fast_path(between(client(), 43005, vip.text(), 80, kSyn).build().ip(), 0));
  (void)fast->take_back(number);
  EXPECT_FALSE(by_fast_path(between(client(), 43002, vip.text(), 80, kSyn).build().ip(), 0));
}

TEST_P(Agreement, AFullTableIsTheEnginesToMakeRoomIn) {
  if (!tcp()) GTEST_SKIP() << "of TCP alone";
  const uint16_t number = director.services.find("web")->slot;
  size_t placed = 0;
  for (uint32_t port = 1; port < 2000; ++port) {
    if (port % 100 == 1) {
      (void)fast->take_back(number);
      fast->deal(number, std::vector<uint16_t>(TANDEM_FAST_PICKS, director.services.server_slot("web", "web1")));
    }
    Frame frame = between(client(), static_cast<uint16_t>(port), vip.text(), 80, kSyn).build();
    placed += by_fast_path(frame.ip(), 0) ? 1 : 0;
  }
  const auto told = hear();
  EXPECT_EQ(told.size(), placed);
  EXPECT_LE(placed, director.flows.slots());
  EXPECT_GT(placed, director.flows.slots() / 2);
  for (const tandem_fast_event& each : told) director.engine.told(each, director.now);
  for (size_t index = 0; index < director.flows.slots(); ++index)
    EXPECT_EQ(fast->flows().tag(index) != 0, director.flows.at(index).has_value()) << index;
}

INSTANTIATE_TEST_SUITE_P(
    Ways, Agreement,
    ::testing::Values(Case{"NatTcp", TANDEM_NAT, kTcp, false}, Case{"NatUdp", TANDEM_NAT, kUdp, false},
                      Case{"DrTcp", TANDEM_DR, kTcp, false}, Case{"DrUdp", TANDEM_DR, kUdp, false},
                      Case{"NatTcp6", TANDEM_NAT, kTcp, true}, Case{"NatUdp6", TANDEM_NAT, kUdp, true},
                      Case{"DrTcp6", TANDEM_DR, kTcp, true}, Case{"DrUdp6", TANDEM_DR, kUdp, true}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace tandem::forwarding
