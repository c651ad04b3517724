// What the fast path's programs sent on and tell of, and what the engine makes of it: the same as if it had seen the packets.
#include <gtest/gtest.h>

#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/fast_memory.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

constexpr std::string_view kClient = "192.0.2.7";
constexpr uint32_t kClientBits = 0xc0000207;

struct ToldTest : ::testing::Test {
  ToldTest() {
    director.apply({web()});
    director.know_the_ways_to("web");
  }
  // As the programs do for a SYN: place, copy, event.
  tandem_fast_event place(std::string_view server, uint16_t port = 40000) {
    const tandem_flows_header& header = director.flows.header();
    const uint16_t service = director.services.service_slot("web");
    const uint64_t hash = tandem_flow_hash(header.seed, kTcp, kClientBits, port);
    const size_t index = size_t{tandem_first_bucket(hash, header.bucket_count)} * TANDEM_BUCKET_FLOWS;
    tandem_fast_event event{.key = tandem_flow_key(kClientBits, port, service),
                            .index = static_cast<uint32_t>(index),
                            .sequence = 1000,
                            .acknowledgment = 0,
                            .payload = 0,
                            .server = director.services.server_slot("web", server),
                            .flags = kSyn,
                            .from_client = 1,
                            .reserved = {},
                            .client = {}};
    put_fast_address(any_ip(kClient), event.client);
    EXPECT_TRUE(director.fast.flows().take(index, tandem_fast_tag(hash, service)));
    EXPECT_TRUE(director.fast.flows().put(index, event.key, event.server, true, 0));
    return event;
  }
  tandem_fast_event packet_of(const tandem_fast_event& syn, uint8_t flags, bool from_client, uint32_t sequence) const {
    tandem_fast_event event = syn;
    event.server = 0;
    event.flags = flags;
    event.from_client = from_client ? 1 : 0;
    event.sequence = sequence;
    return event;
  }
  void tell(const tandem_fast_event& event) {
    director.engine.told(event, director.now);
    director.offer_flows();
  }
  std::optional<Flow> flow(uint16_t port = 40000) const { return director.flow_of(kTcp, kClient, port, "web"); }
  FlowState state() const { return static_cast<FlowState>(flow().value().state()); }
  bool is_fast() { return director.is_fast(kTcp, kClient, 40000, "web"); }
  bool is_told() { return director.is_told(kTcp, kClient, 40000, "web"); }

  FastDirector director;
};

TEST_F(ToldTest, ANewConnectionIsTakenUpAsIfItHadBeenPlacedHere) {
  tell(place("web1"));
  ASSERT_TRUE(flow());
  EXPECT_EQ(state(), FlowState::kSynRecv);
  EXPECT_EQ(director.name_of_server(flow()->server()), "web1");
  EXPECT_EQ(director.count(Counter::kNewFlows), 1u);
  EXPECT_EQ(director.server("web", "web1").active, 1);
  EXPECT_EQ(director.server("web", "web1").connections, 1u);
  EXPECT_EQ(director.flows.sequences_of(*flow()).client, 1001u);
  EXPECT_TRUE(director.flows.is_dirty(0, flow()->index)) << "the peer is to know";
  EXPECT_TRUE(is_fast() && is_told());
}

// Beside it a director that sees the packets themselves.
TEST_F(ToldTest, AWholeConnectionIsFollowedAsIfThePacketsHadBeenSeen) {
  Director other;
  other.apply({web()});
  const auto answer = [] { return packet().ipv4("10.0.0.2", kClient).tcp(8080, 40000); };
  const tandem_fast_event syn = place("web2");
  tell(syn);
  other.send(from_client().seq(1000).syn());
  struct Step {
    uint8_t flags;
    bool from_client;
    uint32_t sequence;
  };
  const Step steps[] = {{kSyn | kAck, false, 5000}, {kAck, true, 1001},  {kAck, false, 5001},
                        {kFin | kAck, true, 1001},  {kAck, false, 5001}, {kFin | kAck, false, 5001},
                        {kAck, true, 1002}};
  for (const Step& step : steps) {
    tell(packet_of(syn, step.flags, step.from_client, step.sequence));
    PacketBuilder it = step.from_client ? from_client() : answer();
    it.seq(step.sequence);
    if ((step.flags & kSyn) != 0) it.syn();
    if ((step.flags & kFin) != 0) it.fin();
    other.send(it.ack());
    const auto want = other.flows.find(kTcp, any_ip(kClient), 40000, other.services.service_slot("web"));
    ASSERT_TRUE(want && flow());
    EXPECT_EQ(name_of(state()), name_of(static_cast<FlowState>(want->state()))) << int{step.flags};
    for (const char* each : {"web1", "web2"}) {
      EXPECT_EQ(director.server("web", each).active, other.server("web", each).active);
      EXPECT_EQ(director.server("web", each).inactive, other.server("web", each).inactive);
    }
    EXPECT_EQ(director.flows.sequences_of(*flow()).server != 0, other.flows.sequences_of(*want).server != 0);
    EXPECT_EQ(is_told(), state() != FlowState::kEstablished);
    EXPECT_TRUE(is_fast());
  }
  director.pass(121s);
  director.sweep();
  EXPECT_FALSE(flow());
  EXPECT_EQ(director.server("web", "web2").inactive, 0);
}

TEST_F(ToldTest, AResetThatIsNotNearMovesNothing) {
  const tandem_fast_event syn = place("web1");
  tell(syn);
  tell(packet_of(syn, kAck, true, 1001));
  tell(packet_of(syn, kRst, true, 900'000'000));
  EXPECT_EQ(state(), FlowState::kEstablished);
  EXPECT_EQ(director.count(Counter::kEndsNotBelieved), 1u);
  tell(packet_of(syn, kRst, true, 1001));
  EXPECT_EQ(state(), FlowState::kClose);
}

TEST_F(ToldTest, ASynThatCameAgainGoesToTheServerThatThePathPicked) {
  tell(place("web1"));
  const auto sent = director.send(from_client().seq(1000).syn());
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(director.name_of_server(flow()->server()), "web1") << "round robin would have begun with web2";
  EXPECT_EQ(director.count(Counter::kNewFlows), 1u);
}

TEST_F(ToldTest, WhatIsPlacedAfterItsServerWentIsForgotten) {
  const tandem_fast_event syn = place("web1");
  ServiceSetting less = web();
  less.servers.erase(less.servers.begin());
  director.apply({less});
  tell(syn);
  EXPECT_FALSE(flow());
  EXPECT_EQ(director.fast.flows().tag(syn.index), 0u);
  EXPECT_FALSE(director.fast.flows().has(syn.index, syn.key));
}

TEST_F(ToldTest, WhatIsToldOfAFlowThatIsGoneIsForgotten) {
  const tandem_fast_event syn = place("web1");
  tell(syn);
  director.flows.remove(*flow());
  tell(packet_of(syn, kAck, true, 1001));
  EXPECT_FALSE(flow());
  tell(packet_of({.key = 7, .index = 0xffffffff}, kAck, true, 1));  // nor anything that cannot be
}

TEST_F(ToldTest, WhatComesBeforeItsConnectionIsHeardOfIsNotReset) {
  director.pass(10s);
  const tandem_fast_event syn = place("web1");
  EXPECT_TRUE(director.send(from_client().seq(1001).ack(5001)).empty());
  EXPECT_EQ(director.count(Counter::kDropOutOfState), 1u);
  tell(syn);
  EXPECT_EQ(director.send(from_client().seq(1001).ack(5001)).size(), 1u);
  EXPECT_EQ(state(), FlowState::kEstablished);
  EXPECT_EQ(director.count(Counter::kResets), 0u);
}

TEST_F(ToldTest, WhatAPeerHasToldOfTheSameClientGoes) {
  const tandem_fast_event syn = place("web1");
  director.flows.insert(
      kTcp, syn.key,
      tandem_flow_value(director.services.server_slot("web", "web2"), static_cast<uint8_t>(FlowState::kEstablished),
                        TANDEM_FLOW_LEARNT, tick_of(director.now)));
  tell(syn);
  EXPECT_EQ(director.name_of_server(flow()->server()), "web1");
  EXPECT_EQ(flow()->index, syn.index);
  size_t flows = 0;
  director.flows.scan(0, director.flows.slots(), [&](const Flow&) { ++flows; });
  EXPECT_EQ(flows, 1u);
}

TEST_F(ToldTest, WhatTheEngineHasPlacedMeanwhileStays) {
  const tandem_fast_event syn = place("web1");
  // Another place of the same client's: two processors, or a tag that was just missed.
  director.flows.insert(kTcp, syn.key,
                        tandem_flow_value(director.services.server_slot("web", "web2"),
                                          static_cast<uint8_t>(FlowState::kSynRecv), 0, tick_of(director.now)));
  tell(syn);
  EXPECT_EQ(director.name_of_server(flow()->server()), "web2");
  EXPECT_FALSE(director.fast.flows().has(syn.index, syn.key));
}

}  // namespace
}  // namespace tandem::forwarding
