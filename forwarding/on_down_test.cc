// What becomes of the flows of a server that goes down, and what is counted of clients that fared badly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

ServiceSetting web_that(FlowsOnDown policy, tandem_method method = TANDEM_NAT) {
  ServiceSetting setting = web(method);
  setting.flows_on_down = policy;
  return setting;
}
PacketBuilder answer(std::string_view client = "192.0.2.7", uint16_t port = 40000) {
  return packet().ipv4("10.0.0.2", client).tcp(8080, port);
}
void establish(Director& director) {
  director.send(from_client().syn());
  director.send(answer().syn().ack());
  director.send(from_client().ack());
}
void set_up(Director& director, bool up) {
  director.services.set_standing("web", "web2", {.weight = up ? 1U : 0U, .up = up, .in_rotation = up});
}

TEST(OnDown, KeepLetsAConnectionGoOnToItsDeadServer) {
  Director director;
  director.apply({web_that(FlowsOnDown::kKeep)});
  establish(director);
  set_up(director, false);
  director.sweep();
  EXPECT_THAT(director.line(from_client().ack()), HasSubstr("to web2"));
  EXPECT_THAT(director.line(answer().ack()), HasSubstr("to 192.0.2.7"));
}

TEST(OnDown, ResetEndsAConnectionAtBothEndsWithTheNextSegmentOfEither) {
  for (const bool client_speaks : {true, false}) {
    Director director;
    director.apply({web_that(FlowsOnDown::kReset)});
    establish(director);
    set_up(director, false);
    const auto lines = client_speaks ? director.lines(from_client().ack()) : director.lines(answer().ack());
    ASSERT_FALSE(lines.empty());
    EXPECT_THAT(lines[0], HasSubstr(" tcp R "));
    EXPECT_THAT(lines[0], HasSubstr(client_speaks ? "to 192.0.2.7" : "to 10.0.0.2"));
    EXPECT_EQ(director.count(Counter::kDropServerDown), 1U);
  }
}

TEST(OnDown, ResetHoldsAlsoWhenTheServerHasComeBackMeanwhile) {
  Director director;
  director.apply({web_that(FlowsOnDown::kReset)});
  establish(director);
  set_up(director, false);
  director.sweep();
  EXPECT_EQ(director.count(Counter::kEndedByDown), 1U);
  set_up(director, true);
  director.sweep();
  EXPECT_EQ(director.count(Counter::kEndedByDown), 1U);
  EXPECT_THAT(director.lines(from_client().ack())[0], HasSubstr(" tcp R "));
  EXPECT_THAT(director.line(from_client(40001).syn()), HasSubstr("to web")) << "new ones are welcome";
}

TEST(OnDown, ResetTouchesNothingOnADirectorThatIsNotActive) {
  Director director;
  director.apply({web_that(FlowsOnDown::kReset)});
  establish(director);
  director.services.set_active("web", false, director.now);
  set_up(director, false);
  director.sweep();
  EXPECT_EQ(director.count(Counter::kEndedByDown), 0U);
  EXPECT_THAT(director.line(from_client().ack()), HasSubstr("to web2"));
}

TEST(OnDown, ResetResetsTheClientOfADirectServerAlone) {
  Director director;
  director.apply({web_that(FlowsOnDown::kReset, TANDEM_DR)});
  director.send(from_client().syn());
  director.send(from_client().ack());
  set_up(director, false);
  const auto lines = director.lines(from_client().ack());
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], HasSubstr("to 192.0.2.7"));
}

TEST(OnDown, ReselectTakesAConnectionToAnotherServerWithItsNextSegment) {
  Director director;
  director.apply({web_that(FlowsOnDown::kReselect)});
  establish(director);
  set_up(director, false);
  director.sweep();
  EXPECT_THAT(director.line(from_client().ack()), HasSubstr("to web1"));
  EXPECT_EQ(director.count(Counter::kRescheduled), 1U);
  EXPECT_EQ(director.server("web", "web1").active, 1);
  EXPECT_EQ(director.server("web", "web2").active, 0);
  set_up(director, true);
  EXPECT_THAT(director.line(from_client().ack()), HasSubstr("to web1")) << "and leaves it there";
}

TEST(OnDown, ReselectWithNobodyLeftAnswersAsTheServiceSays) {
  Director director;
  ServiceSetting setting = web_that(FlowsOnDown::kReselect);
  setting.servers.erase(setting.servers.begin());
  director.apply({setting});
  establish(director);
  set_up(director, false);
  EXPECT_THAT(director.lines(from_client().ack())[0], HasSubstr(" tcp R "));
}

TEST(OnDown, AServerThatOnlyIsNotInUseKeepsItsConnections) {
  for (const auto policy : {FlowsOnDown::kReset, FlowsOnDown::kReselect}) {
    Director director;
    director.apply({web_that(policy)});
    establish(director);
    // A drained one, and a spare that is not needed any more.
    director.services.set_standing("web", "web2", {.weight = 0, .up = true, .in_rotation = true});
    EXPECT_THAT(director.line(from_client().ack()), HasSubstr("to web2"));
    director.services.set_standing("web", "web2", {.weight = 0, .up = true, .in_rotation = false});
    director.sweep();
    EXPECT_THAT(director.line(from_client().ack()), HasSubstr("to web2"));
  }
}

// ---- what clients meet

ServiceSetting watched() {
  ServiceSetting setting = web();
  setting.watched = true;
  setting.servers.erase(setting.servers.begin());
  return setting;
}
uint64_t unanswered(Director& director) {
  return director.server("web", "web2").unanswered;
}
uint64_t refused(Director& director) {
  return director.server("web", "web2").refused;
}

TEST(Witness, ASynThatIsSentAgainASecondLaterWasNotAnswered) {
  Director director;
  director.apply({watched()});
  director.send(from_client().syn());
  director.pass(100ms);
  director.send(from_client().syn());
  EXPECT_EQ(unanswered(director), 0U) << "on its heels";
  director.pass(1000ms);
  director.send(from_client().syn());
  EXPECT_EQ(unanswered(director), 1U);
  director.pass(2s);
  director.send(from_client().syn());
  director.send(answer().rst().ack());
  EXPECT_EQ(unanswered(director) + refused(director), 1U) << "once a connection";
  EXPECT_EQ(std::popcount(director.server("web", "web2").failed_clients.load()), 1);
}

TEST(Witness, AConnectionWhoseServerAnsweredCountsForNothingLater) {
  Director director;
  director.apply({watched()});
  director.send(from_client().syn());
  director.send(answer().syn().ack());
  director.pass(1s);
  director.send(from_client().syn());  // the answer was lost on the client's side
  // RFC 9293, 3.10.7.3: this makes a server reset that has answered already.
  director.send(from_client().syn().ack());
  director.send(answer().rst());
  EXPECT_EQ(unanswered(director) + refused(director), 0U);
}

TEST(Witness, AResetInPlaceOfAnAnswerIsARefusal) {
  Director director;
  director.apply({watched()});
  for (uint16_t port = 1; port <= 30; ++port) {
    director.send(from_client(port).syn());
    director.send(answer("192.0.2.7", port).rst().ack());
    director.send(answer("192.0.2.7", port).rst().ack());
  }
  EXPECT_EQ(refused(director), 30U);
  EXPECT_EQ(std::popcount(director.server("web", "web2").failed_clients.load()), 1) << "one client, thirty ports";
  for (int host = 1; host <= 30; ++host) {
    const std::string client = "203.0.113." + std::to_string(host);
    director.send(packet().ipv4(client, "198.51.100.10").tcp(1, 80).syn());
    director.send(answer(client, 1).rst().ack());
  }
  EXPECT_EQ(refused(director), 60U);
  EXPECT_GE(std::popcount(director.server("web", "web2").failed_clients.load()), 15);
}

TEST(Witness, AResetOfAConnectionThatStandsIsNoFailureOfTheServersHealth) {
  Director director;
  director.apply({watched()});
  establish(director);
  director.send(answer().rst());
  EXPECT_EQ(refused(director), 0U);
}

TEST(Witness, WhatAPeerToldIsNotCounted) {
  Director director;
  director.apply({watched()});
  director.send(from_client().syn());
  auto flow = director.flows.find(kTcp, ip("192.0.2.7"), 40000, director.services.service_slot("web"));
  ASSERT_TRUE(flow);
  ASSERT_TRUE(director.flows.update(
      *flow, tandem_flow_value(flow->server(), flow->state(), TANDEM_FLOW_LEARNT, flow->last_seen())));
  director.pass(1s);
  director.send(from_client().syn());
  EXPECT_EQ(unanswered(director), 0U);
}

TEST(Witness, CountsNothingForAServiceThatDoesNotAsk) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn());
  director.pass(1s);
  director.send(from_client().syn());
  director.send(answer().rst().ack());
  EXPECT_EQ(unanswered(director) + refused(director), 0U);
}

}  // namespace
}  // namespace tandem::forwarding
