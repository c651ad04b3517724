#include "forwarding/flow_table.hpp"

#include "daemon/base/assert.hpp"
#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint32_t kMinBuckets = 2;
constexpr uint32_t kMaxBuckets = 1u << 30;
constexpr uint64_t kPage = 4096;
static_assert(kFlowStates <= TANDEM_FLOW_STATES);
static_assert(sizeof(tandem_sequences) == sizeof(uint64_t) && sizeof(SeenSequences) == sizeof(uint64_t));
constexpr uint32_t kEveryPeer = (1u << TANDEM_MAX_PEERS) - 1;
static_assert(sizeof(tandem_flows_header) <= TANDEM_SIGNALS_OFFSET);

bool is_valid_bucket_count(uint32_t count) {
  return std::has_single_bit(count) && count >= kMinBuckets && count <= kMaxBuckets;
}

constexpr uint64_t round_up_to_page(uint64_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}

// Where every section stands: one page of header, then each section from a page boundary on.
tandem_flows_header layout_of(uint32_t bucket_count) {
  tandem_flows_header layout{};
  layout.magic = TANDEM_FLOWS_MAGIC;
  layout.version = TANDEM_FLOWS_VERSION;
  layout.bucket_count = bucket_count;
  uint64_t end = round_up_to_page(sizeof(tandem_flows_header));
  const auto place = [&end](uint64_t bytes) {
    const uint64_t begin = end;
    end = round_up_to_page(end + bytes);
    return begin;
  };
  layout.buckets_offset = place(uint64_t{bucket_count} * sizeof(tandem_bucket));
  layout.dirty_words = (uint64_t{bucket_count} * TANDEM_BUCKET_FLOWS + 63) / 64;
  layout.dirty_offset = place(layout.dirty_words * sizeof(uint64_t) * TANDEM_MAX_PEERS);
  const uint64_t slots = uint64_t{bucket_count} * TANDEM_BUCKET_FLOWS;
  constexpr uint64_t kFlowsOfAWord = uint64_t{64} * TANDEM_CHUNK_FLOWS;
  layout.occupied_words = (slots + kFlowsOfAWord - 1) / kFlowsOfAWord;
  layout.occupied_offset = place(layout.occupied_words * sizeof(uint64_t));
  layout.addresses_offset = place(slots * sizeof(tandem_client6));
  layout.sequences_offset = place(slots * sizeof(tandem_sequences));
  layout.recipes_offset = place(uint64_t{TANDEM_SERVER_SLOTS} * sizeof(tandem_recipe));
  layout.services_offset = place(uint64_t{TANDEM_SERVICE_SLOTS} * sizeof(tandem_service_slot));
  layout.servers_offset = place(uint64_t{TANDEM_SERVER_SLOTS} * sizeof(tandem_server_slot));
  layout.sources_offset = place(slots * sizeof(uint32_t));
  layout.way_back_buckets = std::max<uint64_t>(slots * 3 / 4 / TANDEM_WAYS_BACK, 1);
  layout.ways_back_offset = place(layout.way_back_buckets * TANDEM_WAYS_BACK * sizeof(uint32_t));
  layout.source_slots_offset = place(uint64_t{TANDEM_SOURCE_SLOTS} * sizeof(tandem_source_slot));
  layout.total_bytes = end;
  return layout;
}

// What a flow is worth when one must go: its class, then how lately it was seen.
bool is_settled(uint64_t value) {
  const auto state = static_cast<FlowState>(tandem_value_state(value));
  return state == FlowState::kEstablished || state == FlowState::kUdpFlow || state == FlowState::kTemplate ||
         state == FlowState::kSctpEstablished;
}

uint64_t load(const uint64_t& word) {
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}

}  // namespace

FlowTable::FlowTable(std::byte* base) : base_(base), header_(reinterpret_cast<tandem_flows_header*>(base)) {
  buckets_ = reinterpret_cast<tandem_bucket*>(base + header_->buckets_offset);
  dirty_ = reinterpret_cast<uint64_t*>(base + header_->dirty_offset);
  occupied_ = reinterpret_cast<uint64_t*>(base + header_->occupied_offset);
  addresses_ = reinterpret_cast<tandem_client6*>(base + header_->addresses_offset);
  sequences_ = reinterpret_cast<uint64_t*>(base + header_->sequences_offset);
  sources_ = reinterpret_cast<uint32_t*>(base + header_->sources_offset);
  ways_back_ = reinterpret_cast<uint32_t*>(base + header_->ways_back_offset);
}

uint64_t FlowTable::bytes_needed(uint32_t bucket_count) {
  TANDEM_ASSERT(is_valid_bucket_count(bucket_count));
  return layout_of(bucket_count).total_bytes;
}

Result<FlowTable, FlowTableError> FlowTable::format(MutableBytes mapping, const FlowTableSettings& settings) {
  if (!is_valid_bucket_count(settings.bucket_count)) return Failure(FlowTableError::kBadBucketCount);
  if (reinterpret_cast<uintptr_t>(mapping.data()) % alignof(tandem_bucket) != 0)
    return Failure(FlowTableError::kNotAligned);
  tandem_flows_header layout = layout_of(settings.bucket_count);
  if (mapping.size() < layout.total_bytes) return Failure(FlowTableError::kTooSmall);
  layout.seed[0] = settings.seed[0];
  layout.seed[1] = settings.seed[1];
  // The magic comes last: a process that ends in between leaves no table, not half of one.
  const uint64_t magic = layout.magic;
  layout.magic = 0;
  std::memcpy(mapping.data(), &layout, sizeof(layout));
  __atomic_store_n(&reinterpret_cast<tandem_flows_header*>(mapping.data())->magic, magic, __ATOMIC_RELEASE);
  return FlowTable(mapping.data());
}

Result<FlowTable, FlowTableError> FlowTable::attach(MutableBytes mapping) {
  if (reinterpret_cast<uintptr_t>(mapping.data()) % alignof(tandem_bucket) != 0)
    return Failure(FlowTableError::kNotAligned);
  if (mapping.size() < sizeof(tandem_flows_header)) return Failure(FlowTableError::kTooSmall);
  tandem_flows_header found;
  std::memcpy(&found, mapping.data(), sizeof(found));
  if (found.magic != TANDEM_FLOWS_MAGIC) return Failure(FlowTableError::kNotAFlowTable);
  if (found.version != TANDEM_FLOWS_VERSION) return Failure(FlowTableError::kOtherVersion);
  if (!is_valid_bucket_count(found.bucket_count)) return Failure(FlowTableError::kBadBucketCount);
  tandem_flows_header expected = layout_of(found.bucket_count);
  expected.seed[0] = found.seed[0];
  expected.seed[1] = found.seed[1];
  if (std::memcmp(&found, &expected, sizeof(found)) != 0) return Failure(FlowTableError::kBadLayout);
  if (mapping.size() < expected.total_bytes) return Failure(FlowTableError::kTooSmall);

  FlowTable table(mapping.data());
  for (size_t index = 0; index < table.slots(); ++index) {
    // A process was killed in the middle of an insert. Looked at before it is swapped: a swap that fails writes all the
    // same, and a restart would pay 2 M of them.
    uint64_t busy = TANDEM_KEY_BUSY;
    uint64_t* const key = &table.slot(index)->key;
    if (__atomic_load_n(key, __ATOMIC_RELAXED) == busy)
      __atomic_compare_exchange_n(key, &busy, TANDEM_KEY_EMPTY, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    // Or between a key and its chunk's bit.
    else if (__atomic_load_n(key, __ATOMIC_RELAXED) != TANDEM_KEY_EMPTY) {
      table.mark_occupied(index);
      // Nobody knows how much went by since.
      const uint16_t service = tandem_key_service(*key);
      if (service < TANDEM_SERVICE_SLOTS && table.service_slots()[service].protocol == TANDEM_TCP)
        *table.sequences(index) = 0;
    }
  }
  *table.signals() = {.has_sources = table.signals()->has_sources};  // who awaited news is gone, and who held a lock
  return table;
}

std::optional<IpAddress> FlowTable::client_of(const Flow& flow) const {
  if (!flow.is_ipv6()) return Ipv4Address{tandem_key_client_address(flow.key)};
  const tandem_client6 words = client6_at(flow.index);
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  if (load(slot(flow.index)->key) != flow.key) return std::nullopt;
  Ipv6Address client;
  std::memcpy(client.bytes.data(), words.words, sizeof words);
  return client;
}

std::optional<Flow> FlowTable::find(uint8_t protocol, const IpAddress& client, uint16_t client_port,
                                    uint16_t service) const {
  const bool template_wanted = protocol == TANDEM_TEMPLATE_PROTOCOL;
  return find_if(protocol, client, client_port,
                 [&](const Flow& flow) { return flow.service() == service && flow.is_template() == template_wanted; });
}

// Takes an empty slot: key 0 -> BUSY, the value, the key. False when somebody has it.
bool FlowTable::fill(size_t index, const Place& place, uint64_t key, uint64_t value) {
  tandem_flow& room = *slot(index);
  uint64_t empty = TANDEM_KEY_EMPTY;
  if (!__atomic_compare_exchange_n(&room.key, &empty, TANDEM_KEY_BUSY, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    return false;
  prepare(index, place);
  __atomic_store_n(&room.value, value, __ATOMIC_RELAXED);
  __atomic_store_n(&room.key, key, __ATOMIC_SEQ_CST);
  mark_occupied(index);
  return true;
}

std::optional<Flow> FlowTable::claim(size_t bucket, const Place& place, uint64_t key, uint64_t value) {
  for (size_t i = 0; i < TANDEM_BUCKET_FLOWS; ++i) {
    const size_t index = bucket * TANDEM_BUCKET_FLOWS + i;
    if (__atomic_load_n(&slot(index)->key, __ATOMIC_RELAXED) != TANDEM_KEY_EMPTY) continue;
    if (fast_) {
      // The programs may have taken it a moment ago.
      if (!fast_.take(index, tag_of(place, key))) continue;
      fast_.withdraw(index);
    }
    // Otherwise it is somebody's who needed it more (evict).
    if (fill(index, place, key, value)) return Flow{index, key, value};
  }
  return std::nullopt;
}

// Takes the slot of the flow that is worth least in the two full buckets.
std::optional<Flow> FlowTable::evict(size_t first, size_t second, const Place& place, uint64_t key, uint64_t value,
                                     Flow& evicted) {
  const uint32_t now_tick = tandem_value_last_seen(value);
  bool found = false, victim_settled = true;
  uint32_t victim_age = 0;
  Flow victim;
  for (const size_t bucket : {first, second}) {
    for (size_t i = 0; i < TANDEM_BUCKET_FLOWS; ++i) {
      const auto flow = at(bucket * TANDEM_BUCKET_FLOWS + i);
      if (!flow) continue;  // just emptied, or being filled
      const bool settled = is_settled(flow->value);
      const uint32_t age = age_of(flow->last_seen(), now_tick);
      const bool worth_less = !found || (settled == victim_settled ? age > victim_age : victim_settled);
      if (!worth_less) continue;
      found = true, victim_settled = settled, victim_age = age;
      victim = *flow;
    }
  }
  if (!found) {
    // All that is there was put there by the programs, and is not taken up yet.
    for (size_t i = 0; fast_ && i < 2 * size_t{TANDEM_BUCKET_FLOWS}; ++i) {
      const size_t index = (i < TANDEM_BUCKET_FLOWS ? first : second) * TANDEM_BUCKET_FLOWS + i % TANDEM_BUCKET_FLOWS;
      if (!fill(index, place, key, value)) continue;
      fast_.hand_over(index, tag_of(place, key));
      fast_.withdraw(index);
      return Flow{index, key, value};
    }
    return std::nullopt;
  }
  tandem_flow* room = slot(victim.index);
  uint64_t expected = victim.key;
  if (!__atomic_compare_exchange_n(&room->key, &expected, TANDEM_KEY_BUSY, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    return std::nullopt;
  if (fast_) {
    fast_.hand_over(victim.index, tag_of(place, key));
    fast_.withdraw(victim.index);
  }
  prepare(victim.index, place);
  victim.value = __atomic_exchange_n(&room->value, value, __ATOMIC_RELAXED);
  evicted = victim;
  __atomic_store_n(&room->key, key, __ATOMIC_SEQ_CST);
  return Flow{victim.index, key, value};
}

// Another slot with this flow's key. Two threads may have put the same key in at the same moment. Both look at the whole
// of both buckets after writing, so at least the one that wrote last sees the other. Neither can know whether it was seen:
// whoever sees a twin takes its own flow back and begins again.
std::optional<Flow> FlowTable::twin_of(size_t first, size_t second, const Place& place, const Flow& flow) const {
  for (const size_t bucket : {first, second}) {
    for (size_t i = 0; i < TANDEM_BUCKET_FLOWS; ++i) {
      const size_t index = bucket * TANDEM_BUCKET_FLOWS + i;
      if (index == flow.index || __atomic_load_n(&slot(index)->key, __ATOMIC_SEQ_CST) != flow.key) continue;
      if (!is_of({.index = index, .key = flow.key}, place)) continue;  // another address with one hash
      const Flow twin{index, flow.key, load(slot(index)->value)};
      // A template and a flow from port 0 may have one key.
      if (twin.is_template() == flow.is_template()) return twin;
    }
  }
  return std::nullopt;
}

FlowTable::Inserted FlowTable::insert(uint8_t protocol, const IpAddress& client, uint16_t client_port, uint16_t service,
                                      uint64_t value) {
  using Outcome = Inserted::Outcome;
  const Place where = place_of(protocol, client, client_port);
  const uint64_t key = where.key | service;
  const size_t first = tandem_first_bucket(where.hash, header_->bucket_count);
  const size_t second = tandem_second_bucket(where.hash, header_->bucket_count);
  const auto taken = [this](size_t bucket) {
    size_t count = 0;
    for (const tandem_flow& flow : buckets_[bucket].flows) count += load(flow.key) != TANDEM_KEY_EMPTY;
    return count;
  };

  Inserted result;
  while (true) {
    if (const auto there = find(protocol, client, client_port, service)) {
      result.outcome = Outcome::kExists;
      result.flow = *there;
      return result;
    }
    const bool swap = taken(second) < taken(first);
    std::optional<Flow> flow = claim(swap ? second : first, where, key, value);
    if (!flow) flow = claim(swap ? first : second, where, key, value);
    result.outcome = flow ? Outcome::kInserted : Outcome::kEvicted;
    if (!flow) flow = evict(first, second, where, key, value, result.evicted);
    if (!flow) continue;  // the buckets changed under us: look again
    if (twin_of(first, second, where, *flow)) {
      remove(*flow);
      continue;
    }
    result.flow = *flow;
    return result;
  }
}

SeenSequences FlowTable::sequences_of(const Flow& flow) const {
  return std::bit_cast<SeenSequences>(__atomic_load_n(sequences(flow.index), __ATOMIC_RELAXED));
}

void FlowTable::set_sequences(const Flow& flow, const SeenSequences& seen) {
  if (load(slot(flow.index)->key) != flow.key) return;
  __atomic_store_n(sequences(flow.index), std::bit_cast<uint64_t>(seen), __ATOMIC_RELAXED);
}

Duration FlowTable::timeout_of(uint16_t service, uint8_t state) const {
  if (service < TANDEM_SERVICE_SLOTS && state < TANDEM_FLOW_STATES) {
    const uint32_t ms = __atomic_load_n(&service_slots()[service].timeouts_ms[state], __ATOMIC_RELAXED);
    if (ms != 0) return std::chrono::milliseconds(ms);
  }
  return forwarding::timeout_of(static_cast<FlowState>(state));
}

bool FlowTable::update(Flow& flow, uint64_t value) {
  tandem_flow* place = slot(flow.index);
  if (load(place->key) != flow.key) return false;
  uint64_t expected = flow.value;
  if (!__atomic_compare_exchange_n(&place->value, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    return false;
  // The time alone makes no difference to the fast path.
  if (fast_ && static_cast<uint32_t>(flow.value ^ value) != 0) tell_fast_path(flow, value);
  flow.value = value;
  return true;
}

bool FlowTable::remove(const Flow& flow) {
  const uint64_t tag = fast_ ? fast_.tag(flow.index) : 0;
  uint64_t expected = flow.key;
  if (!__atomic_compare_exchange_n(&slot(flow.index)->key, &expected, TANDEM_KEY_EMPTY, false, __ATOMIC_SEQ_CST,
                                   __ATOMIC_RELAXED))
    return false;
  // The tag last: until then nobody takes the slot.
  if (fast_) {
    fast_.withdraw(flow.index);
    fast_.give_back(flow.index, tag);
  }
  return true;
}

std::optional<Flow> FlowTable::at(size_t index) const {
  tandem_flow* place = slot(index);
  const uint64_t key = load(place->key);
  if (key == TANDEM_KEY_EMPTY || key == TANDEM_KEY_BUSY) return std::nullopt;
  const Flow flow{index, key, load(place->value)};
  // The slot may have changed hands between the two loads; then the value is another flow's.
  if (load(place->key) != key) return std::nullopt;
  return flow;
}

void FlowTable::mark_dirty(size_t index) {
  const uint64_t bit = 1ULL << (index % 64);
  // A bit that is set stays set until taken, and whoever takes it reads the flow after that: the
  // flow must be written before the bit is looked at.
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  for (unsigned peer = 0; peer < TANDEM_MAX_PEERS; ++peer) {
    uint64_t* word = dirty_word(peer, index / 64);
    if ((__atomic_load_n(word, __ATOMIC_ACQUIRE) & bit) == 0) __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
  }
  // A peer's bit that is still up is lowered before the dirty bits above are taken.
  uint32_t* raised = &signals()->raised;
  if (__atomic_load_n(raised, __ATOMIC_SEQ_CST) == kEveryPeer) return;
  __atomic_fetch_or(raised, kEveryPeer, __ATOMIC_SEQ_CST);
  __atomic_store_n(&signals()->news, 1u, __ATOMIC_RELEASE);
}

void FlowTable::await_news(unsigned peer) {
  TANDEM_ASSERT(peer < TANDEM_MAX_PEERS);
  __atomic_fetch_and(&signals()->raised, ~(1u << peer), __ATOMIC_SEQ_CST);
}

bool FlowTable::take_news() {
  uint32_t* news = &signals()->news;
  return __atomic_load_n(news, __ATOMIC_RELAXED) != 0 && __atomic_exchange_n(news, 0u, __ATOMIC_ACQUIRE) != 0;
}

// ---- which chunks hold flows

size_t FlowTable::next_occupied(size_t index) const {
  if (index >= slots()) return slots();
  const size_t chunk = chunk_of(index);
  size_t word = chunk / 64;
  uint64_t bits = load(occupied_[word]) >> (chunk % 64) << (chunk % 64);
  while (bits == 0) {
    if (++word == header_->occupied_words) return slots();
    bits = load(occupied_[word]);
  }
  const size_t found = (word * 64 + static_cast<size_t>(std::countr_zero(bits))) * TANDEM_CHUNK_FLOWS;
  return std::min(std::max(found, index), slots());
}

void FlowTable::mark_occupied(size_t index) {
  const size_t chunk = chunk_of(index);
  const uint64_t bit = 1ULL << (chunk % 64);
  uint64_t* word = &occupied_[chunk / 64];
  if ((__atomic_load_n(word, __ATOMIC_SEQ_CST) & bit) == 0) __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
}

bool FlowTable::is_empty(size_t chunk) const {
  const size_t end = std::min(slots(), (chunk + 1) * TANDEM_CHUNK_FLOWS);
  for (size_t index = chunk * TANDEM_CHUNK_FLOWS; index < end; ++index)
    if (__atomic_load_n(&slot(index)->key, __ATOMIC_SEQ_CST) != TANDEM_KEY_EMPTY) return false;
  return true;
}

void FlowTable::forget_if_empty(size_t chunk) {
  if (!is_empty(chunk)) return;
  const uint64_t bit = 1ULL << (chunk % 64);
  __atomic_fetch_and(&occupied_[chunk / 64], ~bit, __ATOMIC_SEQ_CST);
  // Whoever stored a key meanwhile may have seen the bit up.
  if (!is_empty(chunk)) __atomic_fetch_or(&occupied_[chunk / 64], bit, __ATOMIC_SEQ_CST);
}

void FlowTable::mark_all_dirty(unsigned peer) {
  TANDEM_ASSERT(peer < TANDEM_MAX_PEERS);
  for (size_t at = next_occupied(0); at < slots(); at = next_occupied(at)) {
    const size_t word = at / 64;
    uint64_t bits = 0;
    for (; at / 64 == word && at < slots(); ++at)
      if (load(slot(at)->key) != TANDEM_KEY_EMPTY) bits |= 1ULL << (at % 64);
    if (bits != 0) __atomic_fetch_or(dirty_word(peer, word), bits, __ATOMIC_RELEASE);
  }
}

void FlowTable::clear_dirty(unsigned peer) {
  TANDEM_ASSERT(peer < TANDEM_MAX_PEERS);
  for (size_t word = 0; word < header_->dirty_words; ++word)
    __atomic_store_n(dirty_word(peer, word), 0, __ATOMIC_RELAXED);
}

bool FlowTable::is_dirty(unsigned peer, size_t index) const {
  return (__atomic_load_n(dirty_word(peer, index / 64), __ATOMIC_RELAXED) >> (index % 64) & 1) != 0;
}

std::span<tandem_source_slot, TANDEM_SOURCE_SLOTS> FlowTable::source_slots() const {
  return std::span<tandem_source_slot, TANDEM_SOURCE_SLOTS>(
      reinterpret_cast<tandem_source_slot*>(base_ + header_->source_slots_offset), TANDEM_SOURCE_SLOTS);
}

std::span<tandem_recipe, TANDEM_SERVER_SLOTS> FlowTable::recipes() const {
  return std::span<tandem_recipe, TANDEM_SERVER_SLOTS>(
      reinterpret_cast<tandem_recipe*>(base_ + header_->recipes_offset), TANDEM_SERVER_SLOTS);
}

std::span<tandem_service_slot, TANDEM_SERVICE_SLOTS> FlowTable::service_slots() const {
  return std::span<tandem_service_slot, TANDEM_SERVICE_SLOTS>(
      reinterpret_cast<tandem_service_slot*>(base_ + header_->services_offset), TANDEM_SERVICE_SLOTS);
}

std::span<tandem_server_slot, TANDEM_SERVER_SLOTS> FlowTable::server_slots() const {
  return std::span<tandem_server_slot, TANDEM_SERVER_SLOTS>(
      reinterpret_cast<tandem_server_slot*>(base_ + header_->servers_offset), TANDEM_SERVER_SLOTS);
}

}  // namespace tandem::forwarding
