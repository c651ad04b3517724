// One wrong value, one test: where it is shown and in which words.
#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The one error of a text.
std::string error_of(std::string_view text) {
  const auto errors = errors_of(text);
  EXPECT_EQ(errors.size(), 1U) << testing::PrintToString(errors);
  return errors.empty() ? "" : errors[0];
}

TEST(WrongValue, UnknownKeyIsShownWithTheNearestOne) {
  EXPECT_EQ(error_of(site_with("priority: 150", "prioritty: 150")),
            "s:3:12: unknown key 'prioritty'; did you mean 'priority'?");
}

TEST(WrongValue, KeyOfAnotherProgramIsShownWithOurs) {
  const auto errors = errors_of(site_with("    scheduler: wlc", "    lb_algo: wlc"));
  EXPECT_THAT(errors, ElementsAre("s:19:5: unknown key 'lb_algo'; did you mean 'scheduler'?"));
}

TEST(WrongValue, KeyInTheWrongPlaceIsShownWithItsOwn) {
  EXPECT_EQ(error_of(site_with("path: /healthz", "fall: 3")),
            "s:20:22: unknown key 'fall'; it is a key in services.NAME.check");
}

TEST(WrongValue, KeyThatResemblesNoneIsShownWithAllThatExist) {
  EXPECT_EQ(error_of(site_with("weight: 10 }\n      web2", "colour: 10 }\n      web2")),
            "s:22:47: unknown key 'colour'; expected address, port, forward, tunnel, check, checks, need, group, "
            "sorry, weight, "
            "upper_threshold, "
            "lower_threshold");
}

TEST(WrongValue, MissingKeyIsShownAtTheNameOfItsMap) {
  EXPECT_EQ(error_of(site_with("    id: 51\n", "")),
            "s:7:3: the key 'id' is missing in virtual_routers.NAME; expected a whole number from 1 to 255");
}

TEST(WrongValue, KeyWithNothingBehindIsShown) {
  EXPECT_EQ(error_of(site_with("id: 51", "id:")), "s:9:5: id: expected a whole number from 1 to 255, found nothing");
}

TEST(WrongValue, KeyTwiceIsShownWithItsFirstPlace) {
  EXPECT_EQ(error_of(site_with("    id: 51\n", "    id: 51\n    id: 52\n")),
            "s:10:5: the key 'id' stands here a second time; the first is in line 9");
}

TEST(WrongValue, NameTwiceIsShownWithItsFirstPlace) {
  EXPECT_EQ(error_of(site_with("web2:", "web1:")),
            "s:23:7: the name 'web1' stands here a second time; the first is in line 22");
}

TEST(WrongValue, VridOutOfRangeIsShown) {
  EXPECT_EQ(error_of(site_with("id: 51", "id: 300")), "s:9:9: id: expected a whole number from 1 to 255, found '300'");
}

TEST(WrongValue, NumbersAreWholeDecimalAndWithoutQuotes) {
  for (const char* wrong : {"0", "-1", "5.5", "0x33", "51a", "1e2", "+5", "99999999999999999999", "[51]", "{}", "~"})
    EXPECT_THAT(error_of(site_with("id: 51", std::string("id: ") + wrong)),
                HasSubstr("expected a whole number from 1 to 255"));
  EXPECT_THAT(error_of(site_with("id: 51", "id: '51'")), HasSubstr("found the text '51'; write it without quotes"));
  EXPECT_THAT(error_of(site_with("id: 51", "id: 051")), HasSubstr("without leading zeros"));
}

TEST(WrongValue, PriorityOfTheAddressOwnerIsNotForDirectors) {
  EXPECT_THAT(error_of(site_with("priority: 150", "priority: 255")), HasSubstr("from 1 to 254, found '255'"));
}

TEST(WrongValue, TimeWithoutAUnitIsShownWithWhatItCouldBe) {
  EXPECT_EQ(error_of(site_with("interval: 2s", "interval: 2")),
            "s:20:50: interval: expected a time with its unit (250ms, 1.5s, 2m) from 50ms to 1h, found '2'; a number "
            "needs its unit: "
            "2s or 2ms?");
}

TEST(WrongValue, TimeWithAnUnknownUnitIsShownWithThoseThereAre) {
  EXPECT_THAT(error_of(site_with("interval: 2s", "interval: 2sec")),
              HasSubstr("found '2sec'; the units are us, ms, s, m and h"));
}

TEST(WrongValue, AdvertIntervalThatTheProtocolCannotSayIsShown) {
  for (const char* wrong : {"15ms", "5ms", "0s", "41s", "1.005s"})
    EXPECT_THAT(error_of(site_with("advert_interval: 1s", std::string("advert_interval: ") + wrong)),
                HasSubstr("from 10ms to 40.95s in steps of 10ms, found '" + std::string(wrong) + "'"));
}

TEST(WrongValue, DelayOfPreemptionOutOfRangeIsShown) {
  EXPECT_THAT(error_of(site_with("preempt: true", "preempt: { delay: 1001s }")),
              HasSubstr("s:11:23: delay: expected a time"));
}

TEST(WrongValue, BooleanIsTrueOrFalseAndNothingElse) {
  for (const char* wrong : {"yes", "on", "True", "1", "'true'"})
    EXPECT_THAT(error_of(site_with("preempt: true", std::string("preempt: ") + wrong)),
                HasSubstr("expected true, false or a map of delay"));
}

TEST(WrongValue, UnknownWordIsShownWithAllOfThemAndTheNearest) {
  EXPECT_EQ(error_of(site_with("scheduler: wlc", "scheduler: wlv")),
            "s:19:16: scheduler: expected one of rr, wrr, lc, wlc, sed, nq, sh, dh, mh, lblc, lblcr, fo, ovf, twos, "
            "least_latency, found 'wlv'; did you mean 'wlc'?");
  EXPECT_THAT(error_of(site_with("forward: nat", "forward: masq")), HasSubstr("did you mean 'nat'?"));
}

TEST(WrongValue, Ipv6AddressThatIsNoHostsIsShown) {
  for (const auto& [wrong, why] : {std::pair("::/64", "no host's address"),
                                   {"ff02::12/64", "multicast group"},
                                   {"::1/128", "loopback"},
                                   {"2001:db8::1/129", "a whole number from 1 to 128"},
                                   {"2001:db8::1/0", "a whole number from 1 to 128"}})
    EXPECT_THAT(error_of(site_with("[198.51.100.10/24]", "[\"" + std::string(wrong) + "\"]")), HasSubstr(why)) << wrong;
  EXPECT_THAT(errors_of(site_with("[198.51.100.10/24]", "[198.51.100.10/24, \"2001:db8::10/64\"]")), IsEmpty());
}

TEST(WrongValue, LinkLocalAddressIsRefusedWhereNothingSaysOnWhichLinkItIs) {
  for (const char* address : {"'fe80::11'", "'fe80::11%eth1'", "'febf::1'", "'2001:db8::1%eth1'"}) {
    EXPECT_THAT(error_of(site_with("10.0.1.11", address)), HasSubstr("another host on every link")) << address;
    EXPECT_THAT(error_of(site_with("address: 198.51.100.10\n", std::string("address: ") + address + '\n')),
                HasSubstr("another host on every link"));
    EXPECT_THAT(error_of(site_with("192.0.2.11", address)), HasSubstr("another host on every link"));
  }
}

TEST(WrongValue, Ipv4AddressInIpv6sClothesIsRefused) {
  EXPECT_THAT(error_of(site_with("10.0.1.11", "'::ffff:10.0.1.11'")), HasSubstr("write it as IPv4"));
}

TEST(WrongValue, APeerLinkMayUseIpv6) {
  std::string text = site_with("192.0.2.11", "'2001:db8::11'");
  text.replace(text.find("192.0.2.12"), 10, "'2001:db8::12'");
  EXPECT_THAT(errors_of(text), IsEmpty());
}

TEST(WrongValue, AddressThatIsNoneIsShown) {
  for (const char* wrong : {"10.0.1", "10.0.1.256", "10.0.1.011", "web1.example.com", "10.0.1.11:80", "[]"})
    EXPECT_THAT(error_of(site_with("10.0.1.11", wrong)), HasSubstr("address: expected an IPv4 or IPv6 address, found"))
        << wrong;
}

TEST(WrongValue, AddressOfNoHostIsShown) {
  EXPECT_THAT(error_of(site_with("10.0.1.11", "0.0.0.0")), HasSubstr("no host's address"));
  EXPECT_THAT(error_of(site_with("10.0.1.11", "127.0.0.1")), HasSubstr("a loopback address never leaves its box"));
  EXPECT_THAT(error_of(site_with("10.0.1.11", "224.0.0.18")), HasSubstr("a multicast group"));
  EXPECT_THAT(error_of(site_with("10.0.1.11", "255.255.255.255")), HasSubstr("the broadcast address"));
}

TEST(WrongValue, ServiceAddressHasNoLength) {
  EXPECT_THAT(error_of(site_with("address: 198.51.100.10\n", "address: 198.51.100.10/24\n")),
              HasSubstr("without the length of its network part"));
}

TEST(WrongValue, VirtualAddressIsAHostOfItsNetwork) {
  EXPECT_THAT(error_of(site_with("[198.51.100.10/24]", "[198.51.100.10/24, 198.51.101.0/24]")),
              HasSubstr("that is the network itself"));
  EXPECT_THAT(error_of(site_with("[198.51.100.10/24]", "[198.51.100.10/24, 198.51.101.255/24]")),
              HasSubstr("broadcast address"));
  EXPECT_THAT(error_of(site_with("[198.51.100.10/24]", "[198.51.100.10/24, 198.51.101.1/33]")),
              HasSubstr("from 1 to 32"));
  EXPECT_THAT(error_of(site_with("[198.51.100.10/24]", "[198.51.100.10/24, 198.51.101.1/0]")),
              HasSubstr("from 1 to 32"));
  site_of(site_with("[198.51.100.10/24]", "[198.51.100.10/24, 198.51.101.0/31, 198.51.101.1/31, 198.51.101.255]"));
}

TEST(WrongValue, RouterNeedsAnAddress) {
  EXPECT_THAT(errors_of(site_with("[198.51.100.10/24]", "[]")),
              ElementsAre("s:12:16: addresses: expected 1 to 255 entries, found 0"));
}

TEST(WrongValue, AddressesAreAList) {
  EXPECT_EQ(error_of(site_with("[198.51.100.10/24]", "198.51.100.10/24")),
            "s:12:16: addresses: expected a list of addresses, as in [198.51.100.10/24], found '198.51.100.10/24'");
}

TEST(WrongValue, NameWithOtherCharactersOrTooLongIsShown) {
  EXPECT_EQ(error_of(site_with("web1:", "web/1:")),
            "s:22:7: expected a name of 1 to 63 letters, digits, '_', '.' or '-', found 'web/1'");
  EXPECT_THAT(error_of(site_with("web1:", std::string(64, 'w') + ":")), HasSubstr("expected a name of 1 to 63"));
  EXPECT_THAT(error_of(site_with("web1:", "'':")), HasSubstr("found ''"));
  EXPECT_THAT(error_of(site_with("site: ams1", "site: a b")), HasSubstr("s:1:7: site: expected a name"));
  site_of(site_with("web1:", std::string(63, 'w') + ":"));
}

TEST(WrongValue, InterfaceThatTheKernelCannotHaveIsShown) {
  for (const char* wrong : {"abcdefghijklmnop", "eth/0", "..", "'eth 0'", "eth0:1"})
    EXPECT_THAT(error_of(site_with("interface: eth0", std::string("interface: ") + wrong)),
                HasSubstr("the name of an interface"));
  EXPECT_THAT(error_of(site_with("[eth1]", "[eth1, 'x y']")),
              HasSubstr("s:13:33: interfaces: expected the name of an interface"));
}

TEST(WrongValue, CheckHasExactlyOneType) {
  EXPECT_EQ(error_of(site_with("http: { path: /healthz }, ", "")),
            "s:20:5: check: expected exactly one of tcp, http, https, tls, smtp, dns, ping, udp, exec, file, agent, "
            "mysql, pgsql, redis, grpc, found none of them");
  EXPECT_EQ(error_of(site_with("http: { path: /healthz }", "http: {}, tcp: {}")),
            "s:20:5: check: expected exactly one of tcp, http, https, tls, smtp, dns, ping, udp, exec, file, agent, "
            "mysql, pgsql, redis, grpc, found tcp, http");
}

TEST(WrongValue, CheckThatIsAWordIsShownAsItIsWritten) {
  EXPECT_THAT(error_of(site_with("{ http: { path: /healthz }, interval: 2s, rise: 2 }", "http")),
              HasSubstr("write check: { http: {} }"));
}

TEST(WrongValue, TcpCheckHasNoKeys) {
  EXPECT_EQ(error_of(site_with("http: { path: /healthz }", "tcp: { path: /healthz }")),
            "s:20:21: unknown key 'path'; it is a key in services.NAME.check.http");
  EXPECT_THAT(error_of(site_with("http: { path: /healthz }", "tcp: true")),
              HasSubstr("expected an empty map, {}, found 'true'"));
}

TEST(WrongValue, CertificatesAreNoBusinessOfHttp) {
  EXPECT_EQ(error_of(site_with("path: /healthz", "ca_file: /ca.pem")),
            "s:20:22: unknown key 'ca_file'; it is a key in services.NAME.check.https");
}

TEST(WrongValue, PathThatWouldBreakTheRequestIsShown) {
  for (const char* wrong : {"healthz", "\"/a b\"", "\"/a\\r\\nX: y\"", "''", "/ü"})
    EXPECT_THAT(error_of(site_with("path: /healthz", std::string("path: ") + wrong)),
                HasSubstr("expected a path that begins with '/'"));
}

TEST(WrongValue, HostThatWouldBreakTheRequestIsShown) {
  EXPECT_THAT(error_of(site_with("path: /healthz", "host: \"a\\r\\nX: y\"")),
              HasSubstr("expected a host name or an address, found the text 'a\\x0d\\x0aX: y'"));
}

TEST(WrongValue, StatusesAreRangesFrom100To599) {
  for (const char* wrong :
       {"99", "600", "200-", "-299", "2xx", "\"200,,201\"", "''", "299-200", "200-299-300", "[200]", "0200"})
    EXPECT_THAT(error_of(site_with("path: /healthz", std::string("expect: ") + wrong)),
                HasSubstr("expected HTTP statuses"))
        << wrong;
}

TEST(WrongValue, FileIsAnAbsolutePath) {
  EXPECT_EQ(error_of(site_with("/etc/tandem/peer.key", "peer.key")),
            "s:5:24: key_file: expected the path of a file, beginning with '/', found 'peer.key'");
}

TEST(WrongValue, ThereIsAtLeastOneDirector) {
  EXPECT_THAT(errors_of("site: s\ndirectors: {}\n"),
              ElementsAre("s:2:12: directors: expected 1 to 255 entries, found 0"));
  EXPECT_THAT(errors_of("site: s\ndirectors:\n"),
              ElementsAre(HasSubstr("s:2:1: directors: expected a map from names to maps of priority")));
}

TEST(WrongValue, MapThatIsAListIsShown) {
  EXPECT_THAT(error_of(site_with("{ key_file: /etc/tandem/peer.key }", "[a]")),
              HasSubstr("expected a map of key_file, port, found a list"));
  EXPECT_THAT(errors_of("- a\n- b\n"), ElementsAre(HasSubstr("s:1:1: expected a map of site, directors")));
}

TEST(WrongValue, PrioritiesAreNumbersOfDirectors) {
  EXPECT_EQ(error_of(site_with("    preempt: true\n", "    priorities: { dir-a: 256 }\n")),
            "s:11:26: dir-a: expected a whole number from 1 to 255, found '256'");
}

TEST(WrongValue, AllErrorsComeAtOnceInTheFilesOrder) {
  std::string text = site_with("id: 51", "id: 300");
  text.replace(text.find("wlc"), 3, "lru");
  text.replace(text.find("site: ams1"), 10, "sites: ams1");
  EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr("s:1:1: the key 'site' is missing"),
                                           HasSubstr("s:1:1: unknown key 'sites'; did you mean 'site'?"),
                                           HasSubstr("s:9:9: id:"), HasSubstr("s:19:16: scheduler:")));
}

}  // namespace
}  // namespace tandem::config
