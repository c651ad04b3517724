#include "vrrp/arp.hpp"

#include <gtest/gtest.h>

#include <string>

#include "daemon/base/bytes.hpp"

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

}  // namespace
}  // namespace tandem::vrrp
