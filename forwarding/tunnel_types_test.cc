// GRE and GUE: what goes out, how large it is, and what comes back about it; in both families and across.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "forwarding/testing/director.hpp"
#include "forwarding/testing/pieces.hpp"
#include "forwarding/tunnel.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

struct Shape {
  TunnelSetting tunnel;
  bool six_inside = false;
  bool six_outside = false;
  size_t overhead = 0;  // RFC 791, 8200, 2784, 768 and GUE's draft, added up
};

std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes;
  for (const bool inside : {false, true})
    for (const bool outside : {false, true}) {
      const size_t ip = outside ? 40 : 20;
      shapes.push_back({{TANDEM_IPIP}, inside, outside, ip});
      shapes.push_back({{TANDEM_GRE}, inside, outside, ip + 4});
      shapes.push_back({{.type = TANDEM_GRE, .checksum = true}, inside, outside, ip + 8});
      shapes.push_back({{TANDEM_GUE}, inside, outside, ip + 12});
      shapes.push_back({{.type = TANDEM_GUE, .checksum = true}, inside, outside, ip + 12});
    }
  return shapes;
}

std::string text_of(const Shape& shape) {
  return std::to_string(shape.tunnel.type) + (shape.tunnel.checksum ? " with checksum" : "") +
         (shape.six_inside ? " IPv6" : " IPv4") + (shape.six_outside ? " in IPv6" : " in IPv4");
}

// A web service with one server at the end of such a tunnel, and a flow from port 40000.
struct Tunnelling : Director {
  explicit Tunnelling(const Shape& of, uint16_t mtu = 1500) : shape(of) {
    ServiceSetting setting = web(TANDEM_TUN);
    setting.vip = any_ip(vip());
    setting.servers.resize(1);
    setting.servers[0].address = any_ip(shape.six_outside ? "fd00::1" : "10.0.0.1");
    setting.servers[0].tunnel = shape.tunnel;
    apply({setting});
    services.set_next_hop(
        server("web", "web1").slot,
        {.ifindex = 1, .mtu = mtu, .tunnel_source = any_ip(shape.six_outside ? "fd00::ff" : "10.0.0.254")});
    send(client().syn());
  }
  const char* vip() const { return shape.six_inside ? "2001:db8::10" : "198.51.100.10"; }
  PacketBuilder client(uint16_t port = 40000) const {
    return (shape.six_inside ? packet().ipv6("2001:db8:c::7", vip()) : packet().ipv4("192.0.2.7", vip())).tcp(port, 80);
  }
  Sent one(const PacketBuilder& builder) {
    const auto sent = send(builder);
    EXPECT_EQ(sent.size(), 1u) << text_of(shape);
    return sent.empty() ? Sent{} : sent[0];
  }
  // An error of a router on the way, about a packet of ours.
  PacketBuilder error_about(const Sent& sent, uint16_t mtu, size_t quoted = 128) const {
    const Bytes outer = sent.frame.ip();
    return shape.six_outside ? packet().ipv6("fd00::99", "fd00::ff").icmp6(2, 0, mtu).quoting(outer, quoted)
                             : packet().ipv4("10.0.5.1", "10.0.0.254").icmp(3, 4, mtu).quoting(outer, quoted);
  }
  Shape shape;
};

constexpr Shape kGre4{.tunnel = {.type = TANDEM_GRE}};
constexpr Shape kGue4{.tunnel = {.type = TANDEM_GUE}};

TEST(TunnelTypes, GreCarriesThePacket) {
  Tunnelling director(kGre4);
  EXPECT_EQ(director.one(director.client().ack()).text,
            "to web1: 10.0.0.254 > 10.0.0.1 gre ttl 64 [192.0.2.7:40000 > 198.51.100.10:80 tcp A ttl 63]");
  Tunnelling six({.tunnel = {.type = TANDEM_GRE, .checksum = true}, .six_inside = true, .six_outside = true});
  EXPECT_EQ(six.one(six.client().ack()).text,
            "to web1: fd00::ff > fd00::1 gre with checksum ttl 64 "
            "[[2001:db8:c::7]:40000 > [2001:db8::10]:80 tcp A ttl 63]");
}

TEST(TunnelTypes, GueCarriesThePacket) {
  Tunnelling director(kGue4);
  EXPECT_EQ(director.one(director.client().ack()).text,
            "to web1: 10.0.0.254 > 10.0.0.1 gue ttl 64 [192.0.2.7:40000 > 198.51.100.10:80 tcp A ttl 63]");
  Tunnelling across({.tunnel = {.type = TANDEM_GUE, .checksum = true}, .six_inside = true});
  EXPECT_EQ(across.one(across.client().ack()).text,
            "to web1: 10.0.0.254 > 10.0.0.1 gue ttl 64 [[2001:db8:c::7]:40000 > [2001:db8::10]:80 tcp A ttl 63]");
}

TEST(TunnelTypes, EveryShapeIsWellFormedAndAsLargeAsItsOverheadSays) {
  for (const Shape& shape : all_shapes()) {
    Tunnelling director(shape);
    const Sent sent = director.one(director.client().ack().payload(333));
    EXPECT_EQ(sent.text.find("BAD"), std::string::npos) << text_of(shape) << ": " << sent.text;
    const size_t inner = (shape.six_inside ? 40u : 20u) + 20 + 333;
    EXPECT_EQ(sent.frame.length, inner + shape.overhead) << text_of(shape);
    EXPECT_EQ(tunnel_overhead(director.services.recipe(director.server("web", "web1").slot)), shape.overhead);
    // What stands inside is what the client sent, one hop farther.
    const Frame before = director.client().ack().payload(333).ttl(63).build();
    EXPECT_TRUE(std::ranges::equal(sent.frame.ip().subspan(shape.overhead), before.ip())) << text_of(shape);
  }
}

// RFC 7510, 3: one flow, one port; different flows, different ports.
TEST(TunnelTypes, TheSourcePortOfGueTellsFlowsApart) {
  Tunnelling director(kGue4);
  const auto source_port = [&](uint16_t client_port) {
    director.send(director.client(client_port).syn());
    return wire_at<UdpHeader>(director.one(director.client(client_port).ack()).frame.ip(), 20)->source_port.value();
  };
  std::set<uint16_t> ports;
  for (uint16_t port = 2000; port < 2064; ++port) {
    const uint16_t first = source_port(port);
    EXPECT_GE(first, 0xc000);
    EXPECT_EQ(source_port(port), first);
    ports.insert(first);
  }
  EXPECT_GT(ports.size(), 60u);
}

TEST(TunnelTypes, UdpAroundGueHasAChecksumWhereItIsAskedFor) {
  for (const Shape& shape : all_shapes()) {
    if (shape.tunnel.type != TANDEM_GUE) continue;
    Tunnelling director(shape);
    const Sent sent = director.one(director.client().ack());
    const auto* udp = wire_at<UdpHeader>(sent.frame.ip(), shape.six_outside ? 40 : 20);
    EXPECT_EQ(udp->checksum != 0, shape.tunnel.checksum) << text_of(shape);
  }
}

TEST(TunnelTypes, AClientIsToldOfTheMtuThatIsLeft) {
  for (const Shape& shape : all_shapes()) {
    Tunnelling director(shape);
    const size_t left = 1500 - shape.overhead;
    const size_t headers = (shape.six_inside ? 40u : 20u) + 20;
    EXPECT_THAT(director.one(director.client().ack().dont_fragment().payload(left - headers)).text,
                HasSubstr("to web1"));
    EXPECT_THAT(director.one(director.client().ack().dont_fragment().payload(left - headers + 1)).text,
                HasSubstr("mtu " + std::to_string(left) + " "))
        << text_of(shape);
  }
}

TEST(TunnelTypes, ASuperPacketIsCutIntoPiecesThatFit) {
  for (const Shape& shape : all_shapes()) {
    Tunnelling director(shape);
    const auto sent = director.send(director.client().ack().payload(9000).in_segments_of(1200));
    ASSERT_EQ(sent.size(), 8u);
    for (const Sent& one : sent) {
      EXPECT_LE(one.frame.length, 1500u);
      EXPECT_EQ(one.text.find("BAD"), std::string::npos) << text_of(shape) << ": " << one.text;
    }
  }
}

TEST(TunnelTypes, AnErrorAboutTheOuterHeaderBecomesOneAboutTheClientsPacket) {
  for (const Shape& shape : all_shapes()) {
    Tunnelling director(shape);
    const Sent sent = director.one(director.client().ack().dont_fragment().payload(1300));
    const std::string answer = director.one(director.error_about(sent, 1400)).text;
    EXPECT_THAT(answer, HasSubstr(std::string("to ") + (shape.six_inside ? "2001:db8:c::7: " : "192.0.2.7: ")));
    EXPECT_THAT(answer, HasSubstr("mtu " + std::to_string(1400 - shape.overhead) + " ")) << text_of(shape);
    EXPECT_THAT(answer, HasSubstr(":40000 > "));
    EXPECT_EQ(answer.find("BAD"), std::string::npos) << answer;
  }
}

TEST(TunnelTypes, AnErrorThatQuotesTooLittleIsCountedAndGoesNowhere) {
  for (const Shape& shape : all_shapes()) {
    Tunnelling director(shape);
    const Sent sent = director.one(director.client().ack());
    const size_t enough = shape.overhead + (shape.six_inside ? 40 : 20) + 8;
    for (size_t quoted = shape.six_outside ? 48 : 28; quoted < enough; ++quoted)
      EXPECT_TRUE(director.send(director.error_about(sent, 1400, quoted)).empty()) << text_of(shape) << ' ' << quoted;
    EXPECT_EQ(director.send(director.error_about(sent, 1400, enough)).size(), 1u) << text_of(shape);
  }
}

TEST(TunnelTypes, AnErrorAboutAnotherTunnelsHeaderIsNotOurs) {
  Tunnelling gre(kGre4), gue(kGue4);
  const Sent by_gre = gre.one(gre.client().ack()), by_gue = gue.one(gue.client().ack());
  gre.send(gre.error_about(by_gue, 1400));
  EXPECT_EQ(gre.verdict, Verdict::kNotOurs);
  gue.send(gue.error_about(by_gre, 1400));
  EXPECT_EQ(gue.verdict, Verdict::kNotOurs);
  // GRE with a key, which nobody here sends.
  Frame keyed = by_gre.frame;
  wire_at<GreHeader>(keyed.ip(), 20)->flags = 0x2000;
  EXPECT_TRUE(gre.send(gre.error_about({keyed, {}, {}}, 1400)).empty());
  EXPECT_EQ(gre.count(Counter::kDropErrorWithoutFlow), 1u);
  // GUE with an extension.
  Frame extended = by_gue.frame;
  wire_at<GueHeader>(extended.ip(), 28)->version_and_length = 1;
  EXPECT_TRUE(gue.send(gue.error_about({extended, {}, {}}, 1400)).empty());
  EXPECT_EQ(gue.count(Counter::kDropErrorWithoutFlow), 1u);
}

// RFC 2473, 7.1 (b), and RFC 4213, 3.2.2: nobody sends less of IPv6 than 1,280 bytes, however narrow the way.
TEST(TunnelTypes, AnIpv6PacketThatCannotBeSmallerGoesThroughANarrowTunnelInParts) {
  for (const Shape& shape : all_shapes()) {
    if (!shape.six_inside) continue;
    const uint16_t mtu = shape.six_outside ? 1280 : 576;
    Tunnelling director(shape, mtu);
    const auto whole = director.client().ack().payload(1280 - 60);
    std::vector<Frame> parts;
    for (Sent& sent : director.send(whole)) {
      EXPECT_LE(sent.frame.length, mtu);
      EXPECT_EQ(sent.destination, Destination(ToServer{director.server("web", "web1").slot}));
      parts.push_back(std::move(sent.frame));
    }
    EXPECT_EQ(parts.size(), shape.six_outside ? 2u : 3u) << text_of(shape);
    const auto arrived = put_together(parts);
    ASSERT_TRUE(arrived.has_value()) << text_of(shape);
    EXPECT_EQ(checksum_fault(arrived->ip()), std::nullopt) << text_of(shape);
    const Frame before = director.client().ack().payload(1280 - 60).ttl(63).build();
    EXPECT_TRUE(std::ranges::equal(arrived->ip().subspan(shape.overhead), before.ip())) << text_of(shape);
    EXPECT_EQ(director.count(Counter::kFragmented), 1u);
    EXPECT_THAT(director.one(director.client().ack().payload(1281 - 60)).text, HasSubstr("mtu 1280 "));
  }
}

TEST(TunnelTypes, SegmentsOfASuperPacketAreCutOutsideAsWellAndEachHasANameOfItsOwn) {
  for (const bool outside : {false, true}) {
    Tunnelling director({.tunnel = {}, .six_inside = true, .six_outside = outside, .overhead = 0}, 1280);
    const auto sent = director.send(director.client().ack().payload(3 * 1220).in_segments_of(1220));
    EXPECT_EQ(sent.size(), 6u);
    std::set<uint32_t> names;
    for (size_t i = 0; i < sent.size(); i += 2) {
      EXPECT_TRUE(put_together({sent[i].frame, sent[i + 1].frame}).has_value());
      const Bytes bytes = sent[i].frame.ip();
      names.insert(outside ? wire_at<Ipv6Fragment>(bytes, 40)->id.value() : wire_at<Ipv4Header>(bytes)->id.value());
    }
    EXPECT_EQ(names.size(), 3u);
  }
}

// RFC 1191; RFC 8201. IPVS has it of the route cache.
TEST(TunnelTypes, WhatARouterSaidOfTheWayHoldsForEveryClientOfTheServer) {
  for (const Shape& shape : all_shapes()) {
    Tunnelling director(shape, 9000);
    director.send(director.client(50'000).syn());
    const auto large = [&](uint16_t port) { return director.client(port).ack().dont_fragment().payload(3000); };
    const Sent sent = director.one(large(40'000));
    EXPECT_THAT(director.one(director.error_about(sent, 2000)).text, HasSubstr("mtu"));
    EXPECT_EQ(director.count(Counter::kPathMtuLearnt), 1u);
    EXPECT_THAT(director.one(large(50'000)).text, HasSubstr("mtu " + std::to_string(2000 - shape.overhead) + " "))
        << text_of(shape);
    EXPECT_EQ(director.count(Counter::kTooBigSaid), 1u);
    // A wider one is not believed while the narrower holds.
    director.send(director.error_about(sent, 2500));
    EXPECT_THAT(director.one(large(40'000)).text, HasSubstr("mtu " + std::to_string(2000 - shape.overhead) + " "));
    director.pass(PathMtu::kLifetime);
    EXPECT_THAT(director.one(large(40'000)).text, HasSubstr("to web1")) << "the way may have become wider";
  }
}

TEST(TunnelTypes, AWayThatIsSaidToBeNarrowIsBelievedOfAPacketWeCanHaveSentAlone) {
  for (const Shape& shape : all_shapes()) {
    Tunnelling director(shape, 9000), another(shape, 9000);
    another.send(another.client(1).syn());
    const Sent of_another = another.one(another.client(1).ack().payload(3000));
    EXPECT_TRUE(director.send(director.error_about(of_another, 1400)).empty()) << "of no flow";
    // Nobody can have found that too big.
    const Sent small = director.one(director.client().ack().payload(1400));
    director.send(director.error_about(small, static_cast<uint16_t>(small.frame.length)));
    EXPECT_EQ(director.count(Counter::kPathMtuLearnt), 0u);
    EXPECT_THAT(director.one(director.client().ack().dont_fragment().payload(3000)).text, HasSubstr("to web1"));
  }
}

TEST(TunnelTypes, NoWayIsBelievedToBeNarrowerThanHostsBelieve) {
  for (const Shape& shape : all_shapes()) {
    Tunnelling director(shape, 9000);
    const Sent sent = director.one(director.client().ack().dont_fragment().payload(3000));
    director.send(director.error_about(sent, 300));
    const size_t left = (shape.six_outside ? 1280u : 552u) - shape.overhead;
    const size_t told = shape.six_inside ? std::max<size_t>(left, 1280) : left;
    EXPECT_THAT(director.one(director.client().ack().dont_fragment().payload(3000)).text,
                HasSubstr("mtu " + std::to_string(told) + " "))
        << text_of(shape);
  }
}

TEST(TunnelTypes, AnotherLinkIsAnotherWay) {
  Tunnelling director(kGre4, 9000);
  const Sent sent = director.one(director.client().ack().dont_fragment().payload(3000));
  director.send(director.error_about(sent, 2000));
  const uint16_t slot = director.server("web", "web1").slot;
  director.services.set_next_hop(slot, {.ifindex = 1, .mtu = 9000, .tunnel_source = any_ip("10.0.0.254")});
  EXPECT_THAT(director.one(director.client().ack().dont_fragment().payload(3000)).text, HasSubstr("mtu 1976 "));
  director.services.set_next_hop(slot, {.ifindex = 2, .mtu = 9000, .tunnel_source = any_ip("10.0.0.254")});
  EXPECT_THAT(director.one(director.client().ack().dont_fragment().payload(3000)).text, HasSubstr("to web1"));
}

TEST(TunnelTypes, AReloadChangesTheTypeOfATunnelUnderItsFlows) {
  Tunnelling director(kGre4);
  ServiceSetting setting = web(TANDEM_TUN);
  setting.servers.resize(1);
  setting.servers[0].tunnel = {.type = TANDEM_GUE};
  director.apply({setting});
  EXPECT_THAT(director.one(director.client().ack()).text, HasSubstr("> 10.0.0.1 gue"));
}

}  // namespace
}  // namespace tandem::forwarding
