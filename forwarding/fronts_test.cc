// Services of several addresses, ports and ranges of ports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/testing/director.hpp"
#include "forwarding/trace.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

constexpr const char* kFirst = "198.51.100.10";
constexpr const char* kSecond = "198.51.100.11";

PacketBuilder to(const char* vip, uint16_t port, uint16_t client_port = 40000) {
  return packet().ipv4("192.0.2.7", vip).tcp(client_port, port);
}
PacketBuilder from_server(const char* server, uint16_t port, uint16_t client_port = 40000) {
  return packet().ipv4(server, "192.0.2.7").tcp(port, client_port);
}

// HTTP and HTTPS on two addresses; the servers have the ports their clients came to.
ServiceSetting shop() {
  ServiceSetting setting = web();
  setting.other_fronts = {{ip(kFirst), 443, 443}, {ip(kSecond), 80, 80}, {ip(kSecond), 443, 443}};
  setting.servers = {{.name = "web1", .address = ip("10.0.0.1")}, {.name = "web2", .address = ip("10.0.0.2")}};
  return setting;
}

ServiceSetting range(uint16_t first, uint16_t last) {
  ServiceSetting setting = web();
  setting.name = "range";
  setting.port = first;
  setting.last_port = last;
  setting.servers = {{.name = "media", .address = ip("10.0.0.9")}};
  return setting;
}

TEST(Fronts, AllLeadToTheServersOfOneService) {
  Director director;
  director.apply({shop()});
  EXPECT_EQ(director.line(to(kFirst, 80).syn()), "to web2: 192.0.2.7:40000 > 10.0.0.2:80 tcp S ttl 63");
  EXPECT_EQ(director.line(to(kSecond, 443, 40001).syn()), "to web1: 192.0.2.7:40001 > 10.0.0.1:443 tcp S ttl 63");
  // Each answer comes from where its client went.
  EXPECT_EQ(director.line(from_server("10.0.0.2", 80).syn().ack()),
            "to 192.0.2.7: 198.51.100.10:80 > 192.0.2.7:40000 tcp SA ttl 63");
  EXPECT_EQ(director.line(from_server("10.0.0.1", 443, 40001).syn().ack()),
            "to 192.0.2.7: 198.51.100.11:443 > 192.0.2.7:40001 tcp SA ttl 63");
  // One scheduler and one count for all.
  EXPECT_EQ(director.services.find("web")->facets.size(), 4u);
  EXPECT_EQ(director.server("web", "web1").active + director.server("web", "web2").active, 2);
  EXPECT_EQ(director.line(to(kFirst, 81).syn()), "not ours");
}

// One client port may have a connection to each.
TEST(Fronts, KeepTheConnectionsOfOneClientPortApart) {
  Director director;
  director.apply({shop()});
  EXPECT_THAT(director.line(to(kFirst, 80).syn()), HasSubstr("to web2"));
  EXPECT_THAT(director.line(to(kFirst, 443).syn()), HasSubstr("to web1"));
  EXPECT_THAT(director.line(to(kSecond, 80).syn()), HasSubstr("to web2"));
  EXPECT_EQ(director.line(from_server("10.0.0.1", 443).syn().ack()),
            "to 192.0.2.7: 198.51.100.10:443 > 192.0.2.7:40000 tcp SA ttl 63");
  EXPECT_THAT(director.line(to(kFirst, 80).ack()), HasSubstr("to web2"));
  EXPECT_THAT(director.line(to(kFirst, 443).ack()), HasSubstr("to web1"));
}

TEST(Fronts, ShareOneServerPortIfTheServersHaveOne) {
  Director director;
  ServiceSetting setting = shop();
  for (ServerSetting& server : setting.servers) server.port = 8080;
  director.apply({setting});
  EXPECT_THAT(director.line(to(kFirst, 443).syn()), HasSubstr("> 10.0.0.2:8080"));
  EXPECT_THAT(director.line(from_server("10.0.0.2", 8080).syn().ack()), HasSubstr("198.51.100.10:443 > 192.0.2.7"));
  EXPECT_EQ(director.line(from_server("10.0.0.2", 443).syn().ack()), "not ours");
}

TEST(Fronts, ShareThePersistenceOfAClient) {
  Director director;
  ServiceSetting setting = shop();
  setting.persistence.timeout = 300s;
  director.apply({setting});
  for (const char* vip : {kFirst, kSecond})
    for (const uint16_t port : {uint16_t{80}, uint16_t{443}})
      EXPECT_THAT(director.line(to(vip, port).syn()), HasSubstr("to web2"));
  EXPECT_EQ(director.count(Counter::kNewTemplates), 1u);
}

TEST(Fronts, ARangeKeepsThePort) {
  Director director;
  director.apply({range(8000, 8100)});
  EXPECT_EQ(director.line(to(kFirst, 8000).syn()), "to media: 192.0.2.7:40000 > 10.0.0.9:8000 tcp S ttl 63");
  EXPECT_EQ(director.line(to(kFirst, 8100, 40001).syn()), "to media: 192.0.2.7:40001 > 10.0.0.9:8100 tcp S ttl 63");
  EXPECT_EQ(director.line(to(kFirst, 8101).syn()), "not ours");
  EXPECT_EQ(director.line(from_server("10.0.0.9", 8100, 40001).syn().ack()),
            "to 192.0.2.7: 198.51.100.10:8100 > 192.0.2.7:40001 tcp SA ttl 63");
  // Not from the range: the server's own business.
  EXPECT_EQ(director.line(from_server("10.0.0.9", 22).syn().ack()), "not ours");
  EXPECT_EQ(director.line(from_server("10.0.0.9", 8050, 1).ack()), "nothing");
  EXPECT_EQ(director.count(Counter::kDropAnswerWithoutFlow), 1u);
}

TEST(Fronts, AnyPortIsEveryOneThatNobodyElseHas) {
  Director director;
  director.apply({web(), range(1, 65535)});
  EXPECT_THAT(director.line(to(kFirst, 80).syn()), HasSubstr("to web2"));
  EXPECT_THAT(director.line(to(kFirst, 81).syn()), HasSubstr("to media"));
  EXPECT_THAT(director.line(to(kFirst, 65535).syn()), HasSubstr("> 10.0.0.9:65535"));
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", kFirst).udp(40000, 81)), "not ours");
  EXPECT_EQ(director.line(to(kSecond, 81).syn()), "not ours");
  EXPECT_THAT(director.line(from_server("10.0.0.2", 8080).syn().ack()), HasSubstr("198.51.100.10:80 > 192.0.2.7"));
}

TEST(Fronts, AreNamedInIcmpErrorsAsTheClientKnowsThem) {
  Director director;
  director.apply({shop(), range(8000, 8100)});
  director.send(to(kSecond, 443).syn());
  // What a router beyond the director quotes is the packet as NAT left it.
  const Frame quoted = packet().ipv4("192.0.2.7", "10.0.0.2").tcp(40000, 443).syn().build();
  EXPECT_THAT(director.line(packet().ipv4("10.0.0.254", "192.0.2.7").icmp(3, 1).quoting(quoted.ip())),
              HasSubstr("198.51.100.11"));
  director.send(to(kFirst, 8042, 40007).syn());
  const Frame of_range = packet().ipv4("192.0.2.7", "10.0.0.9").tcp(40007, 8042).syn().build();
  EXPECT_THAT(director.line(packet().ipv4("10.0.0.254", "192.0.2.7").icmp(3, 1).quoting(of_range.ip())),
              HasSubstr("198.51.100.10:8042"));
}

TEST(Fronts, ComeAndGoWithoutTheirServicesFlows) {
  Director director;
  director.apply({shop()});
  director.send(to(kFirst, 80).syn());
  director.send(to(kSecond, 80, 40001).syn());
  ServiceSetting fewer = shop();
  fewer.other_fronts.resize(1);
  director.apply({fewer});
  EXPECT_THAT(director.line(to(kFirst, 80).ack()), HasSubstr("to web2"));
  EXPECT_EQ(director.line(to(kSecond, 80, 40001).ack()), "not ours");
  director.sweep();  // takes what was left of the second
  EXPECT_EQ(director.count(Counter::kOrphaned), 1u);
  EXPECT_EQ(director.server("web", "web1").total_connections() + director.server("web", "web2").total_connections(), 1);
  director.apply({shop()});
  EXPECT_THAT(director.line(to(kFirst, 80).ack()), HasSubstr("to web2"));
  EXPECT_THAT(director.line(to(kSecond, 80, 40002).syn()), HasSubstr("tcp S"));
}

TEST(Fronts, AWiderRangeKeepsItsFlows) {
  Director director;
  director.apply({range(8000, 8100)});
  director.send(to(kFirst, 8042).syn());
  director.apply({range(8000, 9000)});
  EXPECT_THAT(director.line(to(kFirst, 8042).ack()), HasSubstr("to media"));
  EXPECT_THAT(director.line(to(kFirst, 8999, 2).syn()), HasSubstr("to media"));
}

TEST(Fronts, KeepTheirNumbersOverARestart) {
  Director director;
  director.apply({shop()});
  director.send(to(kSecond, 443).syn());
  FlowTable again = *FlowTable::attach(director.mapping.bytes());
  ServiceTable services(again);
  services.apply({shop()}, director.now);
  Engine engine(again, services);
  engine.expire(director.now, again.slots());
  Outputs outputs;
  Frame frame = from_server("10.0.0.2", 443).syn().ack().build();
  engine.handle(frame.in(), director.now, outputs);
  ASSERT_EQ(outputs.packets().size(), 1u);
  EXPECT_THAT(text_of(outputs.packets()[0].packet), HasSubstr("198.51.100.11:443 > 192.0.2.7:40000"));
}

TEST(Fronts, CountWhatTheirServiceDropsByReason) {
  Director director;
  ServiceSetting passive = range(8000, 8100);
  passive.active = false;
  director.apply({shop(), passive});
  director.services.set_weight("web", "web1", 0), director.services.set_weight("web", "web2", 0);
  director.send(to(kSecond, 443).syn());
  director.send(to(kSecond, 443).syn());
  director.send(to(kFirst, 80).ack());
  director.send(to(kFirst, 8042).syn());
  const auto of = [&](const char* vip, uint16_t port, Counter reason) {
    return director.engine.service_drops().of(director.services.find(kTcp, ip(vip), port)->slot, reason);
  };
  EXPECT_EQ(of(kSecond, 443, Counter::kDropNoServer), 2u);
  EXPECT_EQ(of(kFirst, 443, Counter::kDropNoServer), 0u);
  EXPECT_EQ(of(kFirst, 80, Counter::kDropOutOfState), 1u);
  EXPECT_EQ(of(kFirst, 8042, Counter::kDropNotActive), 1u);
  EXPECT_EQ(director.count(Counter::kDropNoServer), 2u);
}

TEST(Fronts, AreTracedByAddressAndPort) {
  Director director;
  director.apply({shop(), range(1, 65535)});
  director.send(to(kSecond, 443).syn());
  std::string text;
  for (const std::string& line :
       trace(director.flows, director.services, {.client = ip("192.0.2.7"), .client_port = 40000}, director.now))
    text += line + "\n";
  EXPECT_THAT(text, HasSubstr("web: 198.51.100.10:80 198.51.100.10:443 198.51.100.11:80 198.51.100.11:443/tcp nat"));
  EXPECT_THAT(text, HasSubstr("flow from port 40000 to 198.51.100.11:443: SYN_RECV"));
  EXPECT_THAT(text, HasSubstr("range: 198.51.100.10:any/tcp nat"));
  EXPECT_THAT(text, HasSubstr("goes to media (10.0.0.9:the same port, next hop not known yet)"));
}

}  // namespace
}  // namespace tandem::forwarding
