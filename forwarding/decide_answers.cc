// What comes back: a server's answers, by NAT and by fullnat, and ICMP errors about either way. Whose flow it is has to be found
// from the far side.
#include "forwarding/decide.hpp"
#include "forwarding/tunnel.hpp"

namespace tandem::forwarding {
namespace {

bool in_chain(const Server* first, uint16_t slot) {
  for (; first != nullptr; first = first->next_same_endpoint)
    if (first->slot == slot) return true;
  return false;
}

}  // namespace

std::optional<EndPoint> Decider::client_of(const Flow& flow) const {
  const auto client = flows_.client_of(flow);
  return client ? std::optional(EndPoint{*client, flow.client_port()}) : std::nullopt;
}

std::optional<Flow> Decider::find_answered(const Answer& answer, bool& ours) const {
  const Server* exact = services_.find_server(answer.protocol, answer.server, answer.server_port);
  const Server* any =
      services_.has_servers_of_any_port() ? services_.find_server(answer.protocol, answer.server, 0) : nullptr;
  ours = exact != nullptr;
  // A server that has the port its clients came to answers from a port of its service.
  for (const Server* each = any; each != nullptr && !ours; each = each->next_same_endpoint)
    for (const uint16_t number : services_.service(each->service_slot)->facets)
      if (services_.facet(number)->front.has(answer.server_port)) ours = true;
  if (!ours) return std::nullopt;
  return flows_.find_if(answer.protocol, answer.client, answer.client_port, [&](const Flow& flow) {
    const Facet* facet = services_.facet(flow.service());
    if (facet == nullptr || flow.is_template()) return false;
    return in_chain(exact, flow.server()) || (in_chain(any, flow.server()) && facet->front.has(answer.server_port));
  });
}

// Nothing when the packet is no answer of a NAT server at all.
std::optional<Decision> Decider::from_server(const Packet& packet, TimePoint now) {
  if (const uint16_t number = services_.sources().number_of(packet.destination)) return from_pool(packet, number, now);
  bool ours = false;
  auto flow = find_answered(
      {packet.protocol, packet.source, packet.source_port, packet.destination, packet.destination_port}, ours);
  if (!ours) return std::nullopt;
  if (!flow) {
    if (const Server* stateless =
            server_of_one_packet(packet.protocol, packet.source, packet.source_port, packet.destination))
      return Decision{Step::kToClient, Counter::kToClient, stateless->slot, stateless->service_slot};
    return services_.is_own(packet.destination) ? Decision{} : drop(Counter::kDropAnswerWithoutFlow);
  }
  return to_client(packet, *flow, now);
}

// Where every packet is placed by itself no flow knows the answers, but what they are answers of: the service's only front.
const Server* Decider::server_of_one_packet(uint8_t protocol, const IpAddress& server, uint16_t port,
                                            const IpAddress& client) const {
  const Server* found = services_.find_server(protocol, server, port);
  const Service* service = found == nullptr ? nullptr : services_.service(found->service_slot);
  return service != nullptr && service->setting.one_packet && !services_.is_own(client) ? found : nullptr;
}

// What came to an address of a pool: an answer of a fullnat server, or nothing that this box has a program for.
Decision Decider::from_pool(const Packet& packet, uint16_t number, TimePoint now) {
  const auto flow =
      find_sourced({packet.protocol, packet.source, packet.source_port, {}, packet.destination_port}, number);
  return flow ? to_client(packet, *flow, now) : drop(Counter::kDropAnswerWithoutFlow);
}

std::optional<Flow> Decider::find_sourced(const Answer& answer, uint16_t number) const {
  const auto flow =
      services_.sources().find(answer.protocol, {answer.server, answer.server_port}, number, answer.client_port);
  const Server* server = flow ? services_.server(flow->server()) : nullptr;
  const Facet* facet = flow ? services_.facet(flow->service()) : nullptr;
  const bool holds = server != nullptr && facet != nullptr && server->method == TANDEM_FULLNAT &&
                     server->service_slot == facet->service->slot;
  return holds ? flow : std::nullopt;
}

Decision Decider::to_client(const Packet& packet, Flow flow, TimePoint now) {
  Server& server = *services_.server(flow.server());
  const Service* service = services_.service(flow.service());
  const auto decided = [&](Step step, Counter reason) {
    return with_end({step, reason, server.slot, flow.service()}, server, packet, client_of(flow));
  };
  if ((flow.flags() & TANDEM_FLOW_KILLED) != 0) return decided(Step::kBreak, Counter::kDropKilled);
  if (is_lost(packet, *service, server, FlowsOnDown::kReset)) return decided(Step::kBreak, Counter::kDropServerDown);
  if (service->setting.watched && packet.protocol == kTcp) witness_.answered(packet, flow, server);
  follow(flow, server, packet, false, now);
  Decision decision = decided(Step::kToClient, Counter::kToClient);
  decision.answered = {flow.index, flow.key};
  return decision;
}

// RFC 792: what the error quotes is a packet of the flow, in one of the shapes it has on its way.
Decision Decider::about_flow(const Packet& packet) {
  const Quoted& quoted = *packet.quoted;
  // Our own outer header, on the way to a tunnel's end.
  for (const Server* end = services_.find_tunnel(quoted.destination); end != nullptr; end = end->next_same_endpoint)
    if (packet.destination == quoted.source && is_of_tunnel(quoted, services_.recipe(end->slot)))
      return {Step::kTunnelError, Counter::kErrorsRelayed, end->slot};
  if (!has_ports(quoted.protocol)) return {};
  // An answer, VIP -> client: the server wants to know.
  if (const Facet* facet = services_.find(quoted.protocol, quoted.source, quoted.source_port)) {
    if (packet.destination != quoted.source) return {};
    const auto flow = flows_.find(quoted.protocol, quoted.destination, quoted.destination_port, facet->slot);
    const Server* server = flow ? services_.server(flow->server()) : nullptr;
    if (server == nullptr) return drop(Counter::kDropErrorWithoutFlow, facet->slot);
    if (server->method == TANDEM_LOCAL) return {};  // this box sent the answer
    return with_end({Step::kErrorToServer, Counter::kErrorsRelayed, server->slot, facet->slot}, *server, packet,
                    source_of(*flow));
  }
  // A client's packet as fullnat left it, pool -> server.
  if (const uint16_t number = services_.sources().number_of(quoted.source)) {
    if (packet.destination != quoted.source) return {};
    const auto flow =
        find_sourced({quoted.protocol, quoted.destination, quoted.destination_port, {}, quoted.source_port}, number);
    if (!flow) return drop(Counter::kDropErrorWithoutFlow);
    return with_end({Step::kErrorToClient, Counter::kErrorsRelayed, flow->server(), flow->service()},
                    *services_.server(flow->server()), packet, client_of(*flow));
  }
  // A client's packet as NAT left it, client -> server: the client wants to know.
  bool ours = false;
  const auto flow = find_answered(
      {quoted.protocol, quoted.destination, quoted.destination_port, quoted.source, quoted.source_port}, ours);
  if (!ours || packet.destination != quoted.source) return {};
  if (flow) return {Step::kErrorToClient, Counter::kErrorsRelayed, flow->server(), flow->service()};
  if (const Server* stateless =
          server_of_one_packet(quoted.protocol, quoted.destination, quoted.destination_port, quoted.source))
    return {Step::kErrorToClient, Counter::kErrorsRelayed, stateless->slot, stateless->service_slot};
  return services_.is_own(packet.destination) ? Decision{} : drop(Counter::kDropErrorWithoutFlow);
}

}  // namespace tandem::forwarding
