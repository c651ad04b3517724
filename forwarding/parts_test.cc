// Datagrams in pieces through the whole engine: whatever the order, method and family, the receiver puts together what was sent,
// rewritten as it would have been in one piece.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "forwarding/testing/director.hpp"
#include "forwarding/testing/pieces.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::ElementsAre;

ServiceSetting dns_by(tandem_method method) {
  ServiceSetting setting = dns();
  setting.method = method;
  if (method != TANDEM_NAT) setting.servers[0].port = 53;
  return setting;
}

ServiceSetting dns6() {
  ServiceSetting setting = dns();
  setting.name = "dns6";
  setting.vip = any_ip("2001:db8::10");
  setting.servers[0].address = any_ip("fd00::3");
  return setting;
}

PacketBuilder question(size_t bytes = 3000) {
  return packet().ipv4("192.0.2.7", "198.51.100.10").udp(5353, 53).payload(bytes);
}
PacketBuilder answer(size_t bytes = 3000) {
  return packet().ipv4("10.0.0.3", "192.0.2.7").udp(5300, 5353).payload(bytes);
}

// What comes of the parts, all of which must go to one place.
std::vector<Frame> send_all(Director& director, const std::vector<Frame>& parts) {
  std::vector<Frame> out;
  std::optional<Destination> where;
  for (const Frame& part : parts)
    for (Sent& sent : director.send(part)) {
      EXPECT_EQ(sent.text.find("BAD"), std::string::npos) << sent.text;
      EXPECT_TRUE(!where || *where == sent.destination) << sent.text;
      where = sent.destination;
      out.push_back(std::move(sent.frame));
    }
  return out;
}

std::vector<std::string> lines(Director& director, const std::vector<Frame>& parts) {
  std::vector<std::string> all;
  for (const Frame& part : parts)
    for (const Sent& sent : director.send(part)) all.push_back(sent.text);
  return all;
}

TEST(Parts, EveryPartOfAClientsDatagramGoesToTheServer) {
  Director director;
  director.apply({dns()});
  EXPECT_THAT(lines(director, in_pieces(question().build(), 1480)),
              ElementsAre("to ns1: 192.0.2.7:5353 > 10.0.0.3:5300 udp ttl 63",
                          "to ns1: 192.0.2.7 > 10.0.0.3 ttl 63 fragment at 1480",
                          "to ns1: 192.0.2.7 > 10.0.0.3 ttl 63 fragment at 2960"));
  EXPECT_EQ(director.count(Counter::kNewFlows), 1u);
  EXPECT_EQ(director.count(Counter::kToServer), 3u);
}

TEST(Parts, EveryPartOfAnAnswerComesFromTheVip) {
  Director director;
  director.apply({dns()});
  director.send(question(20));
  EXPECT_THAT(lines(director, in_pieces(answer().build(), 1480)),
              ElementsAre("to 192.0.2.7: 198.51.100.10:53 > 192.0.2.7:5353 udp ttl 63",
                          "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 ttl 63 fragment at 1480",
                          "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 ttl 63 fragment at 2960"));
}

TEST(Parts, ThoseThatComeBeforeTheFirstWaitForIt) {
  Director director;
  director.apply({dns()});
  auto parts = in_pieces(question().build(), 1480);
  std::ranges::reverse(parts);
  EXPECT_THAT(lines(director, parts), ElementsAre("to ns1: 192.0.2.7:5353 > 10.0.0.3:5300 udp ttl 63",
                                                  "to ns1: 192.0.2.7 > 10.0.0.3 ttl 63 fragment at 2960",
                                                  "to ns1: 192.0.2.7 > 10.0.0.3 ttl 63 fragment at 1480"));
  EXPECT_EQ(director.count(Counter::kFragmentsHeld), 2u);
}

TEST(Parts, OfTcpFollowTheirFlowToo) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn());
  const auto parts = in_pieces(from_client().ack().payload(2000).build(), 1000);
  EXPECT_THAT(lines(director, parts), ElementsAre("to web2: 192.0.2.7:40000 > 10.0.0.2:8080 tcp A ttl 63",
                                                  "to web2: 192.0.2.7 > 10.0.0.2 ttl 63 fragment at 1000",
                                                  "to web2: 192.0.2.7 > 10.0.0.2 ttl 63 fragment at 2000"));
}

TEST(Parts, ByDirectRoutingOnlyTheTtlChanges) {
  Director director;
  director.apply({dns_by(TANDEM_DR)});
  const Frame whole = question().build();
  const auto out = put_together(send_all(director, in_pieces(whole, 1480)));
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(checksum_fault(out->ip()), std::nullopt);
  EXPECT_TRUE(std::ranges::equal(out->ip().subspan(20), whole.ip().subspan(20)));
}

TEST(Parts, GoThroughATunnelOneByOne) {
  Director director;
  director.apply({dns_by(TANDEM_TUN)});
  director.services.set_next_hop(
      director.server("dns", "ns1").slot,
      {.ifindex = 3, .source_mac = {}, .destination_mac = {}, .mtu = 1500, .tunnel_source = ip("10.0.0.254")});
  EXPECT_THAT(lines(director, in_pieces(question(2000).build(), 1400)),
              ElementsAre("to ns1: 10.0.0.254 > 10.0.0.3 ttl 64 [192.0.2.7:5353 > 198.51.100.10:53 udp ttl 63]",
                          "to ns1: 10.0.0.254 > 10.0.0.3 ttl 64 [192.0.2.7 > 198.51.100.10 ttl 63 fragment at 1400]"));
}

// Its checksum covers all parts and stands in the first, which must know how long the others are.
TEST(Parts, OfSctpAreTranslatedInEveryOrderAndFamily) {
  for (const tandem_method method : {TANDEM_NAT, TANDEM_FULLNAT, TANDEM_DR})
    for (const bool six : {false, true}) {
      ServiceSetting setting = dns_by(method);
      setting.protocol = kSctp;
      setting.vip = six ? any_ip("2001:db8::10") : any_ip("198.51.100.10");
      setting.servers[0].address = six ? any_ip("fd00::3") : any_ip("10.0.0.3");
      setting.servers[0].port = method == TANDEM_DR ? 53 : 5300;
      if (method == TANDEM_FULLNAT) setting.source_pool = {six ? any_ip("fd00::100") : any_ip("10.0.0.100")};
      Director director;
      director.apply({setting});
      const auto to_vip = [&](uint8_t chunk, size_t bytes) {
        auto built = six ? packet().ipv6("2001:db8:9::7", "2001:db8::10") : packet().ipv4("192.0.2.7", "198.51.100.10");
        return built.sctp(40000, 53, chunk).payload(bytes).build();
      };
      director.send(to_vip(sctp::kInit, 20));
      const Frame whole = director.send(to_vip(sctp::kData, 3001)).at(0).frame;
      auto parts = in_pieces(to_vip(sctp::kData, 3001), 1024);
      std::vector<size_t> order = {0, 1, 2};
      do {
        std::vector<Frame> shuffled;
        for (const size_t i : order) shuffled.push_back(parts[i]);
        const auto out = put_together(send_all(director, shuffled));
        ASSERT_TRUE(out.has_value()) << int{method} << six;
        const Bytes content = out->ip().subspan(six ? 40 : 20);
        EXPECT_TRUE(std::ranges::equal(content, whole.ip().subspan(six ? 40 : 20))) << int{method} << six;
        EXPECT_EQ(checksum_fault(out->ip()), std::nullopt);
      } while (std::ranges::next_permutation(order).found);
      EXPECT_EQ(director.count(Counter::kDropFragment), 0u);
    }
}

// RFC 791, 3.2: a part is cut again where it does not fit, and its pieces say their place in the whole.
TEST(Parts, ThatDoNotFitIntoTheTunnelAreCutAgain) {
  Director director;
  director.apply({dns_by(TANDEM_TUN)});
  director.services.set_next_hop(
      director.server("dns", "ns1").slot,
      {.ifindex = 3, .source_mac = {}, .destination_mac = {}, .mtu = 1500, .tunnel_source = ip("10.0.0.254")});
  const Frame whole = question(4000).build();
  std::vector<Frame> inner;
  for (const Frame& out : send_all(director, in_pieces(whole, 1480))) inner.push_back(frame_of(out.ip().subspan(20)));
  EXPECT_GT(inner.size(), 3u);
  const auto out = put_together(inner);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(checksum_fault(out->ip()), std::nullopt);
  EXPECT_TRUE(std::ranges::equal(out->ip().subspan(20), whole.ip().subspan(20)));
}

TEST(Parts, OfIpv6FollowTheirFlowBothWays) {
  Director director;
  director.apply({dns6()});
  const Frame whole = packet().ipv6("2001:db8:c::7", "2001:db8::10").udp(5353, 53).payload(3000).build();
  EXPECT_THAT(lines(director, in_pieces(whole, 1400)),
              ElementsAre("to ns1: [2001:db8:c::7]:5353 > [fd00::3]:5300 udp ttl 63",
                          "to ns1: 2001:db8:c::7 > fd00::3 ttl 63 fragment at 1400",
                          "to ns1: 2001:db8:c::7 > fd00::3 ttl 63 fragment at 2800"));
  auto parts = in_pieces(packet().ipv6("fd00::3", "2001:db8:c::7").udp(5300, 5353).payload(2000).build(), 1400);
  std::ranges::reverse(parts);
  const auto out = put_together(send_all(director, parts));
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(checksum_fault(out->ip()), std::nullopt);
  EXPECT_EQ(text_of(out->ip()), "[2001:db8::10]:53 > [2001:db8:c::7]:5353 udp ttl 63");
}

TEST(Parts, OfAnIcmpErrorGoWithIt) {
  Director director;
  director.apply({dns()});
  director.send(question(20));
  const Frame inside = packet().ipv4("192.0.2.7", "10.0.0.3").udp(5353, 5300).payload(1400).build();
  const Frame error = packet().ipv4("10.0.0.3", "192.0.2.7").icmp(3, 3).quoting(inside.ip(), 1400).build();
  const auto out = put_together(send_all(director, in_pieces(error, 800)));
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(checksum_fault(out->ip()), std::nullopt);
  EXPECT_EQ(text_of(out->ip()),
            "198.51.100.10 > 192.0.2.7 icmp 3/3 ttl 63 about [192.0.2.7:5353 > 198.51.100.10:53 udp ttl 64]");
}

TEST(Parts, OfWhatIsNotOursAreTheKernels) {
  Director director;
  director.apply({dns()});
  const auto to_another_port =
      in_pieces(packet().ipv4("192.0.2.7", "198.51.100.10").udp(5353, 99).payload(2000).build(), 1480);
  for (const Frame& part : to_another_port) {
    EXPECT_TRUE(director.send(part).empty());
    EXPECT_EQ(director.verdict, Verdict::kNotOurs);
  }
  const auto ping = in_pieces(packet().ipv4("192.0.2.7", "198.51.100.10").icmp(8).payload(2000).build(), 1480);
  const auto elsewhere = in_pieces(packet().ipv4("192.0.2.7", "203.0.113.9").udp(5353, 53).payload(2000).build(), 1480);
  for (const auto* parts : {&ping, &elsewhere})
    for (const Frame& part : *parts) {
      EXPECT_TRUE(director.send(part).empty());
      EXPECT_EQ(director.verdict, Verdict::kNotOurs);
    }
}

TEST(Parts, OfWhatIsRefusedAreDropped) {
  Director director;
  ServiceSetting nobody = dns();
  nobody.servers[0].weight = 0;
  director.apply({nobody});
  EXPECT_THAT(lines(director, in_pieces(question().build(), 1480)),
              ElementsAre("to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/3 ttl 64 about "
                          "[192.0.2.7:5353 > 198.51.100.10:53 udp ttl 64]"));
  EXPECT_EQ(director.count(Counter::kDropNoServer), 3u);
}

TEST(Parts, AnOverlapIsDroppedAndCountedAndSoIsTheRest) {
  Director director;
  director.apply({dns()});
  const auto part = [](size_t offset, size_t bytes, bool more) {
    auto built = packet().ipv4("192.0.2.7", "198.51.100.10").protocol(kUdp).id(7).at_offset(offset).payload(bytes);
    return more ? built.more_fragments() : built;
  };
  director.send(packet().ipv4("192.0.2.7", "198.51.100.10").id(7).more_fragments().udp(5353, 53).payload(72));
  EXPECT_EQ(director.line(part(80, 80, true)), "to ns1: 192.0.2.7 > 10.0.0.3 ttl 63 fragment at 80");
  EXPECT_EQ(director.line(part(80, 80, true)), "nothing");
  EXPECT_EQ(director.count(Counter::kDropFragmentDuplicate), 1u);
  EXPECT_EQ(director.line(part(152, 80, true)), "nothing");
  EXPECT_EQ(director.line(part(160, 80, false)), "nothing") << "RFC 5722";
  EXPECT_EQ(director.count(Counter::kDropFragment), 2u);
}

TEST(Parts, ThePingOfDeathAndATinyFirstPartAreDroppedAndCounted) {
  Director director;
  director.apply({web(), dns()});
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").protocol(kUdp).at_offset(65528).payload(80)),
            "nothing");
  EXPECT_EQ(director.count(Counter::kDropFragment), 1u);
  Frame tiny = packet().ipv4("192.0.2.7", "198.51.100.10").protocol(kTcp).more_fragments().payload(8).build();
  EXPECT_TRUE(director.send(tiny).empty());
  EXPECT_EQ(director.verdict, Verdict::kTaken);
  EXPECT_EQ(director.count(Counter::kDropFragment), 2u) << "RFC 3128";
}

TEST(Parts, ThatBeginWithMoreHeadersAreHeldByIpv6AsWell) {
  Director director;
  director.apply({dns6()});
  const auto later = packet().ipv6("2001:db8:c::7", "2001:db8::10").fragment_header(80, false).protocol(60).payload(40);
  EXPECT_TRUE(director.send(later).empty());
  EXPECT_EQ(director.count(Counter::kFragmentsHeld), 1u);
  const auto first =
      packet().ipv6("2001:db8:c::7", "2001:db8::10").fragment_header(0, true).destination_options().udp(5353, 53);
  const auto sent = director.send(PacketBuilder(first).payload(64));
  ASSERT_EQ(sent.size(), 2u);
  for (const Sent& each : sent)
    EXPECT_EQ(wire_at<Ipv6Header>(each.frame.ip())->destination, any_ip("fd00::3").v6.bytes);
}

TEST(Parts, AnIpv6FragmentOfAFragmentIsRefused) {
  Director director;
  director.apply({dns6()});
  const auto nested = packet().ipv6("2001:db8:c::7", "2001:db8::10").fragment_header(0, true).fragment_header(0, false);
  EXPECT_EQ(director.line(PacketBuilder(nested).udp(5353, 53).payload(64)), "nothing");
  EXPECT_EQ(director.count(Counter::kDropBadOptions), 1u);
}

TEST(Parts, WhoseServerWasRemovedMeanwhileAreDropped) {
  Director director;
  director.apply({dns()});
  const auto parts = in_pieces(question().build(), 1480);
  director.send(parts[0]);
  ServiceSetting other = dns();
  other.servers = {{"ns2", ip("10.0.0.4"), 5300, 1, true}};
  director.apply({other});
  EXPECT_TRUE(director.send(parts[1]).empty());
  EXPECT_EQ(director.count(Counter::kDropFragment), 1u);
}

TEST(Parts, ThatWaitInVainAreForgottenAfterASecond) {
  Director director;
  director.apply({dns()});
  const auto parts = in_pieces(question().build(), 1480);
  director.sweep();
  director.send(parts[1]);
  director.pass(2s);
  director.sweep();
  EXPECT_EQ(director.count(Counter::kFragmentsGivenUp), 1u);
  EXPECT_THAT(lines(director, {parts[0]}), ElementsAre("to ns1: 192.0.2.7:5353 > 10.0.0.3:5300 udp ttl 63"));
}

// Whatever the family, size, order and method: what the server puts together is what was sent to it, and what the client puts together
// has right checksums, recomputed in full.
TEST(Parts, AnyDatagramInAnyOrderIsPutTogetherRewrittenAndRight) {
  std::mt19937 random(11);
  Director director;
  director.apply({dns(), dns6()});
  for (int round = 0; round < 3000; ++round) {
    const bool v6 = random() % 2 == 0;
    const bool checksum = v6 || random() % 4 != 0;
    const size_t bytes = 1 + random() % 5000;
    const size_t piece = 8 * (1 + random() % 200);
    if (bytes / piece > 60) continue;
    const auto port = static_cast<uint16_t>(1024 + random() % 60000);
    PacketBuilder to =
        v6 ? packet().ipv6("2001:db8:c::7", "2001:db8::10") : packet().ipv4("192.0.2.7", "198.51.100.10");
    PacketBuilder from = v6 ? packet().ipv6("fd00::3", "2001:db8:c::7") : packet().ipv4("10.0.0.3", "192.0.2.7");
    to.udp(port, 53).payload(bytes);
    from.udp(5300, port).payload(bytes);
    if (!checksum) to.without_checksum(), from.without_checksum();
    for (const auto& [builder, ends] : {std::pair(to, v6 ? "[fd00::3]:5300" : "10.0.0.3:5300"),
                                        std::pair(from, v6 ? "[2001:db8::10]:53" : "198.51.100.10:53")}) {
      const Frame whole = builder.build();
      auto parts = in_pieces(whole, piece, static_cast<uint32_t>(random()));
      if (parts.size() == 1) continue;
      std::ranges::shuffle(parts, random);
      const auto out = put_together(send_all(director, parts));
      ASSERT_TRUE(out.has_value()) << "round " << round;
      EXPECT_EQ(checksum_fault(out->ip()), std::nullopt) << "round " << round;
      EXPECT_NE(text_of(out->ip()).find(ends), std::string::npos) << text_of(out->ip());
      const size_t header = v6 ? 48 : 28;
      EXPECT_TRUE(std::ranges::equal(out->ip().subspan(header), whole.ip().subspan(header)));
    }
  }
  EXPECT_EQ(director.count(Counter::kDropFragment), 0u);
}

}  // namespace
}  // namespace tandem::forwarding
