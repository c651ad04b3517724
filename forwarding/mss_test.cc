// SYNs whose MSS is made smaller, whatever stands around it in the options.
#include "forwarding/mss.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

#include "daemon/base/checksum.hpp"
#include "forwarding/testing/director.hpp"
#include "forwarding/testing/packet_builder.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

// A SYN with these bytes as its options, padded to words; its checksum is right.
Frame syn_with(std::initializer_list<uint8_t> options, bool unfilled = false) {
  auto builder = packet().ipv4("192.0.2.7", "198.51.100.10").tcp(40000, 80).syn().tcp_options((options.size() + 3) / 4);
  if (unfilled) builder.unfilled();
  Frame frame = builder.build();
  auto& checksum = *wire_at<be16>(frame.ip(), 20 + offsetof(TcpHeader, checksum));
  size_t at = 40;
  for (const uint8_t byte : options) {
    auto& word = *wire_at<be16>(frame.ip(), at & ~size_t{1});
    const uint16_t before = word;
    frame.ip()[at] = std::byte{byte};
    if (!unfilled) checksum = checksum_update16(checksum, before, word);
    ++at;
  }
  return frame;
}

std::string clamped(Frame frame, uint16_t most, bool expect_change) {
  auto parsed = parse(frame.in());
  EXPECT_TRUE(parsed.has_value());
  EXPECT_EQ(clamp_mss(*parsed, most), expect_change);
  return checksum_fault(frame.ip(), frame.offload).value_or("right");
}
uint16_t word_at(const Frame& frame, size_t at) {
  return *wire_at<be16>(frame.ip(), at);
}

TEST(Mss, IsMadeSmallerAndTheChecksumStaysRight) {
  Frame frame = syn_with({2, 4, 0x05, 0xb4});
  auto parsed = parse(frame.in());
  EXPECT_TRUE(clamp_mss(*parsed, 1400));
  EXPECT_EQ(word_at(frame, 42), 1400);
  EXPECT_EQ(checksum_fault(frame.ip()), std::nullopt);
}

TEST(Mss, IsLeftWhereItIsSmallEnough) {
  EXPECT_EQ(clamped(syn_with({2, 4, 0x05, 0x78}), 1400, false), "right");
}

TEST(Mss, IsFoundBehindOtherOptionsAndAtOddPlaces) {
  EXPECT_EQ(clamped(syn_with({1, 1, 4, 2, 2, 4, 0x05, 0xb4}), 1400, true), "right");
  EXPECT_EQ(clamped(syn_with({1, 2, 4, 0x05, 0xb4, 1, 1, 1}), 1400, true), "right");
  EXPECT_EQ(clamped(syn_with({3, 3, 7, 2, 4, 0x23, 0x00, 1}), 0x0457, true), "right");
}

TEST(Mss, IsNotLookedForInOptionsThatDoNotHoldTogether) {
  EXPECT_EQ(clamped(syn_with({0, 0, 0, 0, 2, 4, 0x05, 0xb4}), 1400, false), "right") << "behind the end";
  EXPECT_EQ(clamped(syn_with({8, 0, 2, 4, 0x05, 0xb4, 1, 1}), 1400, false), "right") << "an option of no length";
  EXPECT_EQ(clamped(syn_with({8, 40, 2, 4, 0x05, 0xb4, 1, 1}), 1400, false), "right") << "longer than the header";
  EXPECT_EQ(clamped(syn_with({2, 3, 0x05, 1}), 1400, false), "right") << "an MSS of another length";
  EXPECT_EQ(clamped(syn_with({1, 1, 1, 2}), 1400, false), "right") << "cut short";
}

TEST(Mss, OfAnUnfilledSynLeavesTheChecksumToWhoFillsIt) {
  EXPECT_EQ(clamped(syn_with({2, 4, 0x05, 0xb4}, true), 1400, true), "right");
}

TEST(Mss, IsNoMatterOfOtherSegments) {
  Frame frame = packet().ipv4("192.0.2.7", "198.51.100.10").tcp(40000, 80).ack().tcp_options(1).build();
  EXPECT_EQ(clamped(std::move(frame), 10, false), "right");
}

// What the engine makes of SYNs: their MSS, 0 where nothing comes out.
uint16_t mss_of(Director& director, Frame frame) {
  const auto sent = director.send(std::move(frame));
  EXPECT_EQ(sent.size(), 1u);
  if (sent.size() != 1) return 0;
  EXPECT_EQ(sent[0].text.find("BAD"), std::string::npos) << sent[0].text;
  const Bytes bytes = sent[0].frame.ip();
  const size_t inner = static_cast<uint8_t>(bytes[9]) == kIpInIp ? 20 : 0;
  return *wire_at<be16>(bytes, inner + 42);
}

TEST(Mss, IsClampedInBothSynsOfNatAsTheServiceSays) {
  for (const bool unfilled : {false, true}) {
    Director director;
    ServiceSetting setting = web();
    setting.clamp_mss = 1380;
    director.apply({setting});
    EXPECT_EQ(mss_of(director, syn_with({2, 4, 0x05, 0xb4}, unfilled)), 1380);
    auto answer = packet().ipv4("10.0.0.2", "192.0.2.7").tcp(8080, 40000).syn().ack().tcp_options(1).build();
    const std::byte option[] = {std::byte{2}, std::byte{4}, std::byte{5}, std::byte{0xb4}};
    auto& checksum = *wire_at<be16>(answer.ip(), 36);
    for (size_t at = 0; at < 4; at += 2) {
      be16& word = *wire_at<be16>(answer.ip(), 40 + at);
      const uint16_t before = word;
      std::memcpy(&word, option + at, 2);
      checksum = checksum_update16(checksum, before, word);
    }
    EXPECT_EQ(mss_of(director, std::move(answer)), 1380);
    EXPECT_EQ(director.count(Counter::kMssClamped), 2u);
    setting.clamp_mss = 0;
    director.apply({setting});
    EXPECT_EQ(mss_of(director, syn_with({2, 4, 0x05, 0xb4}, unfilled)), 1460);
  }
}

TEST(Mss, IsClampedIntoATunnel) {
  Director director;
  ServiceSetting setting = web(TANDEM_TUN);
  setting.clamp_mss = 1380;
  director.apply({setting});
  EXPECT_EQ(mss_of(director, syn_with({2, 4, 0x05, 0xb4})), 1380);
  EXPECT_EQ(mss_of(director, syn_with({2, 4, 0x05, 0xb4}, true)), 1380) << "what goes into a tunnel is finished";
}

}  // namespace
}  // namespace tandem::forwarding
