// Services that place every packet by itself (IPVS's --ops), and servers that are this very box.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

ServiceSetting single(tandem_method method) {
  ServiceSetting setting = dns();
  setting.method = method;
  setting.one_packet = true;
  const uint16_t port = method == TANDEM_NAT ? 5300 : 53;
  setting.servers = {{"ns1", ip("10.0.0.3"), port, 1, true}, {"ns2", ip("10.0.0.4"), port, 1, true}};
  return setting;
}

PacketBuilder question() {
  return packet().ipv4("192.0.2.7", "198.51.100.10").udp(5353, 53).payload(30);
}

TEST(OnePacket, PlacesEveryPacketOfOneClientPortByItself) {
  Director director;
  director.apply({single(TANDEM_DR)});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(director.line(question()), "to ns2: 192.0.2.7:5353 > 198.51.100.10:53 udp ttl 63");
    EXPECT_EQ(director.line(question()), "to ns1: 192.0.2.7:5353 > 198.51.100.10:53 udp ttl 63");
  }
  EXPECT_EQ(director.count(Counter::kNewFlows), 0u);
  EXPECT_EQ(director.server("dns", "ns1").connections.load(), 3u);
  EXPECT_EQ(director.server("dns", "ns1").total_connections(), 0);
  director.sweep();
  EXPECT_EQ(director.engine.flow_count(), 0u);
}

TEST(OnePacket, ANatServersAnswersComeFromTheVipWithoutAFlow) {
  Director director;
  director.apply({single(TANDEM_NAT)});
  EXPECT_EQ(director.line(question()), "to ns2: 192.0.2.7:5353 > 10.0.0.4:5300 udp ttl 63");
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.4", "192.0.2.7").udp(5300, 5353).payload(99)),
            "to 192.0.2.7: 198.51.100.10:53 > 192.0.2.7:5353 udp ttl 63");
  director.services.set_own_addresses({ip("192.0.2.7")});
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.4", "192.0.2.7").udp(5300, 5353).payload(99)), "not ours")
      << "the answer to a health check";
}

TEST(OnePacket, AnErrorAboutAQuestionReachesTheClientAndHidesTheServer) {
  Director director;
  director.apply({single(TANDEM_NAT)});
  const Frame inside = packet().ipv4("192.0.2.7", "10.0.0.4").udp(5353, 5300).payload(30).build();
  const auto refusal = packet().ipv4("10.0.0.4", "192.0.2.7").icmp(3, 3).quoting(inside.ip(), inside.length);
  const auto sent = director.send(refusal);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].text,
            "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/3 ttl 63 about "
            "[192.0.2.7:5353 > 198.51.100.10:53 udp ttl 64]");
  EXPECT_EQ(checksum_fault(sent[0].frame.ip().subspan(28)), std::nullopt);
  director.services.set_own_addresses({ip("192.0.2.7")});
  EXPECT_EQ(director.line(refusal), "not ours") << "about a health check";
}

TEST(OnePacket, AnErrorAboutATunnelReachesTheClientOfAServiceThatHasItsEnd) {
  Director director;
  director.apply({single(TANDEM_TUN), web(TANDEM_TUN)});
  for (const char* name : {"ns1", "ns2"})
    director.services.set_next_hop(director.server("dns", name).slot, {.mtu = 1500, .tunnel_source = ip("10.0.0.254")});
  director.services.set_next_hop(director.server("web", "web2").slot, {.mtu = 1500, .tunnel_source = ip("10.0.0.254")});
  const auto outer = director.send(question()).at(0).frame;
  ASSERT_EQ(outer.ip().size(), 20u + 58u);
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.9", "10.0.0.254").icmp(3, 4, 1400).quoting(outer.ip(), 48)),
            "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/4 mtu 1380 ttl 64 about "
            "[192.0.2.7:5353 > 198.51.100.10:53 udp ttl 63]");
  // The same packet in a tunnel to a server of another service: none of ours.
  Frame elsewhere = packet().ipv4("10.0.0.254", "10.0.0.2").protocol(4).build();
  std::vector<std::byte> forged(elsewhere.ip().begin(), elsewhere.ip().end());
  forged.insert(forged.end(), outer.ip().begin() + 20, outer.ip().end());
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.9", "10.0.0.254").icmp(3, 4, 1400).quoting(forged, 48)), "nothing");
  EXPECT_EQ(director.count(Counter::kDropErrorWithoutFlow), 1u);
}

// IPVS keeps no connection either (ip_vs_conn_hash).
TEST(OnePacket, AnErrorAboutAnAnswerGoesNowhereBecauseNobodyKnowsWhoseItIs) {
  Director director;
  director.apply({single(TANDEM_NAT)});
  const Frame outside = packet().ipv4("198.51.100.10", "192.0.2.7").udp(53, 5353).payload(99).build();
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").icmp(3, 3).quoting(outside.ip())), "nothing");
  EXPECT_EQ(director.count(Counter::kDropErrorWithoutFlow), 1u);
}

TEST(OnePacket, AReloadThatBeginsItLeavesTheFlowsToTheirTime) {
  Director director;
  ServiceSetting setting = single(TANDEM_DR);
  setting.one_packet = false;
  director.apply({setting});
  EXPECT_THAT(director.line(question()), HasSubstr("to ns2"));
  EXPECT_THAT(director.line(question()), HasSubstr("to ns2"));
  setting.one_packet = true;
  director.apply({setting});
  EXPECT_THAT(director.line(question()), HasSubstr("to ns1"));
  EXPECT_THAT(director.line(question()), HasSubstr("to ns2"));
  director.pass(301s);
  director.sweep();
  EXPECT_EQ(director.engine.flow_count(), 0u);
}

TEST(OnePacket, AServiceWithoutServersSaysSo) {
  Director director;
  ServiceSetting setting = single(TANDEM_DR);
  setting.servers.clear();
  director.apply({setting});
  EXPECT_THAT(director.line(question()), HasSubstr("icmp 3/3"));
}

// Last first: this box, then web1.
ServiceSetting with_this_box() {
  ServiceSetting setting = web();
  setting.servers[1] = {"self", ip("127.0.0.1"), 80, 1, true};
  setting.servers[1].method = TANDEM_LOCAL;
  return setting;
}

TEST(Local, ThisBoxGetsItsSharePacketForPacketAsItCame) {
  Director director;
  director.apply({with_this_box()});
  const Frame before = from_client(1).syn().unfilled().ttl(1).build();
  const auto sent = director.send(before);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].destination, Destination(ToLocal{}));
  EXPECT_TRUE(std::ranges::equal(sent[0].frame.ip(), before.ip())) << "IPVS leaves even the TTL";
  EXPECT_EQ(sent[0].frame.offload, before.offload);
  EXPECT_THAT(director.line(from_client(2).syn()), HasSubstr("to web1: 192.0.2.7:2 > 10.0.0.1:8080"));
  EXPECT_EQ(director.line(from_client(1).ack()), "to this box: 192.0.2.7:1 > 198.51.100.10:80 tcp A ttl 64");
  EXPECT_EQ(director.engine.traffic(director.server("web", "self").slot).packets_in, 2u);
}

TEST(Local, AnErrorAboutItsAnswersIsTheKernels) {
  Director director;
  director.apply({with_this_box()});
  director.send(from_client(1).syn());
  const Frame answer = packet().ipv4("198.51.100.10", "192.0.2.7").tcp(80, 1).ack().payload(500).build();
  director.send(packet().ipv4("203.0.113.1", "198.51.100.10").icmp(3, 4, 1400).quoting(answer.ip()));
  EXPECT_EQ(director.verdict, Verdict::kNotOurs);
}

TEST(Local, ADeadOneIsLeftLikeAnyOther) {
  Director director;
  director.apply({with_this_box()});
  director.services.set_standing("web", "self", {.weight = 0, .up = false, .in_rotation = false});
  EXPECT_THAT(director.line(from_client(1).syn()), HasSubstr("to web1"));
  EXPECT_THAT(director.line(from_client(2).syn()), HasSubstr("to web1"));
}

}  // namespace
}  // namespace tandem::forwarding
