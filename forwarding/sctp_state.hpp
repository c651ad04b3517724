// What the state of an SCTP association is and how chunks move it: IPVS's tables of Linux 6.1
// (net/netfilter/ipvs/ip_vs_proto_sctp.c). How long a state lasts and what it weighs: tcp_state.hpp.
#pragma once

#include <cstdint>

#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {

// The state after a packet whose chunk is of this type (Packet::sctp_chunk). A byte that is no SCTP state counts as kNone.
FlowState next_sctp_state(FlowState state, TcpDirection direction, uint8_t chunk);

}  // namespace tandem::forwarding
