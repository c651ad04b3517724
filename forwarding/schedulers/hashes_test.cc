#include "forwarding/schedulers/hashes.hpp"

#include <gtest/gtest.h>

namespace tandem::forwarding {
namespace {

TEST(Hashes, FoldAnIpv6AddressByXorOfItsFourWords) {
  EXPECT_EQ(fold(*Ipv6Address::parse("2001:db8::1")), 0x20010db8u ^ 1u);
  EXPECT_EQ(fold(*Ipv6Address::parse("1:2:3:4:5:6:7:8")), 0x00010002u ^ 0x00030004u ^ 0x00050006u ^ 0x00070008u);
  EXPECT_EQ(fold(*Ipv4Address::parse("192.0.2.1")), 0xc0000201u);
}

// include/linux/hash.h: GOLDEN_RATIO_32 is 0x61C88647.
TEST(Hashes, TakeTheUpperBitsOfTheGoldenRatiosProduct) {
  EXPECT_EQ(hash_32(1, 32), 0x61c88647u);
  EXPECT_EQ(hash_32(1, 8), 0x61u);
  EXPECT_EQ(hash_32(2, 8), 0xc3u);
  EXPECT_EQ(hash_32(0, 8), 0u);
}

// Recorded from the kernel's ip_vs_mh: 10.1.0.1 port 80 among the servers of case mh-v4-fl0-var0 takes its first slot there;
// the whole table is compared in picks_test.cc. Here: one bit of difference changes about half of the result.
TEST(Hashes, SpreadEveryBit) {
  constexpr uint64_t kKey = 2654435761;
  int changed = 0;
  for (uint32_t bit = 0; bit < 32; ++bit)
    changed += std::popcount(hsiphash_32(0x0a010001, kKey) ^ hsiphash_32(0x0a010001 ^ (1u << bit), kKey));
  EXPECT_GT(changed, 32 * 13);
  EXPECT_LT(changed, 32 * 19);
}

}  // namespace
}  // namespace tandem::forwarding
