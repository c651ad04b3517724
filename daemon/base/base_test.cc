// Tests of the cellar's smallest parts: addresses, wire bytes, checksums.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/address_traits.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/checksum.hpp"
#include "daemon/base/crc32c.hpp"

namespace tandem {
namespace {

TEST(Ipv4Address, ReadsADottedQuadAndWritesItBack) {
  const auto address = Ipv4Address::parse("192.0.2.10");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->value, 0xc000020aU);
  EXPECT_EQ(address->text(), "192.0.2.10");
}

TEST(Ipv4Address, RefusesWhatOtherReadersWouldTakeForSomethingElse) {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "0x1.2.3.4", "1..2.3"})
    EXPECT_FALSE(Ipv4Address::parse(text)) << text;
}

TEST(IpAddress, KnowsItsFamily) {
  EXPECT_TRUE(IpAddress::parse("10.0.0.1")->is_v4());
  EXPECT_EQ(IpAddress::parse("2001:DB8::1")->text(), "2001:db8::1");
  EXPECT_FALSE(IpAddress::parse("2001:db8::g"));
}

TEST(Prefix, KeepsHostBitsAndDefaultsToTheFullLength) {
  EXPECT_EQ(Prefix::parse("198.51.100.10/24")->text(), "198.51.100.10/24");
  EXPECT_EQ(Prefix::parse("198.51.100.10")->length, 32);
  EXPECT_EQ(Prefix::parse("2001:db8::10")->length, 128);
  EXPECT_FALSE(Prefix::parse("198.51.100.10/33"));
  EXPECT_FALSE(Prefix::parse("198.51.100.10/"));
  EXPECT_FALSE(Prefix::parse("198.51.100.10/2x"));
}

TEST(Crc32c, ADifferenceTellsWhatChangedBytesMakeOfIt) {
  std::vector<std::byte> message(70'000, std::byte{0x5a});
  for (const size_t length : {4, 5, 12, 1500, 65535, 70'000})
    for (const size_t at : {size_t{0}, (length - 4) / 2, length - 4}) {
      const Bytes whole = Bytes(message).first(length);
      const uint32_t before = crc32c(whole);
      constexpr std::array kChange = {std::byte{1}, std::byte{0x80}, std::byte{0}, std::byte{0xff}};
      const auto change = [&] {
        for (size_t i = 0; i < kChange.size(); ++i) message[at + i] ^= kChange[i];
      };
      change();
      EXPECT_EQ(before ^ crc32c_difference(kChange, length - at - 4), crc32c(whole)) << length << ' ' << at;
      change();
    }
  EXPECT_EQ(crc32c_difference({}, 1000), 0u);
}

TEST(Prefix, HasAFirstAndALastAddress) {
  const auto ends = [](const char* text) {
    return first_of(*Prefix::parse(text)).text() + " " + last_of(*Prefix::parse(text)).text();
  };
  EXPECT_EQ(ends("198.51.100.10/28"), "198.51.100.0 198.51.100.15");
  EXPECT_EQ(ends("198.51.100.10"), "198.51.100.10 198.51.100.10");
  EXPECT_EQ(ends("198.51.100.10/0"), "0.0.0.0 255.255.255.255");
  EXPECT_EQ(ends("2001:db8::10/61"), "2001:db8:: 2001:db8:0:7:ffff:ffff:ffff:ffff");
  EXPECT_EQ(ends("2001:db8::10"), "2001:db8::10 2001:db8::10");
}

TEST(IpAddress, IsFollowedByTheNextOne) {
  const auto next = [](const char* text) { return next_of(*IpAddress::parse(text)).text(); };
  EXPECT_EQ(next("10.0.0.255"), "10.0.1.0");
  EXPECT_EQ(next("2001:db8::ffff:ffff"), "2001:db8::1:0:0");
  EXPECT_EQ(next("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "::");
}

TEST(Prefix, HasTheAddressesThatBeginWithItsBits) {
  EXPECT_TRUE(contains(*Prefix::parse("2001:db8::/33"), *IpAddress::parse("2001:db8:7fff::1")));
  EXPECT_FALSE(contains(*Prefix::parse("2001:db8::/33"), *IpAddress::parse("2001:db8:8000::1")));
  EXPECT_TRUE(contains(*Prefix::parse("2001:db8::1"), *IpAddress::parse("2001:db8::1")));
  EXPECT_FALSE(contains(*Prefix::parse("2001:db8::1"), *IpAddress::parse("2001:db8::2")));
  EXPECT_TRUE(contains(*Prefix::parse("10.0.0.0/8"), *IpAddress::parse("10.255.0.1")));
  EXPECT_FALSE(contains(*Prefix::parse("10.0.0.0/8"), *IpAddress::parse("11.0.0.1")));
}

TEST(Ipv6Address, KnowsLinkLocalOnes) {
  EXPECT_TRUE(is_link_local(*Ipv6Address::parse("fe80::1")));
  EXPECT_TRUE(is_link_local(*Ipv6Address::parse("febf:ffff::1")));
  EXPECT_FALSE(is_link_local(*Ipv6Address::parse("fec0::1")));
  EXPECT_FALSE(is_link_local(*Ipv6Address::parse("fd00::1")));
}

TEST(MacAddress, ReadsSixPairs) {
  EXPECT_EQ(MacAddress::parse("00:00:5e:00:01:33")->text(), "00:00:5e:00:01:33");
  EXPECT_FALSE(MacAddress::parse("00:00:5e:00:01"));
  EXPECT_FALSE(MacAddress::parse("00-00-5e-00-01-33"));
}

TEST(BigEndian, IsTheNumberInNetworkOrder) {
  const be32 number = 0x01020304;
  EXPECT_EQ(std::to_integer<int>(bytes_of(number)[0]), 1);
  EXPECT_EQ(number, 0x01020304U);
}

TEST(WireAt, IsNullWhenTheBytesEndTooSoon) {
  const std::vector<std::byte> bytes(5);
  EXPECT_NE(wire_at<be32>(Bytes(bytes), 1), nullptr);
  EXPECT_EQ(wire_at<be32>(Bytes(bytes), 2), nullptr);
  EXPECT_EQ(wire_at<be32>(Bytes(bytes), 6), nullptr);
}

TEST(Checksum, OfTheExampleOfRfc1071Section3) {
  const uint8_t words[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  ChecksumSum sum;
  sum.add(std::as_bytes(std::span(words)));
  EXPECT_EQ(sum.folded(), 0xddf2);
}

TEST(Checksum, OddLengthPadsWithZero) {
  const uint8_t odd[] = {0x12, 0x34, 0x56};
  const uint8_t even[] = {0x12, 0x34, 0x56, 0x00};
  EXPECT_EQ(internet_checksum(std::as_bytes(std::span(odd))), internet_checksum(std::as_bytes(std::span(even))));
}

TEST(Checksum, UpdateEqualsAFullRecomputation) {
  std::mt19937 random(1);
  for (int round = 0; round < 1000; ++round) {
    std::vector<uint8_t> packet(20);
    for (auto& byte : packet) byte = static_cast<uint8_t>(random());
    const auto all = std::as_bytes(std::span(packet));
    const uint16_t before = internet_checksum(all);
    const uint32_t was = wire_at<be32>(all, 8)->value();
    const auto is = static_cast<uint32_t>(random());
    *wire_at<be32>(std::as_writable_bytes(std::span(packet)), 8) = is;
    EXPECT_EQ(checksum_update32(before, was, is), internet_checksum(all));
  }
}

TEST(AddressTraits, LoopbackIsOneNetworkOfIpv4AndOneAddressOfIpv6) {
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1"})
    EXPECT_TRUE(is_loopback(*IpAddress::parse(text))) << text;
  for (const char* text : {"126.0.0.1", "0.0.0.1", "::", "::2", "1::1"})
    EXPECT_FALSE(is_loopback(*IpAddress::parse(text))) << text;
}

}  // namespace
}  // namespace tandem
