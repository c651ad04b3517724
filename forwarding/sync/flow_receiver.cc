#include "forwarding/sync/flow_receiver.hpp"

#include <algorithm>
#include <chrono>

#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding::sync {

void FlowReceiver::merge(std::span<const FlowRecord> records, TimePoint now) {
  counts_.received += records.size();
  for (const FlowRecord& record : records) merge_one(record, Ipv4Address{record.client_address}, now);
}

void FlowReceiver::merge(std::span<const FlowRecord6> records, TimePoint now) {
  counts_.received += records.size();
  for (const FlowRecord6& record : records) merge_one(record, Ipv6Address{record.client_address}, now);
}

void FlowReceiver::merge(std::span<const FlowRecordSourced> records, TimePoint now) {
  counts_.received += records.size();
  for (const FlowRecordSourced& record : records) {
    const IpAddress client = unmapped(record.client_address), source = unmapped(record.source_address);
    if (client.family != source.family || sources_.number_of(source) == 0) {
      ++counts_.refused;
      continue;
    }
    const auto taken = merge_one(record, client, now);
    if (!taken || sources_.claim(*taken, {source, record.source_port})) continue;
    table_.remove(*taken);
    ++counts_.refused;
  }
}

template <class Record>
std::optional<Flow> FlowReceiver::merge_one(const Record& record, const IpAddress& client, TimePoint now) {
  const NumberMap::Target target = numbers_.target(record.service, record.server);
  if (!target.known() || target.family != client.family || record.state >= kFlowStates) {
    ++counts_.refused;
    return std::nullopt;
  }
  const bool is_template = record.state == TANDEM_STATE_TEMPLATE;
  const uint8_t protocol = is_template ? TANDEM_TEMPLATE_PROTOCOL : target.protocol;
  const Duration lifetime = table_.timeout_of(target.service, record.state);
  // A peer with longer lifetimes does not make ours longer.
  const Duration remaining = std::min<Duration>(std::chrono::milliseconds(record.remaining_ms), lifetime);
  if (remaining == Duration::zero()) {
    ++counts_.expired;
    return std::nullopt;
  }
  const uint32_t now_tick = tick_of(now);
  const uint32_t last_seen = now_tick - ticks_of(lifetime - remaining);
  const uint8_t flags = TANDEM_FLOW_LEARNT;  // the peer's own marks are not ours
  const uint64_t value = tandem_flow_value(target.server, record.state, flags, last_seen);

  // The packet path works on the same slots. It wins every race: what it wrote meanwhile is looked at again, and
  // after a few rounds in a row it is clearly this box that has the flow.
  constexpr int kRounds = 4;
  for (int round = 0; round < kRounds; ++round) {
    auto ours = table_.find(protocol, client, record.client_port, target.service);
    if (!ours) {
      const auto inserted = table_.insert(protocol, client, record.client_port, target.service, value);
      if (inserted.outcome == FlowTable::Inserted::Outcome::kExists) continue;
      if (inserted.outcome == FlowTable::Inserted::Outcome::kEvicted) ++counts_.evicting;
      return inserted.flow;
    }
    if (knows_better(*ours, record.flags, last_seen, now_tick)) break;
    if (table_.update(*ours, value)) {
      // What went by meanwhile went by the peer.
      if (protocol == TANDEM_TCP) table_.set_sequences(*ours, {});
      return ours;
    }
  }
  ++counts_.kept;
  return std::nullopt;
}

bool FlowReceiver::knows_better(const Flow& ours, uint8_t told_flags, uint32_t told_last_seen,
                                uint32_t now_tick) const {
  const Duration age{static_cast<int64_t>(age_of(ours.last_seen(), now_tick)) << TANDEM_TICK_SHIFT};
  const bool alive = age < table_.timeout_of(ours);
  const bool ours_is_learnt = (ours.flags() & TANDEM_FLOW_LEARNT) != 0;
  const bool told_is_hearsay = (told_flags & TANDEM_FLOW_LEARNT) != 0;
  if (!alive || (ours_is_learnt && !told_is_hearsay)) return false;
  if (!ours_is_learnt && told_is_hearsay) return true;
  return static_cast<int32_t>(told_last_seen - ours.last_seen()) <= 0;
}

}  // namespace tandem::forwarding::sync
