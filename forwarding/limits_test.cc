// Limits on new connections: whose, counted how, and what becomes of what is over them.
#include "forwarding/limits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

const TimePoint kStart{Duration(1000s)};
using Verdict = ClientLimits::Verdict;

ServiceSetting web_with(const LimitSetting& limits) {
  ServiceSetting setting = web();
  setting.limits = limits;
  return setting;
}
PacketBuilder from(std::string_view client, uint16_t port = 40000) {
  return packet().ipv4(client, "198.51.100.10").tcp(port, 80);
}
bool is_taken(Director& director, std::string_view client, uint16_t port = 40000) {
  return director.line(from(client, port).syn()) != "nothing";
}

TEST(Pace, TakesASecondsWorthAtOnceAndThenEvenly) {
  Pace pace;
  TimePoint now = kStart;
  const auto taken_now = [&] {
    int taken = 0;
    for (; pace.may(10, now); ++taken) pace.take(10, now);
    return taken;
  };
  EXPECT_EQ(taken_now(), 10);
  now += 100ms;
  EXPECT_EQ(taken_now(), 1);
  now += 250ms;
  EXPECT_EQ(taken_now(), 2);
  now += 3600s;
  EXPECT_EQ(taken_now(), 10);
}

TEST(Limits, AServiceTakesSoManyConnectionsAndMoreWhenSomeEnd) {
  Director director;
  director.apply({web_with({.connections = 3})});
  for (uint16_t port = 1; port <= 3; ++port) EXPECT_TRUE(is_taken(director, "192.0.2.7", port));
  EXPECT_FALSE(is_taken(director, "192.0.2.8"));
  EXPECT_EQ(director.count(Counter::kDropLimitConnections), 1u);
  EXPECT_TRUE(is_taken(director, "192.0.2.7", 3)) << "its SYN again";
  director.send(from("192.0.2.7", 2).rst().seq(1));
  EXPECT_FALSE(is_taken(director, "192.0.2.8")) << "IPVS's table: a RST in SYN_RECV is not believed of the client";
  director.send(from("192.0.2.7", 2).ack());
  director.send(from("192.0.2.7", 2).fin().ack().seq(1));
  EXPECT_TRUE(is_taken(director, "192.0.2.8"));
  EXPECT_EQ(director.count(Counter::kDropLimitConnections), 2u);
}

TEST(Limits, AServiceTakesSoManyNewConnectionsASecond) {
  Director director;
  director.apply({web_with({.per_second = 5}), dns()});
  int taken = 0;
  for (uint16_t port = 1; port <= 20; ++port) taken += is_taken(director, "192.0.2.7", port);
  EXPECT_EQ(taken, 5);
  EXPECT_EQ(director.count(Counter::kDropLimitRate), 15u);
  EXPECT_THAT(director.line(from("192.0.2.7", 1).ack()), HasSubstr("to web")) << "what stands goes on";
  EXPECT_THAT(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").udp(1, 53)), HasSubstr("to ns1"));
  director.pass(200ms);
  EXPECT_TRUE(is_taken(director, "192.0.2.8"));
  EXPECT_FALSE(is_taken(director, "192.0.2.9"));
}

TEST(Limits, OneClientIsBoundedAndTakesNothingFromOthers) {
  Director director;
  director.apply({web_with({.per_second = 10, .client_connections = 2, .client_per_second = 4})});
  for (uint16_t port = 1; port <= 100; ++port) is_taken(director, "192.0.2.7", port);
  EXPECT_EQ(director.count(Counter::kDropLimitClientConnections), 98u);
  EXPECT_EQ(director.count(Counter::kDropLimitRate), 0u) << "what is refused one client does not count for the service";
  for (const char* client : {"192.0.2.8", "192.0.2.9", "192.0.2.10"}) EXPECT_TRUE(is_taken(director, client));
}

TEST(Limits, ClientsConnectionsAreFreeAgainWhenTheyBeginToCloseOrExpire) {
  Director director;
  director.apply({web_with({.client_connections = 1})});
  EXPECT_TRUE(is_taken(director, "192.0.2.7", 1));
  EXPECT_FALSE(is_taken(director, "192.0.2.7", 2));
  director.send(from("192.0.2.7", 1).ack());
  director.send(from("192.0.2.7", 1).fin().ack().seq(1));
  EXPECT_TRUE(is_taken(director, "192.0.2.7", 2));
  director.pass(61s);
  director.sweep();
  EXPECT_TRUE(is_taken(director, "192.0.2.7", 3)) << "SYN_RECV is over";
  EXPECT_FALSE(is_taken(director, "192.0.2.7", 4));
}

TEST(Limits, TheSweepCountsAfreshWhatNobodyHereCounted) {
  Director director;
  director.apply({web_with({.client_connections = 3})});
  const uint16_t service = director.services.service_slot("web");
  const uint16_t server = director.services.server_slot("web", "web1");
  for (uint16_t port = 1; port <= 3; ++port)  // as a peer tells them
    director.flows.insert(kTcp, ip("192.0.2.7"), port, service,
                          tandem_flow_value(server, static_cast<uint8_t>(FlowState::kEstablished), TANDEM_FLOW_LEARNT,
                                            tick_of(director.now)));
  director.sweep();
  EXPECT_FALSE(is_taken(director, "192.0.2.7", 4));
  EXPECT_TRUE(is_taken(director, "192.0.2.8", 4));
  for (int i = 0; i < 3; ++i) director.sweep();
  EXPECT_FALSE(is_taken(director, "192.0.2.7", 5)) << "and does not count twice";
}

TEST(Limits, ClientsOfOneNetworkAreOneWhereTheServiceSaysSo) {
  Director director;
  ServiceSetting six = web_with({.client_connections = 1});
  six.name = "web6";
  six.vip = *IpAddress::parse("2001:db8::10");
  for (ServerSetting& server : six.servers) server.address = *IpAddress::parse("fd00::" + server.name.substr(3));
  director.apply({web_with({.client_connections = 1, .ipv4_prefix = 24}), six});
  EXPECT_TRUE(is_taken(director, "192.0.2.7"));
  EXPECT_FALSE(is_taken(director, "192.0.2.8"));
  EXPECT_TRUE(is_taken(director, "192.0.3.7"));
  const auto from6 = [](std::string_view client) { return packet().ipv6(client, "2001:db8::10").tcp(40000, 80).syn(); };
  EXPECT_NE(director.line(from6("2001:db8:c:1::7")), "nothing");
  EXPECT_EQ(director.line(from6("2001:db8:c:1:f::8")), "nothing") << "one customer's /64";
  EXPECT_NE(director.line(from6("2001:db8:c:2::7")), "nothing");
}

TEST(Limits, OfUdpEveryFlowCounts) {
  Director director;
  ServiceSetting setting = dns();
  setting.limits = {.client_connections = 2};
  director.apply({setting});
  const auto ask = [&](uint16_t port) {
    return director.line(packet().ipv4("192.0.2.7", "198.51.100.10").udp(port, 53));
  };
  EXPECT_NE(ask(1), "nothing");
  EXPECT_NE(ask(2), "nothing");
  EXPECT_EQ(ask(3), "nothing");
  EXPECT_NE(ask(1), "nothing");
  director.pass(301s);
  director.sweep();
  EXPECT_NE(ask(3), "nothing");
}

TEST(Limits, WhereTooManyClientsHaveConnectionsFurtherOnesAreNotLimited) {
  ClientLimits limits(1);
  const LimitSetting setting{.client_connections = 1};
  uint32_t taken = 0;
  for (uint32_t client = 0; client < 200'000; ++client) {
    taken += limits.open(1, setting, Ipv4Address{client}, kStart) == Verdict::kTaken;
    limits.change(1, setting, Ipv4Address{client}, 0, 1);
  }
  EXPECT_EQ(taken, 200'000u);
  EXPECT_GT(limits.without_place(), 100'000u);
  EXPECT_EQ(limits.open(1, setting, Ipv4Address{0}, kStart), Verdict::kTooMany) << "who has a place keeps it";
  limits.end_pass();
  EXPECT_EQ(limits.open(1, setting, Ipv4Address{0}, kStart), Verdict::kTaken);
}

TEST(Limits, ClientsWithoutConnectionsMakeRoomTheOldestFirst) {
  ClientLimits limits(1);
  const LimitSetting setting{.client_per_second = 1};
  EXPECT_EQ(limits.open(1, setting, Ipv4Address{1}, kStart), Verdict::kTaken);
  EXPECT_EQ(limits.open(1, setting, Ipv4Address{1}, kStart), Verdict::kTooFast);
  EXPECT_EQ(limits.open(2, setting, Ipv4Address{1}, kStart), Verdict::kTaken) << "each service for itself";
  for (uint32_t client = 2; client < 500'000; ++client)
    EXPECT_EQ(limits.open(1, setting, Ipv4Address{client}, kStart + Duration(client)), Verdict::kTaken);
  EXPECT_EQ(limits.without_place(), 0u);
}

}  // namespace
}  // namespace tandem::forwarding
