// What keepalived 2.2.7 and FRR 8.4.4 really sent, and the malformed frames both were tried with. The captures are not
// part of the repository; without them these tests are skipped.
#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>

#include "vrrp/packet.hpp"
#include "vrrp/wire.hpp"

namespace tandem::vrrp {
namespace {

using ::testing::Each;
using Frame = std::vector<std::byte>;

const std::filesystem::path kCaptures = std::filesystem::path(TANDEM_SOURCE_DIR) / ".." / "shared" / "pcaps";
constexpr size_t kEthernet = 14;

uint32_t little32(Bytes bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | std::to_integer<uint32_t>(bytes[at + i]);
  return value;
}

// The frames of a classic pcap file, little-endian; nothing when the file is absent.
std::optional<std::vector<Frame>> frames_of(const std::string& name) {
  std::ifstream in(kCaptures / name, std::ios::binary);
  if (!in) return std::nullopt;
  const std::vector<char> raw((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const Bytes bytes = std::as_bytes(std::span(raw));
  std::vector<Frame> frames;
  for (size_t at = 24; at + 16 <= bytes.size();) {
    const size_t size = little32(bytes, at + 8);
    const Bytes frame = bytes.subspan(at + 16, size);
    frames.emplace_back(frame.begin(), frame.end());
    at += 16 + size;
  }
  return frames;
}

// The IP packet in an Ethernet frame, when it is VRRP in IPv4.
std::optional<Bytes> vrrp_in(const Frame& frame) {
  const Bytes bytes(frame);
  const auto* type = wire_at<be16>(bytes, 12);
  if (type == nullptr || *type != 0x0800) return std::nullopt;
  const auto* header = wire_at<wire::Ipv4Header>(bytes, kEthernet);
  if (header == nullptr || header->protocol != kVrrpProtocol) return std::nullopt;
  return bytes.subspan(kEthernet);
}

// The client of the captures, a third box on the link, listens to everything.
class Capture : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kCaptures)) GTEST_SKIP() << kCaptures << " is not here";
    context_.local = local_;
    context_.vrids.set();
  }

  // Why each VRRP packet of a capture is refused; nothing for those that are not.
  std::vector<std::optional<AdvertError>> refusals_in(const std::string& name) const {
    std::vector<std::optional<AdvertError>> refusals;
    for (const Frame& frame : frames_of(name).value_or(std::vector<Frame>{})) {
      const auto packet = vrrp_in(frame);
      if (!packet) continue;
      const auto result = decode_ipv4(*packet, context_);
      refusals.push_back(result ? std::nullopt : std::optional(result.error()));
    }
    return refusals;
  }

  std::vector<Prefix> local_{Prefix::parse("10.99.0.77/24").value()};
  ReceiveContext context_;
};

class CaptureRoundTrip : public Capture, public ::testing::WithParamInterface<const char*> {};

TEST_P(CaptureRoundTrip, EveryAdvertIsReadAndWrittenAgainByteForByte) {
  const auto frames = frames_of(GetParam());
  ASSERT_TRUE(frames.has_value());
  size_t adverts = 0;
  for (const Frame& frame : *frames) {
    const auto packet = vrrp_in(frame);
    if (!packet) continue;
    const auto* header = wire_at<wire::Ipv4Header>(*packet);
    const auto advert = decode_ipv4(*packet, context_);
    ASSERT_TRUE(advert.has_value()) << text(advert.error());
    EXPECT_EQ(advert->checksum_form, ChecksumForm::kPseudoHeader);
    const Bytes sent = packet->first(header->total_length);
    EXPECT_THAT(encode_ipv4(*advert, header->id, (header->flags_offset & wire::kDontFragment) != 0),
                ::testing::ElementsAreArray(sent));
    ++adverts;
  }
  EXPECT_GT(adverts, 1u);
}

INSTANTIATE_TEST_SUITE_P(V3Ipv4, CaptureRoundTrip,
                         ::testing::Values("ka-v3-ip4.pcap", "ka-v3-ip4-100ms.pcap", "ka-v3-ip4-40s.pcap",
                                           "frr-v3-ip4.pcap", "mix-v3-ip4.pcap"));

TEST_F(Capture, UnicastAdvertsAreRefusedByAMulticastRouter) {
  EXPECT_THAT(refusals_in("ka-v3-ip4-unicast.pcap"), Each(AdvertError::kDestination));
}

TEST_F(Capture, Version2IsRefusedForItsVersion) {
  for (const char* name : {"ka-v2-none.pcap", "ka-v2-pass8.pcap", "ka-v2-3vip-owner.pcap"})
    EXPECT_THAT(refusals_in(name), Each(AdvertError::kVersion)) << name;
}

// One frame per case, in the order of the table in measured.md 2.3, as 10.99.0.1 with VRID 51 receives them.
TEST_F(Capture, EveryMalformedFrameIsRefusedForItsOwnReason) {
  const auto frames = frames_of("neg-v3-4.pcap");
  ASSERT_TRUE(frames.has_value());
  constexpr std::optional<AdvertError> kGood = std::nullopt;
  using E = AdvertError;
  const std::vector<std::optional<E>> expected{
      kGood,          kGood,        kGood,           kGood,        kGood,  // 1 valid, 255, 100, 0, equal
      kGood,                                                               // 6 equal, 10.99.0.0: see below
      E::kTtl,        E::kTtl,      E::kChecksum,    E::kChecksum,         // 7 TTL 254, 1; bad, zero
      E::kVersion,    E::kVersion,  E::kVersion,                           // 11 version 1, 2, 15
      E::kType,       E::kType,                                            // 14 type 2, 0
      E::kVrid,       E::kVrid,                                            // 16 VRID unknown, 0
      E::kCount,      E::kLength,   E::kLength,                            // 18 count 0, 2, 255
      kGood,          kGood,        kGood,                                 // 21 other VIP, extra VIP, 5 x interval
      E::kInterval,                                                        // 24 interval 0
      E::kLength,     E::kLength,   E::kLength,      E::kLength,           // 25 7, 8, 11, 0 octets
      E::kLength,     kGood,        E::kIpHeader,                          // 29 trailing, padding, beyond frame
      E::kOwnAddress, E::kSource,   E::kDestination,                       // 32 own, off-link, unicast
      E::kIpOptions,  E::kFragment, E::kDestination,                       // 35 options, fragment, 224.0.0.1
      kGood,          kGood,        kGood,                                 // 38 other checksum, reserved, 4095
  };
  local_ = {Prefix::parse("10.99.0.1/24").value()};
  context_.local = local_;
  context_.vrids.reset().set(51);
  ASSERT_EQ(frames->size(), expected.size());
  for (size_t i = 0; i < frames->size(); ++i) {
    const auto result = decode_ipv4(Bytes((*frames)[i]).subspan(kEthernet), context_);
    // The sixth was made with the network's own address as its "lower source".
    const auto reason = i == 5 ? std::optional(E::kSource) : expected[i];
    EXPECT_EQ(result ? std::nullopt : std::optional(result.error()), reason) << "case " << i + 1;
  }
  EXPECT_EQ(decode_ipv4(Bytes((*frames)[37]).subspan(kEthernet), context_)->checksum_form, ChecksumForm::kMessageOnly);
}

// ---- Version 2 ----------------------------------------------------------------------------------------------------

Password password(std::string_view text) {
  Password bytes{};
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

struct Kind {
  const char* file;
  Acceptance acceptance;
};

// As the box with `address` receives it; every advert is of one of the two boxes 10.99.0.1 and .2.
class KindRoundTrip : public Capture, public ::testing::WithParamInterface<Kind> {};

TEST_P(KindRoundTrip, EveryAdvertIsReadAndWrittenAgainByteForByte) {
  const auto frames = frames_of(GetParam().file);
  ASSERT_TRUE(frames.has_value());
  size_t adverts = 0;
  for (const Frame& frame : *frames) {
    const auto packet = vrrp_in(frame);
    if (!packet) continue;
    const auto* header = wire_at<wire::Ipv4Header>(*packet);
    const bool from_a = Ipv4Address{header->source} == *Ipv4Address::parse("10.99.0.1");
    std::map<uint8_t, Acceptance> acceptance;
    for (const int vrid : {51, 255}) acceptance[static_cast<uint8_t>(vrid)] = GetParam().acceptance;
    if (header->destination != kMulticastIpv4.value) {
      local_ = {Prefix::parse(from_a ? "10.99.0.2/24" : "10.99.0.1/24").value()};
      context_.local = local_;
    }
    context_.acceptance = &acceptance;
    const auto advert = decode_ipv4(*packet, context_);
    ASSERT_TRUE(advert.has_value()) << text(advert.error());
    EXPECT_EQ(advert->version, GetParam().acceptance.version);
    const Bytes sent = packet->first(header->total_length);
    EXPECT_THAT(encode_ipv4(*advert, header->id, (header->flags_offset & wire::kDontFragment) != 0),
                ::testing::ElementsAreArray(sent));
    ++adverts;
  }
  EXPECT_GT(adverts, 1u);
}

const std::vector<IpAddress> kPeers{*Ipv4Address::parse("10.99.0.1"), *Ipv4Address::parse("10.99.0.2")};

INSTANTIATE_TEST_SUITE_P(
    V2AndUnicast, KindRoundTrip,
    ::testing::Values(Kind{"ka-v2-none.pcap", {.version = Version::kV2}},
                      Kind{"ka-v2-vmac.pcap", {.version = Version::kV2}},
                      Kind{"ka-v2-3vip-owner.pcap", {.version = Version::kV2, .advert_interval = 2s}},
                      Kind{"ka-v2-pass8.pcap", {.version = Version::kV2, .password = password("s3cr3t12")}},
                      Kind{"ka-v2-pass3.pcap", {.version = Version::kV2, .password = password("abc")}},
                      Kind{"ka-v2-unicast.pcap", {.version = Version::kV2, .peers = kPeers}},
                      Kind{"ka-v2-unicast-pass.pcap",
                           {.version = Version::kV2, .password = password("s3cr3t12"), .peers = kPeers}},
                      Kind{"ka-v3-ip4-unicast.pcap", {.peers = kPeers}}),
    [](const auto& each) {
      std::string name = each.param.file;
      for (char& c : name) c = c == '-' || c == '.' ? '_' : c;
      return name;
    });

TEST_F(Capture, Version2IsRefusedForItsAuthentication) {
  std::map<uint8_t, Acceptance> acceptance{{51, {.version = Version::kV2}}};
  context_.acceptance = &acceptance;
  EXPECT_THAT(refusals_in("ka-v2-pass8.pcap"), Each(AdvertError::kAuthMismatch));
  acceptance[51].password = password("another");
  EXPECT_THAT(refusals_in("ka-v2-pass8.pcap"), Each(AdvertError::kAuthFailure));
  EXPECT_THAT(refusals_in("ka-v2-none.pcap"), Each(AdvertError::kAuthMismatch));
  acceptance[51] = {.version = Version::kV2, .advert_interval = 2s};
  EXPECT_THAT(refusals_in("ka-v2-none.pcap"), Each(AdvertError::kInterval));
  acceptance[51] = {.version = Version::kV2, .peers = {*Ipv4Address::parse("10.99.0.3")}};
  local_ = {Prefix::parse("10.99.0.2/24").value()};
  context_.local = local_;
  EXPECT_THAT(refusals_in("ka-v2-unicast.pcap"), ::testing::Contains(AdvertError::kNotPeer));
  EXPECT_THAT(refusals_in("ka-v2-none.pcap"), Each(AdvertError::kDestination)) << "a unicast router hears no group";
}

// The same for version 2, as 10.99.0.1 with VRID 51 and no password.
TEST_F(Capture, EveryMalformedVersion2FrameIsRefusedForItsOwnReason) {
  const auto frames = frames_of("neg-v2.pcap");
  ASSERT_TRUE(frames.has_value());
  local_ = {Prefix::parse("10.99.0.1/24").value()};
  context_.local = local_;
  context_.vrids.reset().set(51);
  const std::map<uint8_t, Acceptance> acceptance{{51, {.version = Version::kV2}}};
  context_.acceptance = &acceptance;
  constexpr std::optional<AdvertError> kGood = std::nullopt;
  using E = AdvertError;
  const std::vector<std::optional<E>> expected{
      kGood,
      kGood,
      kGood,
      kGood,
      kGood,       // 1 valid, 255, 100, 0, equal
      E::kSource,  // 6 equal, the network's own address
      E::kTtl,
      E::kTtl,
      E::kChecksum,
      E::kChecksum,  // 7 TTL 254, 1; bad, zero
      E::kVersion,
      E::kVersion,
      E::kVersion,  // 11 version 1, 3, 15
      E::kType,
      E::kType,  // 14 type 2, 0
      E::kVrid,
      E::kVrid,  // 16 VRID unknown, 0
      E::kCount,
      E::kLength,
      E::kLength,  // 18 count 0, 2, 255
      kGood,
      kGood,  // 21 other VIP, extra VIP
      E::kInterval,
      E::kInterval,  // 23 interval 5, 0
      E::kLength,
      E::kLength,
      E::kLength,
      E::kLength,  // 25 7, 8, 12, 0 octets
      E::kLength,
      kGood,
      E::kIpHeader,  // 29 trailing, padding, beyond frame
      E::kOwnAddress,
      E::kSource,
      E::kDestination,  // 32 own, off-link, unicast
      E::kIpOptions,
      E::kFragment,
      E::kDestination,  // 35 options, fragment, 224.0.0.1
      E::kAuthMismatch,
      E::kAuthType,
      E::kAuthType,  // 38 password, AH, 7
  };
  ASSERT_EQ(frames->size(), expected.size());
  for (size_t i = 0; i < frames->size(); ++i) {
    const auto result = decode_ipv4(Bytes((*frames)[i]).subspan(kEthernet), context_);
    EXPECT_EQ(result ? std::nullopt : std::optional(result.error()), expected[i]) << "case " << i + 1;
  }
}

// ---- IPv6 ---------------------------------------------------------------------------------------------------------

// The VRRP packets in IPv6 of a capture; envelopes point into `frames`.
std::vector<Ipv6Envelope> vrrp6_in(const std::vector<Frame>& frames) {
  std::vector<Ipv6Envelope> envelopes;
  for (const Frame& frame : frames) {
    const Bytes bytes(frame);
    const auto* type = wire_at<be16>(bytes, 12);
    if (type == nullptr || *type != 0x86dd || bytes.size() < kEthernet + 40) continue;
    const Bytes packet = bytes.subspan(kEthernet);
    if (std::to_integer<uint8_t>(packet[6]) != kVrrpProtocol) continue;
    Ipv6Envelope envelope{.hop_limit = std::to_integer<uint8_t>(packet[7]),
                          .payload = packet.subspan(40, *wire_at<be16>(packet, 4))};
    std::memcpy(envelope.source.bytes.data(), packet.data() + 8, 16);
    std::memcpy(envelope.destination.bytes.data(), packet.data() + 24, 16);
    envelopes.push_back(envelope);
  }
  return envelopes;
}

TEST_F(Capture, EveryIpv6AdvertIsReadAndWrittenAgainByteForByte) {
  local_ = {Prefix::parse("fe80::77/64").value()};
  context_.local = local_;
  for (const char* name : {"ka-v3-ip6.pcap", "ka-v3-ip6-vmac.pcap"}) {
    const auto frames = frames_of(name);
    ASSERT_TRUE(frames.has_value());
    const auto envelopes = vrrp6_in(*frames);
    EXPECT_GT(envelopes.size(), 1u);
    for (const Ipv6Envelope& envelope : envelopes) {
      const auto advert = decode_ipv6(envelope, context_);
      ASSERT_TRUE(advert.has_value()) << name << ": " << text(advert.error());
      EXPECT_FALSE(advert->addresses.empty());
      EXPECT_THAT(encode_message(*advert), ::testing::ElementsAreArray(envelope.payload));
    }
  }
}

TEST_F(Capture, KeepalivedsIpv6UnicastNeedsALowerHopLimit) {
  const auto frames = frames_of("ka-v3-ip6-unicast.pcap");
  ASSERT_TRUE(frames.has_value());
  for (const Ipv6Envelope& envelope : vrrp6_in(*frames)) {
    local_ = {Prefix{envelope.destination, 64}};
    context_.local = local_;
    std::map<uint8_t, Acceptance> acceptance;
    for (int vrid = 1; vrid < 256; ++vrid) acceptance[static_cast<uint8_t>(vrid)] = {.peers = {envelope.source}};
    context_.acceptance = &acceptance;
    EXPECT_EQ(decode_ipv6(envelope, context_).error(), AdvertError::kTtl);
    for (auto& [vrid, each] : acceptance) each.min_ttl = 64;
    EXPECT_TRUE(decode_ipv6(envelope, context_).has_value());
  }
}

}  // namespace
}  // namespace tandem::vrrp
