// What is decided about flows: who may open one, what becomes of it, who is refused and how.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

std::optional<Flow> the_flow(Director& director, uint16_t client_port = 40000) {
  return director.flows.find(kTcp, ip("192.0.2.7"), client_port, director.services.service_slot("web"));
}
FlowState state_of(Director& director) {
  const auto flow = the_flow(director);
  return flow ? static_cast<FlowState>(flow->state()) : FlowState::kNone;
}
PacketBuilder from_dns_client(uint16_t port = 5353) {
  return packet().ipv4("192.0.2.7", "198.51.100.10").udp(port, 53).payload(20);
}
PacketBuilder answer(std::string_view server = "10.0.0.2") {
  return packet().ipv4(server, "192.0.2.7").tcp(8080, 40000);
}

TEST(Decide, LeavesToTheKernelWhatIsForNoService) {
  Director director;
  director.apply({web()});
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").tcp(1, 22).syn()), "not ours");
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.9").tcp(1, 80).syn()), "not ours");
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").udp(1, 80)), "not ours");
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").icmp(8)), "not ours");
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").protocol(47)), "not ours");
}

TEST(Decide, FollowsTheStatesOfAConnection) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn());
  EXPECT_EQ(state_of(director), FlowState::kSynRecv);
  director.send(answer().syn().ack());
  director.send(from_client().ack());
  EXPECT_EQ(state_of(director), FlowState::kEstablished);
  EXPECT_EQ(director.server("web", "web2").active, 1);
  director.send(answer().fin().ack());
  EXPECT_EQ(state_of(director), FlowState::kFinWait);
  EXPECT_EQ(director.server("web", "web2").active, 0);
  EXPECT_EQ(director.server("web", "web2").inactive, 1);
  director.send(from_client().fin().ack());
  EXPECT_EQ(state_of(director), FlowState::kTimeWait);
}

TEST(Decide, InfersForDirectRoutingWhatItCannotSee) {
  Director director;
  director.apply({web(TANDEM_DR)});
  director.send(from_client().syn());
  director.send(from_client().ack());
  EXPECT_EQ(state_of(director), FlowState::kEstablished);
  director.send(from_client().fin().ack());
  EXPECT_EQ(state_of(director), FlowState::kFinWait);  // CLOSE_WAIT, if answers were seen
}

// Kubernetes #81775 and its many kin: a port used again must not wait for anything.
TEST(Decide, PlacesAReusedClientPortAnewAndInPlace) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn());
  director.send(answer().rst());
  ASSERT_EQ(state_of(director), FlowState::kClose);
  const auto before = the_flow(director);
  EXPECT_THAT(director.line(from_client().syn()), HasSubstr("to web1"));  // its turn
  EXPECT_EQ(the_flow(director)->index, before->index);
  EXPECT_EQ(state_of(director), FlowState::kSynRecv);
  EXPECT_EQ(director.count(Counter::kRescheduled), 1u);
  EXPECT_EQ(director.server("web", "web2").inactive, 0);
  EXPECT_EQ(director.server("web", "web1").active, 1);
}

TEST(Decide, SendsAClientThatTriesAgainToAnotherServerWhenItsOwnWentDown) {
  Director director;
  director.apply({web()});
  EXPECT_THAT(director.line(from_client().syn()), HasSubstr("to web2"));
  director.services.set_weight("web", "web2", 0);
  EXPECT_THAT(director.line(from_client().syn()), HasSubstr("to web1"));
}

TEST(Decide, KeepsAnEstablishedConnectionOnADrainingServer) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn());
  director.send(from_client().ack());
  director.services.set_weight("web", "web2", 0);
  EXPECT_THAT(director.line(from_client().ack()), HasSubstr("to web2"));
}

TEST(Decide, TakesUdpAwayFromADeadServerAtOnce) {
  Director director;
  ServiceSetting setting = dns();
  setting.servers.push_back({"ns2", ip("10.0.0.4"), 5300, 1, true});
  director.apply({setting});
  EXPECT_THAT(director.line(from_dns_client()), HasSubstr("to ns2"));
  EXPECT_THAT(director.line(from_dns_client()), HasSubstr("to ns2"));
  director.services.set_weight("dns", "ns2", 0);
  EXPECT_THAT(director.line(from_dns_client()), HasSubstr("to ns2"));  // draining
  director.services.set_up("dns", "ns2", false);
  EXPECT_THAT(director.line(from_dns_client()), HasSubstr("to ns1"));
}

TEST(Decide, ResetsAConnectionWhoseServerWasRemoved) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn());
  director.send(from_client().ack());
  ServiceSetting less = web();
  less.servers.pop_back();
  director.apply({less});
  director.pass(6s);
  EXPECT_EQ(director.line(from_client().ack(77)), "to 192.0.2.7: 198.51.100.10:80 > 192.0.2.7:40000 tcp R ttl 64");
  EXPECT_THAT(director.line(from_client().syn()), HasSubstr("to web1"));
}

TEST(Decide, WaitsBeforeItResetsWhatThePeerMayKnow) {
  Director director;
  director.apply({web()});
  EXPECT_EQ(director.line(from_client().ack()), "nothing");
  director.pass(4999ms);
  EXPECT_EQ(director.line(from_client().ack()), "nothing");
  EXPECT_EQ(director.count(Counter::kDropOutOfState), 2u);
  director.pass(2ms);
  EXPECT_THAT(director.line(from_client().ack()), HasSubstr("tcp R"));
  // The grace begins again with every takeover.
  director.services.set_active("web", false, director.now);
  director.pass(60s);
  director.services.set_active("web", true, director.now);
  EXPECT_EQ(director.line(from_client().ack()), "nothing");
}

TEST(Decide, NeverOpensAFlowForAnythingButASyn) {
  Director director;
  director.apply({web()});
  director.pass(10s);
  EXPECT_THAT(director.line(from_client().syn().ack()), HasSubstr("tcp R"));
  EXPECT_THAT(director.line(from_client().syn().fin()), HasSubstr("tcp RA"));
  EXPECT_THAT(director.line(from_client().fin()), HasSubstr("tcp RA"));
  EXPECT_EQ(director.line(from_client().rst()), "nothing");
  EXPECT_EQ(director.line(from_client().syn().rst()), "nothing");
  EXPECT_EQ(director.count(Counter::kNewFlows), 0u);
}

TEST(Decide, RefusesAServiceWithoutServersByItsPolicy) {
  Director director;
  ServiceSetting rejecting = web(), names = dns(), dropping = web();
  for (ServerSetting& server : rejecting.servers) server.weight = 0;
  names.servers[0].weight = 0;
  dropping.name = "silent", dropping.port = 81, dropping.no_server = NoServerPolicy::kDrop;
  for (ServerSetting& server : dropping.servers) server.weight = 0;
  director.apply({rejecting, names, dropping});
  EXPECT_EQ(director.line(from_client().seq(99).syn()),
            "to 192.0.2.7: 198.51.100.10:80 > 192.0.2.7:40000 tcp RA ttl 64");
  EXPECT_EQ(director.line(from_dns_client()),
            "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/3 ttl 64 about "
            "[192.0.2.7:5353 > 198.51.100.10:53 udp ttl 64]");
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").tcp(4, 81).syn()), "nothing");
  EXPECT_EQ(director.count(Counter::kDropNoServer), 3u);
}

TEST(Decide, ForwardsKnownFlowsButTakesNoNewOnesWhileThePeerOwnsTheVip) {
  Director director;
  director.apply({web()});
  director.send(from_client(40000).syn());
  director.send(from_client(40000).ack());
  director.services.set_active("web", false, director.now);
  director.pass(10s);
  EXPECT_THAT(director.line(from_client(40000).ack()), HasSubstr("to web2"));
  EXPECT_NE(director.line(answer().ack()), "nothing");
  EXPECT_EQ(director.line(from_client(40001).syn()), "nothing");
  EXPECT_EQ(director.count(Counter::kDropNotActive), 1u);
  EXPECT_EQ(director.line(from_client(40001).ack()), "nothing");  // the active one's business
}

TEST(Decide, WritesABusyFlowOnceASecondAndTellsThePeerEveryQuarterOfItsLife) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn());
  director.send(from_client().ack());
  const size_t index = the_flow(director)->index;
  const auto take = [&] {
    size_t taken = 0;
    director.flows.take_dirty(0, 0, 1000, [&](const Flow&) { ++taken; });
    return taken;
  };
  EXPECT_EQ(take(), 1u);
  const uint64_t written = the_flow(director)->value;
  director.pass(500ms);
  director.send(from_client().ack());
  EXPECT_EQ(the_flow(director)->value, written);
  director.pass(700ms);
  director.send(from_client().ack());
  EXPECT_NE(the_flow(director)->value, written);
  EXPECT_EQ(take(), 0u);
  // 900 s in ESTABLISHED: a packet a second for as long tells the peer four times.
  size_t told = 0;
  for (int second = 0; second < 900; ++second) {
    director.pass(1s);
    director.send(from_client().ack());
    told += take();
  }
  EXPECT_EQ(told, 4u);
  EXPECT_FALSE(director.flows.is_dirty(0, index));
  EXPECT_TRUE(director.flows.is_dirty(1, index));  // another peer has not taken its own
}

TEST(Decide, MakesALearntFlowItsOwnWithItsFirstPacketAndTellsThePeers) {
  Director director;
  director.apply({web()});
  const uint64_t key = tandem_flow_key(ip("192.0.2.7").value, 40000, director.services.service_slot("web"));
  const auto learnt = director.flows.insert(
      kTcp, key,
      tandem_flow_value(director.server("web", "web1").slot, static_cast<uint8_t>(FlowState::kEstablished),
                        TANDEM_FLOW_LEARNT, tick_of(director.now)));
  EXPECT_THAT(director.line(from_client().ack()), HasSubstr("to web1"));
  EXPECT_EQ(the_flow(director)->flags() & TANDEM_FLOW_LEARNT, 0);
  EXPECT_TRUE(director.flows.is_dirty(0, learnt.flow.index));
}

TEST(Decide, CountsUdpFlowsAsInactiveAsIpvsDoes) {
  Director director;
  director.apply({dns()});
  director.send(from_dns_client(1));
  director.send(from_dns_client(2));
  EXPECT_EQ(director.server("dns", "ns1").active, 0);
  EXPECT_EQ(director.server("dns", "ns1").inactive, 2);
  EXPECT_EQ(director.server("dns", "ns1").connections, 2u);
}

TEST(Decide, CountsAFullTablesVictims) {
  Director director(2);  // eight flows in all
  director.apply({web()});
  for (uint16_t port = 1; port <= 50; ++port) director.send(from_client(port).syn());
  EXPECT_EQ(director.count(Counter::kNewFlows), 50u);
  EXPECT_EQ(director.count(Counter::kEvicted), 42u);
  EXPECT_EQ(director.server("web", "web1").active + director.server("web", "web2").active, 8);
}

TEST(Decide, SaysNothingToWhatIsOutOfStateWhereTheServiceSaysDrop) {
  Director director;
  ServiceSetting setting = web();
  setting.out_of_state = OutOfState::kDrop;
  director.apply({setting});
  director.pass(10s);
  EXPECT_EQ(director.line(from_client().ack()), "nothing");
  EXPECT_EQ(director.count(Counter::kDropOutOfState), 1u);
  EXPECT_EQ(director.count(Counter::kResets), 0u);
}

// net.ipv4.vs.sloppy_tcp: any segment but a reset opens a flow.
TEST(Decide, TakesTheMidstOfAConnectionWhereTheServiceSaysAccept) {
  Director director;
  ServiceSetting setting = web();
  setting.out_of_state = OutOfState::kAccept;
  director.apply({setting});
  EXPECT_EQ(director.line(from_client().rst()), "nothing");
  EXPECT_THAT(director.line(from_client().ack()), HasSubstr("to web2"));
  EXPECT_EQ(state_of(director), FlowState::kEstablished);
  director.services.set_active("web", false, director.now);
  EXPECT_EQ(director.line(from_client(40001).ack()), "nothing") << "the active director's business";
}

TEST(Decide, FlowsLiveAsLongAsTheirServiceSaysAndAReloadHoldsForThemToo) {
  Director director;
  ServiceSetting setting = web();
  setting.timeouts.set(FlowState::kSynRecv, 5s);
  director.apply({setting, dns()});
  director.send(from_client().syn());
  director.send(from_dns_client());
  director.pass(4s);
  director.sweep();
  EXPECT_TRUE(the_flow(director));
  director.pass(2s);
  director.sweep();
  EXPECT_FALSE(the_flow(director));
  EXPECT_EQ(director.count(Counter::kExpired), 1u) << "the other service's flow stays";

  setting.timeouts.set(FlowState::kSynRecv, 600s);
  director.apply({setting, dns()});
  director.send(from_client().syn());
  director.pass(120s);
  director.sweep();
  EXPECT_TRUE(the_flow(director));
  setting.timeouts = {};
  director.apply({setting, dns()});
  director.sweep();
  EXPECT_FALSE(the_flow(director)) << "60 s, IPVS's";
}

// A connection whose sides began at 1000 and 9000.
void establish(Director& director) {
  director.send(from_client().syn().seq(1000));
  director.send(answer().syn().seq(9000).ack(1001));
  director.send(from_client().seq(1001).ack(9001));
}

TEST(Decide, AForgedResetOrFinIsForwardedAndMovesNothing) {
  Director director;
  director.apply({web()});
  establish(director);
  const uint64_t before = the_flow(director)->value;
  director.pass(5s);
  EXPECT_THAT(director.line(from_client().rst().seq(2'000'000'000)), HasSubstr("to web2"));
  EXPECT_THAT(director.line(from_client().fin().seq(3'000'000'000).ack(9001)), HasSubstr("to web2"));
  EXPECT_THAT(director.line(answer().rst().seq(1'000'000'000)), HasSubstr("to 192.0.2.7"));
  EXPECT_EQ(the_flow(director)->value, before);
  EXPECT_EQ(director.count(Counter::kEndsNotBelieved), 3u);
  director.send(from_client().fin().seq(1001).ack(9001));
  EXPECT_EQ(state_of(director), FlowState::kCloseWait) << "the true one";
  director.send(answer().rst().seq(9001));
  EXPECT_EQ(state_of(director), FlowState::kClose);
}

TEST(Decide, AForgedResetMovesNothingByDirectRoutingEither) {
  Director director;
  director.apply({web(TANDEM_DR)});
  director.send(from_client().syn().seq(1000));
  director.send(from_client().seq(1001).ack(9001));
  director.send(from_client().rst().seq(2'000'000'000));
  EXPECT_EQ(state_of(director), FlowState::kEstablished);
  director.send(from_client().rst().seq(1001));
  EXPECT_EQ(state_of(director), FlowState::kClose);
}

TEST(Decide, AnEndIsBelievedAfterHundredsOfMegabytesAndWhenThePortIsUsedAgain) {
  Director director;
  director.apply({web()});
  establish(director);
  uint32_t sequence = 1001;
  for (int i = 0; i < 10'000; ++i, sequence += 60'000)
    director.send(from_client().seq(sequence).ack(9001).payload(60'000).in_segments_of(1448));
  director.send(from_client().fin().seq(sequence).ack(9001));
  EXPECT_EQ(state_of(director), FlowState::kCloseWait);
  director.send(answer().fin().seq(9001).ack(sequence + 1));
  EXPECT_EQ(state_of(director), FlowState::kTimeWait);

  director.send(from_client().syn().seq(4'000'000'000));
  director.send(from_client().rst().seq(4'000'000'001));
  EXPECT_EQ(state_of(director), FlowState::kSynRecv) << "IPVS's table; but it was not refused";
  EXPECT_EQ(director.count(Counter::kEndsNotBelieved), 0u);
}

TEST(Decide, ANewSynOfAnUnansweredConnectionBeginsItsNumbersAnew) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn().seq(1000));
  director.send(from_client().syn().seq(3'000'000'000));
  director.send(from_client().seq(3'000'000'001).ack(9001));
  director.send(from_client().rst().seq(3'000'000'001));
  EXPECT_EQ(state_of(director), FlowState::kClose);
}

TEST(Decide, ATableTakenUpKnowsNoNumbersAndBelievesAgain) {
  Director director;
  director.apply({web()});
  establish(director);
  ASSERT_TRUE(FlowTable::attach(director.mapping.bytes()));
  EXPECT_EQ(director.flows.sequences_of(*the_flow(director)), SeenSequences{});
  director.send(from_client().rst().seq(2'000'000'000));
  EXPECT_EQ(state_of(director), FlowState::kClose);
}

}  // namespace
}  // namespace tandem::forwarding
