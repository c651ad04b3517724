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
  EXPECT_THAT(
      warnings_of(alone),
      testing::Contains(HasSubstr("source_pool: 10.0.1.100 is no virtual router's; each director needs its own")));
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

std::vector<IpAddress> addresses(std::initializer_list<const char*> texts) {
  std::vector<IpAddress> all;
  for (const char* text : texts) all.push_back(*IpAddress::parse(text));
  return all;
}

TEST(MethodRules, SourcesAreWrittenAsAddressesRangesAndNetworks) {
  const std::string six = "['2001:db8:1::a-2001:db8:1::b', 10.0.1.100-10.0.1.102, 10.0.1.104/31, 10.0.1.110]";
  const std::string of_router =
      "10.0.1.100/24, 10.0.1.101/24, 10.0.1.102/24, 10.0.1.104/24, 10.0.1.105/24, 10.0.1.110/24";
  std::string text = full_site(six, of_router);
  const size_t id = text.find("    id: 51\n");
  text.insert(id, "    excluded_addresses: ['2001:db8:1::a/64', '2001:db8:1::b/64']\n");
  EXPECT_EQ(site_of(text).services[0].source_pool,
            addresses({"2001:db8:1::a", "2001:db8:1::b", "10.0.1.100", "10.0.1.101", "10.0.1.102", "10.0.1.104",
                       "10.0.1.105", "10.0.1.110"}));
}

TEST(MethodRules, WrongRangesOfSourcesAreShown) {
  const auto error = [](const std::string& pool) {
    const auto errors = errors_of(full_site(pool));
    return errors.size() == 1 ? errors[0] : testing::PrintToString(errors);
  };
  EXPECT_EQ(error("10.0.1.100-10.0.1.90"),
            "s:19:18: source_pool: expected an IPv4 or IPv6 address, a range such as 198.51.100.10-198.51.100.20, a "
            "network such as 198.51.100.16/28, or a list of these, found '10.0.1.100-10.0.1.90'; the smaller one comes "
            "first");
  EXPECT_THAT(error("10.0.1.100/24"), HasSubstr("found '10.0.1.100/24'; it has host bits beyond its length"));
  EXPECT_THAT(error("10.0.1.100-fd00::1"), HasSubstr("both ends are of one family"));
  EXPECT_THAT(error("fe80::1-fe80::2"), HasSubstr("a link-local address means another host on every link"));
  EXPECT_THAT(error("224.0.0.0/28"), HasSubstr("that is a multicast group"));
  EXPECT_THAT(error("255.255.255.0/24"), HasSubstr("that is the broadcast address"));
  for (const char* wrong : {"10.0.1.100-", "-10.0.1.100", "10.0.1.1-10.0.1.2-10.0.1.3", "10.0.1.100-101", "10.0.1.0/33",
                            "10.0.1.0/24-10.0.2.0/24", "any"})
    EXPECT_THAT(error(std::string("[10.0.1.100, '") + wrong + "']"), HasSubstr("or a list of these, found the text '"))
        << wrong;
}

TEST(MethodRules, ARangeThatIsWrongAsAWholeIsShownOnce) {
  EXPECT_THAT(errors_of(full_site("10.0.1.100-10.0.1.119")),
              ElementsAre(HasSubstr("source_pool: 10.0.1.101 (and 18 more) belongs to no virtual router")));
}

TEST(MethodRules, AllServicesTogetherHaveAsManySourcesAsAFlowTable) {
  for (const char* many : {"10.0.0.0/8", "10.4.0.0/22", "[10.4.0.0/23, 10.4.2.0/23]", "fd00::/8", "1.0.0.0/0"})
    EXPECT_THAT(errors_of(full_site(many)), testing::Contains(HasSubstr("source_pool: expected "))) << many;
  // Each of two services may have so many, both together not.
  std::string text = full_site("10.4.0.0-10.4.3.254");
  const size_t from = text.find("virtual_routers:"), to = text.find("services:");
  text.erase(from, to - from);
  EXPECT_THAT(errors_of(text), IsEmpty());
  std::string second = text.substr(text.find("  web:"));
  second.replace(second.find("  web:"), 6, "  two:");
  second.replace(second.find("port: 80\n"), 9, "port: 81\n");
  second.replace(second.find("10.4.0.0-10.4.3.254"), 19, "10.4.3.254-10.4.4.0");
  EXPECT_THAT(errors_of(text + second),
              ElementsAre(HasSubstr("source_pool: expected at most 1023 addresses in all services, found more")));
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
