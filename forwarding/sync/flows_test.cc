// The sender and the receiver, each over a table of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/numbering.hpp"
#include "forwarding/sync/flow_receiver.hpp"
#include "forwarding/sync/flow_sender.hpp"
#include "forwarding/sync/names.hpp"
#include "forwarding/sync/test_table.hpp"

namespace tandem::forwarding::sync {
namespace {

constexpr uint32_t kClient = 0x01020304;

// Decodes what a sender wrote: FLOWS frames only.
std::vector<FlowRecord> records_in(const Buffer& sent) {
  std::vector<FlowRecord> records;
  for (size_t at = 0; at < sent.size();) {
    const auto* header = wire_at<FrameHeader>(Bytes(sent), at);
    EXPECT_EQ(header->type, static_cast<uint8_t>(FrameType::kFlows));
    const auto frame = decode(header->type, Bytes(sent).subspan(at + sizeof(FrameHeader), header->length - 1));
    for (const FlowRecord& record : std::get<Flows>(*frame).records) records.push_back(record);
    at += sizeof(be32) + header->length;
  }
  return records;
}

class Sender : public ::testing::Test {
 protected:
  std::vector<FlowRecord> take(TimePoint now = kBegin) {
    Buffer out;
    batch_ = sender_.collect(out, now);
    return records_in(out);
  }

  TestTable table_;
  FlowSender sender_{*table_, 1};
  FlowSender::Batch batch_;
};

TEST_F(Sender, TellsADirtyFlowOnceInItsLatestState) {
  table_.packet(kClient, 1000, 1, 11, FlowState::kSynRecv, kBegin);
  table_.packet(kClient, 1000, 1, 11, FlowState::kEstablished, kBegin);
  const auto records = take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].client_address, kClient);
  EXPECT_EQ(records[0].client_port, 1000);
  EXPECT_EQ(records[0].service, 1);
  EXPECT_EQ(records[0].server, 11);
  EXPECT_EQ(records[0].state, static_cast<uint8_t>(FlowState::kEstablished));
  EXPECT_TRUE(take().empty());
}

TEST_F(Sender, CountsTheLifetimeByTheServicesOwnTimeouts) {
  table_->service_slots()[1].timeouts_ms[static_cast<size_t>(FlowState::kEstablished)] = 7'200'000;
  table_.packet(kClient, 1000, 1, 11, FlowState::kEstablished, kBegin);
  const auto records = take(kBegin + 1000s);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NEAR(records[0].remaining_ms, 6'200'000, 140);
}

TEST_F(Sender, SaysWhatIsLeftOfALifetimeAndNothingOfWhatIsOver) {
  table_.packet(kClient, 1000, 1, 11, FlowState::kTimeWait, kBegin);
  const auto whole = timeout_of(FlowState::kTimeWait);
  const auto records = take(kBegin + 10s);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NEAR(records[0].remaining_ms, static_cast<double>((whole - 10s) / 1ms), 140);  // a tick is 134 ms
  table_->mark_dirty(table_.find(kClient, 1000, 1)->index);
  EXPECT_TRUE(take(kBegin + whole + 1s).empty());
}

TEST_F(Sender, ANewPeerIsATableWhoseFlowsAreAllDirty) {
  for (uint16_t port = 1; port <= 300; ++port)
    table_.packet(kClient, port, 1, 11, FlowState::kEstablished, kBegin, false);
  EXPECT_TRUE(take().empty());
  EXPECT_FALSE(batch_.table_ended);
  sender_.begin();
  EXPECT_EQ(take().size(), 300U);
  EXPECT_TRUE(batch_.table_ended);
  EXPECT_TRUE(take().empty());
  EXPECT_FALSE(batch_.table_ended);
}

TEST_F(Sender, AnEmptyTableEndsAtOnce) {
  sender_.begin();
  EXPECT_TRUE(take().empty());
  EXPECT_TRUE(batch_.table_ended);
}

TEST(FlowSender, TheTableEndsOnlyWhenEveryFlowOfItsBeginningWasTold) {
  TestTable table(4096);
  FlowSender sender(*table, 0);
  for (uint32_t client = 0; client < 5000; ++client)
    table.packet(client, 7, 1, 11, FlowState::kEstablished, kBegin, false);
  const size_t flows = table.count();  // an unlucky one may have been evicted
  sender.begin();
  size_t told = 0;
  for (bool ended = false; !ended;) {
    Buffer out;
    const auto batch = sender.collect(out, kBegin);
    EXPECT_LE(out.size(), kMaxFrameSent);
    told += batch.flows;
    ended = batch.table_ended;
    EXPECT_EQ(ended, told == flows);
    EXPECT_EQ(batch.more, !ended);
    table.packet(static_cast<uint32_t>(told % 5000), 7, 1, 11, FlowState::kFinWait, kBegin, false);  // life goes on
  }
  EXPECT_EQ(sender.flows_sent(), flows);
}

TEST_F(Sender, AFlowThatChangesBehindThePassIsToldByTheNext) {
  table_.packet(kClient, 1000, 1, 11, FlowState::kEstablished, kBegin);
  EXPECT_EQ(take().size(), 1U);
  table_.packet(kClient, 1000, 1, 11, FlowState::kFinWait, kBegin);
  const auto records = take();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].state, static_cast<uint8_t>(FlowState::kFinWait));
}

TEST_F(Sender, NobodyIsToldAfterTheEnd) {
  table_.packet(kClient, 1000, 1, 11, FlowState::kEstablished, kBegin);
  sender_.end();
  EXPECT_TRUE(take().empty());
}

class Receiver : public ::testing::Test {
 protected:
  Receiver() {
    receiver_.numbers().set_own(test_names(0));
    EXPECT_TRUE(receiver_.numbers().take({.first = true, .last = true, .names = test_names(100)}));
  }

  // A record in the peer's numbers.
  static FlowRecord record(FlowState state, Duration age = 0s, bool hearsay = false) {
    return {.client_address = kClient,
            .client_port = 1000,
            .service = 101,
            .server = 112,
            .state = static_cast<uint8_t>(state),
            .flags = hearsay ? uint8_t{TANDEM_FLOW_LEARNT} : uint8_t{0},
            .remaining_ms = static_cast<uint32_t>((timeout_of(state) - age) / 1ms)};
  }
  void merge(const FlowRecord& record, TimePoint now = kBegin) { receiver_.merge(std::span(&record, 1), now); }
  std::optional<Flow> flow() { return table_.find(kClient, 1000, 1); }

  TestTable table_;
  FlowReceiver receiver_{*table_};
};

TEST_F(Receiver, PutsAnUnknownFlowIntoTheTableUnderItsOwnNumbers) {
  merge(record(FlowState::kEstablished));
  ASSERT_TRUE(flow());
  EXPECT_EQ(flow()->service(), 1);
  EXPECT_EQ(flow()->server(), 12);
  EXPECT_EQ(flow()->state(), static_cast<uint8_t>(FlowState::kEstablished));
  EXPECT_EQ(flow()->flags(), TANDEM_FLOW_LEARNT);
}

TEST_F(Receiver, PutsATemplateWhereTemplatesAre) {
  FlowRecord told = record(FlowState::kTemplate, 100s);
  told.client_port = 0;
  told.flags = TANDEM_FLOW_EXPIRING;
  merge(told);
  const auto found = table_->find(TANDEM_TEMPLATE_PROTOCOL, Ipv4Address{kClient}, 0, 1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->server(), 12);
  EXPECT_EQ(found->flags(), TANDEM_FLOW_LEARNT);
  EXPECT_NEAR(age_of(found->last_seen(), tick_of(kBegin)), ticks_of(100s), 1);
  // Told again, it is the same one.
  merge(record(FlowState::kEstablished));
  told.remaining_ms = told.remaining_ms.value() + 50'000;
  merge(told);
  EXPECT_NEAR(age_of(table_->find(TANDEM_TEMPLATE_PROTOCOL, Ipv4Address{kClient}, 0, 1)->last_seen(), tick_of(kBegin)),
              ticks_of(50s), 1);
  size_t all = 0;
  table_->scan(0, table_->slots(), [&](const Flow&) { ++all; });
  EXPECT_EQ(all, 2u);
}

TEST_F(Receiver, KeepsWhatIsLeftOfTheLifetime) {
  merge(record(FlowState::kEstablished, 100s));
  EXPECT_NEAR(age_of(flow()->last_seen(), tick_of(kBegin)), ticks_of(100s), 1);
}

TEST_F(Receiver, DoesNotLiveLongerThanItsOwnTimeoutsSay) {
  FlowRecord forever = record(FlowState::kEstablished);
  forever.remaining_ms = UINT32_MAX;
  merge(forever);
  EXPECT_EQ(flow()->last_seen(), tick_of(kBegin));
}

TEST_F(Receiver, ForgetsTheSequenceNumbersOfAFlowThatThePeerHasNow) {
  table_.packet(kClient, 1000, 1, 11, FlowState::kEstablished, kBegin - 100s);
  table_->set_sequences(*flow(), {.client = 7, .server = 9});
  merge(record(FlowState::kEstablished, 10s));
  EXPECT_EQ(table_->sequences_of(*flow()), SeenSequences{});
}

// Both ends count by the timeouts of the service, which are told to the table.
TEST_F(Receiver, CountsTheLifetimeByTheServicesOwnTimeouts) {
  table_->service_slots()[1].timeouts_ms[static_cast<size_t>(FlowState::kEstablished)] = 7'200'000;
  FlowRecord told = record(FlowState::kEstablished);
  told.remaining_ms = 7'000'000;
  merge(told);
  EXPECT_NEAR(age_of(flow()->last_seen(), tick_of(kBegin)), ticks_of(200s), 1);
}

TEST_F(Receiver, MarksNothingDirtyForAnybody) {
  merge(record(FlowState::kEstablished));
  for (unsigned peer = 0; peer < TANDEM_MAX_PEERS; ++peer) EXPECT_FALSE(table_->is_dirty(peer, flow()->index));
}

TEST_F(Receiver, TheOneWhoSeesTheFlowSaysHowItStands) {
  merge(record(FlowState::kSynRecv));
  merge(record(FlowState::kEstablished));
  merge(record(FlowState::kFinWait, 5s));
  EXPECT_EQ(flow()->state(), static_cast<uint8_t>(FlowState::kFinWait));
  EXPECT_EQ(receiver_.counts().kept, 0U);
}

TEST_F(Receiver, WhatThisBoxSawLaterIsKept) {
  table_.packet(kClient, 1000, 1, 11, FlowState::kFinWait, kBegin);
  merge(record(FlowState::kEstablished, 5s), kBegin + 1s);
  EXPECT_EQ(flow()->state(), static_cast<uint8_t>(FlowState::kFinWait));
  EXPECT_EQ(flow()->server(), 11);
  EXPECT_EQ(receiver_.counts().kept, 1U);
}

TEST_F(Receiver, WhatBothSawInTheSameTickIsKept) {
  table_.packet(kClient, 1000, 1, 11, FlowState::kFinWait, kBegin);
  merge(record(FlowState::kEstablished));
  EXPECT_EQ(flow()->server(), 11);
}

TEST_F(Receiver, WhatThePeerSawLaterIsTaken) {
  table_.packet(kClient, 1000, 1, 11, FlowState::kEstablished, kBegin);
  merge(record(FlowState::kFinWait), kBegin + 3s);
  EXPECT_EQ(flow()->state(), static_cast<uint8_t>(FlowState::kFinWait));
  EXPECT_EQ(flow()->flags(), TANDEM_FLOW_LEARNT);
}

TEST_F(Receiver, AnEchoOfWhatThisBoxSaidNeverComesBackOverIt) {
  table_.packet(kClient, 1000, 1, 11, FlowState::kEstablished, kBegin);
  merge(record(FlowState::kSynRecv, 0s, true), kBegin + 10s);
  EXPECT_EQ(flow()->state(), static_cast<uint8_t>(FlowState::kEstablished));
}

TEST_F(Receiver, AnOwnFlowWhoseTimeIsOverIsReplacedByAnything) {
  table_.packet(kClient, 1000, 1, 11, FlowState::kClose, kBegin);
  merge(record(FlowState::kEstablished, 1s, true), kBegin + timeout_of(FlowState::kClose) + 1s);
  EXPECT_EQ(flow()->server(), 12);
}

TEST_F(Receiver, OfTwoHearsaysTheLaterIsTaken) {
  merge(record(FlowState::kEstablished, 10s, true));
  merge(record(FlowState::kFinWait, 5s, true));
  EXPECT_EQ(flow()->state(), static_cast<uint8_t>(FlowState::kFinWait));
  merge(record(FlowState::kEstablished, 20s, true));
  EXPECT_EQ(flow()->state(), static_cast<uint8_t>(FlowState::kFinWait));
}

TEST_F(Receiver, RefusesAndCountsWhatItCannotPlace) {
  FlowRecord unknown_server = record(FlowState::kEstablished);
  unknown_server.server = 999;
  merge(unknown_server);
  FlowRecord unknown_service = record(FlowState::kEstablished);
  unknown_service.service = 7;
  merge(unknown_service);
  FlowRecord unknown_state = record(FlowState::kEstablished);
  unknown_state.state = kFlowStates;
  merge(unknown_state);
  EXPECT_EQ(receiver_.counts().received, 3U);
  EXPECT_EQ(receiver_.counts().refused, 3U);
  EXPECT_EQ(table_.count(), 0U);
}

TEST_F(Receiver, AFlowWithNothingLeftIsNotTakenUp) {
  merge(record(FlowState::kTimeWait, timeout_of(FlowState::kTimeWait)));
  EXPECT_EQ(table_.count(), 0U);
  EXPECT_EQ(receiver_.counts().expired, 1U);
}

TEST(NamesInTable, AreThoseInUse) {
  TestTable table;
  Numbering numbering(table->service_slots(), table->server_slots());
  const auto service = numbering.take_service("web", kTcpNumber, Ipv4Address{0xc633640a}, 443);
  const auto kept = numbering.take_server(*service, "w1", Ipv4Address{0x0a00010b}, 8443);
  const auto gone = numbering.take_server(*service, "w2", Ipv4Address{0x0a00010c}, 8443);
  numbering.retire_server(*gone);
  EXPECT_EQ(names_in(*table), (Names{.services = {{*service, kTcpNumber, 443, Ipv4Address{0xc633640a}, "web"}},
                                     .servers = {{*kept, *service, 8443, Ipv4Address{0x0a00010b}, "w1"}}}));
}

// As test_names(), but the first service is IPv6.
Names names_of_both_families() {
  Names names = test_names();
  names.services[0].address = *IpAddress::parse("2001:db8::10");
  return names;
}

TEST(Ipv6Flows, OfAServiceOfTheOtherFamilyAreRefused) {
  TestTable table;
  FlowReceiver receiver(*table);
  receiver.numbers().set_own(names_of_both_families());
  ASSERT_TRUE(receiver.numbers().take({.first = true, .last = true, .names = names_of_both_families()}));
  FlowRecord6 six{};
  six.client_address = Ipv6Address::parse("2001:db8:c::7")->bytes;
  six.client_port = 1000;
  six.service = 2;
  six.server = 21;
  six.state = static_cast<uint8_t>(FlowState::kEstablished);
  six.remaining_ms = 60'000;
  receiver.merge(std::span<const FlowRecord6>(&six, 1), kBegin);
  FlowRecord four{};
  four.client_address = kClient;
  four.client_port = 1000;
  four.service = 1;
  four.server = 11;
  four.state = six.state;
  four.remaining_ms = 60'000;
  receiver.merge(std::span<const FlowRecord>(&four, 1), kBegin);
  EXPECT_EQ(receiver.counts().refused, 2U);
  EXPECT_EQ(table.count(), 0U);
}

TEST(Ipv6Flows, AreToldToThePeerWithTheirWholeAddress) {
  TestTable ours, theirs(256, 9);
  const IpAddress client = *IpAddress::parse("2001:db8:c::7");
  const uint64_t value = tandem_flow_value(11, static_cast<uint8_t>(FlowState::kEstablished), 0, tick_of(kBegin));
  ours->mark_dirty(ours->insert(kTcpNumber, client, 1000, 1, value).flow.index);
  ours.packet(kClient, 1000, 2, 22, FlowState::kEstablished, kBegin);
  FlowSender sender(*ours, 1);
  Buffer sent;
  EXPECT_EQ(sender.collect(sent, kBegin).flows, 2U);

  FlowReceiver receiver(*theirs);
  receiver.numbers().set_own(names_of_both_families());
  NamesPart all{.first = true, .last = true, .names = names_of_both_families()};
  ASSERT_TRUE(receiver.numbers().take(all));
  for (size_t at = 0; at < sent.size();) {
    const auto* header = wire_at<FrameHeader>(Bytes(sent), at);
    const auto frame = decode(header->type, Bytes(sent).subspan(at + sizeof(FrameHeader), header->length - 1));
    ASSERT_TRUE(frame.has_value());
    if (const auto* four = std::get_if<Flows>(&*frame)) receiver.merge(four->records, kBegin);
    if (const auto* six = std::get_if<Flows6>(&*frame)) receiver.merge(six->records, kBegin);
    at += sizeof(be32) + header->length;
  }
  EXPECT_EQ(receiver.counts().received, 2U);
  const auto flow = theirs->find(kTcpNumber, client, 1000, 1);
  ASSERT_TRUE(flow.has_value());
  EXPECT_EQ(flow->server(), 11);
  EXPECT_EQ(theirs->client_of(*flow), client);
  ASSERT_TRUE(theirs.find(kClient, 1000, 2).has_value());
}

// The servers' names stand in the table itself: by them a source finds its flow.
void name_in(FlowTable& table) {
  const Names names = test_names();
  for (const ServiceName& service : names.services) {
    tandem_service_slot& slot = table.service_slots()[service.number];
    slot.in_use = 1, slot.protocol = service.protocol, slot.port = service.port,
    slot.address = service.address.v4.value;
  }
  for (const ServerName& server : names.servers) {
    tandem_server_slot& slot = table.server_slots()[server.number];
    slot.in_use = 1, slot.service = server.service, slot.port = server.port, slot.address = server.address.v4.value;
  }
}

struct SourcedPair {
  SourcedPair() {
    for (TestTable* table : {&ours, &theirs}) {
      name_in(**table);
      Sources(**table).take_pools(pool);
    }
    receiver.numbers().set_own(test_names());
    EXPECT_TRUE(receiver.numbers().take({.first = true, .last = true, .names = test_names()}));
  }
  // Our flow from this port, with that source's port.
  void flow(uint16_t port, uint16_t source_port) {
    ours.packet(kClient, port, 1, 11, FlowState::kEstablished, kBegin);
    EXPECT_TRUE(Sources(*ours).claim(*ours.find(kClient, port, 1), {pool[0], source_port}));
  }
  void tell() {
    Buffer sent;
    sender.collect(sent, kBegin);
    for (size_t at = 0; at < sent.size();) {
      const auto* header = wire_at<FrameHeader>(Bytes(sent), at);
      const auto frame = decode(header->type, Bytes(sent).subspan(at + sizeof(FrameHeader), header->length - 1));
      ASSERT_TRUE(frame.has_value());
      ASSERT_TRUE(std::holds_alternative<FlowsSourced>(*frame));
      receiver.merge(std::get<FlowsSourced>(*frame).records, kBegin);
      at += sizeof(be32) + header->length;
    }
  }
  std::vector<IpAddress> pool{*IpAddress::parse("10.0.1.100")};
  TestTable ours, theirs{256, 9};
  FlowSender sender{*ours, 1};
  FlowReceiver receiver{*theirs};
};

TEST(SourcedFlows, GoOnAtThePeerWithTheSourceTheirServerKnows) {
  SourcedPair pair;
  pair.flow(1000, 31000);
  pair.flow(1001, 50000);
  pair.tell();
  const Sources sources(*pair.theirs);
  for (const auto& [port, source_port] : {std::pair(1000, 31000), {1001, 50000}}) {
    const auto flow = pair.theirs.find(kClient, static_cast<uint16_t>(port), 1);
    ASSERT_TRUE(flow.has_value());
    EXPECT_EQ(sources.of(*flow), (EndPoint{pair.pool[0], static_cast<uint16_t>(source_port)}));
    const auto back = sources.find(kTcpNumber, {Ipv4Address{0x0a000101}, 8080}, sources.number_of(pair.pool[0]),
                                   static_cast<uint16_t>(source_port));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->index, flow->index);
  }
}

TEST(SourcedFlows, ChangeTheirSourceWhenTheyAreToldAgain) {
  SourcedPair pair;
  pair.flow(1000, 31000);
  pair.tell();
  pair.flow(1000, 2000);
  pair.tell();
  const Sources sources(*pair.theirs);
  EXPECT_EQ(sources.of(*pair.theirs.find(kClient, 1000, 1)), (EndPoint{pair.pool[0], 2000}));
  EXPECT_FALSE(sources.find(kTcpNumber, {Ipv4Address{0x0a000101}, 8080}, sources.number_of(pair.pool[0]), 31000));
}

TEST(SourcedFlows, AreRefusedWhereTheirSourceIsOfNoPoolOrAnothers) {
  SourcedPair pair;
  pair.flow(1000, 31000);
  // Here another client has that very source.
  pair.theirs.packet(kClient + 1, 7, 1, 11, FlowState::kEstablished, kBegin);
  ASSERT_TRUE(Sources(*pair.theirs).claim(*pair.theirs.find(kClient + 1, 7, 1), {pair.pool[0], 31000}));
  pair.tell();
  EXPECT_EQ(pair.receiver.counts().refused, 1U);
  EXPECT_FALSE(pair.theirs.find(kClient, 1000, 1).has_value());
  Sources(*pair.theirs).take_pools({});
  pair.flow(1001, 31001);
  pair.tell();
  EXPECT_EQ(pair.receiver.counts().refused, 2U);
  EXPECT_FALSE(pair.theirs.find(kClient, 1001, 1).has_value());
}

}  // namespace
}  // namespace tandem::forwarding::sync
