#include "vrrp/arp.hpp"

#include <gtest/gtest.h>

#include <string>

#include "daemon/base/bytes.hpp"
#include "vrrp/neighbour_advert.hpp"

namespace tandem::vrrp {
namespace {

std::string hex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 0xf];
  }
  return text;
}

// RFC 9568 8.1.2 and RFC 5227 3: the frame keepalived sends, byte for byte.
TEST(GratuitousArp, IsABroadcastRequestForTheAddressByTheAddress) {
  const auto frame = gratuitous_arp(*MacAddress::parse("02:00:00:00:00:0a"), *Ipv4Address::parse("192.0.2.10"));
  EXPECT_EQ(hex(frame),
            "ffffffffffff"
            "02000000000a"
            "0806"
            "0001080006040001"
            "02000000000ac000020a"
            "ffffffffffffc000020a");
}

// RFC 9568 8.2.2: Router and Override set, Solicited clear. The checksum was reckoned apart.
TEST(NeighbourAdvert, IsUnsolicitedToAllNodesWithTheTargetsLinkLayerAddress) {
  const auto frame =
      unsolicited_neighbour_advert(*MacAddress::parse("02:00:00:00:00:0a"), *Ipv6Address::parse("2001:db8::10"));
  EXPECT_EQ(hex(frame),
            "333300000001"
            "02000000000a"
            "86dd"
            "6000000000203aff"
            "20010db8000000000000000000000010"
            "ff020000000000000000000000000001"
            "88007903a0000000"
            "20010db8000000000000000000000010"
            "020102000000000a");
}

}  // namespace
}  // namespace tandem::vrrp
