#include "forwarding/flow_search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// Clients 192.0.2.1 to .4, ports 1000 and 1001 each; the second of each client has finished its handshake.
struct Office : Director {
  Office() {
    apply({web(), dns()});
    for (int client = 1; client <= 4; ++client)
      for (uint16_t port = 1000; port < 1002; ++port) {
        send(packet(client, port).syn());
        if (port == 1001) {
          send(testing::packet()
                   .ipv4(server_of(client, port), "192.0.2." + std::to_string(client))
                   .tcp(8080, port)
                   .syn()
                   .ack());
          send(packet(client, port).ack());
        }
      }
  }
  static PacketBuilder packet(int client, uint16_t port) {
    return testing::packet().ipv4("192.0.2." + std::to_string(client), "198.51.100.10").tcp(port, 80);
  }
  std::string server_of(int client, uint16_t port) {
    const auto flow = flows.find(kTcp, ip("192.0.2." + std::to_string(client)), port, services.find("web")->slot);
    TANDEM_ASSERT(flow.has_value());
    return Ipv4Address{services.recipe(flow->server()).server_address}.text();
  }
  FlowSearch search(const FlowFilter& filter, FlowSearch::Act act = FlowSearch::Act::kList, size_t rows = 100) {
    FlowSearch found(flows, services, filter, act, rows);
    while (!found.step(now, 512)) {
    }
    return found;
  }
};

TEST(FlowSearch, FindsFlowsByEveryPartOfThem) {
  Office office;
  EXPECT_EQ(office.search({}).matched(), 8u);
  EXPECT_EQ(office.search({.client = *Prefix::parse("192.0.2.3")}).matched(), 2u);
  EXPECT_EQ(office.search({.client = *Prefix::parse("192.0.2.2/31")}).matched(), 4u);
  EXPECT_EQ(office.search({.client = *Prefix::parse("0.0.0.0/0")}).matched(), 8u);
  EXPECT_EQ(office.search({.client = *Prefix::parse("::/0")}).matched(), 0u);
  EXPECT_EQ(office.search({.client_port = 1001}).matched(), 4u);
  EXPECT_EQ(office.search({.virtual_address = *Prefix::parse("198.51.100.10")}).matched(), 8u);
  EXPECT_EQ(office.search({.virtual_address = *Prefix::parse("198.51.100.11")}).matched(), 0u);
  EXPECT_EQ(office.search({.virtual_port = 80}).matched(), 8u);
  EXPECT_EQ(office.search({.virtual_port = 81}).matched(), 0u);
  EXPECT_EQ(office.search({.protocol = kTcp}).matched(), 8u);
  EXPECT_EQ(office.search({.protocol = kUdp}).matched(), 0u);
  const Prefix pair = *Prefix::parse("192.0.2.2/31");
  EXPECT_EQ(office.search({.client = pair, .client_port = 1001, .protocol = kTcp, .server = "web1"}).matched(), 2u);
  EXPECT_EQ(office.search({.client = pair, .client_port = 1001, .protocol = kTcp, .server = "web2"}).matched(), 0u);
  EXPECT_EQ(office.search({.service = "web"}).matched(), 8u);
  EXPECT_EQ(office.search({.service = "dns"}).matched(), 0u);
  EXPECT_EQ(office.search({.server = "web1"}).matched(), 4u);
  EXPECT_EQ(office.search({.service = "dns", .server = "web1"}).matched(), 0u);
  EXPECT_EQ(office.search({.state = FlowState::kEstablished}).matched(), 4u);
  EXPECT_EQ(office.search({.client = *Prefix::parse("192.0.2.1"), .state = FlowState::kSynRecv}).matched(), 1u);
}

TEST(FlowSearch, BoundsTheRowsAndNotTheCount) {
  Office office;
  const FlowSearch found = office.search({}, FlowSearch::Act::kList, 3);
  EXPECT_EQ(found.rows().size(), 3u);
  EXPECT_EQ(found.matched(), 8u);
  EXPECT_EQ(found.by_state()[static_cast<size_t>(FlowState::kEstablished)], 4u);
  EXPECT_EQ(found.by_state()[static_cast<size_t>(FlowState::kSynRecv)], 4u);
}

// A service of several fronts, one of them a range; its servers have the ports their clients came to.
TEST(FlowSearch, TellsWhichFrontOfAServiceAFlowCameTo) {
  Director director;
  ServiceSetting shop = web();
  shop.other_fronts = {{ip("198.51.100.11"), 443, 443}, {ip("198.51.100.11"), 8000, 8100}};
  shop.servers = {{.name = "web1", .address = ip("10.0.0.1")}};
  shop.persistence.timeout = 60s;
  director.apply({shop});
  const auto open = [&](const char* vip, uint16_t port) {
    director.send(packet().ipv4("192.0.2.7", vip).tcp(40000, port).syn());
  };
  open("198.51.100.10", 80), open("198.51.100.11", 443), open("198.51.100.11", 8042);
  const auto only = [&](const FlowFilter& filter) -> std::optional<FlowRow> {
    FlowSearch search(director.flows, director.services, filter, FlowSearch::Act::kList, 9);
    while (!search.step(director.now, 512)) {
    }
    return search.rows().size() == 1 ? std::optional(search.rows()[0]) : std::nullopt;
  };
  const auto secure = only({.virtual_port = 443});
  ASSERT_TRUE(secure);
  EXPECT_EQ(secure->front, (Front{ip("198.51.100.11"), 443, 443}));
  EXPECT_EQ(secure->target, (EndPoint{ip("10.0.0.1"), 443}));
  EXPECT_EQ(secure->source, std::nullopt);
  const auto media = only({.virtual_address = *Prefix::parse("198.51.100.11"), .virtual_port = 8099});
  ASSERT_TRUE(media);
  EXPECT_EQ(media->front, (Front{ip("198.51.100.11"), 8000, 8100})) << "which port of the range, no flow says";
  EXPECT_EQ(media->target, (EndPoint{ip("10.0.0.1"), 0}));
  const auto kept = only({.state = FlowState::kTemplate});
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->front, std::nullopt) << "a template is of all fronts";
  EXPECT_FALSE(only({.virtual_address = *Prefix::parse("198.51.100.10"), .state = FlowState::kTemplate}));
}

TEST(FlowSearch, TellsWhatTheServerOfAFullnatServiceSees) {
  Director director;
  ServiceSetting setting = web(TANDEM_FULLNAT);
  setting.source_pool = {ip("10.0.0.100")};
  director.apply({setting});
  director.send(from_client(40000).syn());
  FlowSearch search(director.flows, director.services, {}, FlowSearch::Act::kList, 9);
  while (!search.step(director.now, 512)) {
  }
  ASSERT_EQ(search.rows().size(), 1u);
  EXPECT_EQ(search.rows()[0].source, (EndPoint{ip("10.0.0.100"), 40000}));
}

TEST(FlowSearch, TellsAFlowInWords) {
  Office office;
  office.pass(10s);
  const FlowSearch found = office.search({.client = *Prefix::parse("192.0.2.1"), .client_port = 1001});
  ASSERT_EQ(found.rows().size(), 1u);
  const FlowRow& row = found.rows()[0];
  EXPECT_EQ(row.service, "web");
  EXPECT_EQ(row.server, office.server_of(1, 1001) == "10.0.0.1" ? "web1" : "web2");
  EXPECT_EQ(row.protocol, kTcp);
  EXPECT_EQ(row.client.text(), "192.0.2.1");
  EXPECT_EQ(row.client_port, 1001);
  EXPECT_EQ(row.state, FlowState::kEstablished);
  EXPECT_NEAR(static_cast<double>(row.idle.count()) / 1e9, 10, 0.3);
  EXPECT_NEAR(static_cast<double>(row.expires.count()) / 1e9, 890, 0.3);
  EXPECT_FALSE(row.learnt);
}

TEST(FlowSearch, EndsFlowsSoThatPeersHearOfIt) {
  Office office;
  office.flows.clear_dirty(0);
  FlowSearch found = office.search({.client = *Prefix::parse("192.0.2.1")}, FlowSearch::Act::kKill);
  EXPECT_EQ(found.matched(), 2u);
  EXPECT_EQ(found.killed(), 2u);
  size_t told = 0;
  office.flows.take_dirty(0, 0, 100, [&](const Flow& flow) {
    ++told;
    EXPECT_EQ(flow.state(), static_cast<uint8_t>(FlowState::kClose));
  });
  EXPECT_EQ(told, 2u);
  found.finish();
  EXPECT_EQ(office.search({}, FlowSearch::Act::kKill).matched(), 6u);  // what is over is not ended again
  // Ten seconds later nothing is left, and the connections are counted right.
  office.pass(11s);
  office.sweep();
  EXPECT_EQ(office.search({.client = *Prefix::parse("192.0.2.1")}).matched(), 0u);
}

TEST(FlowSearch, ResetsBothEndsOfAConnectionWhicheverSends) {
  Office office;
  const std::string server = office.server_of(1, 1001);
  office.search({.client_port = 1001}, FlowSearch::Act::kKill);
  // The client sends: it is told.
  EXPECT_THAT(office.lines(Office::packet(1, 1001).ack()),
              ::testing::ElementsAre(HasSubstr("to 192.0.2.1: 198.51.100.10:80 > 192.0.2.1:1001 tcp R")));
  // A server sends, and its client is one that only receives: both are told.
  EXPECT_THAT(office.lines(testing::packet().ipv4(server, "192.0.2.1").tcp(8080, 1001).ack().payload(100)),
              ::testing::ElementsAre(HasSubstr("192.0.2.1:1001 > " + server + ":8080 tcp R"),
                                     HasSubstr("to 192.0.2.1: 198.51.100.10:80 > 192.0.2.1:1001 tcp R")));
  EXPECT_EQ(office.count(Counter::kDropKilled), 2u);
  EXPECT_EQ(office.count(Counter::kToClient), 4u);
  // It ends on time, however much is sent.
  for (int i = 0; i < 12; ++i) {
    office.pass(1s);
    office.send(Office::packet(1, 1001).ack());
    office.sweep();
  }
  EXPECT_EQ(office.search({.client = *Prefix::parse("192.0.2.1"), .client_port = 1001}).matched(), 0u);
}

TEST(FlowSearch, LetsAClientWhoseConnectionWasEndedBeginAnew) {
  Office office;
  office.search({.client = *Prefix::parse("192.0.2.1"), .client_port = 1001}, FlowSearch::Act::kKill);
  EXPECT_THAT(office.line(Office::packet(1, 1001).syn()), HasSubstr("tcp S"));
  EXPECT_THAT(office.line(Office::packet(1, 1001).ack()), HasSubstr("8080 tcp A"));
  EXPECT_EQ(office.search({}).matched(), 8u);
}

TEST(FlowSearch, RemovesAUdpFlowAMomentLater) {
  Office office;
  const auto query = testing::packet().ipv4("192.0.2.1", "198.51.100.10").udp(5353, 53);
  office.send(query);
  FlowSearch found = office.search({.service = "dns"}, FlowSearch::Act::kKill);
  EXPECT_EQ(found.killed(), 1u);
  found.finish();
  EXPECT_EQ(office.search({.service = "dns"}).matched(), 0u);
  EXPECT_THAT(office.line(query), HasSubstr("to ns1"));
}

TEST(FlowSearch, KnowsStatesByTheirNames) {
  EXPECT_EQ(flow_state_named("established"), FlowState::kEstablished);
  EXPECT_EQ(flow_state_named("SYN_RECV"), FlowState::kSynRecv);
  EXPECT_EQ(flow_state_named("open"), std::nullopt);
}

}  // namespace
}  // namespace tandem::forwarding
