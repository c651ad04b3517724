// RFC 3768 (version 2) where it differs from RFC 9568: one test for each demand, in its order. Type 1, the simple text
// password, is RFC 2338's; people still run it.
#include <gmock/gmock.h>

#include "daemon/base/checksum.hpp"
#include "vrrp/machine_test_bench.hpp"
#include "vrrp/wire.hpp"

namespace tandem::vrrp {
namespace {

using Packet = std::vector<std::byte>;

constexpr size_t kIpv4Header = 20;

Password password(std::string_view words) {
  Password password{};
  std::ranges::transform(words, password.begin(), [](char c) { return static_cast<std::byte>(c); });
  return password;
}

class Rfc3768 : public MachineBench, public ::testing::Test {
 protected:
  static Advert advert() {
    return {.vrid = 12,
            .priority = 100,
            .advert_interval = 1s,
            .source = address("192.0.2.1"),
            .addresses = {address("192.0.2.13")},
            .checksum_form = ChecksumForm::kMessageOnly,
            .version = Version::kV2};
  }
  static wire::AdvertV2 message(Bytes packet) { return *wire_at<wire::AdvertV2>(packet.subspan(kIpv4Header)); }
  std::optional<AdvertError> refusal(Bytes packet, const Acceptance& ours = {.version = Version::kV2}) const {
    const std::map<uint8_t, Acceptance> acceptance{{12, ours}};
    const std::vector<Prefix> local{Prefix::parse("192.0.2.2/24").value()};
    const auto result =
        decode_ipv4(packet, {.local = local, .vrids = std::bitset<256>().set(12), .acceptance = &acceptance});
    return result ? std::nullopt : std::optional(result.error());
  }
  template <class Change>
  static Packet changed(const Change& change) {
    Packet packet = encode_ipv4(advert());
    const MutableBytes bytes = MutableBytes(packet).subspan(kIpv4Header);
    auto& what = *wire_at<wire::AdvertV2>(bytes);
    change(what);
    what.checksum = 0;
    what.checksum = internet_checksum(bytes);
    return packet;
  }
};

TEST_F(Rfc3768, S5_3_1_TheVersionIs2) {
  EXPECT_EQ(message(encode_ipv4(advert())).version_type, 0x21);
  EXPECT_EQ(refusal(changed([](auto& what) { what.version_type = 0x31; })), AdvertError::kVersion);
}

TEST_F(Rfc3768, S5_3_6_TheAuthenticationTypeIsNoneOrAPassword) {
  EXPECT_EQ(message(encode_ipv4(advert())).auth_type, 0);
  EXPECT_EQ(refusal(changed([](auto& what) { what.auth_type = 2; })), AdvertError::kAuthType);
  EXPECT_EQ(refusal(changed([](auto& what) { what.auth_type = 1; })), AdvertError::kAuthMismatch);
}

TEST_F(Rfc3768, S5_3_7_TheIntervalIsInWholeSeconds) {
  Advert slow = advert();
  slow.advert_interval = 255s;
  EXPECT_EQ(message(encode_ipv4(slow)).interval, 255);
}

TEST_F(Rfc3768, S5_3_8_TheChecksumCoversTheWholeMessageAndNoPseudoHeader) {
  EXPECT_EQ(internet_checksum(Bytes(encode_ipv4(advert())).subspan(kIpv4Header)), 0);
}

TEST_F(Rfc3768, S5_3_10_EightOctetsOfAuthenticationDataFollowAlways) {
  const Packet packet = encode_ipv4(advert());
  ASSERT_EQ(packet.size(), kIpv4Header + sizeof(wire::AdvertV2) + 4 + 8);
  EXPECT_THAT(std::vector(packet.end() - 8, packet.end()), ::testing::Each(std::byte{0}));
}

TEST_F(Rfc3768, S6_1_TheSkewTimeIsInFractionsOfASecondWhateverTheInterval) {
  Settings settings = defaults();
  settings.legs[0].version = Version::kV2;
  settings.advert_interval = 10s;
  build_backup(settings);
  EXPECT_EQ(machine_.skew_time(), kSkew);
  EXPECT_EQ(machine_.active_down_interval(), 30s + kSkew);
}

TEST_F(Rfc3768, S7_1_MustVerifyTheAuthentication) {
  Advert with = advert();
  with.password = password("s3cr3t12");
  EXPECT_EQ(refusal(encode_ipv4(with)), AdvertError::kAuthMismatch);
  EXPECT_EQ(refusal(encode_ipv4(with), {.version = Version::kV2, .password = password("s3cr3t12")}), std::nullopt);
  EXPECT_EQ(refusal(encode_ipv4(with), {.version = Version::kV2, .password = password("another")}),
            AdvertError::kAuthFailure);
}

TEST_F(Rfc3768, S7_1_MustVerifyThatTheIntervalIsOurs) {
  EXPECT_EQ(refusal(changed([](auto& what) { what.interval = 2; })), AdvertError::kInterval);
}

TEST_F(Rfc3768, S7_1_AnIncompleteMessageIsDiscardedItsAuthenticationDataToo) {
  const Packet whole = encode_ipv4(advert());
  for (size_t size = kIpv4Header; size < whole.size(); ++size) {
    Packet packet(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    auto& ip = *wire_at<wire::Ipv4Header>(MutableBytes(packet));
    ip.total_length = static_cast<uint16_t>(size);
    ip.checksum = 0;
    ip.checksum = internet_checksum(Bytes(packet).first(kIpv4Header));
    EXPECT_EQ(refusal(packet), AdvertError::kLength) << size;
  }
}

}  // namespace
}  // namespace tandem::vrrp
