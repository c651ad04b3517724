// The worker's part in the fast path: flows and ways to clients are given to it once what came before is sent, and ways are taken back when
// they may not hold any more.
#include <mutex>
#include <shared_mutex>
#include <span>
#include <utility>

#include "forwarding/io/worker.hpp"

namespace tandem::forwarding {
namespace {

constexpr Duration kConfirmEvery = 1s;  // looks at the next hops
constexpr Duration kHearAnyway = 100ms;
constexpr size_t kAhead = 8;    // events whose flows are brought near
constexpr int kMostRounds = 8;  // of FastEvents::kMost: more than the ring holds

FastWay fast_way(const Way& way) {
  return {.ifindex = way.ifindex,
          .mtu = static_cast<uint16_t>(way.mtu > 0xffff ? 0 : way.mtu),
          .source = way.source,
          .destination = way.destination};
}

}  // namespace

void Worker::note_way(const FlowName& answered, const Way& way) {
  if (settings_.fast != nullptr && answered.key != 0 && settings_.fast->wants_hop(answered.index, answered.key))
    fast_hops_.emplace_back(answered, fast_way(way));
}

void Worker::offer_to_fast_path() {
  if (engine_.offers().empty() && fast_hops_.empty()) return;
  const std::shared_lock pass(gate_);
  for (const Flow& flow : engine_.offers()) {
    flows_.offer(flow);
    if (services_.recipe(flow.server()).method != TANDEM_NAT) continue;
    // Its server's first answer has gone by here, as a rule.
    const auto client = flows_.client_of(flow);
    const Way* way = client ? hops_.known_way(*client) : nullptr;
    if (way != nullptr) settings_.fast->set_hop(flow.index, flow.key, fast_way(*way), now_);
  }
  engine_.offers().clear();
  for (const auto& [flow, way] : fast_hops_) settings_.fast->set_hop(flow.index, flow.key, way, now_);
  fast_hops_.clear();
}

// By every worker for itself, when it knows of the change: until then it may have told the former way once more.
void Worker::forget_fast_hops() {
  if (settings_.fast == nullptr) return;
  forget_fast_hops_ = !settings_.fast->forget_hops(now_);
}

void Worker::hear_fast_path() {
  // Under the ring's lock: of one flow nothing may be heard in another order than it was told.
  const auto heard = [this](std::span<const tandem_fast_event> events) {
    for (size_t i = 0; i < events.size(); ++i) {
      if (i + kAhead < events.size()) engine_.expect(events[i + kAhead]);
      engine_.told(events[i], now_);
    }
  };
  // All that is there, or as good as all.
  for (int round = 0; round < kMostRounds && settings_.events->hear(heard) >= FastEvents::kMost; ++round) {
  }
  hear_next_.reset();
  heard_ = now_;
}

void Worker::look_after_fast_path() {
  // Should the kernel's word that there is something be missed, it is heard with the next duty of this thread.
  if ((hear_next_ && now_ >= *hear_next_) || now_ - heard_ >= kHearAnyway) {
    {
      const std::shared_lock pass(gate_);
      hear_fast_path();
    }
    offer_to_fast_path();
  }
  if (settings_.dealer != nullptr) {
    const std::shared_lock pass(gate_);
    settings_.dealer->deal(now_, settings_.events->take_heard());
  }
  if (hops_.take_lost() || forget_fast_hops_) forget_fast_hops();
  if (now_ - confirmed_ < kConfirmEvery) return;
  confirmed_ = now_;
  hops_.keep_confirmed(now_);
}

}  // namespace tandem::forwarding
