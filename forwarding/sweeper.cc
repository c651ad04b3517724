#include "forwarding/sweeper.hpp"

#include "forwarding/persistence.hpp"
#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint64_t kMarkEvery = 8;        // passes
constexpr Duration kAnotherMinute = 60s;  // ip_vs_conn_expire's

}  // namespace

Sweeper::Sweeper(FlowTable& flows, ServiceTable& services, Counters& counters)
    : flows_(flows),
      services_(services),
      counters_(counters),
      services_named_(TANDEM_SERVICE_SLOTS),
      servers_named_(TANDEM_SERVER_SLOTS),
      marked_(TANDEM_SERVICE_SLOTS),
      marked_before_(TANDEM_SERVICE_SLOTS) {}

bool Sweeper::step(TimePoint now, size_t slots, size_t most) {
  if (!services_.applied()) return true;
  if (next_ == 0) begin_pass();
  const uint32_t now_tick = tick_of(now);
  size_t visited = 0;
  const size_t end = flows_.sweep(next_, slots, most, [&](const Flow& flow) {
    visit(flow, now_tick);
    ++visited;
    // At once, not when the step is done: a connection that another worker ends meanwhile would be counted as it was.
    services_.counts().swept_below(flow.index + 1);
    services_.client_limits().swept_below(flow.index + 1);
  });
  next_ = end;
  if (end != 0)
    services_.counts().swept_below(end);
  else
    end_pass();
  services_.client_limits().swept_below(end);
  return visited < most;
}

void Sweeper::begin_pass() {
  met_ = 0;
  ++pass_;
  marked_before_.swap(marked_);
  marked_.assign(marked_.size(), false);
  services_named_.assign(services_named_.size(), false);
  servers_named_.assign(servers_named_.size(), false);
  services_.numbering().sweep_begins();
}

void Sweeper::end_pass() {
  const auto servers = services_.all_servers();
  for (const Server* server : servers) FlowCounts::replace(*services_.server(server->slot));
  services_.counts().swept_below(0);
  for (const Server* server : servers) FlowCounts::begin(*services_.server(server->slot));
  services_.numbering().sweep_ended(services_named_, servers_named_);
  services_.client_limits().end_pass();
  flow_count_.store(met_, std::memory_order_relaxed);
}

void Sweeper::take_activity(Flow& flow, uint32_t now_tick) {
  const uint32_t before = flow.last_seen();
  if (age_of(before, now_tick) < kRefreshTicks || !flows_.fast().take_activity(flow.index, flow.key)) return;
  if (!flows_.update(flow, tandem_flow_value(flow.server(), flow.state(), flow.flags(), now_tick))) return;
  if (begins_a_quarter(before, now_tick, flows_.timeout_of(flow))) flows_.mark_dirty(flow.index);
}

void Sweeper::visit(Flow flow, uint32_t now_tick) {
  if (flows_.fast()) take_activity(flow, now_tick);
  const auto state = static_cast<FlowState>(flow.state());
  const Service* service = services_.service(flow.service());
  Server* server = services_.server(flow.server());
  // One by fullnat whose source is of no pool any more has nobody to answer it. (One that was placed just now is given its own.)
  const bool orphan = service == nullptr || server == nullptr || server->service_slot != service->slot ||
                      (server->method == TANDEM_FULLNAT && !flow.is_template() &&
                       age_of(flow.last_seen(), now_tick) > 1 && !services_.sources().of(flow));
  if (!orphan && flow.is_template()) {
    if (visit_template(*service, flow, now_tick)) name(flow);
    return;
  }
  const bool expired = age_of(flow.last_seen(), now_tick) > ticks_of(flows_.timeout_of(flow));
  if (orphan || expired) {
    if (flows_.remove(flow)) {
      counters_.add(orphan ? Counter::kOrphaned : Counter::kExpired);
      if (!orphan) services_.counts().change(*server, flow.index, load_of(state), Load::kNone);
      if (!orphan) count_for_client(*service, flow, -1);
      return;
    }
  }
  ++met_;
  name(flow);
  if (orphan) return;
  services_.counts().met(*server, load_of(state));
  count_for_client(*service, flow, 1);
  const bool killed = (flow.flags() & TANDEM_FLOW_KILLED) != 0 || end_with_server(*service, *server, flow);
  if (is_sought(*service) && !killed) keep_template_of(*service, flow, now_tick);
}

// A connection met, or (-1) one that is gone, of a service that limits its clients.
void Sweeper::count_for_client(const Service& service, const Flow& flow, int by) {
  const LimitSetting& limits = service.setting.limits;
  if (limits.client_connections == 0) return;
  const bool open = service.setting.protocol != kTcp || load_of(static_cast<FlowState>(flow.state())) == Load::kActive;
  const auto client = open ? flows_.client_of(flow) : std::nullopt;
  if (!client) return;
  if (by > 0)
    services_.client_limits().met(service.slot, limits, *client);
  else
    services_.client_limits().change(service.slot, limits, *client, flow.index, by);
}

// Marked, a connection is reset also when its server comes back before its next segment.
bool Sweeper::end_with_server(const Service& service, const Server& server, Flow flow) {
  const ServiceSetting& setting = service.setting;
  const bool lost = !server.up && setting.active && setting.protocol == kTcp &&
                    setting.flows_on_down == FlowsOnDown::kReset &&
                    load_of(static_cast<FlowState>(flow.state())) == Load::kActive;
  if (!lost) return false;
  const auto flags = static_cast<uint8_t>(flow.flags() | TANDEM_FLOW_KILLED);
  if (!flows_.update(flow, tandem_flow_value(flow.server(), flow.state(), flags, flow.last_seen()))) return false;
  counters_.add(Counter::kEndedByDown);
  return true;
}

void Sweeper::name(const Flow& flow) {
  services_named_[flow.service() % services_named_.size()] = true;
  servers_named_[flow.server()] = true;
}

bool Sweeper::visit_template(const Service& service, Flow flow, uint32_t now_tick) {
  const Duration timeout = service.setting.persistence.timeout;
  const bool over = age_of(flow.last_seen(), now_tick) > ticks_of(timeout);
  // Marked by an earlier process, it has still to be sought.
  const bool sought = (flow.flags() & TANDEM_FLOW_EXPIRING) != 0 && marked_before_[service.slot];
  if (!service.setting.is_persistent() || (over && sought)) {
    if (!flows_.remove(flow)) return true;
    counters_.add(Counter::kExpiredTemplates);
    return false;
  }
  if (over && pass_ % kMarkEvery == 0) {
    const auto flags = static_cast<uint8_t>(flow.flags() | TANDEM_FLOW_EXPIRING);
    if (flows_.update(flow, tandem_flow_value(flow.server(), flow.state(), flags, flow.last_seen())))
      marked_[service.slot] = true;
  }
  return true;
}

void Sweeper::keep_template_of(const Service& service, const Flow& flow, uint32_t now_tick) {
  const auto client = flows_.client_of(flow);
  if (!client) return;
  auto found = Persistence::find(flows_, service, *client);
  if (!found || (found->flags() & TANDEM_FLOW_EXPIRING) == 0) return;
  const auto flags = static_cast<uint8_t>(found->flags() & ~TANDEM_FLOW_EXPIRING);
  const uint32_t as_if_seen = now_tick - ticks_of(service.setting.persistence.timeout) + ticks_of(kAnotherMinute);
  if (flows_.update(*found, tandem_flow_value(found->server(), found->state(), flags, as_if_seen)))
    flows_.mark_dirty(found->index);
}

}  // namespace tandem::forwarding
