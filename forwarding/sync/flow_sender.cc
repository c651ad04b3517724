#include "forwarding/sync/flow_sender.hpp"

#include <algorithm>

#include "daemon/base/assert.hpp"
#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding::sync {
namespace {

// The bitmap is taken a word at a time, so a batch may run over its limit by the rest of one word.
constexpr size_t kBatchLimit = kMaxFlowsPerFrame - 63;

}  // namespace

FlowSender::FlowSender(FlowTable& table, unsigned peer) : table_(table), peer_(peer) {
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
  if (at_begin()) table_.await_news(peer_);
  word_ = table_.take_dirty(peer_, word_, kBatchLimit, [&](const Flow& flow) {
    const FlowRecord record = record_of(flow, now);
    if (record.remaining_ms != 0) batch_.push_back(record);  // what is over needs no telling
  });
  if (!batch_.empty()) encode(out, batch_);
  flows_sent_ += batch_.size();
  const bool at_end = word_ == 0;
  Batch batch{.flows = batch_.size(), .table_ended = at_end && whole_table_, .more = !at_end};
  if (at_end) whole_table_ = false;
  return batch;
}

FlowRecord record_of(const Flow& flow, TimePoint now) {
  const Duration whole = timeout_of(static_cast<FlowState>(flow.state()));
  const Duration age{static_cast<int64_t>(age_of(flow.last_seen(), tick_of(now))) << TANDEM_TICK_SHIFT};
  const auto remaining = std::chrono::ceil<std::chrono::milliseconds>(whole - age).count();
  return {.client_address = flow.client().value,
          .client_port = flow.client_port(),
          .service = flow.service(),
          .server = flow.server(),
          .state = flow.state(),
          .flags = flow.flags(),
          .remaining_ms = static_cast<uint32_t>(std::clamp<int64_t>(remaining, 0, UINT32_MAX))};
}

}  // namespace tandem::forwarding::sync
