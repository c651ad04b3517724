// What a flow's state is, how TCP segments move it, how long it lasts and what it weighs: IPVS's
// tables of Linux 6.1 (net/netfilter/ipvs/ip_vs_proto_tcp.c), numbers included.
//
// A director sees both directions of a NAT flow, but only the client's of DR and TUN; for those it
// infers what it cannot see (kInputOnly).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "daemon/base/time.hpp"
#include "forwarding/flow_table.h"
#include "forwarding/server.hpp"

namespace tandem::forwarding {

// The state byte of a flow.
enum class FlowState : uint8_t {
  kNone = 0,
  kEstablished = 1,
  kSynSent = 2,
  kSynRecv = 3,
  kFinWait = 4,
  kTimeWait = 5,
  kClose = 6,
  kCloseWait = 7,
  kLastAck = 8,
  kListen = 9,
  kSynAck = 10,
  kUdpFlow = 11,
  kTemplate = TANDEM_STATE_TEMPLATE,  // no flow, but where a client's flows go: persistence.hpp
  // SCTP: sctp_state.hpp
  kSctpInit1 = 13,
  kSctpInit,
  kSctpCookieSent,
  kSctpCookieReplied,
  kSctpCookieWait,
  kSctpCookie,
  kSctpCookieEchoed,
  kSctpEstablished,
  kSctpShutdownSent,
  kSctpShutdownReceived,
  kSctpShutdownAckSent,
  kSctpRejected,
  kSctpClosed,
};
inline constexpr uint8_t kFlowStates = 26;

inline constexpr Duration kLongestPersistence = std::chrono::hours(31 * 24);

enum class TcpDirection : uint8_t {
  kInput,      // from the client, answers are seen too
  kOutput,     // from the server
  kInputOnly,  // from the client, answers never seen
};

// The state after a segment with these flags (TcpFlags). RST > SYN > FIN > ACK; none of them leads
// to kClose. A byte that is no TCP state counts as kNone.
FlowState next_tcp_state(FlowState state, TcpDirection direction, uint8_t tcp_flags);

// How long flows of a service live, by state; what is not said is timeout_of()'s.
class Timeouts {
 public:
  // REQUIRES: at most 31 days, whole milliseconds.
  void set(FlowState state, Duration timeout) { said_[static_cast<size_t>(state)] = timeout; }
  // Zero where nothing is said.
  Duration said(FlowState state) const { return said_[static_cast<size_t>(state)]; }
  bool operator==(const Timeouts&) const = default;

 private:
  std::array<Duration, kFlowStates> said_{};
};

// How long a flow in this state lives without a packet, where its service says nothing else (FlowTable::timeout_of). A byte that is no state lives 2 s. A template: 31 days, the most that
// a service may say; how long it lives is its service's to say.
Duration timeout_of(FlowState state);

// IPVS counts a TCP flow as active until its close begins, an SCTP flow while it is established, and every UDP flow as inactive.
Load load_of(FlowState state);

std::string_view name_of(FlowState state);  // "ESTABLISHED"

}  // namespace tandem::forwarding
