#include "forwarding/sync/refresher.hpp"

#include <algorithm>

#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding::sync {

void Refresher::step(TimePoint now) {
  if (!started_) {
    started_ = true;
    round_began_ = now;
  }
  const double share = std::clamp(std::chrono::duration<double>(now - round_began_) / kRound, 0.0, 1.0);
  const auto due = static_cast<size_t>(share * static_cast<double>(table_.slots()));
  const size_t count = due > next_ ? std::min(due - next_, kMaxStep) : 0;
  const uint32_t now_tick = tick_of(now);
  if (count > 0) next_ = table_.scan(next_, count, [&](const Flow& flow) { visit(flow, now_tick); });
  if (count > 0 && next_ == 0) {
    ++round_;
    round_began_ = now;
  }
}

void Refresher::visit(const Flow& flow, uint32_t now_tick) {
  if ((flow.flags() & TANDEM_FLOW_LEARNT) != 0) return;  // whoever saw it tells it
  const Duration lifetime = timeout_of(static_cast<FlowState>(flow.state()));
  const auto every = std::max<uint64_t>(1, static_cast<uint64_t>(lifetime / 3 / kRound));
  if ((round_ + flow.index) % every != 0) return;
  // A round that took longer than it should must not make a flow miss its turn: two rounds of slack.
  if (age_of(flow.last_seen(), now_tick) <= ticks_of(kRound * static_cast<int64_t>(every + 2)))
    table_.mark_dirty(flow.index);
}

}  // namespace tandem::forwarding::sync
