#include "forwarding/tcp_state.hpp"

#include <array>

#include "forwarding/packet.hpp"

namespace tandem::forwarding {
namespace {

[[maybe_unused]] constexpr FlowState sNO = FlowState::kNone, sES = FlowState::kEstablished, sSS = FlowState::kSynSent,
                                     sSR = FlowState::kSynRecv, sFW = FlowState::kFinWait, sTW = FlowState::kTimeWait,
                                     sCL = FlowState::kClose, sCW = FlowState::kCloseWait, sLA = FlowState::kLastAck,
                                     sLI = FlowState::kListen, sSA = FlowState::kSynAck;

constexpr size_t kTcpStates = 11;
using Row = std::array<FlowState, kTcpStates>;
enum Event : uint8_t { kOnSyn, kOnFin, kOnAck, kOnRst };

// The new state by direction, event and old state; columns in the order of FlowState.
// clang-format off
constexpr std::array<std::array<Row, 4>, 3> kTables = {{
  {{  // kInput
    //           sNO  sES  sSS  sSR  sFW  sTW  sCL  sCW  sLA  sLI  sSA
    /* syn */ {{ sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSR }},
    /* fin */ {{ sCL, sCW, sSS, sTW, sTW, sTW, sCL, sCW, sLA, sLI, sTW }},
    /* ack */ {{ sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES }},
    /* rst */ {{ sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sSR }},
  }},
  {{  // kOutput
    /* syn */ {{ sSS, sES, sSS, sSR, sSS, sSS, sSS, sSS, sSS, sLI, sSR }},
    /* fin */ {{ sTW, sFW, sSS, sTW, sFW, sTW, sCL, sTW, sLA, sLI, sTW }},
    /* ack */ {{ sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sLA, sES, sES }},
    /* rst */ {{ sCL, sCL, sSS, sCL, sCL, sTW, sCL, sCL, sCL, sCL, sCL }},
  }},
  {{  // kInputOnly
    /* syn */ {{ sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSR }},
    /* fin */ {{ sCL, sFW, sSS, sTW, sFW, sTW, sCL, sCW, sLA, sLI, sTW }},
    /* ack */ {{ sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES }},
    /* rst */ {{ sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sCL }},
  }},
}};
// clang-format on

struct StateFacts {
  std::string_view name;
  Duration timeout;
  Load load;
};

constexpr std::array<StateFacts, kFlowStates> kFacts = {{
    {"NONE", 2s, Load::kInactive},
    {"ESTABLISHED", 900s, Load::kActive},
    {"SYN_SENT", 120s, Load::kActive},
    {"SYN_RECV", 60s, Load::kActive},
    {"FIN_WAIT", 120s, Load::kInactive},
    {"TIME_WAIT", 120s, Load::kInactive},
    {"CLOSE", 10s, Load::kInactive},
    {"CLOSE_WAIT", 60s, Load::kInactive},
    {"LAST_ACK", 30s, Load::kInactive},
    {"LISTEN", 120s, Load::kInactive},
    {"SYNACK", 120s, Load::kActive},
    {"UDP", 300s, Load::kInactive},
    {"TEMPLATE", kLongestPersistence, Load::kNone},
    {"SCTP_INIT1", 4s, Load::kInactive},
    {"SCTP_INIT", 61s, Load::kInactive},
    {"SCTP_COOKIE_SENT", 61s, Load::kInactive},
    {"SCTP_COOKIE_REPLIED", 61s, Load::kInactive},
    {"SCTP_COOKIE_WAIT", 61s, Load::kInactive},
    {"SCTP_COOKIE", 61s, Load::kInactive},
    {"SCTP_COOKIE_ECHOED", 61s, Load::kInactive},
    {"SCTP_ESTABLISHED", 900s, Load::kActive},
    {"SCTP_SHUTDOWN_SENT", 61s, Load::kInactive},
    {"SCTP_SHUTDOWN_RECEIVED", 61s, Load::kInactive},
    {"SCTP_SHUTDOWN_ACK_SENT", 61s, Load::kInactive},
    {"SCTP_REJECTED", 4s, Load::kInactive},
    {"SCTP_CLOSED", 61s, Load::kInactive},
}};

const StateFacts& facts(FlowState state) {
  const auto number = static_cast<size_t>(state);
  return kFacts[number < kFacts.size() ? number : 0];
}

}  // namespace

FlowState next_tcp_state(FlowState state, TcpDirection direction, uint8_t tcp_flags) {
  Event event;
  if (tcp_flags & kRst) {
    event = kOnRst;
  } else if (tcp_flags & kSyn) {
    event = kOnSyn;
  } else if (tcp_flags & kFin) {
    event = kOnFin;
  } else if (tcp_flags & kAck) {
    event = kOnAck;
  } else {
    return FlowState::kClose;
  }
  const auto column = static_cast<size_t>(state);
  return kTables[static_cast<size_t>(direction)][event][column < kTcpStates ? column : 0];
}

Duration timeout_of(FlowState state) {
  return facts(state).timeout;
}
Load load_of(FlowState state) {
  return facts(state).load;
}
std::string_view name_of(FlowState state) {
  return facts(state).name;
}

}  // namespace tandem::forwarding
