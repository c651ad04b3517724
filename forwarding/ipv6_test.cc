// IPv6 through parse, decide and apply: the same plays as IPv4's, with the other family's packets.
#include <gtest/gtest.h>

#include <random>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using testing::any_ip;
using testing::Director;
using testing::dns;
using testing::Frame;
using testing::packet;
using testing::PacketBuilder;
using testing::Sent;
using testing::web;

constexpr std::string_view kClient = "2001:db8:c::7";
constexpr std::string_view kVip = "2001:db8::10";

ServiceSetting web6(tandem_method method = TANDEM_NAT) {
  ServiceSetting setting = web(method);
  setting.vip = any_ip(kVip);
  setting.servers[0].address = any_ip("fd00::1");
  setting.servers[1].address = any_ip("fd00::2");
  return setting;
}

PacketBuilder from_client(uint16_t port = 40000) {
  return packet().ipv6(kClient, kVip).tcp(port, 80);
}

NextHop way(uint16_t mtu, std::string_view source = "fd00::ff") {
  NextHop hop;
  hop.ifindex = 3;
  hop.mtu = mtu;
  hop.tunnel_source = IpAddress::parse(source).value();
  return hop;
}

TEST(Ipv6, NatCarriesAConnectionBothWays) {
  Director director;
  director.apply({web6()});
  EXPECT_EQ(director.line(from_client().syn()), "to web2: [2001:db8:c::7]:40000 > [fd00::2]:8080 tcp S ttl 63");
  EXPECT_EQ(director.line(packet().ipv6("fd00::2", kClient).tcp(8080, 40000).syn().ack()),
            "to 2001:db8:c::7: [2001:db8::10]:80 > [2001:db8:c::7]:40000 tcp SA ttl 63");
  EXPECT_EQ(director.line(from_client().ack().payload(1000)),
            "to web2: [2001:db8:c::7]:40000 > [fd00::2]:8080 tcp A ttl 63");
  EXPECT_EQ(director.line(from_client(40001).syn()), "to web1: [2001:db8:c::7]:40001 > [fd00::1]:8080 tcp S ttl 63");
  EXPECT_EQ(director.line(packet().ipv6("fd00::2", "2001:db8:c::8").tcp(8080, 40000).ack()), "nothing")
      << "an answer of no flow";
}

TEST(Ipv6, OneServiceNameCanHaveBothFamiliesInFrontOfTheirOwnServices) {
  Director director;
  ServiceSetting other = web6();
  other.name = "web6";
  director.apply({web(), other});
  EXPECT_EQ(director.line(testing::from_client().syn()), "to web2: 192.0.2.7:40000 > 10.0.0.2:8080 tcp S ttl 63");
  EXPECT_EQ(director.line(from_client().syn()), "to web2: [2001:db8:c::7]:40000 > [fd00::2]:8080 tcp S ttl 63");
}

TEST(Ipv6, UdpIsAnsweredAsWell) {
  Director director;
  ServiceSetting setting = dns();
  setting.vip = any_ip(kVip);
  setting.servers[0].address = any_ip("fd00::3");
  director.apply({setting});
  EXPECT_EQ(director.line(packet().ipv6(kClient, kVip).udp(5000, 53).payload(40)),
            "to ns1: [2001:db8:c::7]:5000 > [fd00::3]:5300 udp ttl 63");
  EXPECT_EQ(director.line(packet().ipv6("fd00::3", kClient).udp(5300, 5000).payload(80)),
            "to 2001:db8:c::7: [2001:db8::10]:53 > [2001:db8:c::7]:5000 udp ttl 63");
}

TEST(Ipv6, AnUnfilledChecksumAndASuperPacketAreCarriedThroughNat) {
  Director director;
  director.apply({web6()});
  director.send(from_client().syn());
  const auto sent = director.send(from_client().ack().payload(30000).in_segments_of(1400));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].text, "to web2: [2001:db8:c::7]:40000 > [fd00::2]:8080 tcp A ttl 63");
  EXPECT_TRUE(sent[0].frame.offload.checksum_unfilled);
  EXPECT_EQ(sent[0].frame.offload.gso_type, Offload::kTcp6);
}

TEST(Ipv6, DirectRoutingTouchesTheHopLimitAlone) {
  Director director;
  director.apply({web6(TANDEM_DR)});
  EXPECT_EQ(director.line(from_client().syn()), "to web2: [2001:db8:c::7]:40000 > [2001:db8::10]:80 tcp S ttl 63");
}

TEST(Ipv6, ATunnelCarriesIpv6InIpv6) {
  Director director;
  director.apply({web6(TANDEM_TUN)});
  director.services.set_next_hop(director.services.server_slot("web", "web2"), way(1500));
  EXPECT_EQ(director.line(from_client().syn()),
            "to web2: fd00::ff > fd00::2 ttl 64 [[2001:db8:c::7]:40000 > [2001:db8::10]:80 tcp S ttl 63]");
  const auto sent = director.send(from_client().ack().payload(4000).in_segments_of(1380));
  ASSERT_EQ(sent.size(), 3u);
  for (const Sent& one : sent) {
    EXPECT_EQ(one.text, "to web2: fd00::ff > fd00::2 ttl 64 [[2001:db8:c::7]:40000 > [2001:db8::10]:80 tcp A ttl 63]");
    EXPECT_LE(one.frame.length, 1500u);
  }
}

TEST(Ipv6, AnIpv4ServiceCanHaveIpv6ServersBehindATunnel) {
  Director director;
  ServiceSetting setting = web(TANDEM_TUN);
  setting.servers[1].address = any_ip("fd00::2");
  director.apply({setting});
  director.services.set_next_hop(director.services.server_slot("web", "web2"), way(1500));
  EXPECT_EQ(director.line(testing::from_client().syn()),
            "to web2: fd00::ff > fd00::2 ttl 64 [192.0.2.7:40000 > 198.51.100.10:80 tcp S ttl 63]");
  EXPECT_EQ(director.line(testing::from_client().ack().dont_fragment().payload(1430)),
            "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/4 mtu 1460 ttl 64 about [192.0.2.7:40000 > "
            "198.51.100.10:80 tcp A ttl 64]")
      << "40 bytes of outer header";
}

TEST(Ipv6, AnIpv6ServiceCanHaveIpv4ServersBehindATunnel) {
  Director director;
  ServiceSetting setting = web6(TANDEM_TUN);
  setting.servers[1].address = testing::ip("10.0.0.2");
  director.apply({setting});
  director.services.set_next_hop(director.services.server_slot("web", "web2"), way(1500, "10.0.0.254"));
  EXPECT_EQ(director.line(from_client().syn()),
            "to web2: 10.0.0.254 > 10.0.0.2 ttl 64 [[2001:db8:c::7]:40000 > [2001:db8::10]:80 tcp S ttl 63]");
}

TEST(Ipv6, WhatDoesNotFitIntoATunnelIsAnsweredWithPacketTooBig) {  // RFC 2473, 7.1; RFC 4443, 3.2
  Director director;
  director.apply({web6(TANDEM_TUN)});
  director.services.set_next_hop(director.services.server_slot("web", "web2"), way(1500));
  director.send(from_client().syn());
  EXPECT_EQ(director.line(from_client().ack().payload(1401)),
            "to 2001:db8:c::7: 2001:db8::10 > 2001:db8:c::7 icmp6 2/0 mtu 1460 ttl 64 about [[2001:db8:c::7]:40000 > "
            "[2001:db8::10]:80 tcp A ttl 64]");
  EXPECT_EQ(director.lines(from_client().ack().payload(1400)).size(), 1u);
  EXPECT_EQ(director.count(Counter::kTooBigSaid), 1u);
}

TEST(Ipv6, APacketThatIsToDieIsAnsweredByTheVip) {  // RFC 4443, 3.3
  Director director;
  director.apply({web6()});
  EXPECT_EQ(director.line(from_client().ttl(1).syn()),
            "to 2001:db8:c::7: 2001:db8::10 > 2001:db8:c::7 icmp6 3/0 ttl 64 about [[2001:db8:c::7]:40000 > "
            "[2001:db8::10]:80 tcp S ttl 1]");
}

TEST(Ipv6, WithoutServersTcpIsResetAndUdpIsToldSo) {  // RFC 4443, 3.1
  Director director;
  ServiceSetting tcp = web6(), udp = dns();
  tcp.servers.clear();
  udp.vip = any_ip(kVip);
  udp.servers.clear();
  director.apply({tcp, udp});
  EXPECT_EQ(director.line(from_client().syn()),
            "to 2001:db8:c::7: [2001:db8::10]:80 > [2001:db8:c::7]:40000 tcp RA ttl 64");
  EXPECT_EQ(director.line(packet().ipv6(kClient, kVip).udp(5000, 53).payload(8)),
            "to 2001:db8:c::7: 2001:db8::10 > 2001:db8:c::7 icmp6 1/4 ttl 64 about [[2001:db8:c::7]:5000 > "
            "[2001:db8::10]:53 udp ttl 64]");
}

TEST(Ipv6, AnErrorAboutAClientsPacketComesBackAsOneAboutWhatItSent) {
  Director director;
  director.apply({web6()});
  const auto onward = director.send(from_client().ack(9).syn().payload(100));
  director.send(from_client().syn());
  const auto sent = director.send(from_client().ack().payload(100));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(director.line(packet().ipv6("fd00::99", kVip).icmp6(2, 0, 1280).quoting(sent[0].frame.ip(), 500)),
            "not ours")
      << "it is addressed to whom the quoted packet names as its sender";
  EXPECT_EQ(director.line(packet().ipv6("fd00::99", kClient).icmp6(2, 0, 1280).quoting(sent[0].frame.ip(), 500)),
            "to 2001:db8:c::7: 2001:db8::10 > 2001:db8:c::7 icmp6 2/0 mtu 1280 ttl 63 about [[2001:db8:c::7]:40000 > "
            "[2001:db8::10]:80 tcp A ttl 63]");
}

TEST(Ipv6, AnErrorAboutAnAnswerGoesToTheServer) {
  Director director;
  director.apply({web6()});
  director.send(from_client().syn());
  const auto answer = director.send(packet().ipv6("fd00::2", kClient).tcp(8080, 40000).ack().payload(200));
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(director.line(packet().ipv6("2001:db8:f::1", kVip).icmp6(1, 0).quoting(answer[0].frame.ip(), 500)),
            "to web2: 2001:db8:f::1 > fd00::2 icmp6 1/0 ttl 63 about [[fd00::2]:8080 > [2001:db8:c::7]:40000 tcp A ttl "
            "63]");
}

TEST(Ipv6, AnErrorAboutTheTunnelsOwnHeaderReachesTheClient) {  // RFC 2473, 8
  Director director;
  director.apply({web6(TANDEM_TUN)});
  director.services.set_next_hop(director.services.server_slot("web", "web2"), way(1500));
  director.send(from_client().syn());
  const auto sent = director.send(from_client().ack().payload(1300));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(director.line(packet().ipv6("fd00::88", "fd00::ff").icmp6(2, 0, 1400).quoting(sent[0].frame.ip(), 1000)),
            "to 2001:db8:c::7: 2001:db8::10 > 2001:db8:c::7 icmp6 2/0 mtu 1360 ttl 64 about [[2001:db8:c::7]:40000 > "
            "[2001:db8::10]:80 tcp A ttl 63]");
}

TEST(Ipv6, ExtensionHeadersAreWalkedOver) {  // RFC 8200, 4
  Director director;
  director.apply({web6()});
  EXPECT_EQ(director.line(from_client().hop_by_hop().destination_options(3).syn()),
            "to web2: [2001:db8:c::7]:40000 > [fd00::2]:8080 tcp S ttl 63");
  EXPECT_EQ(director.line(from_client().fragment_header(0, false).ack()),
            "to web2: [2001:db8:c::7]:40000 > [fd00::2]:8080 tcp A ttl 63")
      << "an atomic fragment is a whole packet (RFC 6946)";
  EXPECT_EQ(director.line(from_client().routing_header(0).ack()),
            "to web2: [2001:db8:c::7]:40000 > [fd00::2]:8080 tcp A ttl 63");
}

// The silencing filter sees the transport header behind it, so the kernel does not get it either.
TEST(Ipv6, ASourceRouteUnderWayIsDroppedAndCounted) {  // RFC 5095
  Director director;
  director.apply({web6()});
  EXPECT_EQ(director.line(from_client().routing_header(1).syn()), "nothing");
  EXPECT_EQ(director.count(Counter::kDropBadOptions), 1u);
  EXPECT_EQ(director.line(packet().ipv6(kClient, "2001:db8::99").routing_header(1).tcp(40000, 80).syn()), "not ours");
}

TEST(Ipv6, AFirstPartWithoutItsWholeChainOfHeadersIsRefused) {  // RFC 7112
  const Frame whole = from_client().fragment_header(0, true).destination_options(3).syn().payload(20).build();
  for (size_t length = 48; length < 48 + 24 + 20; length += 4) {
    Director director;
    director.apply({web6()});
    Frame cut = testing::frame_of(whole.ip().first(length));
    wire_at<Ipv6Header>(cut.ip())->payload_length = static_cast<uint16_t>(length - sizeof(Ipv6Header));
    EXPECT_TRUE(director.send(cut).empty());
    EXPECT_EQ(director.verdict, Verdict::kTaken);
    EXPECT_EQ(director.count(Counter::kDropFragment), 1u) << length;
  }
}

TEST(Ipv6, TooManyExtensionHeadersAreRefused) {
  PacketBuilder builder = from_client();
  for (size_t i = 0; i <= kMaxExtensions; ++i) builder.destination_options();
  Frame frame = builder.syn().build();
  const auto parsed = parse(frame.in());
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error(), ParseError::kBadExtensions);
}

TEST(Ipv6, NoPrefixOfAPacketIsReadBeyondItsEnd) {
  Director director;
  director.apply({web6()});
  const Frame whole = from_client().hop_by_hop().destination_options(2).syn().payload(20).build();
  for (size_t length = 0; length < whole.length; ++length) {
    Frame cut = testing::frame_of(whole.ip().first(length));
    EXPECT_FALSE(parse(cut.in()).has_value()) << length;
  }
}

// What a client gets back is, byte for byte, what its server would have sent from the VIP, over random ports, sizes and
// contents; each packet's checksums are compared with a full recomputation by the director of the tests.
TEST(Ipv6, ANatedAnswerIsThePacketTheVipWouldHaveSent) {
  std::mt19937 random(6);
  Director director;
  ServiceSetting one = web6();
  one.servers.erase(one.servers.begin());
  director.apply({one});
  for (int i = 0; i < 500; ++i) {
    const auto port = static_cast<uint16_t>(1024 + random() % 60000);
    const size_t size = random() % 1400;
    const auto sequence = static_cast<uint32_t>(random());
    const auto sent = director.send(from_client(port).syn().seq(sequence).payload(size));
    ASSERT_EQ(sent.size(), 1u);
    ASSERT_EQ(sent[0].text.find("BAD"), std::string::npos) << sent[0].text;
    const auto back = director.send(packet().ipv6("fd00::2", kClient).tcp(8080, port).ack(sequence).payload(size));
    const Frame expected = packet().ipv6(kVip, kClient).tcp(80, port).ack(sequence).payload(size).ttl(63).build();
    ASSERT_EQ(back.size(), 1u);
    ASSERT_TRUE(std::ranges::equal(back[0].frame.ip(), expected.ip()));
  }
}

TEST(Ipv6, PersistenceGroupsClientsByTheirPrefix) {
  Director director;
  ServiceSetting setting = web6();
  setting.persistence = {.timeout = 300s, .ipv6_prefix = 60};
  director.apply({setting});
  const auto place = [&director](std::string_view client, uint16_t port) {
    return director.line(packet().ipv6(client, kVip).tcp(port, 80).syn()).substr(0, 7);
  };
  const std::string first = place("2001:db8:c:10::7", 1000);
  EXPECT_EQ(place("2001:db8:c:1f::8", 1001), first);
  EXPECT_EQ(place("2001:db8:c:1a::9", 1002), first);
  EXPECT_NE(place("2001:db8:c:20::7", 1003), first);
}

TEST(Ipv6, AFlowIsFoundByTheWholeAddressAndEndsWithTime) {
  testing::Mapping mapping(FlowTable::bytes_needed(64));
  FlowTable flows = testing::format_table(mapping, 64);
  for (uint16_t i = 1; i <= 100; ++i) {
    Ipv6Address client = any_ip("2001:db8::").v6;
    client.bytes[14] = static_cast<uint8_t>(i % 7);
    client.bytes[15] = static_cast<uint8_t>(i);
    const auto in = flows.insert(kTcp, client, 5, 1, i);
    ASSERT_EQ(in.outcome, FlowTable::Inserted::Outcome::kInserted);
    EXPECT_EQ(flows.client_of(in.flow), IpAddress(client));
    EXPECT_EQ(flows.insert(kTcp, client, 5, 1, 9).outcome, FlowTable::Inserted::Outcome::kExists);
    EXPECT_EQ(flows.find(kTcp, client, 5, 1)->value, i);
    EXPECT_FALSE(flows.find(kTcp, client, 6, 1));
    EXPECT_FALSE(flows.find(kTcp, client, 5, 2));
    client.bytes[0] ^= 1;
    EXPECT_FALSE(flows.find(kTcp, client, 5, 1));
  }
  const auto again = FlowTable::attach(mapping.bytes());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->find(kTcp, any_ip("2001:db8::101"), 5, 1)->value, 1u);
}

}  // namespace
}  // namespace tandem::forwarding
