// What does not go together with a forwarding method.
#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The small site by fullnat; its router has these addresses beside the VIP.
std::string full_site(const std::string& pool, const std::string& of_router = "10.0.1.100/24",
                      const std::string& more = "") {
  std::string text = site_with("forward: nat", "forward: fullnat\n    source_pool: " + pool + more);
  const std::string vip = "[198.51.100.10/24]";
  return text.replace(text.find(vip), vip.size(),
                      "[198.51.100.10/24" + (of_router.empty() ? "" : ", " + of_router) + "]");
}

TEST(MethodRules, SourcesOfFullnatAreReadAndTheirPortsAreTheServersOwn) {
  const Service web = site_of(full_site("[10.0.1.100]")).services[0];
  EXPECT_EQ(web.forward, ForwardMethod::kFullnat);
  EXPECT_EQ(web.source_pool, std::vector<IpAddress>{*IpAddress::parse("10.0.1.100")});
  EXPECT_EQ(web.servers[0].port, 8080);
  EXPECT_THAT(warnings_of(full_site("10.0.1.100")), IsEmpty());
}

TEST(MethodRules, FullnatNeedsSourcesAndNothingElseHasThem) {
  EXPECT_THAT(
      errors_of(site_with("forward: nat", "forward: fullnat")),
      ElementsAre("s:15:3: web: source_pool is missing; forward: fullnat needs addresses that servers can answer to"));
  EXPECT_THAT(errors_of(site_with("forward: nat", "forward: nat\n    source_pool: 10.0.1.100")),
              ElementsAre("s:19:18: source_pool: has no effect; expected forward: fullnat"));
}

TEST(MethodRules, SourcesMoveWithTheServicesAddress) {
  EXPECT_THAT(errors_of(full_site("10.0.1.101")),
              ElementsAre(HasSubstr("source_pool: 10.0.1.101 belongs to no virtual router, 198.51.100.10 belongs to "
                                    "virtual router 'web'; expected addresses that move with it")));
  // Without a router each director has its own.
  std::string alone = full_site("10.0.1.100", "");
  const size_t from = alone.find("virtual_routers:"), to = alone.find("services:");
  alone.erase(from, to - from);
  EXPECT_THAT(warnings_of(alone), testing::Contains(HasSubstr("source_pool: no virtual router has 10.0.1.100")));
}

TEST(MethodRules, ASourceIsUsedForNothingElse) {
  EXPECT_THAT(
      errors_of(full_site("198.51.100.10")),
      ElementsAre(HasSubstr("198.51.100.10 is the address of service 'web'; expected addresses that are used for "
                            "nothing else")));
  EXPECT_THAT(errors_of(full_site("10.0.1.11", "10.0.1.11/24")),
              ElementsAre(HasSubstr("10.0.1.11 is the address of server 'web1'")));
  EXPECT_THAT(errors_of(full_site("[10.0.1.100, 10.0.1.100]")), ElementsAre(HasSubstr("stands here a second time")));
}

TEST(MethodRules, FullnatWantsSinglePorts) {
  std::string text = full_site("10.0.1.100");
  text.replace(text.find("port: 80\n"), 9, "port: 8000-8100\n");
  for (size_t at; (at = text.find("port: 8080, ")) != text.npos;) text.erase(at, 12);
  EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr("port: forward: fullnat wants single ports")));
}

// The small site as a name service.
std::string dns_site(const std::string& more, const std::string& forward = "dr") {
  std::string text = site_with("forward: nat", "protocol: udp\n    forward: " + forward + "\n    " + more);
  text.replace(text.find("check: { http: { path: /healthz }, interval: 2s, rise: 2 }"), 58, "check: none");
  text.replace(text.find("port: 80\n"), 9, "port: 53\n");
  for (size_t at; (at = text.find("port: 8080, ")) != text.npos;) text.erase(at, 12);
  return text;
}

TEST(MethodRules, OnePacketIsForUdp) {
  EXPECT_TRUE(site_of(dns_site("one_packet: true")).services[0].one_packet);
  EXPECT_FALSE(site_of(dns_site("on_no_server: drop")).services[0].one_packet);
  EXPECT_THAT(errors_of(site_with("forward: nat", "forward: nat\n    one_packet: true")),
              ElementsAre("s:19:17: one_packet: expected protocol: udp, found tcp"));
}

TEST(MethodRules, OnePacketByNatHasOneAddressAndPort) {
  EXPECT_TRUE(site_of(dns_site("one_packet: true", "nat")).services[0].one_packet);
  std::string several = dns_site("one_packet: true", "nat");
  several.replace(several.find("port: 53\n"), 9, "port: [53, 5353]\n");
  EXPECT_THAT(errors_of(several),
              ElementsAre(HasSubstr("one_packet: expected one address and one port, because an answer "
                                    "of server 'web1' (forward: nat)")));
  EXPECT_THAT(errors_of(dns_site("one_packet: true\n    source_pool: 10.0.1.100", "fullnat")),
              testing::Contains(HasSubstr("one_packet: has no sources without flows")));
}

TEST(MethodRules, ALocalServerNeedsTheAddressAndTheServicesPort) {
  const std::string self = "web2: { address: 127.0.0.1, port: 80, forward: local, weight: 10 }";
  const std::string text = site_with("web2: { address: 10.0.1.12, port: 8080, weight: 10 }", self);
  EXPECT_EQ(site_of(text).services[0].servers[1].forward, ForwardMethod::kLocal);
  std::string other_port = text;
  other_port.replace(other_port.find("port: 80, forward"), 17, "port: 81, forward");
  EXPECT_THAT(errors_of(other_port),
              ElementsAre(HasSubstr("port: expected 80, the service's (forward: local does not rewrite "
                                    "ports), found 81")));
  std::string closed = text;
  closed.replace(closed.find("    id: 51\n"), 0, "    accept: false\n");
  EXPECT_THAT(errors_of(closed),
              ElementsAre(HasSubstr("forward: local needs the address of the service, and virtual router "
                                    "'web' has accept: false")));
}

TEST(MethodRules, ALocalServerOfAnIpv6ServiceMayHaveItsLoopbackAddress) {
  std::string text = site_with("[198.51.100.10/24]", "['2001:db8::10/64']");
  const auto replace = [&](const std::string& before, const std::string& after) {
    text.replace(text.find(before), before.size(), after);
  };
  replace("    address: 198.51.100.10\n", "    address: '2001:db8::10'\n");
  replace("10.0.1.11", "'fd00:1::11'");
  replace("web2: { address: 10.0.1.12, port: 8080, weight: 10 }", "web2: { address: '::1', port: 80, forward: local }");
  EXPECT_EQ(site_of(text).services[0].servers[1].address, *IpAddress::parse("::1"));
  replace(", forward: local", "");
  EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr("a loopback address never leaves its box (only forward: local")));
}

TEST(MethodRules, SctpIsNotCheckedUnlessItIsSaidHow) {
  std::string text = site_with("forward: nat", "protocol: sctp\n    forward: nat");
  text.erase(text.find("    check: "), text.find("    servers:") - text.find("    check: "));
  const Service service = site_of(text).services[0];
  EXPECT_EQ(service.protocol, Protocol::kSctp);
  EXPECT_THAT(service.checks.checks, IsEmpty());
  EXPECT_THAT(
      errors_of(site_with("forward: nat", "protocol: sctp\n    forward: nat\n    action_on_down: reset")),
      ElementsAre(HasSubstr("action_on_down: expected keep with protocol: sctp, whose associations end with their "
                            "server")));
}

}  // namespace
}  // namespace tandem::config
