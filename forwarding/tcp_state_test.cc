// The tables compared with those of Linux 6.1, and the play they make together.
#include "forwarding/tcp_state.hpp"

#include <gtest/gtest.h>

#include "forwarding/packet.hpp"
#include "forwarding/testing/json_reader.hpp"

namespace tandem::forwarding {
namespace {

using testing::Json;

FlowState state_named(std::string_view name) {
  for (uint8_t i = 0; i < kFlowStates; ++i)
    if (name_of(static_cast<FlowState>(i)) == name) return static_cast<FlowState>(i);
  ADD_FAILURE() << "no state " << name;
  return FlowState::kNone;
}

// Beside the project the file has another table, that of secure_tcp: IPVS's defence against floods, in whose place a bounded flow
// table stands here.
TEST(TcpState, MovesAsIpvsMovesIt) {
  const Json tables = testing::read_all_cases("ipvs_tcp_state_tables.json");
  size_t cells = 0;
  for (const auto& [name, direction] :
       {std::pair{"INPUT", TcpDirection::kInput}, std::pair{"OUTPUT", TcpDirection::kOutput},
        std::pair{"INPUT_ONLY", TcpDirection::kInputOnly}}) {
    for (const auto& [event, flags] :
         {std::pair{"syn", kSyn}, std::pair{"fin", kFin}, std::pair{"ack", kAck}, std::pair{"rst", kRst}}) {
      for (const auto& [from, to] : tables["normal"][name][event].members) {
        EXPECT_EQ(name_of(next_tcp_state(state_named(from), direction, flags)), to.text)
            << name << ' ' << event << ' ' << from;
        ++cells;
      }
    }
  }
  EXPECT_EQ(cells, 3u * 4 * 11);
}

TEST(TcpState, LastsAndWeighsAsInIpvs) {
  const Json tables = testing::read_all_cases("ipvs_tcp_state_tables.json");
  for (const auto& [name, seconds] : tables["timeouts_s"].members) {
    if (name == "LAST") continue;
    EXPECT_EQ(timeout_of(state_named(name)), std::chrono::seconds(seconds.number)) << name;
    EXPECT_EQ(load_of(state_named(name)), tables["active"][name].truth ? Load::kActive : Load::kInactive) << name;
  }
  EXPECT_EQ(timeout_of(FlowState::kUdpFlow), 300s);
}

TEST(TcpState, HearsResetBeforeSynBeforeFinBeforeAck) {
  const auto from_client = [](uint8_t flags) {
    return next_tcp_state(FlowState::kEstablished, TcpDirection::kInput, flags);
  };
  EXPECT_EQ(from_client(kRst | kSyn | kFin | kAck), FlowState::kClose);
  EXPECT_EQ(from_client(kSyn | kFin | kAck), FlowState::kEstablished);
  EXPECT_EQ(from_client(kFin | kAck), FlowState::kCloseWait);
  EXPECT_EQ(from_client(kPsh), FlowState::kClose);  // none of the four
}

TEST(TcpState, FollowsAConnectionFromOpenToCloseInBothDirections) {
  FlowState state = FlowState::kNone;
  const auto client = [&](uint8_t f) { state = next_tcp_state(state, TcpDirection::kInput, f); };
  const auto server = [&](uint8_t f) { state = next_tcp_state(state, TcpDirection::kOutput, f); };
  client(kSyn);
  EXPECT_EQ(state, FlowState::kSynRecv);
  server(kSyn | kAck);
  EXPECT_EQ(state, FlowState::kSynRecv);
  client(kAck);
  EXPECT_EQ(state, FlowState::kEstablished);
  server(kFin | kAck);
  EXPECT_EQ(state, FlowState::kFinWait);
  client(kFin | kAck);
  EXPECT_EQ(state, FlowState::kTimeWait);
}

TEST(TcpState, TakesNonsenseBytesForNoState) {
  EXPECT_EQ(next_tcp_state(static_cast<FlowState>(200), TcpDirection::kInput, kSyn), FlowState::kSynRecv);
  EXPECT_EQ(timeout_of(static_cast<FlowState>(200)), 2s);
}

}  // namespace
}  // namespace tandem::forwarding
