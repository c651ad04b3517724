#include "forwarding/sctp_state.hpp"

#include <array>

#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

[[maybe_unused]] constexpr FlowState sNO = FlowState::kNone, sI1 = FlowState::kSctpInit1, sIN = FlowState::kSctpInit,
                                     sCS = FlowState::kSctpCookieSent, sCR = FlowState::kSctpCookieReplied,
                                     sCW = FlowState::kSctpCookieWait, sCO = FlowState::kSctpCookie,
                                     sCE = FlowState::kSctpCookieEchoed, sES = FlowState::kSctpEstablished,
                                     sSS = FlowState::kSctpShutdownSent, sSR = FlowState::kSctpShutdownReceived,
                                     sSA = FlowState::kSctpShutdownAckSent, sRJ = FlowState::kSctpRejected,
                                     sCL = FlowState::kSctpClosed;

constexpr size_t kStates = 14;
constexpr size_t kEvents = 10;
using Row = std::array<FlowState, kStates>;

// The new state by direction, event and old state; columns are kNone and then the SCTP states in the order of FlowState.
// clang-format off
constexpr std::array<std::array<Row, kEvents>, 3> kTables = {{
  {{  // kInput
    //                      sNO  sI1  sIN  sCS  sCR  sCW  sCO  sCE  sES  sSS  sSR  sSA  sRJ  sCL
    /* data              */ {{ sES, sI1, sIN, sCS, sCR, sCW, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* init              */ {{ sI1, sIN, sIN, sCS, sCR, sCW, sCO, sCE, sES, sSS, sSR, sSA, sIN, sIN }},
    /* init_ack          */ {{ sCW, sCW, sCW, sCS, sCR, sCO, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* cookie_echo       */ {{ sCR, sIN, sIN, sCR, sCR, sCW, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* cookie_ack        */ {{ sES, sI1, sIN, sCS, sCR, sCW, sCO, sES, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* shutdown          */ {{ sSR, sI1, sIN, sCS, sCR, sCW, sCO, sCE, sSR, sSS, sSR, sSA, sRJ, sCL }},
    /* shutdown_ack      */ {{ sCL, sIN, sIN, sCS, sCR, sCW, sCO, sCE, sES, sCL, sSR, sCL, sRJ, sCL }},
    /* shutdown_complete */ {{ sCL, sCL, sCL, sCS, sCR, sCW, sCO, sCE, sES, sSS, sSR, sCL, sRJ, sCL }},
    /* error             */ {{ sCL, sI1, sIN, sCS, sCR, sCW, sCO, sCL, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* abort             */ {{ sCL, sCL, sCL, sCL, sCL, sRJ, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL }},
  }},
  {{  // kOutput
    //                      sNO  sI1  sIN  sCS  sCR  sCW  sCO  sCE  sES  sSS  sSR  sSA  sRJ  sCL
    /* data              */ {{ sES, sI1, sIN, sCS, sCR, sCW, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* init              */ {{ sCW, sCW, sCW, sCW, sCW, sCW, sCW, sCW, sES, sCW, sCW, sCW, sCW, sCW }},
    /* init_ack          */ {{ sCS, sCS, sCS, sCS, sCR, sCW, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* cookie_echo       */ {{ sCE, sCE, sCE, sCE, sCE, sCE, sCE, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* cookie_ack        */ {{ sES, sES, sES, sES, sES, sES, sES, sES, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* shutdown          */ {{ sSS, sSS, sSS, sSS, sSS, sSS, sSS, sSS, sSS, sSS, sSR, sSA, sRJ, sCL }},
    /* shutdown_ack      */ {{ sSA, sSA, sSA, sSA, sSA, sCW, sCO, sCE, sES, sSA, sSA, sSA, sRJ, sCL }},
    /* shutdown_complete */ {{ sCL, sI1, sIN, sCS, sCR, sCW, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* error             */ {{ sCL, sCL, sCL, sCL, sCL, sCW, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* abort             */ {{ sCL, sRJ, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL }},
  }},
  {{  // kInputOnly
    //                      sNO  sI1  sIN  sCS  sCR  sCW  sCO  sCE  sES  sSS  sSR  sSA  sRJ  sCL
    /* data              */ {{ sES, sI1, sIN, sCS, sCR, sES, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* init              */ {{ sI1, sIN, sIN, sIN, sIN, sIN, sCO, sCE, sES, sSS, sSR, sSA, sIN, sIN }},
    /* init_ack          */ {{ sCE, sCE, sCE, sCE, sCE, sCE, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* cookie_echo       */ {{ sES, sES, sES, sES, sES, sES, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* cookie_ack        */ {{ sES, sI1, sIN, sES, sES, sCW, sES, sES, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* shutdown          */ {{ sSR, sI1, sIN, sCS, sCR, sCW, sCO, sCE, sSR, sSS, sSR, sSA, sRJ, sCL }},
    /* shutdown_ack      */ {{ sCL, sIN, sIN, sCS, sCR, sCW, sCO, sCE, sCL, sCL, sSR, sCL, sRJ, sCL }},
    /* shutdown_complete */ {{ sCL, sCL, sCL, sCL, sCL, sCW, sCO, sCE, sES, sSS, sCL, sCL, sRJ, sCL }},
    /* error             */ {{ sCL, sI1, sIN, sCS, sCR, sCW, sCO, sCE, sES, sSS, sSR, sSA, sRJ, sCL }},
    /* abort             */ {{ sCL, sCL, sCL, sCL, sCL, sRJ, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL }},
  }},
}};
// clang-format on

// The rows' numbers. Whatever is no event of its own is like data: SACK, HEARTBEAT, and what came after RFC 4960.
size_t event_of(uint8_t chunk) {
  switch (chunk) {
    case sctp::kInit:
      return 1;
    case sctp::kInitAck:
      return 2;
    case sctp::kCookieEcho:
      return 3;
    case sctp::kCookieAck:
      return 4;
    case sctp::kShutdown:
      return 5;
    case sctp::kShutdownAck:
      return 6;
    case sctp::kShutdownComplete:
      return 7;
    case sctp::kError:
      return 8;
    case sctp::kAbort:
      return 9;
    default:
      return 0;
  }
}

size_t column_of(FlowState state) {
  const auto number = static_cast<size_t>(state), first = static_cast<size_t>(FlowState::kSctpInit1);
  return number >= first && number - first + 1 < kStates ? number - first + 1 : 0;
}

}  // namespace

FlowState next_sctp_state(FlowState state, TcpDirection direction, uint8_t chunk) {
  return kTables[static_cast<size_t>(direction)][event_of(chunk)][column_of(state)];
}

}  // namespace tandem::forwarding
