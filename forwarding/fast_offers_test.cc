// Which flows may take the fast path, from when on, and until when.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/fast_memory.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

constexpr std::string_view kClient = "192.0.2.7";

struct FastTest : ::testing::Test {
  void apply(std::vector<ServiceSetting> settings) {
    director.apply(settings);
    for (const ServiceSetting& setting : settings) director.know_the_ways_to(setting.name);
  }
  // By NAT, of web2 or web1.
  PacketBuilder answer(std::string_view server = "10.0.0.2", uint16_t port = 40000) {
    return packet().ipv4(server, kClient).tcp(8080, port);
  }
  void establish(uint16_t port = 40000, std::string_view server = "10.0.0.2") {
    director.handle(from_client(port).syn());
    director.handle(answer(server, port).syn().ack());
    director.handle(from_client(port).ack());
  }
  bool is_fast(uint16_t port = 40000) { return director.is_fast(kTcp, kClient, port, "web"); }
  bool is_told(uint16_t port = 40000) { return director.is_told(kTcp, kClient, port, "web"); }
  Flow flow(uint16_t port = 40000) { return director.flow_of(kTcp, kClient, port, "web").value(); }
  FlowState state(uint16_t port = 40000) { return static_cast<FlowState>(flow(port).state()); }
  void set_flags(uint8_t flags) {
    Flow its = flow();
    ASSERT_TRUE(director.flows.update(its, tandem_flow_value(its.server(), its.state(), flags, its.last_seen())));
  }

  FastDirector director;
};

TEST_F(FastTest, ANatConnectionIsToldUntilItsHandshakeIsDone) {
  apply({web()});
  director.handle(from_client().syn());
  EXPECT_EQ(state(), FlowState::kSynRecv);
  EXPECT_TRUE(is_fast() && is_told());
  director.handle(answer().syn().ack());
  EXPECT_TRUE(is_fast() && is_told());
  director.handle(from_client().ack());
  EXPECT_TRUE(is_fast());
  EXPECT_FALSE(is_told());
  EXPECT_EQ(director.vectors.flow(flow().index).server, director.server("web", "web2").slot);
}

TEST_F(FastTest, ADirectConnectionWhoseAnswersNobodySees) {
  apply({web(TANDEM_DR)});
  director.handle(from_client().syn());
  EXPECT_TRUE(is_fast() && is_told());
  director.handle(from_client().ack());
  EXPECT_TRUE(is_fast());
  EXPECT_FALSE(is_told());
}

TEST_F(FastTest, AnIpv6Connection) {
  ServiceSetting setting = web();
  setting.vip = any_ip("2001:db8::10");
  setting.servers[0].address = any_ip("fd00::1");
  setting.servers[1].address = any_ip("fd00::2");
  apply({setting});
  const auto client = packet().ipv6("2001:db8:c::7", "2001:db8::10").tcp(40000, 80);
  director.handle(PacketBuilder(client).syn());
  director.handle(packet().ipv6("fd00::2", "2001:db8:c::7").tcp(8080, 40000).syn().ack());
  director.handle(PacketBuilder(client).ack());
  EXPECT_TRUE(director.is_fast(kTcp, "2001:db8:c::7", 40000, "web"));
}

TEST_F(FastTest, OnlyWhenWhatCameBeforeIsSent) {
  apply({web()});
  director.send(from_client().syn());
  EXPECT_FALSE(is_fast());
  director.offer_flows();
  EXPECT_TRUE(is_fast());
}

TEST_F(FastTest, WhatBeginsAndEndsInOneBatchIsTold) {
  apply({web()});
  director.handle(from_client().syn());
  director.handle(answer().syn().ack());
  director.send(from_client().ack());
  director.send(from_client().fin().ack());
  director.offer_flows();
  EXPECT_NE(state(), FlowState::kEstablished);
  EXPECT_TRUE(is_fast() && is_told());
}

TEST_F(FastTest, AFinHasAllThatFollowsTold) {
  for (const bool by_client : {true, false}) {
    const uint16_t port = by_client ? 40000 : 40002;
    if (by_client) apply({web()});
    establish(port, by_client ? "10.0.0.2" : "10.0.0.1");
    ASSERT_TRUE(is_fast(port) && !is_told(port));
    director.handle(by_client ? from_client(port).fin().ack() : answer("10.0.0.1", port).fin().ack());
    EXPECT_TRUE(is_fast(port) && is_told(port));
    director.pass(2s);
    director.handle(from_client(port).ack());
    EXPECT_TRUE(is_fast(port) && is_told(port)) << name_of(state(port));
  }
}

TEST_F(FastTest, AResetHasAllThatFollowsTold) {
  apply({web()});
  establish();
  director.handle(answer().rst());
  EXPECT_TRUE(is_fast() && is_told());
}

TEST_F(FastTest, AFinThatIsNotBelievedEndsNothing) {
  apply({web()});
  director.handle(from_client().seq(1000).syn());
  director.handle(answer().seq(5000).syn().ack(1001));
  director.handle(from_client().seq(1001).ack(5001));
  director.handle(from_client().seq(900'000'000).fin().ack(5001));
  EXPECT_TRUE(is_fast());
  EXPECT_FALSE(is_told());
}

// The programs write how far the sides are, and the engine goes by it.
TEST_F(FastTest, AFinFarOnIsBelievedWhenTheFastPathSawTheWayThere) {
  apply({web()});
  director.handle(from_client().seq(1000).syn());
  director.handle(answer().seq(5000).syn().ack(1001));
  director.handle(from_client().seq(1001).ack(5001));
  director.vectors.sequences_of(flow().index) = {900'000'000, 5001};
  director.handle(from_client().seq(900'000'000).fin().ack(5001));
  EXPECT_TRUE(is_told());
}

TEST_F(FastTest, AUdpFlowFromItsSecondSecondOn) {
  ServiceSetting names = dns();
  apply({names});
  const auto question = packet().ipv4(kClient, "198.51.100.10").udp(5353, 53).payload(30);
  const auto fast = [&] { return director.is_fast(kUdp, kClient, 5353, "dns"); };
  director.handle(question);
  EXPECT_FALSE(fast()) << "most have no more than one";
  director.pass(900ms);
  director.handle(question);
  EXPECT_FALSE(fast());
  director.pass(300ms);
  director.handle(question);
  EXPECT_TRUE(fast());
}

TEST_F(FastTest, AUdpAnswerSecondsLaterCountsAsWell) {
  apply({dns()});
  director.handle(packet().ipv4(kClient, "198.51.100.10").udp(5353, 53).payload(30));
  director.pass(2s);
  director.handle(packet().ipv4("10.0.0.3", kClient).udp(5300, 5353).payload(30));
  EXPECT_TRUE(director.is_fast(kUdp, kClient, 5353, "dns"));
}

TEST_F(FastTest, NotByAMethodThatIsTheEnginesAlone) {
  for (const tandem_method method : {TANDEM_TUN, TANDEM_FULLNAT, TANDEM_LOCAL}) {
    director.apply({});
    ServiceSetting setting = web(method);
    if (method == TANDEM_FULLNAT) setting.source_pool = {ip("10.0.0.100")};
    apply({setting});
    const auto port = static_cast<uint16_t>(40000 + method);
    director.handle(from_client(port).syn());
    if (method == TANDEM_FULLNAT) director.handle(packet().ipv4("10.0.0.2", "10.0.0.100").tcp(80, port).syn().ack());
    director.handle(from_client(port).ack());
    director.pass(2s);
    director.handle(from_client(port).ack());
    ASSERT_EQ(state(port), FlowState::kEstablished) << method;
    EXPECT_FALSE(director.fast.flows().has(flow(port).index, flow(port).key)) << method;
  }
}

TEST_F(FastTest, NotAServerThatHasThePortItsClientsCameTo) {
  ServiceSetting setting = web();
  for (ServerSetting& server : setting.servers) server.port = 0;
  apply({setting});
  director.handle(from_client().syn());
  director.handle(packet().ipv4("10.0.0.2", kClient).tcp(80, 40000).syn().ack());
  director.handle(from_client().ack());
  ASSERT_EQ(state(), FlowState::kEstablished);
  EXPECT_FALSE(is_fast());
}

TEST_F(FastTest, NotAnIpv4ServerBehindAnIpv6Address) {
  ServiceSetting setting = web(TANDEM_TUN);
  setting.vip = any_ip("2001:db8::10");
  apply({setting});
  EXPECT_FALSE(director.fast.is_usable(director.server("web", "web2").slot));
}

TEST_F(FastTest, ASctpAssociationIsTheEngines) {
  ServiceSetting setting = web();
  setting.protocol = kSctp;
  apply({setting});
  EXPECT_FALSE(director.fast.is_usable(director.server("web", "web2").slot));
}

TEST_F(FastTest, OnlyWhileItIsKnownWhereTheServerIs) {
  director.apply({web()});
  establish();
  ASSERT_EQ(state(), FlowState::kEstablished);
  EXPECT_FALSE(is_fast());
  director.know_the_ways_to("web");
  director.pass(2s);
  director.handle(from_client().ack());
  EXPECT_TRUE(is_fast());
  const uint16_t slot = director.server("web", "web2").slot;
  director.services.set_next_hop(slot, {.ifindex = 3, .mtu = 1500}, false);
  EXPECT_FALSE(is_fast());
}

TEST_F(FastTest, OnlyWhileTheServerIsUp) {
  apply({web()});
  establish();
  director.services.set_up("web", "web2", false);
  EXPECT_FALSE(is_fast());
  director.services.set_up("web", "web2", true);
  EXPECT_TRUE(is_fast());
  director.services.set_up("web", "web2", false);
  establish(40002, "10.0.0.1");
  EXPECT_TRUE(is_fast(40002)) << "by web1";
}

TEST_F(FastTest, AFlowOfAServerThatWentDownGoesToTheNextOne) {
  ServiceSetting setting = web();
  setting.flows_on_down = FlowsOnDown::kReselect;
  apply({setting});
  establish();
  director.services.set_standing("web", "web2", {.weight = 1, .up = false, .in_rotation = false});
  director.handle(from_client().ack());
  EXPECT_EQ(flow().server(), director.server("web", "web1").slot);
  director.services.set_standing("web", "web2", {.weight = 1, .up = true, .in_rotation = true});
  EXPECT_TRUE(is_fast());
  EXPECT_EQ(director.vectors.flow(flow().index).server & ~TANDEM_FAST_TELL, flow().server())
      << "the former server's copy is gone";
}

TEST_F(FastTest, NothingOfAServerThatIsGone) {
  apply({web()});
  establish();
  const uint16_t slot = director.server("web", "web2").slot;
  ServiceSetting less = web();
  less.servers.pop_back();
  director.apply({less});
  EXPECT_FALSE(director.fast.is_usable(slot));
  director.sweep();
  EXPECT_FALSE(director.flow_of(kTcp, kClient, 40000, "web"));
  for (size_t index = 0; index < director.flows.slots(); ++index) EXPECT_EQ(director.vectors.flow(index).key, 0u);
}

TEST_F(FastTest, WhatAPeerToldOnlyAfterAPacketWasSeenHere) {
  apply({web()});
  const auto service = director.services.service_slot("web");
  director.flows.insert(
      kTcp, ip(kClient), 40000, service,
      tandem_flow_value(director.server("web", "web1").slot, static_cast<uint8_t>(FlowState::kEstablished),
                        TANDEM_FLOW_LEARNT, tick_of(director.now)));
  director.offer_flows();
  director.sweep();
  EXPECT_FALSE(is_fast());
  director.handle(from_client().ack());
  EXPECT_TRUE(is_fast());
  EXPECT_EQ(flow().flags(), 0);
  set_flags(TANDEM_FLOW_LEARNT);  // the peer has it now
  EXPECT_FALSE(is_fast());
}

TEST_F(FastTest, AKilledFlowIsTheEnginesToBreak) {
  apply({web()});
  establish();
  set_flags(TANDEM_FLOW_KILLED);
  EXPECT_FALSE(is_fast());
  director.pass(2s);
  director.handle(from_client().ack());
  EXPECT_FALSE(is_fast());
}

TEST_F(FastTest, AWatchedServicesFlowWhenItIsSettled) {
  ServiceSetting setting = web();
  setting.watched = true;
  apply({setting});
  // Its answer was never seen.
  director.handle(from_client().syn());
  director.handle(from_client().ack());
  ASSERT_EQ(state(), FlowState::kEstablished);
  EXPECT_FALSE(is_fast());
  establish(40002, "10.0.0.1");
  EXPECT_EQ(flow(40002).flags(), TANDEM_FLOW_SETTLED);
  EXPECT_TRUE(is_fast(40002));
}

TEST_F(FastTest, AWatchedServicesFlowThatAPeerToldOnceItIsMet) {
  ServiceSetting setting = web();
  setting.watched = true;
  apply({setting});
  establish();
  Flow told = flow();
  ASSERT_TRUE(director.flows.update(
      told, tandem_flow_value(told.server(), told.state(), TANDEM_FLOW_LEARNT, told.last_seen())));
  ASSERT_FALSE(is_fast());
  director.handle(from_client().ack());
  EXPECT_EQ(flow().flags(), TANDEM_FLOW_SETTLED);
  EXPECT_TRUE(is_fast());
}

TEST_F(FastTest, TheClientsNextConnectionFromOnePortIsAnother) {
  apply({web()});
  establish();
  director.handle(from_client().rst());
  director.handle(from_client().syn());
  EXPECT_EQ(state(), FlowState::kSynRecv);
  EXPECT_TRUE(is_fast() && is_told());
  EXPECT_EQ(director.vectors.flow(flow().index).server, flow().server() | TANDEM_FAST_TELL);
}

TEST_F(FastTest, AFrontWithOnePortIsToldAndARangeIsNot) {
  ServiceSetting setting = web();
  for (ServerSetting& server : setting.servers) server.port = 0;
  apply({setting});
  const uint16_t slot = director.services.service_slot("web");
  EXPECT_EQ(director.vectors.fronts[slot].usable, 1);
  setting.last_port = 89;
  director.apply({setting});
  EXPECT_EQ(director.vectors.fronts[slot].usable, 0);
  setting.last_port = 0;
  director.apply({setting});
  EXPECT_EQ(director.vectors.fronts[slot].usable, 1);
  director.apply({});
  EXPECT_EQ(director.vectors.fronts[slot].usable, 0);
}

TEST_F(FastTest, AFastPathThatBeginsLaterIsToldWhatIsThere) {
  director.services.use_fast_path(nullptr);
  apply({web()});
  const uint16_t slot = director.server("web", "web2").slot;
  EXPECT_FALSE(director.fast.is_usable(slot));
  EXPECT_FALSE(director.services.goes_fast(slot));
  director.services.use_fast_path(&director.fast);
  EXPECT_TRUE(director.services.goes_fast(slot));
  EXPECT_EQ(director.vectors.fronts[director.services.service_slot("web")].usable, 1);
}

// ---- whose way to its client it is

TEST_F(FastTest, AnAnswerCarriesItsFlowsName) {
  apply({web()});
  establish();
  director.send(answer().ack().payload(100));
  ASSERT_EQ(director.outputs.packets().size(), 1u);
  EXPECT_EQ(director.outputs.packets()[0].answered.index, flow().index);
  EXPECT_EQ(director.outputs.packets()[0].answered.key, flow().key);
}

TEST_F(FastTest, WhatIsNoServersAnswerCarriesNone) {
  apply({web()});
  establish();
  director.send(from_client().ack().payload(100));
  ASSERT_EQ(director.outputs.packets().size(), 1u);
  EXPECT_EQ(director.outputs.packets()[0].answered.key, 0u);
  set_flags(TANDEM_FLOW_KILLED);
  director.send(answer().ack().payload(100));
  ASSERT_FALSE(director.outputs.packets().empty()) << "a reset";
  for (const OutPacket& out : director.outputs.packets()) EXPECT_EQ(out.answered.key, 0u);
}

}  // namespace
}  // namespace tandem::forwarding
