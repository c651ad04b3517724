#include "forwarding/endpoint_map.hpp"

#include <gtest/gtest.h>

#include "forwarding/packet.hpp"

namespace tandem::forwarding {
namespace {

TEST(EndpointMap, FindsWhatItHoldsAndNothingInAnEmptyOne) {
  EndpointMap map;
  EXPECT_EQ(map.find(endpoint_key(kTcp, Ipv4Address{1}, 80)), 0u);
  std::vector<std::pair<uint64_t, uint32_t>> entries;
  for (uint32_t i = 1; i <= 5000; ++i)
    entries.emplace_back(endpoint_key(kTcp, Ipv4Address{i}, static_cast<uint16_t>(i)), i);
  map.assign(entries);
  for (uint32_t i = 1; i <= 5000; ++i) {
    EXPECT_EQ(map.find(endpoint_key(kTcp, Ipv4Address{i}, static_cast<uint16_t>(i))), i);
    EXPECT_EQ(map.find(endpoint_key(kUdp, Ipv4Address{i}, static_cast<uint16_t>(i))), 0u);
  }
  map.assign({});
  EXPECT_EQ(map.find(endpoint_key(kTcp, Ipv4Address{1}, 1)), 0u);
}

}  // namespace
}  // namespace tandem::forwarding
