// Values that are right alone and wrong together: one contradiction, one test.
#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string with_second_router(const std::string& body) {
  return site_with("services:\n", "  db:\n    " + body + "\nservices:\n");
}

std::string with_second_service(const std::string& body) {
  return std::string(kSmallSite) + "  more: { " + body + ", servers: { m1: { address: 10.0.1.21 } } }\n";
}

TEST(Contradiction, SameVridTwiceOnOneInterfaceIsAnError) {
  EXPECT_THAT(
      errors_of(with_second_router("interface: eth0\n    id: 51\n    addresses: [198.51.100.20/24]")),
      ElementsAre(
          "s:16:9: id: 51 on eth0 is also that of virtual router 'web', line 9; expected one that is free on this "
          "interface"));
}

TEST(Contradiction, SameVridOnAnotherInterfaceIsNone) {
  EXPECT_THAT(warnings_of(with_second_router("interface: eth1\n    id: 51\n    addresses: [198.51.100.20/24]")),
              IsEmpty());
}

TEST(Contradiction, PasswordWithVersionThreeIsAnError) {
  EXPECT_THAT(errors_of(site_with("id: 51", "id: 51\n    password: secret")),
              ElementsAre(HasSubstr("password: only version 2 has passwords; expected version: 2, or none")));
}

TEST(Contradiction, VersionTwoWithPartsOfASecondIsAnError) {
  EXPECT_THAT(errors_of(site_with("advert_interval: 1s", "version: 2\n    advert_interval: 1500ms")),
              ElementsAre(HasSubstr("advert_interval: version 2 counts whole seconds; expected 1s to 40s")));
}

TEST(Contradiction, VersionTwoWithIpv6IsAnError) {
  EXPECT_THAT(errors_of(site_with("addresses: [198.51.100.10/24]", "version: 2\n    addresses: [\"2001:db8::10/64\"]")),
              ElementsAre(HasSubstr("version: 2 knows no IPv6")));
}

TEST(Contradiction, UnicastNeedsAnAddressOfEachFamilyForEveryDirector) {
  const auto with = [](const std::string& unicast) {
    return site_with("[198.51.100.10/24]", "[198.51.100.10/24, \"2001:db8::10/64\"]\n    unicast: " + unicast);
  };
  EXPECT_THAT(errors_of(with("{ dir-a: [192.0.2.11, \"2001:db8::1\"], dir-b: [192.0.2.12, \"2001:db8::2\"] }")),
              IsEmpty());
  EXPECT_THAT(errors_of(with("{ dir-a: [192.0.2.11, \"2001:db8::1\"], dir-b: 192.0.2.12 }")),
              ElementsAre(HasSubstr("unicast: dir-b: expected one address of IPv6, found 0")));
  EXPECT_THAT(errors_of(with("{ dir-a: [192.0.2.11, \"2001:db8::1\"], other: [192.0.2.12, \"2001:db8::2\"] }")),
              ElementsAre(HasSubstr("unicast: expected an address for every director, found none for 'dir-b'")));
  EXPECT_THAT(errors_of(with("{ dir-a: [192.0.2.11, \"2001:db8::1\"], dir-b: [192.0.2.11, \"2001:db8::2\"] }")),
              ElementsAre(HasSubstr("192.0.2.11 stands here a second time")));
  EXPECT_THAT(errors_of(with("{ dir-a: [nonsense, \"2001:db8::1\"], dir-b: [192.0.2.12, \"2001:db8::2\"] }")),
              testing::Contains(HasSubstr("dir-a: expected a map of names to addresses")));
}

TEST(Contradiction, RoutersOfOneGroupHaveOneSetOfRules) {
  const std::string text = with_second_router(
      "interface: eth1\n    id: 52\n    group: all\n    advert_interval: 2s\n    priorities: { dir-a: 7 }\n"
      "    addresses: [198.51.100.20/24]");
  std::string grouped = text;
  grouped.replace(grouped.find("    id: 51\n"), 11, "    id: 51\n    group: all\n");
  EXPECT_THAT(errors_of(grouped), ElementsAre(HasSubstr("expected the same advert_interval as 'web'"),
                                              HasSubstr("expected the same priorities as 'web'")));
  EXPECT_THAT(errors_of(text), IsEmpty());
}

TEST(Contradiction, SameVipInTwoRoutersIsAnError) {
  EXPECT_THAT(errors_of(with_second_router("interface: eth0\n    id: 52\n    addresses: [198.51.100.10/32]")),
              ElementsAre("s:17:17: addresses: 198.51.100.10 is also an address of virtual router 'web', line 12"));
}

TEST(Contradiction, SameVipTwiceInOneRouterIsAnError) {
  EXPECT_THAT(errors_of(site_with("[198.51.100.10/24]", "[198.51.100.10/24, 198.51.100.10/24]")),
              ElementsAre(HasSubstr("s:12:35: addresses: 198.51.100.10 is also an address of virtual router 'web'")));
}

TEST(Contradiction, PeerAddressThatMovesIsAnError) {
  EXPECT_THAT(errors_of(site_with("[198.51.100.10/24]", "[198.51.100.10/24, 192.0.2.12/24]")),
              ElementsAre("s:12:35: addresses: 192.0.2.12 is the peer_address of director 'dir-b', line 4; a peer "
                          "address does not move"));
}

TEST(Contradiction, TwoServicesOnOneAddressAndPortAreAnError) {
  EXPECT_THAT(errors_of(with_second_service("address: 198.51.100.10, port: 80")),
              ElementsAre("s:24:20: address: 198.51.100.10 port 80 tcp is also that of service 'web', line 16"));
}

TEST(Contradiction, TcpAndUdpOnOneAddressAndPortAreNone) {
  EXPECT_THAT(warnings_of(with_second_service("address: 198.51.100.10, port: 80, protocol: udp")), IsEmpty());
}

TEST(Contradiction, TwoServersOfAServiceOnOneAddressAndPortAreAnError) {
  EXPECT_THAT(errors_of(site_with("10.0.1.12", "10.0.1.11")),
              ElementsAre("s:23:24: address: 10.0.1.11 port 8080 is also that of server 'web1', line 22"));
}

TEST(Contradiction, TwoServersOnOneAddressWithDifferentPortsAreNone) {
  EXPECT_THAT(warnings_of(site_with("10.0.1.12, port: 8080", "10.0.1.11, port: 8081")), IsEmpty());
}

TEST(Contradiction, ServerWithTheServicesAddressIsAnError) {
  EXPECT_THAT(errors_of(site_with("10.0.1.12", "198.51.100.10")),
              ElementsAre(HasSubstr("198.51.100.10 is the service's own address")));
}

std::string ipv6_service(const std::string& method, const std::string& server) {
  return std::string(kSmallSite) + "  six:\n    address: 2001:db8::10\n    port: 80\n    forward: " + method +
         "\n    servers:\n      s1: { address: \"" + server + "\", port: 80 }\n";
}

TEST(Contradiction, ServerOfAnotherFamilyIsAnErrorUnlessATunnelCarriesIt) {
  EXPECT_THAT(
      errors_of(ipv6_service("nat", "10.0.1.21")),
      ElementsAre("s:29:22: address: expected IPv6, as the service's (forward: nat does not cross families; tun "
                  "does), found 10.0.1.21"));
  EXPECT_THAT(errors_of(ipv6_service("dr", "10.0.1.21")),
              ElementsAre(HasSubstr("forward: dr does not cross families")));
  EXPECT_THAT(errors_of(ipv6_service("tun", "10.0.1.21")), IsEmpty());
  for (const char* method : {"nat", "dr", "tun"}) EXPECT_THAT(errors_of(ipv6_service(method, "fd00::21")), IsEmpty());
  EXPECT_THAT(errors_of(site_with("10.0.1.12", "\"fd00::12\"")),
              ElementsAre(HasSubstr("s:23:24: address: expected IPv4, as the service's")));
}

TEST(Contradiction, AddressesOfBothFamiliesInOneServiceAreAnError) {
  std::string text = site_with("[198.51.100.10/24]\n", "[198.51.100.10/24, \"2001:db8::10/64\"]\n");
  text.replace(text.find("address: 198.51.100.10\n"), 22, "address: [198.51.100.10, \"2001:db8::10\"]");
  EXPECT_THAT(errors_of(text),
              ElementsAre("s:16:14: address: 2001:db8::10 is IPv6, 198.51.100.10 is IPv4; expected one family, and a "
                          "service for each"));
}

TEST(Contradiction, ServerPortThatDrCannotReachIsAnErrorAtEachServer) {
  EXPECT_THAT(
      errors_of(site_with("forward: nat", "forward: dr")),
      ElementsAre("s:22:41: port: expected 80, the service's (forward: dr does not rewrite ports), found 8080",
                  "s:23:41: port: expected 80, the service's (forward: dr does not rewrite ports), found 8080"));
}

TEST(Contradiction, ServerPortThatTunCannotReachIsAnError) {
  std::string text = site_with("forward: nat", "forward: tun");
  text.replace(text.find("port: 8080"), 10, "port: 80");
  EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr("forward: tun does not rewrite ports")));
}

TEST(Contradiction, DirectorWithoutPeerAddressIsAnErrorWhenThereIsAPeerLink) {
  EXPECT_THAT(
      errors_of(site_with(", peer_address: 192.0.2.12", "")),
      ElementsAre(
          "s:4:3: dir-b: peer_address is missing; expected one for every director, because there is a peer_link"));
}

TEST(Contradiction, DirectorWithoutPeerAddressIsNoneWithoutAPeerLink) {
  std::string text = site_with("peer_link: { key_file: /etc/tandem/peer.key }\n", "");
  text.erase(text.find(", peer_address: 192.0.2.12"), 26);
  EXPECT_THAT(warnings_of(text), IsEmpty());
}

TEST(Contradiction, WrongPeerAddressIsReportedOnceOnly) {
  EXPECT_THAT(errors_of(site_with("192.0.2.12", "nowhere")),
              ElementsAre(HasSubstr("s:4:41: peer_address: expected an IPv4 or IPv6 address")));
}

TEST(Contradiction, TwoDirectorsWithOnePeerAddressAreAnError) {
  EXPECT_THAT(errors_of(site_with("192.0.2.12", "192.0.2.11")),
              ElementsAre("s:4:41: peer_address: 192.0.2.11 is also that of director 'dir-a', line 3"));
}

TEST(Contradiction, PriorityOfNobodyIsAnErrorWithTheNearestDirector) {
  EXPECT_THAT(errors_of(site_with("    preempt: true\n", "    priorities: { dir-c: 50 }\n")),
              ElementsAre("s:11:19: priorities: there is no director 'dir-c'; did you mean 'dir-a'?"));
}

TEST(Odd, PeerLinkOfOneDirectorIsAWarning) {
  EXPECT_THAT(warnings_of(site_with("  dir-b: { priority: 100, peer_address: 192.0.2.12 }\n", "")),
              ElementsAre("s:4:1: peer_link: there is one director, so nobody to link to"));
}

TEST(Odd, EqualPrioritiesAreAWarning) {
  EXPECT_THAT(warnings_of(site_with("priority: 150", "priority: 100")),
              ElementsAre("s:7:3: web: directors 'dir-a' and 'dir-b' have the same priority 100; the one with the "
                          "higher address wins"));
}

TEST(Odd, PrioritiesThatARouterMakesEqualAreAWarning) {
  EXPECT_THAT(warnings_of(site_with("    preempt: true\n", "    priorities: { dir-b: 150 }\n")),
              ElementsAre(HasSubstr("same priority 150")));
}

TEST(Odd, PreemptFalseWithDifferentPrioritiesIsAWarningAboutTheReturningBox) {
  EXPECT_THAT(warnings_of(site_with("preempt: true", "preempt: false")),
              ElementsAre("s:11:14: preempt: false: a director that returns stays backup, also the one with the "
                          "highest priority ('dir-a', "
                          "150); priorities then decide only who begins"));
}

TEST(Odd, ServiceWhoseVipNoRouterHasIsAWarning) {
  EXPECT_THAT(
      warnings_of(site_with("address: 198.51.100.10\n", "address: 198.51.100.99\n")),
      ElementsAre(
          "s:16:14: address: no virtual router has 198.51.100.99; this service is forwarded by every director that its "
          "packets reach"));
}

TEST(Odd, ServiceWithoutServersIsAWarning) {
  std::string text(kSmallSite);
  text.resize(text.find("    servers:"));
  EXPECT_THAT(warnings_of(text),
              ElementsAre("s:15:3: web: no servers; every connection is answered as on_no_server says"));
}

TEST(Odd, WeightsThatRrDoesNotLookAtAreAWarning) {
  std::string text = site_with("scheduler: wlc", "scheduler: rr");
  EXPECT_THAT(warnings_of(text), IsEmpty());
  text.replace(text.rfind("weight: 10"), 10, "weight: 20");
  EXPECT_THAT(warnings_of(text), ElementsAre(HasSubstr("s:19:16: scheduler: rr does not look at the weights")));
}

TEST(Odd, AuthoritiesOfACertificateThatIsNotVerifiedAreAWarning) {
  EXPECT_THAT(warnings_of(site_with("http: { path: /healthz }", "https: { ca_file: /ca.pem, verify: false }")),
              ElementsAre(HasSubstr("ca_file: has no effect with verify: false")));
}

TEST(Odd, WarningsAreSaidAlsoWhenThereAreErrors) {
  std::string text = site_with("id: 51", "id: 300");
  text.replace(text.find("priority: 150"), 13, "priority: 100");
  const Reading reading = read_site(text, "s");
  EXPECT_EQ(reading.errors.size(), 1U);
  EXPECT_EQ(reading.warnings.size(), 1U);
}

}  // namespace
}  // namespace tandem::config
