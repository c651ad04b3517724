#include "forwarding/flow_table.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using testing::format_table;
using testing::Mapping;
using Outcome = FlowTable::Inserted::Outcome;

struct Table {
  explicit Table(uint32_t buckets = 64)
      : mapping(FlowTable::bytes_needed(buckets)), flows(format_table(mapping, buckets)) {}
  FlowTable::Inserted insert(uint32_t client, uint16_t port, uint64_t value = 1, uint16_t service = 1) {
    return flows.insert(kTcp, tandem_flow_key(client, port, service), value);
  }
  std::optional<Flow> find(uint32_t client, uint16_t port, uint16_t service = 1) {
    return flows.find(kTcp, Ipv4Address{client}, port, service);
  }
  Mapping mapping;
  FlowTable flows;
};

uint64_t value_in(FlowState state, uint32_t last_seen) {
  return tandem_flow_value(1, static_cast<uint8_t>(state), 0, last_seen);
}

TEST(FlowTable, FindsWhatWasPutInAndNothingElse) {
  Table table;
  EXPECT_EQ(table.insert(100, 1, 77).outcome, Outcome::kInserted);
  ASSERT_TRUE(table.find(100, 1));
  EXPECT_EQ(table.find(100, 1)->value, 77u);
  EXPECT_FALSE(table.find(100, 2));
  EXPECT_FALSE(table.find(101, 1));
  EXPECT_FALSE(table.find(100, 1, 2));
}

TEST(FlowTable, SaysWhenAFlowIsThereAlready) {
  Table table;
  table.insert(100, 1, 77);
  const auto again = table.insert(100, 1, 88);
  EXPECT_EQ(again.outcome, Outcome::kExists);
  EXPECT_EQ(again.flow.value, 77u);
}

TEST(FlowTable, UpdatesAndRemovesOnlyTheFlowThatWasMeant) {
  Table table;
  Flow flow = table.insert(100, 1, 77).flow;
  Flow stale = flow;
  EXPECT_TRUE(table.flows.update(flow, 78));
  EXPECT_FALSE(table.flows.update(stale, 79));  // the value moved on
  EXPECT_EQ(table.find(100, 1)->value, 78u);
  EXPECT_TRUE(table.flows.remove(flow));
  EXPECT_FALSE(table.flows.remove(flow));
  EXPECT_FALSE(table.flows.update(flow, 80));
  EXPECT_FALSE(table.find(100, 1));
}

TEST(FlowTable, HoldsHalfItsSlotsWithoutPushingAnyoneOut) {
  Table table(4096);
  for (uint32_t i = 0; i < 8192; ++i)
    ASSERT_EQ(table.insert(0x0a000000 + i, static_cast<uint16_t>(i)).outcome, Outcome::kInserted);
  for (uint32_t i = 0; i < 8192; ++i) ASSERT_TRUE(table.find(0x0a000000 + i, static_cast<uint16_t>(i)));
}

TEST(FlowTable, PushesOutWhatIsNotEstablishedBeforeWhatIs) {
  Table table(2);
  for (uint16_t i = 0; i < 4; ++i) table.insert(i, i, value_in(FlowState::kEstablished, 10));
  for (uint16_t i = 4; i < 8; ++i) table.insert(i, i, value_in(FlowState::kSynRecv, 20u + i));
  const auto in = table.insert(9, 9, value_in(FlowState::kSynRecv, 100));
  EXPECT_EQ(in.outcome, Outcome::kEvicted);
  EXPECT_EQ(in.evicted.client_port(), 4);  // half open, and seen the longest ago
  for (uint16_t i = 10; i < 40; ++i) table.insert(i, i, value_in(FlowState::kSynRecv, 100u + i));
  for (uint16_t i = 0; i < 4; ++i) EXPECT_TRUE(table.find(i, i)) << "an established flow was lost";
}

TEST(FlowTable, PushesOutTheOldestWhereAllAreEstablished) {
  Table table(2);
  for (uint16_t i = 0; i < 8; ++i) table.insert(i, i, value_in(FlowState::kEstablished, 10u + (i + 3) % 8));
  EXPECT_EQ(table.insert(9, 9, value_in(FlowState::kEstablished, 100)).evicted.client_port(), 5);
}

TEST(FlowTable, VisitsEveryFlowOnceInPieces) {
  Table table;
  for (uint16_t i = 1; i <= 100; ++i) table.insert(i, i);
  std::set<uint16_t> seen;
  size_t at = 0;
  do {
    at = table.flows.scan(at, 7, [&](const Flow& flow) { EXPECT_TRUE(seen.insert(flow.client_port()).second); });
  } while (at != 0);
  EXPECT_EQ(seen.size(), 100u);
}

TEST(FlowTable, TellsOfDirtyFlowsOnceUntilAPeerAwaitsMore) {
  Table table;
  const Flow flow = table.insert(1, 1).flow;
  EXPECT_FALSE(table.flows.take_news());
  table.flows.mark_dirty(flow.index);
  EXPECT_TRUE(table.flows.take_news());
  EXPECT_FALSE(table.flows.take_news());
  table.flows.mark_dirty(flow.index);
  EXPECT_FALSE(table.flows.take_news());  // nobody has taken the first one yet
  table.flows.await_news(2);
  table.flows.mark_dirty(flow.index);
  EXPECT_TRUE(table.flows.take_news());
}

TEST(FlowTable, SweepsOnlyWhereFlowsMayBeAndForgetsWhereNoneAre) {
  Table table(4096);  // 1,024 chunks
  const Flow flow = table.insert(1, 1).flow;
  const auto touched = [&] {
    size_t steps = 0, at = 0;
    do {
      at = table.flows.sweep(at, table.flows.slots(), 1, [](const Flow&) {});
      ++steps;
    } while (at != 0);
    return steps;
  };
  EXPECT_EQ(touched(), 1u);
  for (uint16_t port = 2; port <= 300; ++port) table.insert(1, port);
  EXPECT_GT(touched(), 100u);
  table.flows.scan(0, table.flows.slots(), [&](const Flow& met) {
    if (met.key != flow.key) table.flows.remove(met);
  });
  touched();
  EXPECT_EQ(touched(), 1u);
  size_t met = 0;
  table.flows.sweep(0, table.flows.slots(), 100, [&](const Flow& f) { met += f.key == flow.key; });
  EXPECT_EQ(met, 1u);
}

TEST(FlowTable, ASweepStopsAfterAsManyFlowsAsItMayVisit) {
  Table table(1024);
  for (uint16_t i = 1; i <= 1000; ++i) table.insert(i, i);
  size_t met = 0, at = 0, most = 0;
  do {
    size_t now = 0;
    at = table.flows.sweep(at, table.flows.slots(), 100, [&](const Flow&) { ++now; });
    met += now, most = std::max(most, now);
  } while (at != 0);
  EXPECT_EQ(met, 1000u);
  EXPECT_LT(most, 100u + TANDEM_CHUNK_FLOWS);
}

TEST(FlowTable, TheNextProcessKnowsWhereFlowsAreAlsoWhenTheLastOneWasKilledBeforeItSaidSo) {
  Table table;
  table.insert(1, 1);
  const auto& header = table.flows.header();
  std::memset(table.mapping.bytes().data() + header.occupied_offset, 0, header.occupied_words * sizeof(uint64_t));
  FlowTable again = *FlowTable::attach(table.mapping.bytes());
  size_t met = 0;
  again.scan(0, again.slots(), [&](const Flow&) { ++met; });
  EXPECT_EQ(met, 1u);
}

TEST(FlowTable, KeepsDirtyBitsForEveryPeerByItself) {
  Table table;
  const Flow a = table.insert(1, 1).flow, b = table.insert(2, 2).flow;
  table.flows.mark_dirty(a.index);
  table.flows.mark_dirty(b.index);
  table.flows.remove(b);
  std::vector<uint16_t> taken;
  const auto visit = [&](const Flow& flow) { taken.push_back(flow.client_port()); };
  EXPECT_EQ(table.flows.take_dirty(0, 0, 100, visit), 0u);
  EXPECT_EQ(taken, (std::vector<uint16_t>{1}));  // the removed one has nothing to tell
  taken.clear();
  table.flows.take_dirty(0, 0, 100, visit);
  EXPECT_TRUE(taken.empty());
  table.flows.take_dirty(3, 0, 100, visit);
  EXPECT_EQ(taken, (std::vector<uint16_t>{1}));
}

TEST(FlowTable, TakesDirtyFlowsInPieces) {
  Table table(1024);
  for (uint16_t i = 1; i <= 1000; ++i) table.insert(i, i);
  table.flows.mark_all_dirty(2);
  size_t taken = 0, at = 0, rounds = 0;
  do {
    at = table.flows.take_dirty(2, at, 100, [&](const Flow&) { ++taken; });
    ++rounds;
  } while (at != 0);
  EXPECT_EQ(taken, 1000u);
  EXPECT_GE(rounds, 6u);
  table.flows.mark_all_dirty(1);
  table.flows.clear_dirty(1);
  table.flows.take_dirty(1, 0, 1000, [&](const Flow&) { ADD_FAILURE(); });
}

TEST(FlowTable, IsFoundAgainByTheNextProcess) {
  Table table;
  table.insert(100, 1, 77);
  auto again = FlowTable::attach(table.mapping.bytes());
  ASSERT_TRUE(again);
  ASSERT_TRUE(again->find(kTcp, Ipv4Address{100}, 1, 1));
  EXPECT_EQ(again->header().seed[0], table.flows.header().seed[0]);
}

TEST(FlowTable, ClearsWhatAKilledProcessLeftHalfDone) {
  Table table(2);
  for (uint16_t i = 1; i <= 8; ++i) table.insert(i, i);
  auto* buckets = reinterpret_cast<tandem_bucket*>(table.mapping.bytes().data() + table.flows.header().buckets_offset);
  buckets[0].flows[0].key = TANDEM_KEY_BUSY;
  ASSERT_TRUE(FlowTable::attach(table.mapping.bytes()));
  EXPECT_EQ(buckets[0].flows[0].key, TANDEM_KEY_EMPTY);
  EXPECT_EQ(table.insert(99, 99).outcome, Outcome::kInserted);
}

TEST(FlowTable, RefusesAMappingThatIsNotItsOwn) {
  Table table;
  const MutableBytes bytes = table.mapping.bytes();
  auto* header = reinterpret_cast<tandem_flows_header*>(bytes.data());
  const tandem_flows_header good = *header;
  const auto error_with = [&](auto change) {
    *header = good;
    change();
    const auto result = FlowTable::attach(bytes);
    *header = good;
    return result.has_value() ? std::nullopt : std::optional(result.error());
  };
  EXPECT_EQ(error_with([] {}), std::nullopt);
  EXPECT_EQ(error_with([&] { header->magic = 1; }), FlowTableError::kNotAFlowTable);
  EXPECT_EQ(error_with([&] { header->version = 9; }), FlowTableError::kOtherVersion);
  EXPECT_EQ(error_with([&] { header->bucket_count = 3; }), FlowTableError::kBadBucketCount);
  EXPECT_EQ(error_with([&] { header->bucket_count = 0; }), FlowTableError::kBadBucketCount);
  EXPECT_EQ(error_with([&] { header->servers_offset = ~0ULL; }), FlowTableError::kBadLayout);
  EXPECT_EQ(error_with([&] { header->bucket_count = 128; }), FlowTableError::kBadLayout);
  EXPECT_EQ(FlowTable::attach(bytes.first(100)).error(), FlowTableError::kTooSmall);
  EXPECT_EQ(FlowTable::attach(bytes.first(100000)).error(), FlowTableError::kTooSmall);
  EXPECT_EQ(FlowTable::attach(bytes.subspan(8)).error(), FlowTableError::kNotAligned);
  EXPECT_EQ(FlowTable::format(bytes, {6, {}}).error(), FlowTableError::kBadBucketCount);
  EXPECT_EQ(FlowTable::format(bytes, {1u << 20, {}}).error(), FlowTableError::kTooSmall);
}

TEST(FlowTable, TakesALastSeenAheadOfTheClockForJustNow) {
  EXPECT_EQ(age_of(100, 90), 0u);
  EXPECT_EQ(age_of(0xfffffff0, 0x10), 0x20u);  // ticks wrap
}

// Everything a flow has a share of, in a table that is half full: all pages of all sections touched.
TEST(FlowTable, AFlowCostsAtMost64BytesAndAnIpv6FlowAtMost128) {
  Table table(1u << 12);
  const tandem_flows_header& header = table.flows.header();
  const double flows = static_cast<double>(table.flows.slots()) / 2;
  const double addresses = static_cast<double>(header.sequences_offset - header.addresses_offset);
  const double ipv6 = static_cast<double>(header.recipes_offset - header.buckets_offset);
  RecordProperty("ipv4_bytes", std::to_string((ipv6 - addresses) / flows));
  RecordProperty("ipv6_bytes", std::to_string(ipv6 / flows));
  EXPECT_LE((ipv6 - addresses) / flows, 50);
  EXPECT_LE(ipv6 / flows, 82);
}

TEST(FlowTable, ANewFlowKnowsNoSequenceNumbersWhateverStoodInItsSlot) {
  Table table(2);
  for (uint16_t port = 1; port <= 8; ++port) {
    const auto flow = table.insert(100, port).flow;
    EXPECT_EQ(table.flows.sequences_of(flow), SeenSequences{});
    table.flows.set_sequences(flow, {.client = port, .server = 9});
    EXPECT_EQ(table.flows.sequences_of(flow), (SeenSequences{.client = port, .server = 9}));
  }
  const auto pushed = table.insert(100, 9);
  ASSERT_EQ(pushed.outcome, Outcome::kEvicted);
  EXPECT_EQ(table.flows.sequences_of(pushed.flow), SeenSequences{});
  table.flows.set_sequences(pushed.evicted, {.client = 1, .server = 1});
  EXPECT_EQ(table.flows.sequences_of(pushed.flow), SeenSequences{}) << "the slot has changed hands";
}

}  // namespace
}  // namespace tandem::forwarding
