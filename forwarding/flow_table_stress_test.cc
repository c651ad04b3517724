// Two threads on one table, as the packet worker and the peer link are: no key twice, no flow with
// another flow's value, no change that is never told.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using testing::format_table;
using testing::Mapping;

// Every value says in its upper half whose it is, so that a torn or foreign value is seen.
uint64_t value_for(uint64_t key, uint32_t number) {
  return (key >> 16) << 32 | number;
}
bool belongs(const Flow& flow) {
  return flow.value >> 32 == ((flow.key >> 16) & 0xffffffff);
}

void churn(FlowTable& flows, uint32_t seed, std::atomic<uint64_t>& foreign) {
  std::mt19937 random(seed);
  const auto below = [&random](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (int i = 0; i < 200'000; ++i) {
    const uint32_t client = 1 + below(40);
    const auto port = static_cast<uint16_t>(1 + below(3));
    const uint64_t key = tandem_flow_key(client, port, 1);
    auto flow = flows.find(kTcp, Ipv4Address{client}, port, 1);
    if (flow && !belongs(*flow)) ++foreign;
    switch (below(4)) {
      case 0:
      case 1: {
        const auto in = flows.insert(kTcp, key, value_for(key, static_cast<uint32_t>(i)));
        if (!belongs(in.flow) || in.flow.key != key) ++foreign;
        flows.mark_dirty(in.flow.index);
        break;
      }
      case 2:
        if (flow && flows.update(*flow, value_for(key, static_cast<uint32_t>(i)))) flows.mark_dirty(flow->index);
        break;
      default:
        if (flow) flows.remove(*flow);
    }
  }
}

TEST(FlowTableStress, KeepsEveryFlowWholeUnderTwoThreads) {
  for (const uint32_t buckets : {4u, 64u}) {  // always full, and never
    Mapping mapping(FlowTable::bytes_needed(buckets));
    FlowTable flows = format_table(mapping, buckets);
    std::atomic<uint64_t> foreign = 0;
    std::atomic<bool> done = false;
    std::map<uint64_t, uint64_t> told;  // the peer's copy: key -> value
    const auto tell = [&] {
      flows.take_dirty(0, 0, 1000, [&](const Flow& flow) {
        if (!belongs(flow)) ++foreign;
        told[flow.key] = flow.value;
      });
    };
    std::thread peer([&] {
      while (!done) tell();
    });
    std::thread one([&] { churn(flows, 1, foreign); });
    std::thread two([&] { churn(flows, 2, foreign); });
    one.join();
    two.join();
    done = true;
    peer.join();
    tell();

    EXPECT_EQ(foreign, 0u);
    std::map<uint64_t, int> present;
    flows.scan(0, flows.slots(), [&](const Flow& flow) {
      EXPECT_EQ(++present[flow.key], 1);
      EXPECT_EQ(told[flow.key], flow.value) << "a change was never told";
    });
    for (size_t i = 0; i < flows.slots(); ++i) {
      const auto* bucket =
          reinterpret_cast<const tandem_bucket*>(mapping.bytes().data() + flows.header().buckets_offset);
      EXPECT_NE(bucket[i / 4].flows[i % 4].key, TANDEM_KEY_BUSY);
    }
  }
}

// Both put the same keys in, in the same order. Whoever is ahead has more to do, so they meet all the time.
TEST(FlowTableStress, PutsAKeyInOnceWhenTwoThreadsComeAtOnce) {
  constexpr uint32_t kBuckets = 4096, kKeys = 3000;  // far from full: nobody is pushed out
  for (int round = 0; round < 50; ++round) {
    Mapping mapping(FlowTable::bytes_needed(kBuckets));
    FlowTable flows = format_table(mapping, kBuckets);
    std::atomic<int> ready = 0;
    std::atomic<uint64_t> inserted = 0, lost = 0;
    const auto fill = [&] {
      ++ready;
      while (ready < 2) std::this_thread::yield();
      for (uint32_t client = 1; client <= kKeys; ++client) {
        const uint64_t key = tandem_flow_key(client, 1, 1);
        const auto in = flows.insert(kTcp, key, value_for(key, 1));
        inserted += in.outcome == FlowTable::Inserted::Outcome::kInserted;
        if (in.flow.key != key) ++lost;
      }
    };
    std::thread other(fill);
    fill();
    other.join();
    size_t present = 0;
    flows.scan(0, flows.slots(), [&](const Flow&) { ++present; });
    for (uint32_t client = 1; client <= kKeys; ++client) lost += !flows.find(kTcp, Ipv4Address{client}, 1, 1);
    ASSERT_EQ(present, kKeys);
    ASSERT_EQ(inserted, kKeys);
    ASSERT_EQ(lost, 0u);
  }
}

// Chunks become empty and full again while the sweep looks for empty ones.
TEST(FlowTableStress, TheSweepNeverForgetsAChunkThatHoldsAFlow) {
  Mapping mapping(FlowTable::bytes_needed(4));
  FlowTable flows = format_table(mapping, 4);
  std::atomic<bool> done = false;
  std::thread sweeper([&] {
    while (!done) flows.sweep(0, flows.slots(), SIZE_MAX, [](const Flow&) {});
  });
  uint64_t forgotten = 0;
  for (uint32_t i = 0; i < 300'000; ++i) {
    const uint64_t key = tandem_flow_key(1 + i % 3, 1, 1);
    const Flow flow = flows.insert(kTcp, key, value_for(key, i)).flow;
    size_t met = 0;
    // Between the two looks of the sweep its bit is down for a moment.
    for (int look = 0; look < 100'000 && met == 0; ++look) {
      flows.scan(0, flows.slots(), [&](const Flow&) { ++met; });
      if (met == 0) std::this_thread::yield();  // or longer, when the sweep was stopped just there
    }
    forgotten += met != 1;
    flows.remove(flow);
  }
  done = true;
  sweeper.join();
  EXPECT_EQ(forgotten, 0u);
}

// One slot changes hands as fast as it can while another thread reads it.
TEST(FlowTableStress, NeverReadsAFlowWithAnothersValue) {
  Mapping mapping(FlowTable::bytes_needed(2));
  FlowTable flows = format_table(mapping, 2);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (uint32_t i = 0; i < 1'000'000; ++i) {
      const uint64_t key = tandem_flow_key(1 + i % 2, 1, 1);
      flows.remove(flows.insert(kTcp, key, value_for(key, i)).flow);
    }
    done = true;
  });
  uint64_t foreign = 0;
  while (!done) flows.scan(0, flows.slots(), [&](const Flow& flow) { foreign += !belongs(flow); });
  writer.join();
  EXPECT_EQ(foreign, 0u);
}

}  // namespace
}  // namespace tandem::forwarding
