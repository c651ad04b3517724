// What the fast path's programs tell of packets that they have sent on, and of connections that they have placed (fast_path.h): the engine
// follows as if it had seen the packets.
#include "forwarding/decide.hpp"
#include "forwarding/fast_path.hpp"
#include "forwarding/recipe.hpp"
#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {

Decider::Seen Decider::seen_in(const tandem_fast_event& event) {
  const bool from_client = event.from_client != 0;
  return {.protocol = kTcp,
          .tcp_flags = event.flags,
          .sctp_chunk = 0,
          .from_client = from_client,
          .segment = {.sequence = event.sequence,
                      .acknowledgment = event.acknowledgment,
                      .payload = event.payload,
                      .flags = event.flags,
                      .from_client = from_client}};
}

void Decider::told(const tandem_fast_event& event, TimePoint now) {
  if (event.index >= flows_.slots()) return;
  if (event.server != 0) return take_up(event, now);
  const auto flow = flows_.at(event.index);
  Server* const server = flow && flow->key == event.key ? services_.server(flow->server()) : nullptr;
  const Service* const service = server != nullptr ? services_.service(flow->service()) : nullptr;
  if (service != nullptr && server->service_slot == service->slot) follow(*flow, *server, seen_in(event), now);
}

// As place() would have done. Where it cannot be taken up any more, the client's next packet is one that no flow knows.
void Decider::take_up(const tandem_fast_event& event, TimePoint now) {
  const uint16_t number = tandem_key_service(event.key);
  const Facet* const facet = services_.facet(number);
  Server* const server = services_.server(event.server);
  const bool holds = facet != nullptr && server != nullptr && server->service_slot == facet->service->slot;
  const IpAddress client = fast_address(event.client);
  const Seen seen = seen_in(event);
  const FlowState state =
      holds
          ? next_tcp_state(FlowState::kNone,
                           sees_answers(server->method) ? TcpDirection::kInput : TcpDirection::kInputOnly, event.flags)
          : FlowState::kNone;
  const uint64_t value = tandem_flow_value(event.server, static_cast<uint8_t>(state), 0, tick_of(now));
  const auto flow = flows_.adopt(event.index, kTcp, client, event.key, value);
  if (!flow) return;
  if (!holds) {
    (void)flows_.remove(*flow);
    return;
  }
  counters_.add(Counter::kNewFlows);
  counters_.add(Counter::kFastNewFlows);
  begin(*flow, *server, client, seen);
  flows_.mark_dirty(flow->index);
  offer(*flow, *server);
}

}  // namespace tandem::forwarding
