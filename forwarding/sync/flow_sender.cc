#include "forwarding/sync/flow_sender.hpp"

#include <algorithm>

#include "daemon/base/assert.hpp"

namespace tandem::forwarding::sync {
namespace {

// The bitmap is taken a word at a time, so a batch may run over its limit by the rest of one word.
constexpr size_t kBatchLimit = kMaxFlowsPerFrame - 63;

template <class Record>
void encode_in_parts(Buffer& out, std::span<const Record> records, size_t most) {
  while (!records.empty()) {
    const size_t count = std::min(records.size(), most);
    encode(out, records.first(count));
    records = records.subspan(count);
  }
}

}  // namespace

FlowSender::FlowSender(FlowTable& table, unsigned peer) : table_(table), sources_(table), peer_(peer) {
  TANDEM_ASSERT(peer < TANDEM_MAX_PEERS);
  batch_.reserve(kMaxFlowsPerFrame);
}

void FlowSender::begin() {
  table_.mark_all_dirty(peer_);
  word_ = 0;
  whole_table_ = true;
}

void FlowSender::end() {
  table_.clear_dirty(peer_);
  whole_table_ = false;
}

FlowSender::Batch FlowSender::collect(Buffer& out, TimePoint now) {
  batch_.clear();
  batch6_.clear();
  sourced_.clear();
  if (at_begin()) table_.await_news(peer_);
  word_ = table_.take_dirty(peer_, word_, kBatchLimit, [&](const Flow& flow) {
    if (add_sourced(flow, now)) return;
    if (flow.is_ipv6()) {
      const auto client = table_.client_of(flow);  // none: it has just gone, and who came instead is dirty too
      const FlowRecord6 record = record6_of(table_, flow, client.value_or(IpAddress{}).v6, now);
      if (client && record.remaining_ms != 0) batch6_.push_back(record);
      return;
    }
    const FlowRecord record = record_of(table_, flow, now);
    if (record.remaining_ms != 0) batch_.push_back(record);  // what is over needs no telling
  });
  if (!batch_.empty()) encode(out, batch_);
  encode_in_parts(out, std::span<const FlowRecord6>(batch6_), kMaxFlows6PerFrame);
  encode_in_parts(out, std::span<const FlowRecordSourced>(sourced_), kMaxFlowsSourcedPerFrame);
  const size_t flows = batch_.size() + batch6_.size() + sourced_.size();
  flows_sent_ += flows;
  const bool at_end = word_ == 0;
  Batch batch{.flows = flows, .table_ended = at_end && whole_table_, .more = !at_end};
  if (at_end) whole_table_ = false;
  return batch;
}

namespace {

uint32_t remaining_ms_of(const FlowTable& table, const Flow& flow, TimePoint now) {
  const Duration whole = table.timeout_of(flow);
  const Duration age{static_cast<int64_t>(age_of(flow.last_seen(), tick_of(now))) << TANDEM_TICK_SHIFT};
  const auto remaining = std::chrono::ceil<std::chrono::milliseconds>(whole - age).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(remaining, 0, UINT32_MAX));
}

}  // namespace

FlowRecord record_of(const FlowTable& table, const Flow& flow, TimePoint now) {
  return {.client_address = tandem_key_client_address(flow.key),
          .client_port = flow.client_port(),
          .service = flow.service(),
          .server = flow.server(),
          .state = flow.state(),
          .flags = flow.flags(),
          .remaining_ms = remaining_ms_of(table, flow, now)};
}

FlowRecord6 record6_of(const FlowTable& table, const Flow& flow, const Ipv6Address& client, TimePoint now) {
  return {.client_address = client.bytes,
          .client_port = flow.client_port(),
          .service = flow.service(),
          .server = flow.server(),
          .state = flow.state(),
          .flags = flow.flags(),
          .remaining_ms = remaining_ms_of(table, flow, now)};
}

// True when the flow has a source, and is told with it or not at all.
bool FlowSender::add_sourced(const Flow& flow, TimePoint now) {
  const auto source = flow.is_template() ? std::nullopt : sources_.of(flow);
  if (!source) return false;
  const auto client = table_.client_of(flow);
  if (!client) return true;
  const FlowRecordSourced record{.client_address = mapped(*client),
                                 .source_address = mapped(source->address),
                                 .client_port = flow.client_port(),
                                 .source_port = source->port,
                                 .service = flow.service(),
                                 .server = flow.server(),
                                 .state = flow.state(),
                                 .flags = flow.flags(),
                                 .reserved = 0,
                                 .remaining_ms = remaining_ms_of(table_, flow, now)};
  if (record.remaining_ms != 0) sourced_.push_back(record);
  return true;
}

}  // namespace tandem::forwarding::sync
