// What a right file gives.
#include "daemon/config/reader.hpp"

#include <fstream>
#include <sstream>

#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

TEST(Reader, ReadsASiteAsItIsWritten) {
  const Site site = site_of(kSmallSite);
  EXPECT_EQ(site.name, "ams1");
  EXPECT_THAT(site.directors,
              ElementsAre(Director{"dir-a", 150, ip("192.0.2.11")}, Director{"dir-b", 100, ip("192.0.2.12")}));
  EXPECT_EQ(site.peer_link, (PeerLink{"/etc/tandem/peer.key", 8421}));
  ASSERT_EQ(site.virtual_routers.size(), 1U);
  const VirtualRouter& router = site.virtual_routers[0];
  EXPECT_EQ(router.name, "web");
  EXPECT_EQ(router.interface, "eth0");
  EXPECT_EQ(router.id, 51);
  EXPECT_EQ(router.advert_interval, 1s);
  EXPECT_THAT(router.addresses, ElementsAre(VirtualAddress{{ip("198.51.100.10"), 24}, "eth0"}));
  EXPECT_THAT(router.track_interfaces, ElementsAre("eth1"));
  ASSERT_EQ(site.services.size(), 1U);
  const Service& service = site.services[0];
  EXPECT_EQ(service.address, ip("198.51.100.10"));
  EXPECT_EQ(service.port, 80);
  EXPECT_EQ(service.checks.checks[0].check.type, CheckType::kHttp);
  EXPECT_EQ(service.checks.checks[0].check.path, "/healthz");
  EXPECT_EQ(service.checks.checks[0].check.interval, 2s);
  EXPECT_THAT(service.servers,
              ElementsAre(Server{"web1", ip("10.0.1.11"), 8080, 10}, Server{"web2", ip("10.0.1.12"), 8080, 10}));
}

TEST(Reader, FindsNothingOddInTheSmallSite) {
  EXPECT_THAT(warnings_of(kSmallSite), IsEmpty());
}

TEST(Reader, ReadsTheSampleSiteWithoutAWarning) {
  std::ifstream in(std::string(TANDEM_SOURCE_DIR) + "/etc/tandem.yaml");
  std::stringstream text;
  text << in.rdbuf();
  ASSERT_FALSE(text.str().empty());
  EXPECT_THAT(warnings_of(text.str()), IsEmpty());
}

TEST(Reader, GivesAServiceTheRouterThatHasItsAddress) {
  EXPECT_EQ(site_of(kSmallSite).services[0].router, "web");
}

TEST(Reader, TakesAVirtualAddressWithAnInterfaceOfItsOwn) {
  const Site site =
      site_of(site_with("[198.51.100.10/24]", "[198.51.100.10/24, { address: 10.0.1.1/24, interface: eth1 }]"));
  EXPECT_EQ(site.virtual_routers[0].addresses[1], (VirtualAddress{{ip("10.0.1.1"), 24}, "eth1"}));
}

TEST(Reader, TakesAVirtualAddressAsAMapWithoutAnInterface) {
  const Site site = site_of(site_with("[198.51.100.10/24]", "[{ address: 198.51.100.10/24 }]"));
  EXPECT_EQ(site.virtual_routers[0].addresses[0], (VirtualAddress{{ip("198.51.100.10"), 24}, "eth0"}));
}

TEST(Reader, TakesPrioritiesOfOneRouter) {
  const Site site = site_of(site_with("    preempt: true\n", "    priorities: { dir-b: 200 }\n"));
  EXPECT_EQ(site.priority_of("web", "dir-a"), 150);
  EXPECT_EQ(site.priority_of("web", "dir-b"), 200);
}

TEST(Reader, TakesADelayOfPreemption) {
  EXPECT_EQ(site_of(site_with("preempt: true", "preempt: { delay: 30s }")).virtual_routers[0].preempt,
            (Preempt{true, 30s}));
}

TEST(Reader, TakesPreemptFalse) {
  EXPECT_EQ(site_of(site_with("preempt: true", "preempt: false")).virtual_routers[0].preempt, (Preempt{false, 0s}));
}

TEST(Reader, ChecksTcpByConnectingAndUdpNotAtAllUnlessToldOtherwise) {
  const std::string line = "    check: { http: { path: /healthz }, interval: 2s, rise: 2 }\n";
  EXPECT_EQ(site_of(site_with(line, "")).services[0].checks.checks[0].check, Check{});
  const Site udp = site_of(site_with(line, "    protocol: udp\n"));
  EXPECT_EQ(udp.services[0].protocol, Protocol::kUdp);
  EXPECT_THAT(udp.services[0].checks.checks, testing::IsEmpty());
}

TEST(Reader, TakesCheckNone) {
  EXPECT_THAT(
      site_of(site_with("{ http: { path: /healthz }, interval: 2s, rise: 2 }", "none")).services[0].checks.checks,
      testing::IsEmpty());
}

TEST(Reader, TakesATypeOfCheckWithoutAMap) {
  for (const char* tcp : {"tcp:", "tcp", "tcp: {}", "tcp: ~"})
    EXPECT_EQ(site_of(site_with("http: { path: /healthz }", tcp)).services[0].checks.checks[0].check.type,
              CheckType::kTcp)
        << tcp;
}

TEST(Reader, TakesEveryKeyOfAnHttpsCheck) {
  const Check check =
      site_of(
          site_with("http: { path: /healthz }, interval: 2s, rise: 2",
                    "https: { path: '/a?b=c#d', host: www.example.com, expect: \"200,204,301-302\", ca_file: /ca.pem, "
                    "verify: true }, interval: 500ms, timeout: 1.5s, rise: 1, fall: 5, port: 8443"))
          .services[0]
          .checks.checks[0]
          .check;
  EXPECT_EQ(check.type, CheckType::kHttps);
  EXPECT_EQ(check.path, "/a?b=c#d");
  EXPECT_EQ(check.host, "www.example.com");
  EXPECT_THAT(check.expect, ElementsAre(StatusRange{200, 200}, StatusRange{204, 204}, StatusRange{301, 302}));
  EXPECT_EQ(check.ca_file, "/ca.pem");
  EXPECT_TRUE(check.verify);
  EXPECT_EQ(check.interval, 500ms);
  EXPECT_EQ(check.timeout, 1500ms);
  EXPECT_EQ(check.rise, 1U);
  EXPECT_EQ(check.fall, 5U);
  EXPECT_EQ(check.port, 8443);
}

TEST(Reader, TakesOneStatusAsANumber) {
  EXPECT_THAT(site_of(site_with("path: /healthz", "expect: 204")).services[0].checks.checks[0].check.expect,
              ElementsAre(StatusRange{204, 204}));
}

TEST(Reader, AllowsATimeoutLongerThanTheInterval) {
  EXPECT_THAT(warnings_of(site_with("interval: 2s", "interval: 1s, timeout: 3s")), IsEmpty());
}

TEST(Reader, GivesAServerTheServicesPort) {
  EXPECT_EQ(site_of(site_with("10.0.1.11, port: 8080", "10.0.1.11")).services[0].servers[0].port, 80);
}

TEST(Reader, TakesEveryWordOfEveryChoice) {
  EXPECT_EQ(site_of(site_with("wlc", "rr")).services[0].scheduler, Scheduler::kRoundRobin);
  EXPECT_EQ(site_of(site_with("wlc", "wrr")).services[0].scheduler, Scheduler::kWeightedRoundRobin);
  EXPECT_EQ(site_of(site_with("port: 80\n", "port: 8080\n")).services[0].forward, ForwardMethod::kNat);
  for (const auto& [word, method] : {std::pair{"dr", ForwardMethod::kDr}, std::pair{"tun", ForwardMethod::kTun}}) {
    std::string text = site_with("port: 80\n", "port: 8080\n");
    text.replace(text.find("nat"), 3, word);
    EXPECT_EQ(site_of(text).services[0].forward, method);
  }
  EXPECT_EQ(site_of(site_with("    port: 80\n", "    port: 80\n    on_no_server: drop\n")).services[0].no_server,
            NoServerPolicy::kDrop);
}

TEST(Reader, LetsAnAliasRepeatAValue) {
  std::string text = site_with("    servers:\n", "    servers: &machines\n");
  text += "  other: { address: 198.51.100.10, port: 81, servers: *machines }\n";
  const Site site = site_of(text);
  ASSERT_EQ(site.services.size(), 2U);
  EXPECT_EQ(site.services[1].servers, site.services[0].servers);
}

TEST(Reader, TakesWindowsLineEndsAndAByteOrderMark) {
  std::string text(kSmallSite);
  for (size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 2)) text.insert(at, "\r");
  EXPECT_EQ(site_of("\xef\xbb\xbf" + text), site_of(kSmallSite));
}

TEST(Reader, TakesJson) {
  const Site site =
      site_of(R"({"site": "j", "directors": {"d": {"priority": 7}}, "services": {"s": {"address": "192.0.2.9",
      "port": 80, "check": "none", "servers": {"a": {"address": "10.0.0.1", "weight": 3}}}}})");
  EXPECT_EQ(site.directors[0].priority, 7);
  EXPECT_EQ(site.services[0].servers[0].weight, 3U);
}

TEST(Reader, TakesASiteWithDirectorsAlone) {
  EXPECT_THAT(site_of("site: s\ndirectors: { d: }\nservices:\nvirtual_routers: {}\n").directors,
              ElementsAre(Director{"d", 100, {}}));
}

TEST(Reader, KeepsWhereFilesAreNamed) {
  const Reading reading = read_site(site_with("http: { path: /healthz }", "https: { ca_file: /ca.pem }"), "s");
  ASSERT_EQ(reading.files.size(), 2U);
  EXPECT_EQ(reading.files[0].path, "/etc/tandem/peer.key");
  EXPECT_EQ(reading.files[0].place, (Place{5, 24}));
  EXPECT_EQ(reading.files[1].key, "ca_file");
  EXPECT_EQ(reading.files[1].place.line, 20);
}

}  // namespace
}  // namespace tandem::config
