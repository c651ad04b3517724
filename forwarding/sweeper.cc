#include "forwarding/sweeper.hpp"

#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {

Sweeper::Sweeper(FlowTable& flows, ServiceTable& services, Counters& counters)
    : flows_(flows),
      services_(services),
      counters_(counters),
      services_named_(TANDEM_SERVICE_SLOTS),
      servers_named_(TANDEM_SERVER_SLOTS) {}

void Sweeper::step(TimePoint now, size_t slots) {
  if (!services_.applied()) return;
  if (next_ == 0) begin_pass();
  const uint32_t now_tick = tick_of(now);
  const size_t end = flows_.scan(next_, slots, [&](const Flow& flow) { visit(flow, now_tick); });
  next_ = end;
  services_.counts().swept_below(end == 0 ? 0 : end);
  if (end == 0) end_pass();
}

void Sweeper::begin_pass() {
  met_ = 0;
  services_named_.assign(services_named_.size(), false);
  servers_named_.assign(servers_named_.size(), false);
  services_.numbering().sweep_begins();
}

void Sweeper::end_pass() {
  for (const Server* server : services_.all_servers()) FlowCounts::replace(*services_.server(server->slot));
  services_.numbering().sweep_ended(services_named_, servers_named_);
  flow_count_.store(met_, std::memory_order_relaxed);
}

void Sweeper::visit(const Flow& flow, uint32_t now_tick) {
  const auto state = static_cast<FlowState>(flow.state());
  const Service* service = services_.service(flow.service());
  Server* server = services_.server(flow.server());
  const bool orphan = service == nullptr || server == nullptr || server->service_slot != service->slot;
  const bool expired = age_of(flow.last_seen(), now_tick) > ticks_of(timeout_of(state));
  if (orphan || expired) {
    if (flows_.remove(flow)) {
      counters_.add(orphan ? Counter::kOrphaned : Counter::kExpired);
      if (!orphan) services_.counts().change(*server, flow.index, load_of(state), Load::kNone);
      return;
    }
  }
  ++met_;
  services_named_[flow.service() % services_named_.size()] = true;
  servers_named_[flow.server()] = true;
  if (!orphan) services_.counts().met(*server, load_of(state));
}

}  // namespace tandem::forwarding
