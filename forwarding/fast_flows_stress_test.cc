// Workers that offer flows, change them and remove them at once, and readers as the fast path's programs are: no copy says what its flow
// never was, and none stays that its flow is not.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/fast_memory.hpp"

namespace tandem::forwarding {
namespace {

using testing::FastVectors;
using testing::format_table;
using testing::Mapping;

constexpr uint32_t kClients = 40;
constexpr uint16_t kChoices = 4;  // servers that a client's flow may go to

// A server says whose it is, so that a copy with another flow's is known.
uint16_t server_of(uint32_t client, uint32_t choice) {
  return static_cast<uint16_t>(client * kChoices + choice);
}
uint32_t client_of(uint16_t server) {
  return server / kChoices;
}
uint64_t value_of(uint16_t server, FlowState state, uint32_t last_seen) {
  return tandem_flow_value(server, static_cast<uint8_t>(state), 0, last_seen);
}
bool is_established(const Flow& flow) {
  return flow.state() == static_cast<uint8_t>(FlowState::kEstablished);
}

struct Ground {
  explicit Ground(uint32_t buckets)
      : mapping(FlowTable::bytes_needed(buckets)),
        flows(format_table(mapping, buckets)),
        vectors(buckets),
        fast(vectors.memory()) {
    flows.use_fast_path(fast.flows(), fast.sequences());
  }
  Mapping mapping;
  FlowTable flows;
  FastVectors vectors;
  FastPath fast;
  std::atomic<bool> done = false;
  std::atomic<uint64_t> foreign = 0, seen = 0, offered = 0;
};

// Changes flows, and offers them later, as a worker does behind a batch: much has become of them meanwhile.
void work(Ground& ground, uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&random](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  std::vector<Flow> offers;
  for (uint32_t i = 0; i < 200'000; ++i) {
    const uint32_t client = 1 + below(kClients);
    const uint64_t key = tandem_flow_key(client, 1, 1);
    auto flow = ground.flows.find(kTcp, Ipv4Address{client}, 1, 1);
    const uint16_t server = server_of(client, below(kChoices));
    if (!flow) {
      offers.push_back(ground.flows.insert(kTcp, key, value_of(server, FlowState::kEstablished, i)).flow);
    } else if (const uint32_t what = below(8); what == 0) {
      ground.flows.remove(*flow);
    } else if (what == 1) {
      ground.flows.update(*flow, value_of(flow->server(), FlowState::kFinWait, i));
    } else if (what == 2) {
      if (ground.flows.update(*flow, value_of(server, FlowState::kEstablished, i))) offers.push_back(*flow);
    } else if (is_established(*flow)) {
      if (ground.flows.update(*flow, value_of(flow->server(), FlowState::kEstablished, i))) offers.push_back(*flow);
    }
    if (offers.size() < below(8)) continue;
    for (const Flow& each : offers) ground.flows.offer(each);
    ground.offered += offers.size();
    // The way says whose it is as well.
    for (const Flow& each : offers)
      if (ground.fast.wants_hop(each.index, each.key))
        ground.fast.set_hop(each.index, each.key, {.ifindex = tandem_key_client_address(each.key)}, TimePoint{1000s});
    offers.clear();
  }
}

// As a program reads: the key, what stands beside it, the key.
void read(Ground& ground) {
  while (!ground.done) {
    for (size_t index = 0; index < ground.flows.slots(); ++index) {
      const tandem_fast_flow& copy = ground.vectors.flow(index);
      const uint64_t key = __atomic_load_n(&copy.key, __ATOMIC_ACQUIRE);
      const uint32_t client = tandem_key_client_address(key);
      if (client == 0) continue;
      const auto server = static_cast<uint16_t>(__atomic_load_n(&copy.server, __ATOMIC_RELAXED) & ~TANDEM_FAST_TELL);
      const uint16_t hop = __atomic_load_n(&copy.hop, __ATOMIC_RELAXED);
      __atomic_thread_fence(__ATOMIC_ACQUIRE);
      if (__atomic_load_n(&copy.key, __ATOMIC_RELAXED) != key) continue;
      ++ground.seen;
      ground.foreign += client_of(server) != client;
      ground.foreign += hop != 0 && ground.vectors.hops[hop].ifindex != client;
    }
  }
}

TEST(FastFlowsStress, EveryCopyIsItsFlowsOwnAndWhatStaysAgreesWithTheTable) {
  for (const uint32_t buckets : {2u, 4u, 64u}) {  // places change hands all the time, often, and seldom
    Ground ground(buckets);
    std::thread reader([&] { read(ground); });
    std::array<std::thread, 3> workers;
    for (uint32_t i = 0; i < workers.size(); ++i) workers[i] = std::thread([&ground, i] { work(ground, i + 1); });
    for (std::thread& worker : workers) worker.join();
    ground.done = true;
    reader.join();

    EXPECT_EQ(ground.foreign, 0u) << "of " << ground.seen;
    EXPECT_GT(ground.offered, 0u);
    size_t copies = 0;
    for (size_t index = 0; index < ground.flows.slots(); ++index) {
      const tandem_fast_flow& copy = ground.vectors.flow(index);
      ASSERT_EQ(ground.fast.flows().tag(index) != 0, ground.flows.at(index).has_value()) << index;
      if (copy.key == 0) continue;
      ++copies;
      const auto flow = ground.flows.at(index);
      ASSERT_TRUE(flow) << "a copy of nothing, or one that is being written for ever: " << std::hex << copy.key;
      EXPECT_EQ(copy.key, flow->key);
      EXPECT_EQ(copy.server, is_established(*flow) ? flow->server() : flow->server() | TANDEM_FAST_TELL);
    }
    EXPECT_GT(copies, 0u);
  }
}

// The worst case for a server that changes: one flow, and every offer is of what it was or is.
TEST(FastFlowsStress, ACopyThatStaysSaysTheServerOfNow) {
  Ground ground(2);
  const uint64_t key = tandem_flow_key(1, 1, 1);
  Flow first = ground.flows.insert(kTcp, key, value_of(server_of(1, 0), FlowState::kEstablished, 0)).flow;
  for (int round = 0; round < 300; ++round) {
    std::atomic<int> ready = 0;
    std::array<std::thread, 3> workers;
    for (uint32_t i = 0; i < workers.size(); ++i)
      workers[i] = std::thread([&, i] {
        ++ready;
        while (ready < 3) std::this_thread::yield();
        for (uint32_t turn = 0; turn < 200; ++turn) {
          Flow flow = ground.flows.at(first.index).value();
          if (turn % 2 == i % 2)
            ground.flows.update(flow, value_of(server_of(1, turn % kChoices), FlowState::kEstablished, 0));
          ground.flows.offer(flow);
        }
      });
    for (std::thread& worker : workers) worker.join();
    const tandem_fast_flow& copy = ground.vectors.flow(first.index);
    if (copy.key == 0) continue;
    ASSERT_EQ(copy.key, key);
    ASSERT_EQ(copy.server, ground.flows.at(first.index)->server());
  }
}

// A flow's copy is put down, and its way written, while another's is put down in the same place. Both look what is there.
TEST(FastFlowsStress, TwoWhoWriteInOnePlaceDoNotMix) {
  FastVectors vectors(2);
  FastFlows flows(vectors.flows, vectors.tags);
  const tandem_fast_flow& copy = vectors.flow(0);
  std::atomic<int> ready = 0;
  std::atomic<uint64_t> mixed = 0;
  const auto look = [&] {
    const uint64_t key = __atomic_load_n(&copy.key, __ATOMIC_ACQUIRE);
    const uint16_t server = __atomic_load_n(&copy.server, __ATOMIC_RELAXED);
    const uint16_t check = __atomic_load_n(&copy.check, __ATOMIC_RELAXED);
    const uint16_t hop = __atomic_load_n(&copy.hop, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if ((key != 1000 && key != 2000) || __atomic_load_n(&copy.key, __ATOMIC_RELAXED) != key) return;
    if (server != key || check != key || (hop != 0 && hop != key)) ++mixed;
  };
  const auto write = [&](uint16_t own) {
    ++ready;
    while (ready < 2) std::this_thread::yield();
    for (int i = 0; i < 1'000'000; ++i) {
      flows.put(0, own, own, false, own);
      look();
      flows.set_hop(0, own, own);
      look();
      if (i % 16 == 0) flows.withdraw(0);
    }
  };
  std::thread other([&] { write(1000); });
  write(2000);
  other.join();
  EXPECT_EQ(mixed, 0u);
}

// What the engine's side takes away stays away, also when it comes while somebody writes there.
TEST(FastFlowsStress, WhatIsTakenAwayWhileAWayIsWrittenIsGone) {
  FastVectors vectors(2);
  FastFlows flows(vectors.flows, vectors.tags);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (uint16_t hop = 1; !done; hop = static_cast<uint16_t>(hop + 1)) flows.set_hop(0, 500, hop);
  });
  uint64_t stayed = 0;
  for (int i = 0; i < 200'000; ++i) {
    // Also while the former one is still being written.
    while (!flows.put(0, 500, 1, false, 0)) std::this_thread::yield();
    flows.withdraw(0);
    for (int look = 0; look < 3; ++look) stayed += flows.has(0, 500);
  }
  done = true;
  writer.join();
  EXPECT_EQ(stayed, 0u);
  EXPECT_EQ(vectors.flow(0).key, 0u);
}

}  // namespace
}  // namespace tandem::forwarding
