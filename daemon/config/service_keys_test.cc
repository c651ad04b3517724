// What a service says of how its servers are chosen, as the site file says it; and what it may not say.
#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kScheduler = "scheduler: wlc";

Service service_with(const std::string& words) {
  const Site site = site_of(site_with(kScheduler, words));
  return site.services.empty() ? Service{} : site.services[0];
}
std::vector<std::string> errors_with(const std::string& words) {
  return errors_of(site_with(kScheduler, words));
}

TEST(ServiceKeys, EverySchedulerOfIpvsIsReadByItsName) {
  uint8_t number = 0;
  for (const char* name :
       {"rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "mh", "lblc", "lblcr", "fo", "ovf", "twos", "least_latency"})
    EXPECT_EQ(static_cast<uint8_t>(service_with("scheduler: " + std::string(name)).scheduler), number++) << name;
}

TEST(ServiceKeys, ASchedulerIsToldItsOptions) {
  const SchedulerOptions mh =
      service_with(
          "scheduler: mh\n    scheduler_options: { port: true, fallback: true, keep_slots: true, table_size: 4093 }")
          .scheduler_options;
  EXPECT_EQ(mh, (SchedulerOptions{.port = true, .fallback = true, .keep_slots = true, .table_size = 4093}));
  EXPECT_EQ(service_with("scheduler: sh\n    scheduler_options: { table_size: 4096 }").scheduler_options.table_size,
            4096u);
  EXPECT_EQ(service_with("scheduler: lblcr\n    scheduler_options: { expiration: 90s }").scheduler_options.expiration,
            90s);
}

TEST(ServiceKeys, AnOptionWithoutEffectIsRefused) {
  EXPECT_THAT(errors_with("scheduler: wlc\n    scheduler_options: { port: true }"),
              ElementsAre("s:20:32: port: has no effect with scheduler: wlc"));
  EXPECT_THAT(errors_with("scheduler: sh\n    scheduler_options: { keep_slots: true, expiration: 1h }"),
              ElementsAre(HasSubstr("keep_slots: has no effect with scheduler: sh"),
                          HasSubstr("expiration: has no effect with scheduler: sh")));
}

TEST(ServiceKeys, ATableHasASizeItsSchedulerCanHave) {
  EXPECT_THAT(
      errors_with("scheduler: mh\n    scheduler_options: { table_size: 4096 }"),
      ElementsAre("s:20:38: table_size: expected 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 65537 or "
                  "131071"));
  EXPECT_THAT(errors_with("scheduler: sh\n    scheduler_options: { table_size: 4093 }"),
              ElementsAre("s:20:38: table_size: expected a power of two from 16 to 1048576"));
}

TEST(ServiceKeys, IpvsFlagsAreUnderstoodAsAQuestion) {
  EXPECT_THAT(errors_with("scheduler: mh\n    mh-fallback: true"),
              ElementsAre(HasSubstr("did you mean 'scheduler_options'?")));
  EXPECT_THAT(errors_with("scheduler: maglev"), ElementsAre(HasSubstr("did you mean 'mh'?")));
}

TEST(ServiceKeys, PersistenceIsReadWithItsDefaults) {
  EXPECT_EQ(service_with("scheduler: rr").persistence, std::nullopt);
  EXPECT_EQ(service_with("scheduler: rr\n    persistence:").persistence, Persistence{});
  EXPECT_EQ(
      service_with(
          "scheduler: rr\n    persistence: { timeout: 30m, ipv4_prefix: 24, ipv6_prefix: 64, keep_drained: true }")
          .persistence,
      (Persistence{.timeout = std::chrono::minutes(30), .ipv4_prefix = 24, .ipv6_prefix = 64, .keep_drained = true}));
  EXPECT_THAT(errors_with("scheduler: rr\n    persistence: { timeout: 300 }"),
              ElementsAre(HasSubstr("a number needs its unit: 300s or 300ms?")));
  EXPECT_THAT(errors_with("scheduler: rr\n    persistence_timeout: 300s"),
              ElementsAre(HasSubstr("did you mean 'persistence'?")));
  EXPECT_THAT(errors_with("scheduler: rr\n    persistence: { ipv4_prefix: 0 }"),
              ElementsAre(HasSubstr("ipv4_prefix: expected a whole number from 1 to 32")));
}

TEST(ServiceKeys, AServerMayBeReachedByAMethodOfItsOwn) {
  const std::string text = site_with("web2: { address: 10.0.1.12, port: 8080, weight: 10 }",
                                     "web2: { address: 10.0.1.12, port: 80, weight: 10, forward: dr }");
  const Service web = site_of(text).services[0];
  EXPECT_EQ(web.servers[0].forward, ForwardMethod::kNat);
  EXPECT_EQ(web.servers[1].forward, ForwardMethod::kDr);
  EXPECT_THAT(
      errors_of(site_with("web2: { address: 10.0.1.12, port: 8080, weight: 10 }",
                          "web2: { address: 10.0.1.12, port: 8080, weight: 10, forward: dr }")),
      ElementsAre("s:23:41: port: expected 80, the service's (forward: dr does not rewrite ports), found 8080"));
  EXPECT_THAT(errors_of(site_with("web2: { address: 10.0.1.12, port: 8080, weight: 10 }",
                                  "web2: { address: 10.0.1.12, weight: 10, forward: masq }")),
              ElementsAre(HasSubstr("did you mean 'nat'?")));
}

TEST(ServiceKeys, PassiveChecksWantEveryServerBehindNat) {
  std::string text = site_with("web2: { address: 10.0.1.12, port: 8080, weight: 10 }",
                               "web2: { address: 10.0.1.12, weight: 10, forward: tun }");
  text.replace(text.find("    scheduler: wlc\n"), 0, "    passive:\n");
  EXPECT_THAT(errors_of(text),
              ElementsAre(HasSubstr("passive: expected forward: nat or fullnat for server 'web2', because")));
}

// The small site with its service behind tunnels.
std::string tunnelled(const std::string& words, const std::string& of_web2 = "") {
  std::string text = site_with("forward: nat", "forward: tun\n    tunnel: " + words);
  for (size_t at; (at = text.find("port: 8080, ")) != text.npos;) text.erase(at, 12);
  if (!of_web2.empty()) text.insert(text.find("10.0.1.12") + 9, ", " + of_web2);
  return text;
}

TEST(ServiceKeys, ATunnelHasATypeAndWhatTheTypeNeeds) {
  EXPECT_EQ(site_of(tunnelled("{}")).services[0].tunnel, Tunnel{});
  const Service gue =
      site_of(tunnelled("{ type: gue, port: 5555, checksum: true }", "tunnel: { type: gre }")).services[0];
  EXPECT_EQ(gue.tunnel, (Tunnel{.type = TunnelType::kGue, .port = 5555, .checksum = true}));
  EXPECT_EQ(gue.servers[0].tunnel, gue.tunnel);
  EXPECT_EQ(gue.servers[1].tunnel, (Tunnel{.type = TunnelType::kGre}));
  EXPECT_EQ(site_of(tunnelled("{ type: gue }")).services[0].tunnel.port, 6080);
}

TEST(ServiceKeys, ATunnelKeyWithoutEffectIsRefused) {
  EXPECT_THAT(errors_of(tunnelled("{ type: gre, port: 6080 }")),
              ElementsAre("s:19:32: port: has no effect with type: gre"));
  EXPECT_THAT(errors_of(tunnelled("{ checksum: true }")),
              ElementsAre("s:19:25: checksum: has no effect with type: ipip"));
  EXPECT_THAT(errors_of(tunnelled("{ type: fou }")), ElementsAre(HasSubstr("did you mean 'gue'?")));
  EXPECT_THAT(errors_of(site_with("forward: nat", "forward: nat\n    tunnel: { type: gre }")),
              ElementsAre(HasSubstr("tunnel: has no effect with forward: nat")));
  EXPECT_THAT(errors_of(tunnelled("{}", "forward: dr, tunnel: { type: gre }")),
              ElementsAre(HasSubstr("tunnel: has no effect with forward: dr")));
}

// The small site's web with other addresses and ports; its servers have none of their own.
std::string fronts_with(const std::string& address, const std::string& port) {
  std::string text(kSmallSite);
  const auto put = [&](const std::string& before, const std::string& after) {
    text.replace(text.find(before), before.size(), after);
  };
  put("address: 198.51.100.10\n    port: 80", "address: " + address + "\n    port: " + port);
  put("addresses: [198.51.100.10/24]", "addresses: [198.51.100.10/24, 198.51.100.11/24]");
  put("10.0.1.11, port: 8080", "10.0.1.11");
  put("10.0.1.12, port: 8080", "10.0.1.12");
  return text;
}

TEST(ServiceKeys, AServiceHasSeveralAddressesAndPorts) {
  const Service service = site_of(fronts_with("[198.51.100.10, 198.51.100.11]", "[443, 80, 8000-8100]")).services[0];
  EXPECT_EQ(service.address.text(), "198.51.100.10");
  EXPECT_THAT(service.other_addresses, ElementsAre(*IpAddress::parse("198.51.100.11")));
  EXPECT_THAT(service.ports, ElementsAre(PortRange{443, 443}, PortRange{80, 80}, PortRange{8000, 8100}));
  EXPECT_EQ(service.port, 443);
  EXPECT_FALSE(service.has_one_port());
  // Servers have the port their client came to; they are asked on the first, which is the checkers' to know.
  EXPECT_EQ(service.servers[0].port, 0);
  EXPECT_FALSE(service.servers[0].checks);
  EXPECT_EQ(service.checks.checks[0].check.port, 0);
  const Service one = site_of(fronts_with("198.51.100.10", "80")).services[0];
  EXPECT_THAT(one.ports, ElementsAre(PortRange{80, 80}));
  EXPECT_EQ(one.servers[0].port, 80);
}

TEST(ServiceKeys, AServiceHasEveryPort) {
  std::string text = fronts_with("198.51.100.10", "any");
  EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr("web: web1 cannot be checked: expected a port in `check`"),
                                           HasSubstr("web: web2 cannot be checked")));
  text.replace(text.find("interval: 2s"), 12, "port: 80, interval: 2s");
  const Service service = site_of(text).services[0];
  EXPECT_TRUE(service.ports[0].is_any());
  EXPECT_EQ(service.servers[0].port, 0);
}

TEST(ServiceKeys, WrongAddressesAndPortsAreRefused) {
  const auto said = [](const std::string& address, const std::string& port) {
    return errors_of(fronts_with(address, port));
  };
  EXPECT_THAT(said("[198.51.100.10, 198.51.100.10]", "80"),
              ElementsAre("s:16:14: address: 198.51.100.10 stands here a second time"));
  EXPECT_THAT(said("[]", "80"), ElementsAre("s:16:14: address: expected 1 to 32 entries, found 0"));
  EXPECT_THAT(said("[198.51.100.10, nonsense]", "80"),
              ElementsAre(HasSubstr("expected an IPv4 or IPv6 address or a list of them, found 'nonsense'")));
  EXPECT_THAT(said("198.51.100.10", "[80, 443, 80]"), ElementsAre("s:17:11: port: 80 and 80 have ports in common"));
  EXPECT_THAT(said("198.51.100.10", "[8000-8100, 8050]"),
              ElementsAre(HasSubstr("8050 and 8000-8100 have ports in common")));
  EXPECT_THAT(said("198.51.100.10", "8100-8000"), ElementsAre(HasSubstr("the smaller one comes first")));
  for (const char* port : {"0", "65536", "80-", "-80", "1-65536", "all", "080", "{}", "[[80]]", "\"80\""})
    EXPECT_THAT(said("198.51.100.10", port), ElementsAre(HasSubstr("s:17:"))) << port;
}

TEST(ServiceKeys, AddressesOfOneServiceMoveTogether) {
  std::string text = fronts_with("[198.51.100.10, 198.51.100.12]", "80");
  EXPECT_THAT(
      errors_of(text),
      ElementsAre("s:16:14: address: 198.51.100.12 belongs to no virtual router, 198.51.100.10 belongs to virtual "
                  "router 'web'; expected addresses that move together"));
  text.replace(text.find("virtual_routers:\n"), 17,
               "virtual_routers:\n  other: { interface: eth0, id: 7, addresses: [198.51.100.12/24], preempt: true }\n");
  EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr("belongs to virtual router 'other'")));
  text.replace(text.find("id: 7,"), 6, "id: 7, group: g,");
  text.replace(text.find("    id: 51\n"), 11, "    id: 51\n    group: g\n");
  EXPECT_THAT(errors_of(text), IsEmpty());
}

TEST(ServiceKeys, ServersOfSeveralPortsHaveTheClientsPort) {
  const auto with_port = [](const std::string& ports, const std::string& forward) {
    std::string text = fronts_with("198.51.100.10", ports);
    text.replace(text.find("forward: nat"), 12, "forward: " + forward);
    return text.replace(text.find("10.0.1.11"), 9, "10.0.1.11, port: 8080");
  };
  EXPECT_THAT(errors_of(with_port("[80, 443]", "nat")), IsEmpty());
  EXPECT_THAT(errors_of(with_port("8000-8100", "nat")),
              ElementsAre(HasSubstr("port: expected none, because the service has a range of ports")));
  EXPECT_THAT(errors_of(with_port("[80, 443]", "dr")),
              ElementsAre(HasSubstr("port: expected none (forward: dr does not rewrite ports")));
}

TEST(ServiceKeys, ServicesThatMeetAreShownAtBothPlaces) {
  const auto with_other = [](const std::string& ports, const std::string& other) {
    return errors_of(fronts_with("198.51.100.10", ports) + "  other: { address: 198.51.100.10, port: " + other +
                     ", check: none }\n");
  };
  EXPECT_THAT(
      with_other("8000-8100", "8050"),
      ElementsAre("s:24:21: address: 198.51.100.10 port 8050 tcp meets port 8000-8100 of service 'web', line 16"));
  EXPECT_THAT(with_other("80", "8000-8100"), IsEmpty());
  EXPECT_THAT(with_other("80", "any"), IsEmpty());  // `any` is what nobody else has
  EXPECT_THAT(with_other("[80, 8000-8100]", "any"), IsEmpty());
  const std::string both = fronts_with("198.51.100.10", "any");
  EXPECT_THAT(errors_of(both + "  other: { address: 198.51.100.10, port: any, check: none }\n"),
              testing::Contains(HasSubstr("address: 198.51.100.10 port any tcp is also that of service 'web'")));
}

TEST(ServiceKeys, AServerHasThresholds) {
  const Site site = site_of(site_with("10.0.1.11, port: 8080, weight: 10",
                                      "10.0.1.11, port: 8080, weight: 10, upper_threshold: 100, lower_threshold: 80"));
  EXPECT_EQ(site.services[0].servers[0].upper_threshold, 100u);
  EXPECT_EQ(site.services[0].servers[0].lower_threshold, 80u);
  EXPECT_EQ(site.services[0].servers[1].upper_threshold, 0u);
  EXPECT_THAT(errors_of(site_with("10.0.1.11, port: 8080, weight: 10",
                                  "10.0.1.11, port: 8080, weight: 10, upper_threshold: 10, lower_threshold: 11")),
              ElementsAre(HasSubstr("lower_threshold: expected at most upper_threshold, 10, found 11")));
}

TEST(ServiceKeys, WeightsThatDoNotCountOrStarveOthersAreSaid) {
  const auto warnings = [](const std::string& scheduler, const std::string& weight) {
    std::string text = site_with("10.0.1.11, port: 8080, weight: 10", "10.0.1.11, port: 8080, weight: " + weight);
    return warnings_of(text.replace(text.find(kScheduler), kScheduler.size(), scheduler));
  };
  EXPECT_THAT(warnings("scheduler: lc", "20"), ElementsAre(HasSubstr("wlc does")));
  EXPECT_THAT(warnings("scheduler: dh", "20"), ElementsAre(HasSubstr("dh does not look at the weights")));
  EXPECT_THAT(warnings("scheduler: sh", "300"),
              ElementsAre(HasSubstr("sh has 256 buckets for weights of 310 together")));
  EXPECT_THAT(warnings("scheduler: sh\n    scheduler_options: { table_size: 512 }", "300"), IsEmpty());
}

}  // namespace
}  // namespace tandem::config
