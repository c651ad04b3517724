// ICMP errors about a flow, in every shape its packets have on their way: rewritten outside and
// inside, with right checksums, or relayed, or left to the kernel.
#include <gtest/gtest.h>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

// A director with one connection, 192.0.2.7:40000, on web2.
struct Connected : Director {
  explicit Connected(tandem_method method = TANDEM_NAT) {
    apply({web(method), dns()});
    send(from_client().syn());
    send(packet().ipv4("192.0.2.7", "198.51.100.10").udp(5353, 53).payload(20));
  }
};

// What the client's side sees of an answer.
Frame answer_outside() {
  return packet().ipv4("198.51.100.10", "192.0.2.7").tcp(80, 40000).ack().payload(1000).build();
}
// What the servers' side sees of a client's packet.
Frame question_inside() {
  return packet().ipv4("192.0.2.7", "10.0.0.2").tcp(40000, 8080).ack().payload(1000).build();
}

TEST(IcmpError, AboutAnAnswerReachesTheServerAsAboutItsOwnPacket) {
  Connected director;
  EXPECT_EQ(
      director.line(packet().ipv4("203.0.113.1", "198.51.100.10").icmp(3, 4, 1400).quoting(answer_outside().ip())),
      "to web2: 203.0.113.1 > 10.0.0.2 icmp 3/4 mtu 1400 ttl 63 about "
      "[10.0.0.2:8080 > 192.0.2.7:40000 tcp ttl 64]");
  EXPECT_EQ(director.count(Counter::kErrorsRelayed), 1u);
}

TEST(IcmpError, AboutAClientsPacketReachesTheClientAndHidesTheServer) {
  Connected director;
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "192.0.2.7").icmp(3, 3).quoting(question_inside().ip(), 28)),
            "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/3 ttl 63 about "
            "[192.0.2.7:40000 > 198.51.100.10:80 tcp ttl 64]");
}

TEST(IcmpError, HasTheQuotedTransportChecksumRewrittenWhereItIsQuoted) {
  Connected director;
  const auto sent =
      director.send(packet().ipv4("10.0.0.2", "192.0.2.7").icmp(11).quoting(question_inside().ip(), 2000));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].text.find("BAD"), std::string::npos);
  // The whole packet is quoted, so its own checksums can be checked as well.
  EXPECT_EQ(checksum_fault(sent[0].frame.ip().subspan(28)), std::nullopt);
}

TEST(IcmpError, AboutUdpIsRewrittenTheSameWay) {
  Connected director;
  const Frame inside = packet().ipv4("192.0.2.7", "10.0.0.3").udp(5353, 5300).payload(20).build();
  const auto sent = director.send(packet().ipv4("10.0.0.3", "192.0.2.7").icmp(3, 3).quoting(inside.ip(), 48));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].text,
            "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/3 ttl 63 about "
            "[192.0.2.7:5353 > 198.51.100.10:53 udp ttl 64]");
  EXPECT_EQ(checksum_fault(sent[0].frame.ip().subspan(28)), std::nullopt);
}

TEST(IcmpError, ThatIsBrokenIsDropped) {
  Connected director;
  Frame frame = packet().ipv4("10.0.0.2", "192.0.2.7").icmp(3, 3).quoting(question_inside().ip()).build();
  frame.ip()[23] ^= std::byte{1};
  EXPECT_TRUE(director.send(frame).empty());
  EXPECT_EQ(director.verdict, Verdict::kTaken);
  EXPECT_EQ(director.count(Counter::kDropBadChecksum), 1u);
}

TEST(IcmpError, AboutADirectlyRoutedAnswerIsRelayedAsItIs) {
  Connected director(TANDEM_DR);
  EXPECT_EQ(
      director.line(packet().ipv4("203.0.113.1", "198.51.100.10").icmp(3, 4, 1400).quoting(answer_outside().ip())),
      "to web2: 203.0.113.1 > 198.51.100.10 icmp 3/4 mtu 1400 ttl 63 about "
      "[198.51.100.10:80 > 192.0.2.7:40000 tcp ttl 64]");
}

TEST(IcmpError, AboutATunnelledAnswerGoesThroughTheTunnel) {
  Connected director(TANDEM_TUN);
  director.services.set_next_hop(director.server("web", "web2").slot, {.mtu = 1500, .tunnel_source = ip("10.0.0.254")});
  EXPECT_EQ(director.line(packet().ipv4("203.0.113.1", "198.51.100.10").icmp(11).quoting(answer_outside().ip())),
            "to web2: 10.0.0.254 > 10.0.0.2 ttl 64 [203.0.113.1 > 198.51.100.10 icmp 11/0 ttl 63 "
            "about [198.51.100.10:80 > 192.0.2.7:40000 tcp ttl 64]]");
}

TEST(IcmpError, AboutOurOuterHeaderBecomesOneAboutTheClientsPacket) {
  Connected director(TANDEM_TUN);
  director.services.set_next_hop(director.server("web", "web2").slot, {.mtu = 1500, .tunnel_source = ip("10.0.0.254")});
  const auto tunnelled = director.send(from_client().ack().dont_fragment().payload(1400));
  ASSERT_EQ(tunnelled.size(), 1u);
  const Bytes outer = tunnelled[0].frame.ip();
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.9", "10.0.0.254").icmp(3, 4, 1400).quoting(outer, 500)),
            "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/4 mtu 1380 ttl 64 about "
            "[192.0.2.7:40000 > 198.51.100.10:80 tcp A ttl 63]");
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.9", "10.0.0.254").icmp(3, 1).quoting(outer, 48)),
            "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/1 ttl 64 about "
            "[192.0.2.7:40000 > 198.51.100.10:80 tcp ttl 63]");
  // Only eight bytes of the inner header: nobody can tell whose it was.
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.9", "10.0.0.254").icmp(3, 1).quoting(outer, 28)), "nothing");
  // An inner header that we would not have sent: its checksum is wrong.
  std::vector<std::byte> foreign(outer.begin(), outer.begin() + 60);
  foreign[20 + 8] ^= std::byte{1};
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.9", "10.0.0.254").icmp(3, 1).quoting(foreign, 48)), "nothing");
  // Not from our address: somebody else's tunnel.
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.9", "10.0.0.253").icmp(3, 1).quoting(outer, 48)), "not ours");
}

TEST(IcmpError, AboutAnUnknownFlowIsDroppedAndCounted) {
  Connected director;
  const Frame stranger = packet().ipv4("198.51.100.10", "192.0.2.8").tcp(80, 40000).ack().build();
  EXPECT_EQ(director.line(packet().ipv4("203.0.113.1", "198.51.100.10").icmp(3, 4).quoting(stranger.ip())), "nothing");
  EXPECT_EQ(director.count(Counter::kDropErrorWithoutFlow), 1u);
}

TEST(IcmpError, AboutAnOwnHealthCheckIsTheKernels) {
  Connected director;
  director.services.set_own_addresses({ip("10.0.0.254")});
  const Frame check = packet().ipv4("10.0.0.254", "10.0.0.2").tcp(50000, 8080).syn().build();
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "10.0.0.254").icmp(3, 3).quoting(check.ip())), "not ours");
}

TEST(IcmpError, ThatNamesNoServiceIsTheKernels) {
  Connected director;
  const Frame other = packet().ipv4("198.51.100.10", "192.0.2.7").tcp(22, 40000).ack().build();
  EXPECT_EQ(director.line(packet().ipv4("203.0.113.1", "198.51.100.10").icmp(3, 4).quoting(other.ip())), "not ours");
  EXPECT_EQ(director.line(packet().ipv4("203.0.113.1", "198.51.100.10").icmp(3, 4).payload(3)), "not ours");
}

}  // namespace
}  // namespace tandem::forwarding
