#include "forwarding/trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string told(Director& director, const TraceQuestion& question) {
  std::string text;
  for (const std::string& line : trace(director.flows, director.services, question, director.now)) text += line + "\n";
  return text;
}

TEST(Trace, TellsWhereANewConnectionWouldGoAndWhy) {
  Director director;
  ServiceSetting setting = web();
  setting.scheduler.kind = SchedulerKind::kWeightedLeastConnection;
  director.apply({setting});
  director.send(from_client().syn());  // to web2
  EXPECT_EQ(told(director, {.client = ip("192.0.2.9"), .client_port = 1234}),
            "web: 198.51.100.10:80/tcp nat, scheduler wlc\n"
            "  a new connection: goes to web1 (10.0.0.1:8080, next hop not known yet)\n"
            "    because: the fewest connections for its weight: 0 active and 0 inactive connections, weight 1\n");
}

TEST(Trace, ChangesNothing) {
  Director director;
  director.apply({web(), dns()});
  for (int i = 0; i < 3; ++i) told(director, {.client = ip("192.0.2.7"), .client_port = 40000});
  EXPECT_THAT(director.line(from_client().syn()), HasSubstr("to web2"));
}

TEST(Trace, TellsOfTheFlowAClientHas) {
  Director director;
  director.apply({web()});
  director.services.set_next_hop(director.server("web", "web2").slot,
                                 {.ifindex = 3, .destination_mac = {{2, 0, 0, 0, 0, 2}}, .mtu = 1500});
  director.send(from_client().syn());
  director.pass(5s);
  const std::string text = told(director, {.client = ip("192.0.2.7"), .client_port = 40000});
  EXPECT_THAT(text,
              HasSubstr("  flow from port 40000: SYN_RECV, idle 4 s, expires after 60 s\n"
                        "    its packets go to web2 (10.0.0.2:8080 by interface 3, next hop 02:00:00:00:00:02, mtu "
                        "1500)\n"
                        "  if it were new: goes to web1"));
}

TEST(Trace, AnIpv6ClientIsToldOfIpv6ServicesAlone) {
  Director director;
  ServiceSetting setting = web();
  setting.name = "web6";
  setting.vip = *IpAddress::parse("2001:db8::10");
  setting.servers = {{"web1", *IpAddress::parse("fd00::1"), 8080}};
  setting.persistence = {.timeout = 60s, .ipv6_prefix = 64};
  director.apply({web(), setting});
  EXPECT_EQ(told(director, {.client = *IpAddress::parse("2001:db8:c::7"), .client_port = 1234}),
            "web6: [2001:db8::10]:80/tcp nat, scheduler rr\n"
            "  persistence: 2001:db8:c::/64 has no server yet\n"
            "  a new connection: goes to web1 ([fd00::1]:8080, next hop not known yet)\n"
            "    because: its turn\n");
  EXPECT_EQ(told(director, {.client = *IpAddress::parse("2001:db8:c::7"), .service = "web"}),
            "service 'web' has no address of IPv6\n");
  director.apply({web()});
  EXPECT_EQ(told(director, {.client = *IpAddress::parse("2001:db8:c::7")}), "no service of IPv6 is in force\n");
}

TEST(Trace, TellsOfDrainedAndDeadServers) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn());
  director.services.set_weight("web", "web2", 0);
  EXPECT_THAT(told(director, {.client = ip("192.0.2.7"), .client_port = 40000}),
              HasSubstr("which is drained and keeps"));
  director.services.set_standing("web", "web2", {.weight = 0, .up = false, .in_rotation = false});
  const std::string text = told(director, {.client = ip("192.0.2.7"), .client_port = 40000});
  EXPECT_THAT(text, HasSubstr("which is down"));
  EXPECT_THAT(text, HasSubstr("1 of 2 servers are down"));
}

TEST(Trace, TellsWhyNobodyTakesAConnection) {
  Director director;
  ServiceSetting passive = dns();
  passive.active = false;
  director.apply({web(), passive});
  director.services.set_weight("web", "web1", 0), director.services.set_weight("web", "web2", 0);
  const std::string text = told(director, {.client = ip("192.0.2.9")});
  EXPECT_THAT(text, HasSubstr("a new connection: reset: every server that is up has weight 0"));
  EXPECT_THAT(text, HasSubstr("dropped, because this director is not active for 198.51.100.10"));
}

TEST(Trace, SaysWhenThereIsNoSuchService) {
  Director director;
  EXPECT_EQ(told(director, {.client = ip("192.0.2.9")}), "no service is in force\n");
  director.apply({web()});
  EXPECT_EQ(told(director, {.client = ip("192.0.2.9"), .service = "mail"}), "there is no service 'mail'\n");
}

TEST(Trace, IsBounded) {
  Director director;
  std::vector<ServiceSetting> many;
  for (uint16_t i = 0; i < 500; ++i) {
    many.push_back(web());
    many.back().name = "s" + std::to_string(i);
    many.back().port = static_cast<uint16_t>(1000 + i);
  }
  director.apply(many);
  const auto lines = trace(director.flows, director.services, {.client = ip("192.0.2.9")}, director.now);
  EXPECT_EQ(lines.size(), kMostTraceLines);
  EXPECT_EQ(lines.back(), "... and more; name a service");
}

}  // namespace
}  // namespace tandem::forwarding
