#include "forwarding/persistence.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/flow_search.hpp"
#include "forwarding/testing/director.hpp"
#include "forwarding/trace.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

ServiceSetting sticky(Duration timeout = 300s, uint8_t prefix = 32) {
  ServiceSetting setting = web();
  setting.persistence = {.timeout = timeout, .ipv4_prefix = prefix};
  return setting;
}

struct Bank : Director {
  explicit Bank(const ServiceSetting& setting = sticky()) { apply({setting}); }

  // Which server the connection goes to: '1', '2'; or 'n' for nobody.
  char connect(const std::string& client, uint16_t port) {
    const std::string text = line(packet().ipv4(client, "198.51.100.10").tcp(port, 80).syn());
    return text.starts_with("to web") ? text[6] : 'n';
  }
  // Established and broken off: CLOSE, 10 s.
  void reset(const std::string& client, uint16_t port) {
    send(packet().ipv4(client, "198.51.100.10").tcp(port, 80).ack());
    send(packet().ipv4(client, "198.51.100.10").tcp(port, 80).rst());
  }
  // Passes of the sweep, one a second.
  void sweeps(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      pass(1s);
      sweep();
    }
  }
  size_t templates() {
    FlowSearch search(flows, services, {.state = FlowState::kTemplate}, FlowSearch::Act::kList, 10);
    while (!search.step(now, 4096)) {
    }
    return search.matched();
  }
};

TEST(Persistence, SendsAClientsConnectionsToTheServerOfItsFirst) {
  Bank bank;
  const char first = bank.connect("192.0.2.7", 1000);
  for (uint16_t port = 1001; port < 1010; ++port) EXPECT_EQ(bank.connect("192.0.2.7", port), first);
  EXPECT_NE(bank.connect("192.0.2.8", 1000), first);  // another client has its own turn
  EXPECT_EQ(bank.count(Counter::kNewTemplates), 2u);
  EXPECT_EQ(bank.templates(), 2u);
  // A template is no connection.
  EXPECT_EQ(bank.server("web", "web1").total_connections() + bank.server("web", "web2").total_connections(), 11);
  bank.sweep();
  EXPECT_EQ(bank.server("web", "web1").total_connections() + bank.server("web", "web2").total_connections(), 11);
}

TEST(Persistence, TakesClientsOfOneNetworkForOne) {
  Bank bank(sticky(300s, 24));
  const char first = bank.connect("192.0.2.7", 1000);
  EXPECT_EQ(bank.connect("192.0.2.200", 1000), first);
  EXPECT_NE(bank.connect("192.0.3.7", 1000), first);
}

TEST(Persistence, EndsWhenItsTimeIsOverAndNoFlowLives) {
  Bank bank(sticky(30s));
  const char first = bank.connect("192.0.2.7", 1000);
  bank.connect("192.0.2.8", 1000);
  bank.reset("192.0.2.7", 1000), bank.reset("192.0.2.8", 1000);
  bank.sweeps(29);
  EXPECT_EQ(bank.templates(), 2u);
  bank.sweeps(12);
  EXPECT_EQ(bank.templates(), 0u);
  EXPECT_EQ(bank.count(Counter::kExpiredTemplates), 2u);
  EXPECT_EQ(bank.connect("192.0.2.9", 1000), first);  // the next turn, as if nothing had been
}

TEST(Persistence, LastsAsLongAsAFlowLives) {
  Bank bank(sticky(30s));
  const char first = bank.connect("192.0.2.7", 1000);
  bank.send(packet().ipv4("192.0.2.7", "198.51.100.10").tcp(1000, 80).ack());
  // Established: 900 s without a packet.
  bank.sweeps(850);
  EXPECT_EQ(bank.templates(), 1u);
  EXPECT_EQ(bank.connect("192.0.2.7", 2000), first);
  bank.reset("192.0.2.7", 1000), bank.reset("192.0.2.7", 2000);
  bank.sweeps(120);  // the flows are gone after 10 s, the template at the next look
  EXPECT_EQ(bank.templates(), 0u);
}

TEST(Persistence, LastsAgainWithEveryNewConnection) {
  Bank bank(sticky(60s));
  const char first = bank.connect("192.0.2.7", 1000);
  bank.connect("192.0.2.8", 1);
  for (uint16_t port = 1001; port < 1010; ++port) {
    bank.reset("192.0.2.7", static_cast<uint16_t>(port - 1));
    bank.sweeps(50);
    EXPECT_EQ(bank.connect("192.0.2.7", port), first);
  }
}

TEST(Persistence, LeavesAServerThatIsDeadOrDrained) {
  Bank bank;
  const char first = bank.connect("192.0.2.7", 1000);
  const std::string name = std::string("web") + first;
  bank.services.set_weight("web", name, 0);
  const char second = bank.connect("192.0.2.7", 1001);
  EXPECT_NE(second, first);
  bank.services.set_weight("web", name, 1);
  EXPECT_EQ(bank.connect("192.0.2.7", 1002), second);  // and stays where it went
  bank.services.set_standing("web", std::string("web") + second, {.weight = 0, .up = false, .in_rotation = false});
  EXPECT_EQ(bank.connect("192.0.2.7", 1003), first);
  EXPECT_EQ(bank.count(Counter::kNewTemplates), 1u);
}

// expire_quiescent_template 0.
TEST(Persistence, StaysWithADrainedServerIfTheServiceSaysSo) {
  ServiceSetting setting = sticky();
  setting.persistence.keep_drained = true;
  Bank bank(setting);
  const char first = bank.connect("192.0.2.7", 1000);
  const std::string name = std::string("web") + first;
  bank.services.set_weight("web", name, 0);
  EXPECT_EQ(bank.connect("192.0.2.7", 1001), first);
  EXPECT_NE(bank.connect("192.0.2.8", 1001), first);  // new clients do not
  bank.services.set_standing("web", name, {.weight = 0, .up = false, .in_rotation = false});
  EXPECT_NE(bank.connect("192.0.2.7", 1002), first);
}

TEST(Persistence, IsNotMovedByAThreshold) {
  ServiceSetting setting = sticky();
  for (ServerSetting& server : setting.servers) server.upper = 1;
  Bank bank(setting);
  const char first = bank.connect("192.0.2.7", 1000);
  EXPECT_EQ(bank.connect("192.0.2.7", 1001), first);
}

TEST(Persistence, SurvivesARestartOfTheRoom) {
  Bank bank;
  const char first = bank.connect("192.0.2.7", 1000);
  FlowTable again = *FlowTable::attach(bank.mapping.bytes());
  ServiceTable services(again);
  services.apply({sticky()}, bank.now);
  Engine engine(again, services);
  engine.expire(bank.now, again.slots());
  for (uint16_t port = 2000; port < 2004; ++port) {
    Outputs outputs;
    Frame frame = packet().ipv4("192.0.2.7", "198.51.100.10").tcp(port, 80).syn().build();
    engine.handle(frame.in(), bank.now, outputs);
    ASSERT_EQ(outputs.packets().size(), 1u);
    EXPECT_THAT(text_of(outputs.packets()[0].packet), HasSubstr(std::string("10.0.0.") + first + ":8080"));
  }
}

TEST(Persistence, GoesWithTheSettingAndWithTheServer) {
  Bank bank;
  bank.connect("192.0.2.7", 1000);
  ServiceSetting without = sticky();
  without.persistence = {};
  bank.apply({without});
  bank.sweep();
  EXPECT_EQ(bank.templates(), 0u);
  bank.apply({sticky()});
  const char first = bank.connect("192.0.2.7", 1001);
  ServiceSetting fewer = sticky();
  std::erase_if(fewer.servers, [&](const ServerSetting& server) { return server.name.back() == first; });
  bank.apply({fewer});
  EXPECT_NE(bank.connect("192.0.2.7", 1002), first);
}

// A UDP client may send from port 0; its flow has the key a template of it would have.
TEST(Persistence, IsNotConfusedWithAFlowFromPortZero) {
  Bank bank;
  const uint16_t service = bank.services.find("web")->slot;
  bank.connect("192.0.2.7", 1000);
  const uint64_t key = tandem_flow_key(ip("192.0.2.7").value, 0, service);
  bank.flows.insert(kTcp, key,
                    tandem_flow_value(1, static_cast<uint8_t>(FlowState::kEstablished), 0, tick_of(bank.now)));
  EXPECT_EQ(bank.flows.find(kTcp, ip("192.0.2.7"), 0, service)->state(), 1);
  EXPECT_TRUE(bank.flows.find(TANDEM_TEMPLATE_PROTOCOL, ip("192.0.2.7"), 0, service)->is_template());
  EXPECT_EQ(bank.templates(), 1u);
}

// In a table of two buckets every key is in both: the same key twice, once as a template, is no twin.
TEST(Persistence, SharesABucketWithAFlowOfTheSameKey) {
  Director tiny(2);
  const uint64_t key = tandem_flow_key(ip("192.0.2.7").value, 0, 1);
  const auto flow = tandem_flow_value(1, static_cast<uint8_t>(FlowState::kEstablished), 0, 5);
  const auto record = tandem_flow_value(1, static_cast<uint8_t>(FlowState::kTemplate), 0, 5);
  using Outcome = FlowTable::Inserted::Outcome;
  EXPECT_EQ(tiny.flows.insert(kTcp, key, flow).outcome, Outcome::kInserted);
  EXPECT_EQ(tiny.flows.insert(TANDEM_TEMPLATE_PROTOCOL, key, record).outcome, Outcome::kInserted);
  EXPECT_EQ(tiny.flows.insert(TANDEM_TEMPLATE_PROTOCOL, key, record).outcome, Outcome::kExists);
  EXPECT_EQ(tiny.flows.insert(kTcp, key, flow).outcome, Outcome::kExists);
}

TEST(Persistence, IsTracedAndCanBeEnded) {
  Bank bank;
  const char first = bank.connect("192.0.2.7", 1000);
  const auto told = [&] {
    std::string text;
    for (const std::string& each :
         trace(bank.flows, bank.services, {.client = ip("192.0.2.7"), .client_port = 9}, bank.now))
      text += each + "\n";
    return text;
  };
  EXPECT_THAT(told(), HasSubstr(std::string("persistence: 192.0.2.7/32 stays with web") + first + ", for 300 s"));
  EXPECT_THAT(told(), HasSubstr("because: persistence"));
  FlowSearch search(bank.flows, bank.services, {.state = FlowState::kTemplate}, FlowSearch::Act::kKill, 10);
  while (!search.step(bank.now, 4096)) {
  }
  EXPECT_EQ(search.killed(), 1u);
  ASSERT_EQ(search.rows().size(), 1u);
  EXPECT_NEAR(static_cast<double>(search.rows()[0].expires.count()) / 1e9, 300, 0.3);
  EXPECT_THAT(told(), HasSubstr("persistence: 192.0.2.7/32 has no server yet"));
}

}  // namespace
}  // namespace tandem::forwarding
