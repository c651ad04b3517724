#include "forwarding/io/silence.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace tandem::forwarding {
namespace {

using testing::HasSubstr;
using testing::Not;

const Endpoint kVip{IPPROTO_TCP, Ipv4Address{0xc633640a}, 80};       // 198.51.100.10
const Endpoint kServer{IPPROTO_TCP, Ipv4Address{0x0a00010b}, 8080};  // 10.0.1.11
const Endpoint kServer2{IPPROTO_UDP, Ipv4Address{0x0a00010c}, 53};   // 10.0.1.12

TEST(Silence, ATableIsReplacedInOneTransactionWhateverWasThere) {
  const std::string text = silence_table({.interfaces = {{"eth0", 2}},
                                          .services = {kVip},
                                          .nat_servers = {kServer},
                                          .service_ranges = {},
                                          .nat_server_ranges = {}});
  EXPECT_TRUE(text.starts_with("add table netdev tandem\ndelete table netdev tandem\ntable netdev tandem {\n")) << text;
  EXPECT_THAT(text, HasSubstr("add element netdev tandem services { 6 . 198.51.100.10 . 80, }"));
  EXPECT_THAT(text, HasSubstr("add element netdev tandem nat_servers { 6 . 10.0.1.11 . 8080, }"));
  EXPECT_THAT(text, HasSubstr("add element netdev tandem nat_server_errors { 6 . 167772427 . 8080, }"));
  EXPECT_THAT(text, HasSubstr("device \"eth0\" priority -500"));
}

TEST(Silence, AnswersToThisBoxAreLetThroughBeforeServersAreDropped) {
  const std::string text = silence_table(
      {.interfaces = {}, .services = {kVip}, .nat_servers = {kServer}, .service_ranges = {}, .nat_server_ranges = {}});
  EXPECT_LT(text.find("@services goto ours"), text.find("fib daddr type local accept"));
  EXPECT_LT(text.find("fib daddr type local accept"), text.find("@nat_servers goto ours"));
}

TEST(Silence, OnlyWhatThereIsIsAskedForSoThatForeignTrafficPassesFast) {
  SilenceRules rules;
  rules.services = {kVip};
  const std::string text = silence_table(rules);
  EXPECT_THAT(text, HasSubstr("ip daddr . th dport @services goto ours"));
  for (const char* other :
       {"@service_ranges goto", "@services6 goto", "@sources meta", "@isakmp meta", "fib daddr", "@nat_server"})
    EXPECT_THAT(text, Not(HasSubstr(other)));
}

TEST(Silence, AnInterfaceWhoseNameWouldEndTheQuotesIsLeftOut) {
  const std::string text = silence_table({.interfaces = {{"a\" drop", 2}, {"eth0.7@x", 3}},
                                          .services = {},
                                          .nat_servers = {},
                                          .service_ranges = {},
                                          .nat_server_ranges = {}});
  EXPECT_THAT(text, Not(HasSubstr("drop\" priority")));
  EXPECT_THAT(text, HasSubstr("device \"eth0.7@x\""));
}

TEST(Silence, RangesOfPortsAreMergedWhereTheyMeet) {
  const Ipv4Address vip{0xc633640a}, other{0xc633640b};
  SilenceRules before, after;
  before.service_ranges = {{6, vip, 8000, 8100}};
  after.service_ranges = {
      {6, vip, 8000, 8100}, {6, vip, 8050, 8200}, {6, vip, 8201, 8300}, {17, vip, 8000, 8100}, {6, other, 1, 65535}};
  EXPECT_EQ(silence_changes(before, after),
            "delete element netdev tandem service_ranges { 6 . 198.51.100.10 . 8000-8100, }\n"
            "add element netdev tandem service_ranges { 6 . 198.51.100.10 . 8000-8300, 6 . 198.51.100.11 . 1-65535, "
            "17 . 198.51.100.10 . 8000-8100, }\n");
  EXPECT_EQ(silence_changes(after, after), "");
  SilenceRules servers;
  servers.nat_server_ranges = {{6, Ipv4Address{0x0a00010b}, 80, 80}, {6, Ipv4Address{0x0a00010b}, 443, 443}};
  EXPECT_EQ(silence_changes({}, servers),
            "add element netdev tandem nat_server_ranges { 6 . 10.0.1.11 . 80, 6 . 10.0.1.11 . 443, }\n"
            "add element netdev tandem nat_server_error_ranges { 6 . 167772427 . 80, 6 . 167772427 . 443, }\n");
}

TEST(Silence, Ipv6HasSetsOfItsOwn) {
  const IpAddress vip = *IpAddress::parse("2001:db8::10"), server = *IpAddress::parse("fd00::11");
  SilenceRules after;
  after.services = {kVip, {IPPROTO_TCP, vip, 80}};
  after.nat_servers = {{IPPROTO_TCP, server, 8080}};
  after.service_ranges = {{IPPROTO_UDP, vip, 5000, 5010}};
  after.nat_server_ranges = {{IPPROTO_UDP, server, 5000, 5010}};
  EXPECT_EQ(silence_changes({}, after),
            "add element netdev tandem services { 6 . 198.51.100.10 . 80, }\n"
            "add element netdev tandem services6 { 6 . 2001:db8::10 . 80, }\n"
            "add element netdev tandem nat_servers6 { 6 . fd00::11 . 8080, }\n"
            "add element netdev tandem nat_server_errors6 { 6 . 0xfd000000000000000000000000000011 . 8080, }\n"
            "add element netdev tandem service_ranges6 { 17 . 2001:db8::10 . 5000-5010, }\n"
            "add element netdev tandem nat_server_ranges6 { 17 . fd00::11 . 5000-5010, }\n"
            "add element netdev tandem nat_server_error_ranges6 { 17 . 0xfd000000000000000000000000000011 . "
            "5000-5010, }\n");
}

TEST(Silence, TheDifferenceNamesOnlyWhatDiffers) {
  const SilenceRules before{.interfaces = {{"eth0", 2}},
                            .services = {kVip},
                            .nat_servers = {kServer},
                            .service_ranges = {},
                            .nat_server_ranges = {}};
  SilenceRules after = before;
  EXPECT_EQ(silence_changes(before, after), "");
  after.nat_servers = {kServer2};
  EXPECT_EQ(silence_changes(before, after),
            "delete element netdev tandem nat_servers { 6 . 10.0.1.11 . 8080, }\n"
            "delete element netdev tandem nat_server_errors { 6 . 167772427 . 8080, }\n"
            "add element netdev tandem nat_servers { 17 . 10.0.1.12 . 53, }\n"
            "add element netdev tandem nat_server_errors { 17 . 167772428 . 53, }\n");
}

TEST(Silence, AFrameWhoseTagIsPriorityAloneIsLookedAtAsIfItHadNone) {
  const std::string text = silence_table({});
  EXPECT_THAT(text, HasSubstr("@ll,96,16 { 0x8100, 0x88a8 } @ll,112,16 & 0x0fff == 0 goto prioritized"));
  EXPECT_THAT(text, HasSubstr("chain prioritized {\n    @ll,128,16 0x0800 goto taken4\n"));
}

TEST(Silence, PingsAreDroppedToWhatIsDeafAlone) {
  SilenceRules rules;
  rules.deaf_to_ping = {Ipv4Address{0xc633640a}, *IpAddress::parse("2001:db8::10")};
  EXPECT_EQ(silence_changes({}, rules),
            "add element netdev tandem deaf_to_ping { 198.51.100.10, }\n"
            "add element netdev tandem deaf_to_ping6 { 2001:db8::10, }\n");
  EXPECT_THAT(silence_changes(rules, {}), HasSubstr("delete element netdev tandem deaf_to_ping { 198.51.100.10, }"));
  rules.nat_servers = {kServer};
  const std::string text = silence_table(rules);
  EXPECT_LT(text.find("@deaf_to_ping drop"), text.find("fib daddr type local accept"));
}

}  // namespace
}  // namespace tandem::forwarding
