// DR and TUN: what changes and what must not, sizes, and super-packets cut for a tunnel.
#include "forwarding/tunnel.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

struct Tunnelling : Director {
  explicit Tunnelling(uint16_t mtu = 1500) {
    apply({web(TANDEM_TUN)});
    services.set_next_hop(server("web", "web2").slot, {.mtu = mtu, .tunnel_source = ip("10.0.0.254")});
    send(from_client().syn());
  }
};

TEST(DirectRouting, ChangesNothingButTheTtl) {
  Director director;
  director.apply({web(TANDEM_DR)});
  Frame before = from_client().syn().id(7).unfilled().build();
  const auto sent = director.send(before);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].text, "to web2: 192.0.2.7:40000 > 198.51.100.10:80 tcp S ttl 63");
  EXPECT_EQ(sent[0].frame.offload, before.offload);
  EXPECT_EQ(std::memcmp(sent[0].frame.ip().data() + 20, before.ip().data() + 20, 20), 0);
}

TEST(Tunnel, PutsAnOuterHeaderBeforeThePacket) {
  Tunnelling director;
  EXPECT_EQ(director.line(from_client().ack().payload(100)),
            "to web2: 10.0.0.254 > 10.0.0.2 ttl 64 "
            "[192.0.2.7:40000 > 198.51.100.10:80 tcp A ttl 63]");
}

// RFC 2003, 3.1 (DF) and RFC 6040, 4.1 (ECN, normal mode).
TEST(Tunnel, CopiesDontFragmentAndTheTypeOfService) {
  Tunnelling director;
  const auto sent = director.send(from_client().ack().tos(0xb9).dont_fragment());
  const auto& outer = *wire_at<Ipv4Header>(sent[0].frame.ip());
  EXPECT_EQ(outer.tos, 0xb9);
  EXPECT_TRUE(outer.dont_fragment());
  const auto free = director.send(from_client().ack());
  EXPECT_FALSE(wire_at<Ipv4Header>(free[0].frame.ip())->dont_fragment());
}

TEST(Tunnel, FillsAnUnfilledChecksum) {
  Tunnelling director;
  const auto sent = director.send(from_client().ack().payload(99).unfilled());
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].frame.offload, Offload{});
  EXPECT_EQ(sent[0].text.find("BAD"), std::string::npos);
}

// RFC 1191, 4: the next hop's MTU, here less the outer header.
TEST(Tunnel, TellsTheClientWhatFitsWhenAPacketIsTooBig) {
  Tunnelling director;
  EXPECT_EQ(director.line(from_client().ack().dont_fragment().payload(1440)),  // 1480 in all
            "to web2: 10.0.0.254 > 10.0.0.2 ttl 64 "
            "[192.0.2.7:40000 > 198.51.100.10:80 tcp A ttl 63]");
  EXPECT_EQ(director.line(from_client().ack().dont_fragment().payload(1441)),
            "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/4 mtu 1480 ttl 64 about "
            "[192.0.2.7:40000 > 198.51.100.10:80 tcp A ttl 64]");
  EXPECT_EQ(director.count(Counter::kTooBigSaid), 1u);
}

TEST(Tunnel, FragmentsWhatMayBeFragmented) {
  Tunnelling director;
  const auto lines = director.lines(from_client().ack().payload(2000).unfilled());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1],
            "to web2: 10.0.0.254 > 10.0.0.2 ttl 64 [192.0.2.7 > 198.51.100.10 ttl 63 fragment at "
            "1456]");
  EXPECT_EQ(director.count(Counter::kFragmented), 1u);
}

TEST(Tunnel, CutsASuperPacketIntoSegmentsAsANetworkCardWould) {
  Tunnelling director;
  Frame whole = from_client()
                    .seq(0xfffff000)
                    .ack()
                    .psh()
                    .fin()
                    .cwr()
                    .id(100)
                    .dont_fragment()
                    .tcp_options(3)
                    .payload(10000)
                    .in_segments_of(1400)
                    .build();
  const std::vector<std::byte> original(whole.ip().begin(), whole.ip().end());
  const auto sent = director.send(whole);
  ASSERT_EQ(sent.size(), 8u);
  std::vector<std::byte> payload;
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(sent[i].text.find("BAD"), std::string::npos) << sent[i].text;
    EXPECT_EQ(sent[i].frame.offload, Offload{});
    const Bytes inner = sent[i].frame.ip().subspan(20);
    const auto& ip = *wire_at<Ipv4Header>(inner);
    const auto& tcp = *wire_at<TcpHeader>(inner, 20);
    EXPECT_EQ(ip.id, 100 + i);
    EXPECT_EQ(tcp.sequence, static_cast<uint32_t>(0xfffff000 + i * 1400));
    EXPECT_EQ((tcp.flags & kCwr) != 0, i == 0);
    EXPECT_EQ((tcp.flags & kFin) != 0, i == 7);
    EXPECT_EQ((tcp.flags & kPsh) != 0, i == 7);
    payload.insert(payload.end(), inner.begin() + 52, inner.end());
  }
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), original.begin() + 52, original.end()));
}

TEST(Tunnel, MakesSmallerSegmentsOfASuperPacketThatMayBeFragmented) {
  Tunnelling director(1400);
  const auto sent = director.send(from_client().ack().payload(5000).in_segments_of(1448));
  ASSERT_EQ(sent.size(), 4u);  // of 1400 - 20 - 40
  for (const Sent& one : sent) EXPECT_LE(one.frame.length, 1400u);
}

TEST(NextHop, LimitsTheSizeOfNatAndDirectRoutingToo) {
  for (const auto method : {TANDEM_NAT, TANDEM_DR}) {
    Director director;
    director.apply({web(method)});
    director.services.set_next_hop(director.server("web", "web2").slot, {.mtu = 1400});
    director.send(from_client().syn());
    EXPECT_NE(director.line(from_client().ack().dont_fragment().payload(1400)).find("mtu 1400"), std::string::npos);
    EXPECT_EQ(director.send(from_client().ack().payload(1400)).size(), 2u);
    const auto super = director.send(from_client().ack().payload(5000).in_segments_of(1448));
    ASSERT_EQ(super.size(), 1u);
    EXPECT_EQ(super[0].frame.offload.gso_size, 1360);
  }
}

TEST(Outputs, SayWhenTheyAreFullAndThePacketIsCounted) {
  Tunnelling director;
  Frame big = from_client().ack().payload(60000).in_segments_of(536).build();
  director.outputs.clear();
  for (int i = 0; i < 200; ++i) {
    Frame copy = big;
    director.engine.handle(copy.in(), director.now, director.outputs);
  }
  EXPECT_GT(director.count(Counter::kDropNoRoom), 0u);
  EXPECT_GT(director.count(Counter::kSegmented), 50u);
  director.outputs.clear();
  EXPECT_EQ(director.send(big).size(), 112u);
}

}  // namespace
}  // namespace tandem::forwarding
