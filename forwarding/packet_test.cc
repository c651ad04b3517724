// Every length is checked; nothing that is cut short, lies or is odd gets past parse.
#include "forwarding/packet.hpp"

#include <gtest/gtest.h>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

Result<Packet, ParseError> parsed(Frame& frame) {
  return parse(frame.in());
}

TEST(Parse, ReadsATcpSegment) {
  Frame frame = from_client().syn().ttl(9).dont_fragment().payload(5).build();
  const auto packet = parsed(frame);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->source, ip("192.0.2.7"));
  EXPECT_EQ(packet->destination_port, 80);
  EXPECT_EQ(packet->tcp_flags, kSyn);
  EXPECT_EQ(packet->ttl, 9);
  EXPECT_TRUE(packet->dont_fragment);
  EXPECT_EQ(packet->payload_length(), 5u);
}

TEST(Parse, RefusesEveryCutOfAPacket) {
  for (const auto& builder : {from_client().ip_options(2).tcp_options(2).syn().payload(3),
                              packet().ipv4("192.0.2.7", "198.51.100.10").udp(1, 53).payload(3),
                              packet().ipv4("192.0.2.7", "198.51.100.10").icmp(8).payload(3)}) {
    const Frame whole = builder.build();
    for (size_t length = 0; length < whole.length; ++length) {
      Frame cut = frame_of(whole.ip().first(length));
      EXPECT_FALSE(parsed(cut)) << length;
    }
  }
}

TEST(Parse, RefusesHeadersThatClaimMoreThanThereIs) {
  const auto refused = [](size_t at, uint8_t value) {
    Frame frame = from_client().syn().payload(10).build();
    frame.ip()[at] = std::byte{value};
    const auto result = parsed(frame);
    return !result.has_value();
  };
  EXPECT_TRUE(refused(0, 0x44));   // header shorter than a header
  EXPECT_TRUE(refused(0, 0x65));   // version 6
  EXPECT_TRUE(refused(0, 0x4f));   // header longer than its TCP leaves room for
  EXPECT_TRUE(refused(3, 51));     // total length above what was captured
  EXPECT_TRUE(refused(3, 19));     // below the header
  EXPECT_TRUE(refused(32, 0x40));  // TCP header of 16 bytes
  EXPECT_TRUE(refused(32, 0xf0));  // of 60 bytes, of which 30 are there
  Frame udp = packet().ipv4("192.0.2.7", "198.51.100.10").udp(1, 53).payload(3).build();
  for (const int length : {0, 7, 12, 255}) {
    udp.ip()[25] = static_cast<std::byte>(length);
    EXPECT_FALSE(parsed(udp)) << length;
  }
}

TEST(Parse, RefusesAnOffloadThatPointsElsewhere) {
  for (const auto& [start, offset] : {std::pair{0, 16}, std::pair{20, 6}, std::pair{20, 3000}, std::pair{65535, 16}}) {
    Frame frame = from_client().syn().unfilled().build();
    frame.offload.checksum_start = static_cast<uint16_t>(start);
    frame.offload.checksum_offset = static_cast<uint16_t>(offset);
    const auto result = parsed(frame);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), ParseError::kBadOffload);
  }
  Frame wrong_kind = packet().ipv4("192.0.2.7", "198.51.100.10").udp(1, 53).build();
  wrong_kind.offload.gso_type = Offload::kTcp4;
  wrong_kind.offload.gso_size = 1000;
  EXPECT_FALSE(parsed(wrong_kind));
}

TEST(Parse, ReadsWhatAnErrorQuotesAndNothingFromACutQuote) {
  const Frame inner = from_client().syn().build();
  Frame error = packet().ipv4("10.0.0.9", "192.0.2.7").icmp(3, 4).quoting(inner.ip()).build();
  const auto whole = parsed(error);
  ASSERT_TRUE(whole && whole->quoted);
  EXPECT_EQ(whole->quoted->destination, ip("198.51.100.10"));
  EXPECT_EQ(whole->quoted->source_port, 40000);
  for (size_t bytes = 0; bytes < 28; ++bytes) {
    Frame cut = packet().ipv4("10.0.0.9", "192.0.2.7").icmp(3).quoting(inner.ip(), bytes).build();
    const auto result = parsed(cut);
    ASSERT_TRUE(result);
    EXPECT_FALSE(result->quoted) << bytes;
  }
}

TEST(Parse, KnowsNoPortsInALaterFragment) {
  Frame frame = packet().ipv4("192.0.2.7", "198.51.100.10").protocol(kTcp).at_offset(8).payload(40).build();
  const auto result = parsed(frame);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->fragment);
  EXPECT_FALSE(result->ports_known);
}

TEST(Engine, CountsMalformedPacketsThatClaimToBeForAService) {
  Director director;
  director.apply({web()});
  Frame frame = from_client().syn().build();
  frame.ip()[32] = std::byte{0x10};
  EXPECT_TRUE(director.send(frame).empty());
  EXPECT_EQ(director.verdict, Verdict::kTaken);
  EXPECT_EQ(director.count(Counter::kDropBadLength), 1u);
  Frame elsewhere = packet().ipv4("192.0.2.7", "198.51.100.99").tcp(1, 80).syn().build();
  elsewhere.ip()[32] = std::byte{0x10};
  director.send(elsewhere);
  EXPECT_EQ(director.verdict, Verdict::kNotOurs);
  EXPECT_EQ(director.count(Counter::kDropBadLength), 1u);
}

}  // namespace
}  // namespace tandem::forwarding
