#include "forwarding/flow_search.hpp"

#include <algorithm>
#include <cctype>

#include "daemon/base/address_traits.hpp"

namespace tandem::forwarding {
namespace {

Duration duration_of(uint32_t ticks) {
  return Duration(static_cast<int64_t>(uint64_t{ticks} << TANDEM_TICK_SHIFT));
}

}  // namespace

std::optional<FlowState> flow_state_named(std::string_view name) {
  const auto same = [](char a, char b) {
    return std::toupper(static_cast<unsigned char>(a)) == std::toupper(static_cast<unsigned char>(b));
  };
  for (uint8_t i = 0; i < kFlowStates; ++i) {
    const auto state = static_cast<FlowState>(i);
    if (std::ranges::equal(name, name_of(state), same)) return state;
  }
  return std::nullopt;
}

FlowSearch::FlowSearch(FlowTable& flows, ServiceTable& services, FlowFilter filter, Act act, size_t most_rows)
    : flows_(flows), services_(services), filter_(std::move(filter)), act_(act), most_rows_(most_rows) {}

bool FlowSearch::step(TimePoint now, size_t slots) {
  const uint32_t now_tick = tick_of(now);
  next_ = flows_.scan(next_, slots, [&](const Flow& flow) {
    if (!matches(flow)) return;
    ++matched_;
    if (flow.state() < kFlowStates) ++by_state_[flow.state()];
    if (rows_.size() < most_rows_) {
      rows_.push_back(row_of(flow, now_tick));
      found_.push_back(flow);
    }
    if (act_ == Act::kKill) end(flow, now_tick);
  });
  return next_ == 0;
}

bool FlowSearch::matches(const Flow& flow) const {
  if (act_ == Act::kKill && is_over(flow)) return false;
  if (filter_.client) {
    const auto client = flows_.client_of(flow);
    if (!client || !contains(*filter_.client, *client)) return false;
  }
  if (filter_.client_port && *filter_.client_port != flow.client_port()) return false;
  if (filter_.state && static_cast<uint8_t>(*filter_.state) != flow.state()) return false;
  if (filter_.virtual_address || filter_.virtual_port) {
    const Front* front = front_of(flow);
    if (front == nullptr || (filter_.virtual_address && !contains(*filter_.virtual_address, front->address)) ||
        (filter_.virtual_port && !front->has(*filter_.virtual_port)))
      return false;
  }
  if (filter_.protocol) {
    const Service* service = services_.service(flow.service());
    if (service == nullptr || service->setting.protocol != *filter_.protocol) return false;
  }
  return has_names(flow);
}

bool FlowSearch::has_names(const Flow& flow) const {
  if (filter_.service.empty() && filter_.server.empty()) return true;
  const Service* service = services_.service(flow.service());
  if (service == nullptr || (!filter_.service.empty() && service->setting.name != filter_.service)) return false;
  if (filter_.server.empty()) return true;
  const Server* server = services_.server(flow.server());
  return server != nullptr && server->service_slot == service->slot && server->name == filter_.server;
}

// A template is its client's, whichever of its service's fronts it comes to.
const Front* FlowSearch::front_of(const Flow& flow) const {
  const Facet* facet = services_.facet(flow.service());
  if (facet == nullptr || (flow.is_template() && facet->service->facets.size() > 1)) return nullptr;
  return &facet->front;
}

FlowRow FlowSearch::row_of(const Flow& flow, uint32_t now_tick) const {
  const Service* service = services_.service(flow.service());
  const Server* server = services_.server(flow.server());
  const auto state = static_cast<FlowState>(flow.state());
  const uint32_t age = age_of(flow.last_seen(), now_tick);
  const bool lasts_as_told = flow.is_template() && service != nullptr;
  const uint32_t timeout = ticks_of(lasts_as_told ? service->setting.persistence.timeout : flows_.timeout_of(flow));
  const Front* front = front_of(flow);
  std::optional<EndPoint> target;
  if (server != nullptr) target = EndPoint{server->address, server->port};
  if (target && target->port == 0 && front != nullptr && !front->is_range()) target->port = front->first_port;
  return {.service = service == nullptr ? "" : service->setting.name,
          .server = server == nullptr ? "" : server->name,
          .protocol = service == nullptr ? uint8_t{0} : service->setting.protocol,
          .client = flows_.client_of(flow).value_or(IpAddress{}),
          .client_port = flow.client_port(),
          .front = front == nullptr ? std::nullopt : std::optional(*front),
          .target = target,
          .source = services_.sources().of(flow),
          .state = state,
          .idle = duration_of(age),
          .expires = duration_of(age < timeout ? timeout - age : 0),
          .learnt = (flow.flags() & TANDEM_FLOW_LEARNT) != 0};
}

void FlowSearch::end(Flow flow, uint32_t now_tick) {
  if (ended_count_ >= kMostKilled) {
    complete_ = false;
    return;
  }
  // A template has no end that a peer could be told of: there it stays until its time is over.
  if (flow.is_template()) {
    killed_ += flows_.remove(flow);
    return;
  }
  // A packet may come in between, and another one after it.
  for (int attempt = 0; attempt < 4; ++attempt) {
    const auto before = static_cast<FlowState>(flow.state());
    const uint16_t slot = flow.server();
    const Service* service = services_.service(flow.service());
    const bool is_tcp = service != nullptr && service->setting.protocol == kTcp;
    const uint8_t mark = is_tcp ? TANDEM_FLOW_KILLED : 0;
    if (flows_.update(flow, tandem_flow_value(slot, static_cast<uint8_t>(FlowState::kClose), mark, now_tick))) {
      flows_.mark_dirty(flow.index);
      if (Server* server = services_.server(slot))
        services_.counts().change(*server, flow.index, load_of(before), load_of(FlowState::kClose));
      ++killed_;
      if (!is_tcp) ended_.push_back(flow);
      ++ended_count_;
      return;
    }
    const auto now_there = flows_.at(flow.index);
    if (!now_there || now_there->key != flow.key) return;
    flow = *now_there;
  }
}

void FlowSearch::finish() {
  for (const Flow& flow : ended_) {
    const auto now_there = flows_.at(flow.index);
    const bool same = now_there && now_there->key == flow.key && now_there->server() == flow.server() &&
                      now_there->state() == static_cast<uint8_t>(FlowState::kClose);
    if (!same || !flows_.remove(*now_there)) continue;
    if (Server* server = services_.server(flow.server()))
      services_.counts().change(*server, flow.index, load_of(FlowState::kClose), Load::kNone);
  }
  ended_.clear();
}

}  // namespace tandem::forwarding
