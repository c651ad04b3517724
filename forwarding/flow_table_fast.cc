// The flow table's part in the fast path (fast_path.h): copies, tags, and flows that the programs have put there.
#include "daemon/base/assert.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {
namespace {

uint64_t load(const uint64_t& word) {
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}

// Nothing but an end changes it.
bool is_steady(uint64_t value) {
  const auto state = static_cast<FlowState>(tandem_value_state(value));
  return state == FlowState::kEstablished || state == FlowState::kUdpFlow;
}

}  // namespace

// The flow has another value, but for its time. Another state is another way to speak of it; anything else is not the programs' to know.
void FlowTable::tell_fast_path(const Flow& flow, uint64_t value) {
  const auto flags = static_cast<uint8_t>(tandem_value_flags(value) & ~TANDEM_FLOW_SETTLED);
  if (tandem_value_server(value) != flow.server() || flags != 0) return fast_.withdraw(flow.index);
  if (is_steady(value) != is_steady(flow.value))
    fast_.set_tell(flow.index, flow.key, [&] { return !is_steady(load(slot(flow.index)->value)); });
}

void FlowTable::use_fast_path(FastFlows flows, std::span<tandem_fast_sequences> sequences) {
  TANDEM_ASSERT(!flows || (flows.slots() == slots() && sequences.size() == header_->bucket_count));
  fast_ = flows;
  uint64_t* const before = sequences_;
  uint64_t* const own = reinterpret_cast<uint64_t*>(base_ + header_->sequences_offset);
  sequences_ = flows ? reinterpret_cast<uint64_t*>(sequences.data()) : own;
  if (flows) tag_all();
  if (sequences_ == before) return;
  // What stands there is a former flow's, or as old as the change before this one: no end would be believed. Where there is
  // nothing to say, nothing is written: the pages stay untouched.
  scan(0, slots(), [&](const Flow& flow) {
    if (sequences_[flow.index] != before[flow.index]) sequences_[flow.index] = before[flow.index];
  });
}

void FlowTable::tag_all() {
  fast_.forget_tags();
  scan(0, slots(), [this](const Flow& flow) {
    const bool numbered = flow.service() < TANDEM_SERVICE_SLOTS && !flow.is_template();
    const uint8_t protocol = numbered ? service_slots()[flow.service()].protocol : uint8_t{TANDEM_TEMPLATE_PROTOCOL};
    if (const auto client = client_of(flow))
      fast_.hand_over(flow.index, tag_of(place_of(protocol, *client, flow.client_port()), flow.key));
  });
}

void FlowTable::offer(const Flow& flow) {
  const auto is_as_read = [&] {
    const auto now = at(flow.index);
    return now && now->key == flow.key && static_cast<uint32_t>(now->value ^ flow.value) == 0;
  };
  if (!fast_ || fast_.has(flow.index, flow.key) || !is_as_read()) return;
  uint16_t check = 0;
  if (flow.is_ipv6()) {
    const tandem_client6 client = client6_at(flow.index);
    check = static_cast<uint16_t>(tandem_client6_hash(header_->seed, client.words));
  }
  if (!fast_.put(flow.index, flow.key, flow.server(), !is_steady(flow.value), check)) return;
  // Whoever changed the flow meanwhile may have looked for a copy before there was one.
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (!is_as_read()) fast_.withdraw(flow.index);
}

std::optional<Flow> FlowTable::adopt(size_t index, uint8_t protocol, const IpAddress& client, uint64_t key,
                                     uint64_t value) {
  if (!fast_ || index >= slots()) return std::nullopt;
  const Place where = place_of(protocol, client, tandem_key_client_port(key));
  const size_t bucket = index / TANDEM_BUCKET_FLOWS;
  const size_t first = tandem_first_bucket(where.hash, header_->bucket_count);
  const size_t second = tandem_second_bucket(where.hash, header_->bucket_count);
  const Flow flow{index, key, value};
  if ((bucket != first && bucket != second) || (where.key | tandem_key_service(key)) != key) return std::nullopt;
  // Whoever put its flow there meanwhile has left it a tag of its own.
  const bool is_there = fast_.tag(index) == tag_of(where, key);
  const auto is_alone = [&] {
    const auto twin = twin_of(first, second, where, flow);
    return !twin || ((twin->flags() & TANDEM_FLOW_LEARNT) != 0 && remove(*twin));
  };
  if (is_there && is_alone() && fill(index, where, key, value)) {
    // A peer's record may have come in this very moment.
    if (is_alone()) return flow;
    (void)remove(flow);
    return std::nullopt;
  }
  const uint64_t there = load(slot(index)->key);
  if (there != key && fast_.has(index, key)) fast_.withdraw(index);
  if (there == TANDEM_KEY_EMPTY) fast_.give_back(index, tag_of(where, key));
  return std::nullopt;
}

bool FlowTable::may_be_put(uint8_t protocol, const IpAddress& client, uint16_t client_port, uint16_t service) const {
  if (!fast_) return false;
  const Place where = place_of(protocol, client, client_port);
  const uint64_t tag = tag_of(where, where.key | service);
  for (const size_t bucket : {tandem_first_bucket(where.hash, header_->bucket_count),
                              tandem_second_bucket(where.hash, header_->bucket_count)})
    for (size_t i = 0; i < TANDEM_BUCKET_FLOWS; ++i) {
      const size_t index = bucket * TANDEM_BUCKET_FLOWS + i;
      if (fast_.tag(index) == tag && load(slot(index)->key) == TANDEM_KEY_EMPTY) return true;
    }
  return false;
}

}  // namespace tandem::forwarding
