// Ways to clients that are narrower than the servers' own link (RFC 1191).
#include <gtest/gtest.h>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

// A director with one connection and one question, on web2 and its DNS server.
struct Narrow : Director {
  Narrow() {
    apply({web(), dns()});
    send(from_client().syn());
    send(packet().ipv4("192.0.2.7", "198.51.100.10").udp(5353, 53).payload(20));
    services.set_next_hop(server("web", "web2").slot, {.mtu = 1500, .tunnel_source = ip("10.0.0.254")});
  }
  // What comes of the answer, once the shell finds that its way takes `mtu` bytes.
  std::vector<std::string> answer(const PacketBuilder& builder, uint16_t mtu) {
    auto sent = send(builder);
    EXPECT_EQ(sent.size(), 1u);
    outputs.clear();
    Frame onward = sent.at(0).frame;
    engine.too_long(onward.in(), mtu, now, outputs);
    std::vector<std::string> lines;
    for (const OutPacket& out : outputs.packets()) {
      const auto* to = std::get_if<ToServer>(&out.destination);
      lines.push_back("to " + (to ? name_of_server(to->slot) : std::get<ToAddress>(out.destination).address.text()) +
                      ": " + text_of(out.packet));
      EXPECT_EQ(checksum_fault(out.packet, out.offload), std::nullopt);
    }
    return lines;
  }
};

PacketBuilder answer_of_web2() {
  return packet().ipv4("10.0.0.2", "192.0.2.7").tcp(8080, 40000).ack().payload(1400);
}

TEST(NarrowWay, IsToldToTheServerAboutThePacketAsItSentIt) {
  Narrow director;
  const auto lines = director.answer(answer_of_web2().dont_fragment(), 1300);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(
      lines[0],
      "to web2: 10.0.0.254 > 10.0.0.2 icmp 3/4 mtu 1300 ttl 63 about [10.0.0.2:8080 > 192.0.2.7:40000 tcp A ttl 63]");
  EXPECT_EQ(director.count(Counter::kDropTooBig), 1u);
  EXPECT_EQ(director.count(Counter::kTooBigSaid), 1u);
  EXPECT_EQ(director.count(Counter::kErrorsRelayed), 1u);
}

TEST(NarrowWay, CutsWhatMayBeCut) {
  Narrow director;
  const auto lines = director.answer(answer_of_web2(), 1300);
  EXPECT_EQ(lines.size(), 2u);
  for (const std::string& line : lines) EXPECT_EQ(line.find("to 192.0.2.7: 198.51.100.10"), 0u) << line;
  EXPECT_EQ(director.count(Counter::kFragmented), 1u);
  EXPECT_EQ(director.count(Counter::kDropTooBig), 0u);
}

TEST(NarrowWay, CompletesAnUnfilledChecksumBeforeItCuts) {
  Narrow director;
  EXPECT_EQ(director.answer(answer_of_web2().unfilled(), 600).size(), 3u);
}

TEST(NarrowWay, SpeaksAsTheVipWhereTheServersWayIsUnknown) {
  Narrow director;
  const auto lines =
      director.answer(packet().ipv4("10.0.0.3", "192.0.2.7").udp(5300, 5353).payload(1400).dont_fragment(), 1300);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find(": 198.51.100.10 > 10.0.0.3 icmp 3/4 mtu 1300"), std::string::npos) << lines[0];
}

TEST(NarrowWay, OfSomethingThatNoFlowSentIsOnlyCounted) {
  Narrow director;
  director.outputs.clear();
  for (const PacketBuilder& builder : {packet().ipv4("198.51.100.10", "203.0.113.5").tcp(80, 1).ack().payload(1400),
                                       packet().ipv4("10.0.0.254", "10.0.0.2").protocol(4).payload(1400)}) {
    Frame frame = builder.build();
    director.engine.too_long(frame.in(), 1300, director.now, director.outputs);
  }
  EXPECT_TRUE(director.outputs.packets().empty());
  EXPECT_EQ(director.count(Counter::kDropTooBig), 2u);
}

TEST(NarrowWay, IsToldWithinTheLimitOnErrors) {
  Narrow director;
  size_t told = 0;
  for (int i = 0; i < 1000; ++i) told += director.answer(answer_of_web2().dont_fragment(), 1300).size();
  EXPECT_EQ(told, AnswerLimits{}.icmp_burst);
}

}  // namespace
}  // namespace tandem::forwarding
