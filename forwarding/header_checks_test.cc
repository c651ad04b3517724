// What the kernel would have dropped before IPVS sees it, a tap sees all the same (net/ipv4/ip_input.c, ip_options.c).
#include "forwarding/header_checks.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/base/checksum.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

struct Checked : Director {
  explicit Checked(tandem_method method = TANDEM_NAT) { apply({web(method), dns()}); }
};

// The frame with one byte of its IP packet changed.
Frame spoiled(Frame frame, size_t byte) {
  frame.ip()[byte] ^= std::byte{0x55};
  return frame;
}

// A packet to `web` with these bytes of options, to be a multiple of four; its header's checksum is right.
Frame with_options(std::initializer_list<int> options) {
  Frame frame = from_client().syn().ip_options(options.size() / 4).build();
  auto bytes = frame.ip();
  std::ranges::transform(options, bytes.begin() + sizeof(Ipv4Header), [](int value) { return std::byte(value); });
  auto& ip = *wire_at<Ipv4Header>(bytes);
  ip.checksum = 0;
  ip.checksum = internet_checksum(bytes.first(ip.header_length()));
  return frame;
}

TEST(HeaderChecks, WrongHeaderChecksumMakesNoFlowAndIsCounted) {
  for (const tandem_method method : {TANDEM_NAT, TANDEM_DR, TANDEM_TUN}) {
    Checked director(method);
    EXPECT_TRUE(director.send(spoiled(from_client().syn().build(), 10)).empty());
    EXPECT_EQ(director.verdict, Verdict::kTaken);
    EXPECT_EQ(director.count(Counter::kDropBadChecksum), 1u);
    EXPECT_EQ(director.count(Counter::kNewFlows), 0u);
  }
}

TEST(HeaderChecks, WrongHeaderChecksumOfSomethingElseIsTheKernels) {
  Checked director;
  director.send(spoiled(packet().ipv4("192.0.2.7", "198.51.100.99").tcp(1, 2).syn().build(), 10));
  EXPECT_EQ(director.verdict, Verdict::kNotOurs);
  EXPECT_EQ(director.count(Counter::kDropBadChecksum), 0u);
}

TEST(HeaderChecks, WrongTransportChecksumGoesOnAsWrongAsItWas) {
  Checked director;
  const auto sent = director.send(spoiled(from_client().syn().build(), 20 + 16));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_NE(sent[0].text.find("BAD"), std::string::npos);
}

TEST(HeaderChecks, OptionsThatEndWhereTheySayPass) {
  for (const auto& options : {with_options({1, 1, 1, 0}), with_options({148, 4, 0, 0}),
                              with_options({7, 7, 4, 0, 0, 0, 0, 0}), with_options({0, 99, 99, 99})}) {
    Checked director;
    EXPECT_EQ(director.send(options).size(), 1u);
  }
}

TEST(HeaderChecks, MalformedOptionsAndSourceRoutesAreDropped) {
  for (const auto& options : {with_options({148, 0, 0, 0}), with_options({148, 1, 0, 0}), with_options({148, 5, 0, 0}),
                              with_options({1, 1, 1, 148}), with_options({131, 7, 4, 10, 0, 0, 1, 0}),
                              with_options({137, 7, 4, 10, 0, 0, 1, 0})}) {
    Checked director;
    EXPECT_TRUE(director.send(options).empty());
    EXPECT_EQ(director.verdict, Verdict::kTaken);
    EXPECT_EQ(director.count(Counter::kDropBadOptions), 1u);
    EXPECT_EQ(director.count(Counter::kNewFlows), 0u);
  }
}

TEST(HeaderChecks, AnErrorWithAWrongChecksumIsNotRelayed) {
  Checked director;
  director.send(from_client().syn());
  const Frame answer = packet().ipv4("198.51.100.10", "192.0.2.7").tcp(80, 40000).ack().payload(9).build();
  const Frame error = packet().ipv4("203.0.113.1", "198.51.100.10").icmp(3, 1).quoting(answer.ip()).build();
  EXPECT_TRUE(director.send(spoiled(error, 20 + 2)).empty());
  EXPECT_EQ(director.count(Counter::kDropBadChecksum), 1u);
  EXPECT_EQ(director.send(error).size(), 1u);
}

TEST(HeaderChecks, AnIpv6ErrorIsCheckedWithItsPseudoHeader) {
  const Frame quoted = packet().ipv6("2001:db8::10", "2001:db8:1::7").tcp(80, 40000).ack().build();
  const Frame error = packet().ipv6("2001:db8:2::1", "2001:db8::10").icmp6(1, 4).quoting(quoted.ip(), 60).build();
  const Frame wrong = spoiled(error, 40 + 2);
  for (const auto& [frame, fault] : {std::pair{error, std::optional<HeaderFault>()}, {wrong, HeaderFault::kChecksum}}) {
    Frame copy = frame;
    const auto parsed = parse(copy.in());
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(header_fault(*parsed), fault);
  }
}

TEST(HeaderChecks, SendersThatNobodyCanBeGetNoFlow) {
  for (const char* source : {"198.51.100.10", "10.0.0.254", "0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255"}) {
    Checked director;
    director.services.set_own_addresses({ip("10.0.0.254")});
    EXPECT_EQ(director.line(packet().ipv4(source, "198.51.100.10").tcp(40000, 80).syn()), "nothing") << source;
    EXPECT_EQ(director.count(Counter::kDropSpoofedSource), 1u) << source;
    EXPECT_EQ(director.count(Counter::kNewFlows), 0u) << source;
  }
}

TEST(HeaderChecks, AServerAndTheReservedNetworkMayBeClients) {
  for (const char* source : {"10.0.0.2", "240.0.0.1"}) {
    Checked director;
    EXPECT_NE(director.line(packet().ipv4(source, "198.51.100.10").tcp(40000, 80).syn()), "nothing") << source;
  }
}

TEST(HeaderChecks, Ipv6HasItsOwnImpossibleSenders) {
  const auto address = [](const char* text) { return IpAddress::parse(text).value(); };
  for (const char* text : {"::", "::1", "ff02::1", "::ffff:192.0.2.7", "::ffff:0.0.0.0"})
    EXPECT_FALSE(can_be_sender(address(text))) << text;
  for (const char* text : {"2001:db8::1", "fe80::1", "::2", "::192.0.2.7", "64:ff9b::192.0.2.7", "::fffe:192.0.2.7"})
    EXPECT_TRUE(can_be_sender(address(text))) << text;
}

struct Ipv6Checked : Director {
  Ipv6Checked() {
    ServiceSetting setting = web();
    setting.vip = any_ip("2001:db8::10");
    setting.servers = {{"web1", any_ip("fd00::1"), 8080, 1, true}};
    apply({setting});
  }
};

PacketBuilder from_client6() {
  return packet().ipv6("2001:db8:c::7", "2001:db8::10").tcp(40000, 80).syn();
}

TEST(HeaderChecks, HopByHopOptionsThatMayBePassedOverPass) {                       // RFC 8200, 4.2
  for (const auto& options : std::vector<std::vector<int>>{{0, 0, 0, 0, 0, 0},     // Pad1
                                                           {1, 4, 0, 0, 0, 0},     // PadN
                                                           {5, 2, 0, 0, 1, 0},     // router alert
                                                           {0x1e, 4, 9, 9, 9, 9},  // unknown, to be skipped
                                                           {0x1e, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}}) {
    Ipv6Checked director;
    EXPECT_EQ(director.send(from_client6().hop_by_hop(options)).size(), 1u);
  }
}

TEST(HeaderChecks, HopByHopOptionsThatTheKernelWouldNotTakeAreDropped) {
  for (const auto& options : std::vector<std::vector<int>>{
           {0x5e, 4, 0, 0, 0, 0},  // unknown: to be dropped, said or not
           {0x9e, 4, 0, 0, 0, 0},
           {0xde, 4, 0, 0, 0, 0},
           {0xc2, 4, 0, 1, 0, 0},  // a jumbo payload
           {1, 2, 0, 0, 0x9e, 0},
           {0x1e, 5, 0, 0, 0, 0},                          // ends beyond its header
           {0, 0, 0, 0, 0, 0x1e},                          // has no length
           {1, 4, 0, 0, 7, 0},                             // padding that says something
           {1, 6, 0, 0, 0, 0, 0, 0, 0x1e, 4, 0, 0, 0, 0},  // eight bytes of padding in a row
           {0, 0, 1, 4, 0, 0, 0, 0, 0x1e, 4, 0, 0, 0, 0},
           {6, 0, 6, 0, 6, 0, 6, 0, 6, 0, 6, 0, 6, 0, 6, 0, 6, 0, 1, 2, 0, 0}}) {  // nine options
    Ipv6Checked director;
    EXPECT_TRUE(director.send(from_client6().hop_by_hop(options)).empty());
    EXPECT_EQ(director.verdict, Verdict::kTaken);
    EXPECT_EQ(director.count(Counter::kDropBadOptions), 1u);
    EXPECT_EQ(director.count(Counter::kNewFlows), 0u);
  }
  Ipv6Checked director;
  director.send(packet().ipv6("2001:db8:c::7", "2001:db8::99").tcp(40000, 80).hop_by_hop({0x5e, 4, 0, 0, 0, 0}));
  EXPECT_EQ(director.verdict, Verdict::kNotOurs) << "for somebody else";
}

}  // namespace
}  // namespace tandem::forwarding
