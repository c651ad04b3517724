#include "forwarding/decide.hpp"

#include <algorithm>
#include <mutex>

#include "forwarding/header_checks.hpp"
#include "forwarding/recipe.hpp"
#include "forwarding/sctp_state.hpp"
#include "forwarding/tcp_state.hpp"
#include "forwarding/tcp_window.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

// Of flows for the fast path at once: a worker's batches are far smaller.
constexpr size_t kMostOffers = 4096;

bool opens_tcp(uint8_t flags) {
  return (flags & (kSyn | kAck | kRst | kFin)) == kSyn;
}

// A packet that may open a connection.
bool opens(const Packet& packet) {
  if (packet.protocol == kTcp) return opens_tcp(packet.tcp_flags);
  if (packet.protocol == kSctp) return packet.sctp_chunk == sctp::kInit;
  return true;
}

// One that must not be answered when no flow knows it: RFC 9293, 3.5.2; RFC 9260, 8.4.
bool ends(const Packet& packet) {
  if (packet.protocol == kTcp) return (packet.tcp_flags & kRst) != 0;
  return packet.sctp_chunk == sctp::kAbort || packet.sctp_chunk == sctp::kShutdownComplete ||
         packet.sctp_chunk == sctp::kCookieAck || packet.sctp_chunk == sctp::kError;
}

// Of a Packet, or of what is seen in one.
template <class Some>
FlowState next_state(FlowState state, TcpDirection direction, const Some& packet) {
  if (packet.protocol == kTcp) return next_tcp_state(state, direction, packet.tcp_flags);
  if (packet.protocol == kSctp) return next_sctp_state(state, direction, packet.sctp_chunk);
  return state;
}

TcpDirection client_direction(const Server& server) {
  return sees_answers(server.method) ? TcpDirection::kInput : TcpDirection::kInputOnly;
}

// REQUIRES: TCP with known ports.
TcpSegment segment_of(const Packet& packet, bool from_client) {
  const auto& tcp = *wire_at<TcpHeader>(Bytes(packet.bytes), packet.header_length);
  return {.sequence = tcp.sequence,
          .acknowledgment = tcp.acknowledgment,
          .payload = static_cast<uint32_t>(packet.payload_length()),
          .flags = packet.tcp_flags,
          .from_client = from_client};
}

// What a limit on connections counts: of UDP every flow, of TCP those that have not begun to close.
int is_open(uint8_t protocol, Load load) {
  return load == Load::kActive || (protocol == kUdp && load == Load::kInactive) ? 1 : 0;
}
int64_t open_on(const Server& server) {
  const int64_t active = server.active.load(std::memory_order_relaxed);
  return server.protocol == kUdp ? active + server.inactive.load(std::memory_order_relaxed) : active;
}

Step step_to(const Server& server) {
  return server.method == TANDEM_LOCAL ? Step::kToLocal : Step::kToServer;
}

}  // namespace

Decider::Decider(FlowTable& flows, ServiceTable& services, Counters& counters)
    : flows_(flows),
      services_(services),
      counters_(counters),
      persistence_(flows, services, counters),
      witness_(flows) {}

Decision Decider::decide(const Packet& packet, TimePoint now) {
  if (packet.quoted) return about_flow(packet);
  if (packet.protocol == kEsp || packet.protocol == kAh) return beside_isakmp(packet, now);
  if (!has_ports(packet.protocol)) return {};
  if (!packet.ports_known) return {};
  if (const Facet* facet = services_.find(packet.protocol, packet.destination, packet.destination_port))
    return from_client(packet, *facet, now);
  return from_server(packet, now).value_or(Decision{});
}

bool Decider::may_be_ours(const Packet& packet) const {
  if (packet.quoted || services_.sources().number_of(packet.destination) != 0) return true;
  const auto is_ours = [&](uint8_t protocol) {
    return services_.is_vip(protocol, packet.destination) || services_.is_nat_server(protocol, packet.source);
  };
  // What IPv6 cuts may begin with more headers, which only the first part has.
  const bool hidden = packet.is_ipv6() && packet.is_later_part() &&
                      (packet.protocol == kDestinationOptions || packet.protocol == kRouting);
  return hidden ? is_ours(kTcp) || is_ours(kUdp) || is_ours(kSctp) : is_ours(packet.protocol);
}

bool Decider::still_holds(const Decision& decision) const {
  const Server* server = services_.server(decision.server);
  const Facet* facet = services_.facet(decision.facet);
  return server != nullptr && facet != nullptr && server->service_slot == facet->service->slot;
}

bool Decider::can_have_sent(const Packet& packet, const IpAddress& tunnel_end) const {
  const Facet* facet = services_.find(packet.protocol, packet.destination, packet.destination_port);
  if (facet == nullptr) return false;
  if (!facet->service->setting.one_packet)
    return flows_.find(packet.protocol, packet.source, packet.source_port, facet->slot).has_value();
  for (const Server* end = services_.find_tunnel(tunnel_end); end != nullptr; end = end->next_same_endpoint)
    if (end->service_slot == facet->service->slot) return true;
  return false;
}

std::optional<uint16_t> Decider::server_that_sent(const Packet& answer) const {
  if (!answer.ports_known) return std::nullopt;
  const Facet* facet = services_.find(answer.protocol, answer.source, answer.source_port);
  if (facet == nullptr) return std::nullopt;
  const auto flow = flows_.find(answer.protocol, answer.destination, answer.destination_port, facet->slot);
  if (!flow || services_.server(flow->server()) == nullptr) return std::nullopt;
  return flow->server();
}

// They have no ports, and no key exchange of their own begins a flow.
Decision Decider::beside_isakmp(const Packet& packet, TimePoint now) {
  const Facet* facet = services_.find(kUdp, packet.destination, kIsakmp);
  // NAT changes addresses that AH covers, and has no port to tell ESP's answers by: they are the kernel's, as its filter has it.
  const auto carries = [](const Server* server) { return !sees_answers(server->method); };
  if (facet == nullptr || std::ranges::none_of(facet->service->servers, carries)) return {};
  const auto flow = flows_.find(kUdp, packet.source, kIsakmp, facet->slot);
  Server* server = flow ? services_.server(flow->server()) : nullptr;
  if (server == nullptr || server->service_slot != facet->service->slot || sees_answers(server->method))
    return drop(Counter::kDropOutOfState, facet->slot);
  if (server->method == TANDEM_LOCAL) return {Step::kToLocal, Counter::kToServer, server->slot, facet->slot};
  follow(*flow, *server, packet, true, now);
  return {Step::kToServer, Counter::kToServer, server->slot, facet->slot};
}

Decision Decider::from_client(const Packet& packet, const Facet& facet, TimePoint now) {
  if (facet.service->setting.one_packet) return unknown(packet, facet, nullptr, now);
  auto flow = flows_.find(packet.protocol, packet.source, packet.source_port, facet.slot);
  if (!flow) return unknown(packet, facet, nullptr, now);
  Server* server = services_.server(flow->server());
  if (server == nullptr || server->service_slot != facet.service->slot) return unknown(packet, facet, &*flow, now);
  // Its source's address is of no pool any more: where it came from nobody answers.
  if (server->method == TANDEM_FULLNAT && !services_.sources().of(*flow)) return unknown(packet, facet, &*flow, now);
  return known(packet, facet, *flow, *server, now);
}

Decision Decider::known(const Packet& packet, const Facet& facet, Flow flow, Server& server, TimePoint now) {
  bool again = false;
  if (packet.protocol != kUdp && opens(packet)) {
    if (facet.service->setting.watched) witness_.syn_again(packet, flow, server, now);
    const auto state = static_cast<FlowState>(flow.state());
    // A client port used again; or a server that has not answered and is not to be asked any more.
    const bool over = state == FlowState::kTimeWait || state == FlowState::kClose || state == FlowState::kSctpClosed;
    const bool asked = state == FlowState::kSynRecv || state == FlowState::kSctpInit1 || state == FlowState::kSctpInit;
    again = over || (asked && !(server.up && server.takes_new_flows()));
  } else if (packet.protocol == kUdp) {
    again = !server.up;
  }
  if (!again && (flow.flags() & TANDEM_FLOW_KILLED) != 0)
    return {Step::kBreak, Counter::kDropKilled, server.slot, facet.slot};
  if (!again && is_lost(packet, *facet.service, server, FlowsOnDown::kReset))
    return {Step::kBreak, Counter::kDropServerDown, server.slot, facet.slot};
  if (is_lost(packet, *facet.service, server, FlowsOnDown::kReselect))
    again = again || load_of(static_cast<FlowState>(flow.state())) == Load::kActive;
  // On a director that does not own the VIP a known flow goes on as it is.
  if (again && facet.service->setting.active) return place(packet, facet, &flow, now);
  follow(flow, server, packet, true, now);
  return with_end({step_to(server), Counter::kToServer, server.slot, facet.slot}, server, packet, source_of(flow));
}

std::optional<EndPoint> Decider::source_of(const Flow& flow) const {
  return services_.sources().of(flow);
}
Decision Decider::with_end(Decision decision, const Server& server, const Packet& packet,
                           const std::optional<EndPoint>& end) const {
  if (server.method != TANDEM_FULLNAT) return decision;
  // Another worker needed the flow's place just now.
  if (!end || end->address.family != packet.source.family) return drop(Counter::kDropOutOfState, decision.facet);
  decision.end = *end;
  return decision;
}

bool Decider::is_lost(const Packet& packet, const Service& service, const Server& server, FlowsOnDown how) {
  return !server.up && service.setting.flows_on_down == how && service.setting.active && packet.protocol == kTcp &&
         (packet.tcp_flags & kRst) == 0;
}

// RFC 1812, 5.3.7, and what Linux calls a martian: nobody beyond a wire has an address of ours.
bool Decider::is_spoofed(const Packet& packet) const {
  return !can_be_sender(packet.source) || services_.is_own(packet.source) ||
         services_.is_vip(packet.protocol, packet.source);
}

Decision Decider::unknown(const Packet& packet, const Facet& facet, Flow* former, TimePoint now) {
  const Service& service = *facet.service;
  if (is_spoofed(packet)) return drop(Counter::kDropSpoofedSource, facet.slot);
  const bool accepts = service.setting.out_of_state == OutOfState::kAccept && packet.protocol == kTcp && !ends(packet);
  if (!opens(packet) && !(accepts && service.setting.active)) {
    if (service.setting.out_of_state == OutOfState::kDrop) return drop(Counter::kDropOutOfState, facet.slot);
    // Nor what the fast path may have placed, which is heard of in a moment.
    const bool told = service.setting.active && now - service.active_since >= kGrace &&
                      !flows_.may_be_put(packet.protocol, packet.source, packet.source_port, facet.slot);
    if (!told || ends(packet)) return drop(Counter::kDropOutOfState, facet.slot);
    return {Step::kReset, Counter::kDropOutOfState, 0, facet.slot};
  }
  if (!service.setting.active) return drop(Counter::kDropNotActive, facet.slot);
  return place(packet, facet, former, now);
}

// The client's template, else the scheduler.
Server* Decider::choose(const Packet& packet, Service& service, TimePoint now) {
  const bool persistent = service.setting.is_persistent();
  if (persistent) {
    if (Server* known = persistence_.recall(service, packet.source, now)) return known;
  }
  Server* picked = nullptr;
  {
    const std::lock_guard guard(service.lock);
    picked = service.scheduler->pick(service.rotation, {packet.source, packet.source_port, packet.destination, now});
  }
  return persistent && picked != nullptr ? persistence_.remember(service, packet.source, *picked, now) : picked;
}

std::optional<Counter> Decider::over_limit(const Packet& packet, Service& service, TimePoint now) {
  const LimitSetting& limits = service.setting.limits;
  if (limits.connections != 0) {
    int64_t open = 0;
    for (const Server* server : service.servers) open += open_on(*server);
    if (open >= int64_t{limits.connections}) return Counter::kDropLimitConnections;
  }
  if (limits.of_clients()) {
    switch (services_.client_limits().open(service.slot, limits, packet.source, now)) {
      case ClientLimits::Verdict::kTooMany:
        return Counter::kDropLimitClientConnections;
      case ClientLimits::Verdict::kTooFast:
        return Counter::kDropLimitClientRate;
      case ClientLimits::Verdict::kTaken:
        break;
    }
  }
  if (limits.per_second == 0) return std::nullopt;
  const std::lock_guard guard(service.lock);
  if (!service.pace.may(limits.per_second, now)) return Counter::kDropLimitRate;
  service.pace.take(limits.per_second, now);
  return std::nullopt;
}

void Decider::weigh(Server& server, const Flow& flow, const IpAddress& client, Load from, Load to) {
  services_.counts().change(server, flow.index, from, to);
  const Service* service = services_.service(flow.service());
  if (service == nullptr || service->setting.limits.client_connections == 0) return;
  const int by = is_open(service->setting.protocol, to) - is_open(service->setting.protocol, from);
  if (by != 0) services_.client_limits().change(service->slot, service->setting.limits, client, flow.index, by);
}

Decision Decider::place(const Packet& packet, const Facet& facet, Flow* former, TimePoint now) {
  Service& service = *facet.service;
  // A connection that goes to another server is no new one.
  const bool is_new = former == nullptr ||
                      (packet.protocol == kTcp && load_of(static_cast<FlowState>(former->state())) != Load::kActive);
  if (is_new)
    if (const auto reason = over_limit(packet, service, now)) return drop(*reason, facet.slot);
  Server* server = choose(packet, service, now);
  if (server == nullptr) {
    if (service.setting.no_server == NoServerPolicy::kDrop) return drop(Counter::kDropNoServer, facet.slot);
    return {packet.protocol == kTcp ? Step::kReset : Step::kPortUnreachable, Counter::kDropNoServer, 0, facet.slot};
  }

  if (service.setting.one_packet) {
    // Without a flow there is no source.
    if (server->method == TANDEM_FULLNAT) return drop(Counter::kDropNoSource, facet.slot);
    server->connections.fetch_add(1, std::memory_order_relaxed);
    return {step_to(*server), Counter::kToServer, server->slot, facet.slot};
  }
  const FlowState state =
      packet.protocol == kUdp ? FlowState::kUdpFlow : next_state(FlowState::kNone, client_direction(*server), packet);
  const uint64_t value = tandem_flow_value(server->slot, static_cast<uint8_t>(state), 0, tick_of(now));
  const auto forget = [&](const Flow& flow, const IpAddress& client) {
    if (Server* was = services_.server(flow.server()))
      weigh(*was, flow, client, load_of(static_cast<FlowState>(flow.state())), Load::kNone);
  };

  Flow placed;
  if (former != nullptr) {
    const Flow before = *former;
    // Somebody else moved it meanwhile: what they made of it holds.
    if (!flows_.update(*former, value)) return from_client(packet, facet, now);
    forget(before, packet.source);
    counters_.add(Counter::kRescheduled);
    placed = *former;
  } else {
    const auto inserted = flows_.insert(packet.protocol, packet.source, packet.source_port, facet.slot, value);
    if (inserted.evicted.key != TANDEM_KEY_EMPTY) {
      // Its own address, where it is IPv6, has been written over; the sweep finds out.
      forget(inserted.evicted, inserted.evicted.is_ipv6()
                                   ? IpAddress{}
                                   : IpAddress{Ipv4Address{tandem_key_client_address(inserted.evicted.key)}});
      counters_.add(Counter::kEvicted);
    }
    if (inserted.outcome == FlowTable::Inserted::Outcome::kExists) return from_client(packet, facet, now);
    counters_.add(Counter::kNewFlows);
    placed = inserted.flow;
  }
  begin(placed, *server, packet.source, seen_in(packet, true));
  if (server->method != TANDEM_FULLNAT) {
    services_.sources().drop(placed);
  } else if (!services_.sources().allocate(placed, service.pool_for(packet.source),
                                           {packet.source, packet.source_port})) {
    if (flows_.remove(placed)) forget(placed, packet.source);
    return drop(Counter::kDropNoSource, facet.slot);
  }
  flows_.mark_dirty(placed.index);
  if (packet.protocol == kTcp) offer(placed, *server);
  return with_end({step_to(*server), Counter::kToServer, server->slot, facet.slot}, *server, packet, source_of(placed));
}

void Decider::begin(const Flow& flow, Server& server, const IpAddress& client, const Seen& seen) {
  if (seen.protocol == kTcp) flows_.set_sequences(flow, remember({}, seen.segment));
  server.connections.fetch_add(1, std::memory_order_relaxed);
  weigh(server, flow, client, Load::kNone, load_of(static_cast<FlowState>(flow.state())));
}

void Decider::offer(const Flow& flow, const Server& server) {
  // All that it could get it has.
  if (flows_.fast() && flows_.fast().has(flow.index, flow.key) &&
      (server.method == TANDEM_DR || flows_.fast().hop(flow.index) != 0))
    return;
  if (flows_.fast() && offers_.size() < kMostOffers && may_go_fast(flow, server)) offers_.push_back(flow);
}

Decider::Seen Decider::seen_in(const Packet& packet, bool from_client) {
  return {.protocol = packet.protocol,
          .tcp_flags = packet.tcp_flags,
          .sctp_chunk = packet.sctp_chunk,
          .from_client = from_client,
          .segment = packet.protocol == kTcp ? segment_of(packet, from_client) : TcpSegment{}};
}

bool Decider::is_watched(const Flow& flow) const {
  const Service* service = services_.service(flow.service());
  return service != nullptr && service->setting.watched;
}

bool Decider::may_go_fast(const Flow& flow, const Server& server) const {
  if ((flow.flags() & ~TANDEM_FLOW_SETTLED) != 0) return false;
  // A witness wants to see the first answer.
  if (is_watched(flow) && (flow.flags() & TANDEM_FLOW_SETTLED) == 0) return false;
  return services_.goes_fast(server.slot);
}

// Remembers where the sides are; false for an end that nobody at either of them can have sent.
bool Decider::is_believed(const Flow& flow, const Seen& packet) {
  SeenSequences seen = flows_.sequences_of(flow);
  const SeenSequences before = seen;
  // The client begins anew before anything was answered.
  if (packet.from_client && opens_tcp(packet.tcp_flags) && static_cast<FlowState>(flow.state()) == FlowState::kSynRecv)
    seen = {};
  if (!may_end(seen, packet.segment)) return false;
  seen = remember(seen, packet.segment);
  if (seen != before) flows_.set_sequences(flow, seen);
  return true;
}

void Decider::follow(Flow flow, Server& server, const Seen& seen, TimePoint now) {
  const uint32_t now_tick = tick_of(now);
  if (seen.protocol == kTcp && !is_believed(flow, seen)) {
    counters_.add(Counter::kEndsNotBelieved);
    return;
  }
  // Only another worker or the peer link can make the first try fail.
  for (int attempt = 0; attempt < 4; ++attempt) {
    const auto state = static_cast<FlowState>(flow.state());
    FlowState next = state;
    if (has_ports(seen.protocol))
      next = next_state(state, seen.from_client ? client_direction(server) : TcpDirection::kOutput, seen);
    // A flow a peer told becomes this box's own with the first packet seen here, and the peers are to know.
    const bool learnt = (flow.flags() & TANDEM_FLOW_LEARNT) != 0;
    if (next == state && !learnt && age_of(flow.last_seen(), now_tick) < kRefreshTicks) return;
    const uint32_t before = flow.last_seen();
    auto flags = static_cast<uint8_t>(flow.flags() & ~TANDEM_FLOW_LEARNT);
    // Its server has answered, where the peer saw it.
    if (learnt && next == FlowState::kEstablished && is_watched(flow)) flags |= TANDEM_FLOW_SETTLED;
    const uint64_t value = tandem_flow_value(flow.server(), static_cast<uint8_t>(next), flags, now_tick);
    if (flows_.update(flow, value)) {
      const Load load = load_of(state), then = load_of(next);
      if (load != then) weigh(server, flow, flows_.client_of(flow).value_or(IpAddress{}), load, then);
      if (learnt || next != state ||
          begins_a_quarter(before, now_tick, flows_.timeout_of(flow.service(), static_cast<uint8_t>(next))))
        flows_.mark_dirty(flow.index);
      offer(flow, server);
      return;
    }
    const auto now_there = flows_.at(flow.index);
    if (!now_there || now_there->key != flow.key || now_there->server() != flow.server()) return;
    flow = *now_there;
  }
}

}  // namespace tandem::forwarding
