#include "forwarding/persistence.hpp"

#include <algorithm>

#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {
namespace {

uint64_t value_of(const Server& server, TimePoint now) {
  return tandem_flow_value(server.slot, static_cast<uint8_t>(FlowState::kTemplate), 0, tick_of(now));
}

}  // namespace

IpAddress group_of(const PersistenceSetting& setting, const IpAddress& client) {
  if (client.is_v4()) {
    const uint32_t mask = setting.ipv4_prefix == 0 ? 0 : ~uint32_t{0} << (32 - setting.ipv4_prefix);
    return Ipv4Address{client.v4.value & mask};
  }
  Ipv6Address group = client.v6;
  for (size_t i = 0; i < group.bytes.size(); ++i) {
    const size_t kept = setting.ipv6_prefix > i * 8 ? std::min<size_t>(setting.ipv6_prefix - i * 8, 8) : 0;
    group.bytes[i] &= static_cast<uint8_t>(0xff00 >> kept);
  }
  return group;
}

std::optional<Flow> Persistence::find(const FlowTable& flows, const Service& service, const IpAddress& client) {
  return flows.find(TANDEM_TEMPLATE_PROTOCOL, group_of(service.setting.persistence, client), 0, service.slot);
}

bool Persistence::holds(const Service& service, const Server* server) {
  return server != nullptr && server->service_slot == service.slot && server->up &&
         (server->weight > 0 || (server->in_rotation && service.setting.persistence.keep_drained));
}

Server* Persistence::server_of(const Service& service, const Flow& found) const {
  Server* server = services_.server(found.server());
  return holds(service, server) ? server : nullptr;
}

Server* Persistence::recall(const Service& service, const IpAddress& client, TimePoint now) {
  const auto found = find(flows_, service, client);
  if (!found) return nullptr;
  Server* server = server_of(service, *found);
  if (server != nullptr) refresh(service, *found, now);
  return server;
}

void Persistence::refresh(const Service& service, Flow found, TimePoint now) {
  const uint32_t now_tick = tick_of(now);
  const bool ours = (found.flags() & (TANDEM_FLOW_LEARNT | TANDEM_FLOW_EXPIRING)) == 0;
  if (ours && age_of(found.last_seen(), now_tick) < kRefreshTicks) return;
  const uint32_t before = found.last_seen();
  const bool learnt = (found.flags() & TANDEM_FLOW_LEARNT) != 0;
  // Whoever else wrote it meanwhile has refreshed it.
  if (!flows_.update(found, tandem_flow_value(found.server(), found.state(), 0, now_tick))) return;
  if (learnt || begins_a_quarter(before, now_tick, service.setting.persistence.timeout)) flows_.mark_dirty(found.index);
}

Server* Persistence::remember(const Service& service, const IpAddress& client, Server& server, TimePoint now) {
  const IpAddress group = group_of(service.setting.persistence, client);
  const uint64_t value = value_of(server, now);
  // Only another worker or the peer link can make the first try fail.
  for (int attempt = 0; attempt < 4; ++attempt) {
    auto found = flows_.find(TANDEM_TEMPLATE_PROTOCOL, group, 0, service.slot);
    if (found) {
      if (Server* others = server_of(service, *found); others != nullptr) return others;
      if (!flows_.update(*found, value)) continue;
      flows_.mark_dirty(found->index);
      return &server;
    }
    const auto inserted = flows_.insert(TANDEM_TEMPLATE_PROTOCOL, group, 0, service.slot, value);
    if (inserted.evicted.key != TANDEM_KEY_EMPTY) {
      if (Server* was = services_.server(inserted.evicted.server()))
        services_.counts().change(*was, inserted.evicted.index,
                                  load_of(static_cast<FlowState>(inserted.evicted.state())), Load::kNone);
      counters_.add(Counter::kEvicted);
    }
    if (inserted.outcome == FlowTable::Inserted::Outcome::kExists) continue;
    flows_.mark_dirty(inserted.flow.index);
    counters_.add(Counter::kNewTemplates);
    return &server;
  }
  return &server;
}

}  // namespace tandem::forwarding
