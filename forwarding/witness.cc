#include "forwarding/witness.hpp"

#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {
namespace {

// A little less than the second after which the first SYN is sent again: ticks are coarse.
constexpr uint32_t kAgainAfter = ticks_of(900ms);

}  // namespace

bool Witness::is_open(const Flow& flow) {
  return static_cast<FlowState>(flow.state()) == FlowState::kSynRecv &&
         (flow.flags() & (TANDEM_FLOW_SETTLED | TANDEM_FLOW_LEARNT | TANDEM_FLOW_KILLED)) == 0;
}

// False when somebody else was faster: then it is theirs to count.
bool Witness::settle(Flow& flow) {
  const auto flags = static_cast<uint8_t>(flow.flags() | TANDEM_FLOW_SETTLED);
  return flows_.update(flow, tandem_flow_value(flow.server(), flow.state(), flags, flow.last_seen()));
}

uint64_t Witness::mark_of(const IpAddress& client) const {
  return uint64_t{1} << (flows_.hash_of(client) >> 58);
}

void Witness::syn_again(const Packet& packet, Flow& flow, Server& server, TimePoint now) {
  if (!is_open(flow) || age_of(flow.last_seen(), tick_of(now)) < kAgainAfter || !settle(flow)) return;
  server.unanswered.fetch_add(1, std::memory_order_relaxed);
  server.failed_clients.fetch_or(mark_of(packet.source), std::memory_order_relaxed);
}

void Witness::answered(const Packet& packet, Flow& flow, Server& server) {
  if (!is_open(flow) || !settle(flow) || (packet.tcp_flags & kRst) == 0) return;
  server.refused.fetch_add(1, std::memory_order_relaxed);
  // Not the packet's destination: behind fullnat that is ours.
  const IpAddress client = flows_.client_of(flow).value_or(packet.destination);
  server.failed_clients.fetch_or(mark_of(client), std::memory_order_relaxed);
}

}  // namespace tandem::forwarding
