// The flow table and the copy of it that the fast path has.
#include "forwarding/fast_flows.hpp"

#include <gtest/gtest.h>

#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/fast_memory.hpp"

namespace tandem::forwarding {
namespace {

using testing::any_ip;
using testing::FastVectors;
using testing::format_table;
using testing::Mapping;

uint64_t value(uint16_t server, FlowState state = FlowState::kEstablished, uint8_t flags = 0, uint32_t last_seen = 10) {
  return tandem_flow_value(server, static_cast<uint8_t>(state), flags, last_seen);
}

struct Table {
  explicit Table(uint32_t buckets = 64)
      : mapping(FlowTable::bytes_needed(buckets)),
        flows(format_table(mapping, buckets)),
        vectors(buckets),
        fast(vectors.flows, vectors.tags) {
    flows.use_fast_path(fast, vectors.sequences);
  }
  Flow insert(uint32_t client, uint16_t port = 1, uint64_t its = value(7)) {
    return flows.insert(kTcp, tandem_flow_key(client, port, 1), its).flow;
  }
  Flow offered(uint32_t client = 100) {
    const Flow flow = insert(client);
    flows.offer(flow);
    EXPECT_TRUE(has(flow));
    return flow;
  }
  bool has(const Flow& flow) const { return fast.has(flow.index, flow.key); }
  size_t copies() {
    size_t count = 0;
    for (size_t index = 0; index < flows.slots(); ++index) count += vectors.flow(index).key != 0;
    return count;
  }

  Mapping mapping;
  FlowTable flows;
  FastVectors vectors;
  FastFlows fast;
};

TEST(FastFlows, AFlowThatIsOfferedHasACopyInItsOwnPlace) {
  Table table;
  const Flow flow = table.insert(100);
  EXPECT_EQ(table.copies(), 0u);
  table.flows.offer(flow);
  EXPECT_EQ(table.copies(), 1u);
  const tandem_fast_flow& copy = table.vectors.flow(flow.index);
  EXPECT_EQ(copy.key, flow.key);
  EXPECT_EQ(copy.server, 7);
  EXPECT_EQ(copy.hop, 0);
  EXPECT_EQ(copy.check, 0);
}

TEST(FastFlows, ACopyOfAnIpv6FlowHasMoreOfItsClientsHash) {
  Table table;
  const IpAddress client = any_ip("2001:db8:c::7");
  const Flow flow = table.flows.insert(kTcp, client, 40000, 1, value(7)).flow;
  table.flows.offer(flow);
  const tandem_flows_header& header = table.flows.header();
  uint64_t words[2];
  std::memcpy(words, client.v6.bytes.data(), sizeof words);
  const uint64_t hash = tandem_client6_hash(header.seed, words);
  EXPECT_TRUE(table.has(flow));
  EXPECT_EQ(flow.key >> 32, hash >> 32);
  EXPECT_EQ(table.vectors.flow(flow.index).check, hash & 0xffff);
}

TEST(FastFlows, AFlowThatChangedSinceItWasReadIsNotPutDown) {
  Table table;
  const Flow read = table.insert(100);
  Flow flow = read;
  ASSERT_TRUE(table.flows.update(flow, value(7, FlowState::kFinWait)));
  table.flows.offer(read);
  EXPECT_EQ(table.copies(), 0u);
  ASSERT_TRUE(table.flows.update(flow, value(8)));
  table.flows.offer(read);
  EXPECT_EQ(table.copies(), 0u);
  ASSERT_TRUE(table.flows.remove(flow));
  table.flows.offer(flow);
  EXPECT_EQ(table.copies(), 0u);
}

TEST(FastFlows, AFlowThatWasSeenSinceItWasReadIsPutDown) {
  Table table;
  const Flow read = table.insert(100);
  Flow flow = read;
  ASSERT_TRUE(table.flows.update(flow, value(7, FlowState::kEstablished, 0, 500)));
  table.flows.offer(read);
  EXPECT_TRUE(table.has(flow));
}

TEST(FastFlows, AnOfferOfAFormerFlowDoesNotComeInTheNewOnesPlace) {
  Table table(2);
  const Flow former = table.insert(100);
  table.flows.remove(former);
  Flow flow;
  for (uint32_t client = 200; client < 300 && flow.index != former.index; ++client) flow = table.insert(client);
  ASSERT_EQ(flow.index, former.index);
  table.flows.offer(former);
  EXPECT_EQ(table.copies(), 0u);
  table.flows.offer(flow);
  table.flows.offer(former);
  EXPECT_TRUE(table.has(flow)) << "nor does it take the new one's away";
}

TEST(FastFlows, ATimeAloneLeavesTheCopy) {
  Table table;
  Flow flow = table.offered();
  table.vectors.flow(flow.index).hop = 3;
  ASSERT_TRUE(table.flows.update(flow, value(7, FlowState::kEstablished, 0, 11)));
  EXPECT_TRUE(table.has(flow));
  table.flows.offer(flow);
  EXPECT_EQ(table.vectors.flow(flow.index).hop, 3) << "an offer of what is there changes nothing";
}

TEST(FastFlows, EveryOtherChangeTakesTheCopyAway) {
  const uint64_t changed[] = {value(8), value(8, FlowState::kFinWait),
                              value(7, FlowState::kEstablished, TANDEM_FLOW_KILLED),
                              value(7, FlowState::kEstablished, TANDEM_FLOW_LEARNT, 11)};
  for (const uint64_t after : changed) {
    Table table;
    Flow flow = table.offered();
    ASSERT_TRUE(table.flows.update(flow, after));
    EXPECT_EQ(table.copies(), 0u) << std::hex << after;
  }
}

TEST(FastFlows, AnotherStateLeavesTheCopyAndEachPacketIsToldUntilItIsEstablished) {
  Table table;
  Flow flow = table.insert(100, 1, value(7, FlowState::kSynRecv));
  table.flows.offer(flow);
  const tandem_fast_flow& copy = table.vectors.flow(flow.index);
  EXPECT_EQ(copy.server, 7 | TANDEM_FAST_TELL);
  ASSERT_TRUE(table.flows.update(flow, value(7)));
  EXPECT_TRUE(table.has(flow));
  EXPECT_EQ(copy.server, 7);
  ASSERT_TRUE(table.flows.update(flow, value(7, FlowState::kEstablished, TANDEM_FLOW_SETTLED, 11)));
  EXPECT_EQ(copy.server, 7);
  for (const FlowState state : {FlowState::kFinWait, FlowState::kTimeWait, FlowState::kClose}) {
    ASSERT_TRUE(table.flows.update(flow, value(7, state)));
    EXPECT_TRUE(table.has(flow));
    EXPECT_EQ(copy.server, 7 | TANDEM_FAST_TELL);
  }
}

TEST(FastFlows, WhetherToTellIsNotWrittenInAnotherFlowsCopy) {
  Table table;
  const Flow flow = table.offered();
  table.fast.set_tell(flow.index, flow.key + 1, [] { return true; });
  EXPECT_EQ(table.vectors.flow(flow.index).server, 7);
}

TEST(FastFlows, AnUpdateThatFailsLeavesTheCopy) {
  Table table;
  const Flow flow = table.offered();
  Flow stale = flow;
  stale.value = value(8);
  EXPECT_FALSE(table.flows.update(stale, value(7, FlowState::kFinWait)));
  EXPECT_TRUE(table.has(flow));
}

TEST(FastFlows, ARemovedFlowHasNoCopy) {
  Table table;
  const Flow flow = table.offered();
  table.flows.remove(flow);
  EXPECT_EQ(table.copies(), 0u);
}

TEST(FastFlows, AFlowThatIsPushedOutHasNoCopy) {
  Table table(2);
  for (uint16_t i = 0; i < 8; ++i) table.flows.offer(table.insert(i + 1u, i));
  ASSERT_EQ(table.copies(), 8u);
  const auto in = table.flows.insert(kTcp, tandem_flow_key(100, 9, 1), value(7, FlowState::kSynRecv, 0, 20));
  ASSERT_EQ(in.outcome, FlowTable::Inserted::Outcome::kEvicted);
  EXPECT_FALSE(table.has(in.evicted));
  EXPECT_FALSE(table.has(in.flow));
  EXPECT_EQ(table.copies(), 7u);
}

// What a process that crashed between a key and its copy would leave.
TEST(FastFlows, ANewFlowInASlotTakesAwayWhatIsThere) {
  Table table(2);
  for (size_t index = 0; index < table.flows.slots(); ++index) ASSERT_TRUE(table.fast.put(index, 12345, 9, false, 0));
  const Flow flow = table.insert(100);
  EXPECT_EQ(table.vectors.flow(flow.index).key, 0u);
}

TEST(FastFlows, ActivityIsTakenOnceAndOfTheRightFlowAlone) {
  Table table;
  const Flow flow = table.offered();
  EXPECT_FALSE(table.fast.take_activity(flow.index, flow.key));
  table.vectors.flow(flow.index).client_sent = 1;
  EXPECT_FALSE(table.fast.take_activity(flow.index, flow.key + 1));
  EXPECT_TRUE(table.fast.take_activity(flow.index, flow.key));
  EXPECT_FALSE(table.fast.take_activity(flow.index, flow.key));
  table.vectors.flow(flow.index).server_sent = 1;
  EXPECT_TRUE(table.fast.take_activity(flow.index, flow.key));
  table.vectors.flow(flow.index).server_sent = 1;
  table.fast.withdraw(flow.index);
  table.flows.offer(flow);
  EXPECT_FALSE(table.fast.take_activity(flow.index, flow.key)) << "a new copy begins anew";
}

// ---- tags, and flows that the programs put there

TEST(FastFlows, APlaceHasATagAsLongAsAFlowHasIt) {
  Table table;
  std::vector<Flow> flows;
  for (uint32_t client = 1; client <= 100; ++client) flows.push_back(table.insert(client));
  const auto tagged = [&] {
    size_t count = 0;
    for (size_t index = 0; index < table.flows.slots(); ++index) {
      EXPECT_EQ(table.fast.tag(index) != 0, table.flows.at(index).has_value());
      count += table.fast.tag(index) != 0;
    }
    return count;
  };
  EXPECT_EQ(tagged(), 100u);
  for (size_t i = 0; i < 50; ++i) table.flows.remove(flows[i]);
  EXPECT_EQ(tagged(), 50u);
  table.flows.use_fast_path({}, {});
  table.flows.remove(flows[60]);
  table.insert(1000);
  table.insert(1001);
  table.flows.use_fast_path(table.fast, table.vectors.sequences);
  EXPECT_EQ(tagged(), 51u) << "a fast path that begins is told";
}

TEST(FastFlows, TheTagOfAFlowPushedOutIsTheNewOnes) {
  Table table(2);
  for (uint16_t i = 0; i < 8; ++i) table.insert(i + 1u, i);
  const auto in = table.flows.insert(kTcp, tandem_flow_key(100, 9, 1), value(7, FlowState::kSynRecv, 0, 20));
  ASSERT_EQ(in.outcome, FlowTable::Inserted::Outcome::kEvicted);
  const auto& seed = table.flows.header().seed;
  EXPECT_EQ(table.fast.tag(in.flow.index), tandem_fast_tag(tandem_flow_hash(seed, kTcp, 100, 9), 1));
}

// What a program does: it takes a place by its tag, in one of the client's two buckets.
size_t put_by_program(Table& table, uint32_t client, uint16_t port = 1, uint16_t service = 1) {
  const tandem_flows_header& header = table.flows.header();
  const uint64_t hash = tandem_flow_hash(header.seed, kTcp, client, port);
  for (const uint32_t bucket :
       {tandem_first_bucket(hash, header.bucket_count), tandem_second_bucket(hash, header.bucket_count)})
    for (size_t i = 0; i < TANDEM_BUCKET_FLOWS; ++i)
      if (table.fast.take(bucket * TANDEM_BUCKET_FLOWS + i, tandem_fast_tag(hash, service)))
        return bucket * TANDEM_BUCKET_FLOWS + i;
  return SIZE_MAX;
}

TEST(FastFlows, AFlowThatTheProgramsPutIsTakenUpWhereItIs) {
  Table table;
  const size_t index = put_by_program(table, 100);
  table.vectors.sequences_of(index) = {1, 2};  // a former flow's
  const uint64_t key = tandem_flow_key(100, 1, 1);
  ASSERT_TRUE(table.fast.put(index, key, 7, true, 0));
  const auto flow = table.flows.adopt(index, kTcp, Ipv4Address{100}, key, value(7, FlowState::kSynRecv));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->index, index);
  const auto found = table.flows.find(kTcp, Ipv4Address{100}, 1, 1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value, flow->value);
  EXPECT_TRUE(table.has(*flow)) << "the copy that the programs made stays";
  EXPECT_EQ(table.flows.sequences_of(*flow), SeenSequences{});
  size_t met = 0;
  table.flows.scan(0, table.flows.slots(), [&](const Flow&) { ++met; });
  EXPECT_EQ(met, 1u);
}

TEST(FastFlows, WhatIsInTheTableAlreadyIsNotTakenUp) {
  Table table;
  const Flow there = table.insert(100);
  const size_t index = put_by_program(table, 100);
  ASSERT_NE(index, there.index);
  ASSERT_TRUE(table.fast.put(index, there.key, 8, true, 0));
  EXPECT_FALSE(table.flows.adopt(index, kTcp, Ipv4Address{100}, there.key, value(8)));
  EXPECT_EQ(table.fast.tag(index), 0u);
  EXPECT_FALSE(table.fast.has(index, there.key));
  EXPECT_NE(table.fast.tag(there.index), 0u);
}

TEST(FastFlows, ACopyThatTheProgramsPutOverAFlowIsTakenAway) {
  Table table;
  const size_t index = put_by_program(table, 100);
  const uint64_t key = tandem_flow_key(100, 1, 1);
  // Somebody has filled the place in between.
  table.fast.hand_over(index, 0);
  Flow other;
  for (uint32_t client = 200; other.key == 0 || other.index != index; ++client) other = table.insert(client);
  ASSERT_TRUE(table.fast.put(index, key, 9, true, 0));
  EXPECT_FALSE(table.flows.adopt(index, kTcp, Ipv4Address{100}, key, value(9)));
  EXPECT_EQ(table.vectors.flow(index).key, 0u);
  EXPECT_NE(table.fast.tag(index), 0u) << "the flow there has its place";
  EXPECT_TRUE(table.flows.find(kTcp, Ipv4Address{tandem_key_client_address(other.key)}, 1, 1));
}

TEST(FastFlows, WhatMayBePutIsKnownByItsTagAlone) {
  Table table;
  const auto may_be = [&](uint32_t client) { return table.flows.may_be_put(kTcp, Ipv4Address{client}, 1, 1); };
  EXPECT_FALSE(may_be(100));
  const size_t index = put_by_program(table, 100);
  EXPECT_TRUE(may_be(100));
  ASSERT_TRUE(
      table.flows.adopt(index, kTcp, Ipv4Address{100}, tandem_flow_key(100, 1, 1), value(7, FlowState::kSynRecv)));
  EXPECT_FALSE(may_be(100)) << "it is known";
}

TEST(FastFlows, WhatCannotBeThereIsNotTakenUp) {
  Table table;
  const uint64_t key = tandem_flow_key(100, 1, 1);
  const size_t index = put_by_program(table, 100);
  const auto adopt = [&](size_t at, uint32_t client, uint64_t its) {
    return table.flows.adopt(at, kTcp, Ipv4Address{client}, its, value(7)).has_value();
  };
  EXPECT_FALSE(adopt(SIZE_MAX, 100, key));
  EXPECT_FALSE(adopt(table.flows.slots(), 100, key));
  EXPECT_FALSE(adopt((index + 4) % table.flows.slots(), 100, key)) << "without a tag";
  EXPECT_FALSE(adopt(index, 101, key)) << "another client's";
  EXPECT_FALSE(adopt(index, 100, tandem_flow_key(100, 2, 1)));
  EXPECT_TRUE(adopt(index, 100, key));
  EXPECT_FALSE(adopt(index, 100, key)) << "twice";
  EXPECT_TRUE(table.flows.find(kTcp, Ipv4Address{100}, 1, 1));
}

TEST(FastFlows, APlaceThatTheProgramsTookIsNobodyElses) {
  Table table(2);
  size_t taken = 0;
  for (uint16_t port = 1; taken < 7; ++port) taken += put_by_program(table, 200, port) != SIZE_MAX;
  const auto in = table.flows.insert(kTcp, tandem_flow_key(100, 1, 1), value(7));
  EXPECT_EQ(in.outcome, FlowTable::Inserted::Outcome::kInserted);
  size_t tags = 0;
  for (size_t index = 0; index < table.flows.slots(); ++index) tags += table.fast.tag(index) != 0;
  EXPECT_EQ(tags, 8u);
}

TEST(FastFlows, WhereOnlyThePathsOwnStandTheEngineTakesOneOfTheirPlaces) {
  Table table(2);
  size_t taken = 0;
  std::vector<std::pair<uint16_t, size_t>> put;
  for (uint16_t port = 1; taken < 8; ++port)
    if (const size_t index = put_by_program(table, 200, port); index != SIZE_MAX)
      put.emplace_back(port, index), ++taken;
  const Flow flow = table.insert(100);
  EXPECT_TRUE(table.flows.find(kTcp, Ipv4Address{100}, 1, 1));
  size_t adopted = 0;
  for (const auto& [port, index] : put)
    adopted += table.flows.adopt(index, kTcp, Ipv4Address{200}, tandem_flow_key(200, port, 1), value(7)) ? 1 : 0;
  EXPECT_EQ(adopted, 7u);
  EXPECT_EQ(table.flows.at(flow.index)->key, flow.key);
}

// ---- sequence numbers

SeenSequences seen(uint32_t client, uint32_t server) {
  return {.client = client, .server = server};
}

TEST(FastFlows, SequencesLiveInTheFastPathsMemoryWhileItIsUsed) {
  Table table;
  const Flow flow = table.insert(100);
  table.flows.set_sequences(flow, seen(1000, 2000));
  EXPECT_EQ(table.vectors.sequences_of(flow.index).client, 1000u);
  EXPECT_EQ(table.vectors.sequences_of(flow.index).server, 2000u);
  table.vectors.sequences_of(flow.index).client = 50'000;  // as a program does
  EXPECT_EQ(table.flows.sequences_of(flow), seen(50'000, 2000));
}

TEST(FastFlows, SequencesAreCarriedOverWhenTheFastPathBeginsAndEnds) {
  Table table;
  table.flows.use_fast_path({}, {});
  const Flow flow = table.insert(100);
  table.flows.set_sequences(flow, seen(1000, 2000));
  table.flows.use_fast_path(table.fast, table.vectors.sequences);
  EXPECT_EQ(table.flows.sequences_of(flow), seen(1000, 2000));
  table.vectors.sequences_of(flow.index) = {500'000, 600'000};
  const Flow later = table.insert(101);
  table.flows.set_sequences(later, seen(3, 4));
  table.flows.use_fast_path({}, {});
  EXPECT_EQ(table.flows.sequences_of(flow), seen(500'000, 600'000));
  EXPECT_EQ(table.flows.sequences_of(later), seen(3, 4));
}

TEST(FastFlows, ANewFlowKnowsNoSequencesInAPlaceThatHadSome) {
  Table table(2);
  for (size_t index = 0; index < table.flows.slots(); ++index) table.vectors.sequences_of(index) = {1, 2};
  EXPECT_EQ(table.flows.sequences_of(table.insert(100)), seen(0, 0));
}

TEST(FastFlows, WithoutAFastPathNothingIsPutDown) {
  Table table;
  table.flows.use_fast_path({}, {});
  const Flow flow = table.insert(100);
  table.flows.offer(flow);
  EXPECT_FALSE(table.flows.fast());
  EXPECT_EQ(table.copies(), 0u);
}

}  // namespace
}  // namespace tandem::forwarding
