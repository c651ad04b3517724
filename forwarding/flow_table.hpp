// The flow table of flow_table.h, used in place: find, insert, update and remove by the rules
// written there, from any thread.
//
// Who owns what. The shell makes the mapping and keeps it alive; the packet workers and the peer
// link's thread each hold a FlowTable by reference and use it at the same time; numbering and the
// service table own the sections after the buckets. Nothing here reads a clock: a tick is made from
// the time handed in. That time line must go on over a restart of the room (CLOCK_BOOTTIME or
// CLOCK_MONOTONIC do, for the file does not live over a reboot).
//
// Dirty bits, one a slot and peer, say which flows a peer has not been told. They are set after the
// flow is written and taken before it is read, so no change is ever missed; a flow is told in the
// state it has when it is read. Who waits for dirty flows is told by take_news(), not by looking.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/result.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/fast_flows.hpp"
#include "forwarding/flow_table.h"
#include "forwarding/tcp_window.hpp"

namespace tandem::forwarding {

// 134 ms of the time line, as last_seen counts. Differences are taken modulo 2^32.
inline uint32_t tick_of(TimePoint now) {
  return static_cast<uint32_t>(static_cast<uint64_t>(now.time_since_epoch().count()) >> TANDEM_TICK_SHIFT);
}
inline constexpr uint32_t ticks_of(Duration duration) {
  return static_cast<uint32_t>(static_cast<uint64_t>(duration.count()) >> TANDEM_TICK_SHIFT);
}
// Ticks since `last_seen`; 0 when it lies ahead, which a peer's clock can make.
inline constexpr uint32_t age_of(uint32_t last_seen, uint32_t now_tick) {
  const auto age = static_cast<int32_t>(now_tick - last_seen);
  return age > 0 ? static_cast<uint32_t>(age) : 0;
}

// A flow as it was when it was read, and where it stands.
struct Flow {
  size_t index = 0;
  uint64_t key = 0;
  uint64_t value = 0;

  // An IPv6 flow's client is asked of the table: FlowTable::client_of().
  bool is_ipv6() const { return tandem_key_is_ipv6(key); }
  uint16_t client_port() const { return tandem_key_client_port(key); }
  uint16_t service() const { return tandem_key_service(key); }
  uint16_t server() const { return tandem_value_server(value); }
  uint8_t state() const { return tandem_value_state(value); }
  uint8_t flags() const { return tandem_value_flags(value); }
  uint32_t last_seen() const { return tandem_value_last_seen(value); }
  bool is_template() const { return state() == TANDEM_STATE_TEMPLATE; }
};

// Which flow, for somebody who looks later whether it is still there. Key 0: none.
struct FlowName {
  size_t index = 0;
  uint64_t key = 0;
};

// The peer's copy dies when it is not told of a flow for a whole timeout. Telling it whenever a quarter of the timeout begins
// needs no memory of when it was told last.
inline bool begins_a_quarter(uint32_t before, uint32_t after, Duration timeout) {
  const uint32_t quarter = ticks_of(timeout / 4);
  return quarter == 0 || before / quarter != after / quarter;
}

// A busy flow is written about once a second, not once a packet.
inline constexpr uint32_t kRefreshTicks = ticks_of(1100ms);
static_assert(kRefreshTicks == 8);

struct FlowTableSettings {
  uint32_t bucket_count = 1u << 18;  // a power of two, 2 - 2^30; four flows each
  std::array<uint64_t, 2> seed{};    // from a good random source: clients must not guess it
};

enum class FlowTableError : uint8_t {
  kTooSmall,        // the span ends before the table does
  kNotAligned,      // the span does not begin at a cache line
  kNotAFlowTable,   // another magic
  kOtherVersion,    // of a layout this program does not know
  kBadBucketCount,  // no power of two within bounds
  kBadLayout,       // a section lies outside, or not where this program would put it
};

class FlowTable {
 public:
  // Bytes of a mapping for this many buckets. REQUIRES: a valid bucket count.
  static uint64_t bytes_needed(uint32_t bucket_count);

  // Makes an empty table of `mapping`. REQUIRES: the mapping is all zero, as a new file is, or
  // nobody uses it.
  static Result<FlowTable, FlowTableError> format(MutableBytes mapping, const FlowTableSettings& settings);
  // Takes up a table that an earlier process left. Clears BUSY slots, so nobody else may be
  // inserting.
  static Result<FlowTable, FlowTableError> attach(MutableBytes mapping);

  // Of protocol TANDEM_TEMPLATE_PROTOCOL: templates only; of others: no templates.
  std::optional<Flow> find(uint8_t protocol, const IpAddress& client, uint16_t client_port, uint16_t service) const;

  // Brings the places of this client's flows near, for a find() some packets later.
  void prefetch(uint8_t protocol, const IpAddress& client, uint16_t client_port) const {
    const uint64_t hash = place_of(protocol, client, client_port).hash;
    for (const size_t bucket :
         {tandem_first_bucket(hash, header_->bucket_count), tandem_second_bucket(hash, header_->bucket_count)}) {
      __builtin_prefetch(&buckets_[bucket]);
      // What a TCP flow has seen, of all slots of the bucket in one line.
      if (protocol == 6) __builtin_prefetch(&sequences_[bucket * TANDEM_BUCKET_FLOWS]);
    }
    // GCC takes what only prefetches for a function without effect, and leaves its calls out.
    __asm__ volatile("" : : "r"(hash));
  }

  // The same of a flow's place.
  void prefetch(size_t index) const {
    if (index >= slots()) return;
    __builtin_prefetch(slot(index));
    __builtin_prefetch(sequences(index));
    if (fast_) fast_.prefetch(index);
    __asm__ volatile("" : : "r"(index));
  }

  // The flow of this client side that `accept(const Flow&)` takes: how an answer, which does not
  // name its service, is matched.
  template <class Accept>
  std::optional<Flow> find_if(uint8_t protocol, const IpAddress& client, uint16_t client_port, Accept accept) const;

  // Of a client's address alone, by the table's seed.
  uint64_t hash_of(const IpAddress& client) const { return place_of(0, client, 0).hash; }

  // The flow's client; nothing when the slot has changed hands since it was read.
  std::optional<IpAddress> client_of(const Flow& flow) const;

  struct Inserted {
    enum class Outcome : uint8_t {
      kInserted,
      kExists,   // `flow` is the one that was there, or that another thread put there first
      kEvicted,  // inserted in the place of `evicted`, because both buckets were full
    };
    Outcome outcome = Outcome::kInserted;
    Flow flow;
    Flow evicted;  // key 0: none. In a race one may go and the outcome still be kExists
  };
  // Puts a flow in; does not mark it dirty. When both buckets are full the flow that is worth least
  // goes: not established before established, then the one not seen for longest.
  // While two threads put in one key at the same moment, a third may find it missing until both have returned.
  Inserted insert(uint8_t protocol, const IpAddress& client, uint16_t client_port, uint16_t service, uint64_t value);
  // The same for an IPv4 client, by the finished key.
  Inserted insert(uint8_t protocol, uint64_t key, uint64_t value) {
    return insert(protocol, Ipv4Address{tandem_key_client_address(key)}, tandem_key_client_port(key),
                  tandem_key_service(key), value);
  }

  // From now on the fast path has a copy of flows, and their sequence numbers, which are carried over, with it. Nothing ({}, {}): not any more.
  // REQUIRES: as many buckets as the table has; nobody else uses the table meanwhile.
  void use_fast_path(FastFlows flows, std::span<tandem_fast_sequences> sequences);
  FastFlows& fast() { return fast_; }
  // The fast path's programs may have put a flow of this client there that nobody has taken up yet.
  bool may_be_put(uint8_t protocol, const IpAddress& client, uint16_t client_port, uint16_t service) const;
  // Gives the fast path a copy of the flow, if the flow is still as it was read.
  void offer(const Flow& flow);
  // Takes up a flow that the fast path's programs have put there. Nothing: it is in the table already, or cannot be there; then its
  // place is given back, and its copy taken away. What a peer has told of it goes: this box has seen a packet.
  std::optional<Flow> adopt(size_t index, uint8_t protocol, const IpAddress& client, uint64_t key, uint64_t value);

  // Of a TCP flow. A new flow's are not known.
  SeenSequences sequences_of(const Flow& flow) const;
  // Left as they are when the slot has changed hands. Two threads that write at once: one of both holds.
  void set_sequences(const Flow& flow, const SeenSequences& seen);

  // How long the flow lives without a packet: as its service says, or its state does.
  Duration timeout_of(uint16_t service, uint8_t state) const;
  Duration timeout_of(const Flow& flow) const { return timeout_of(flow.service(), flow.state()); }

  // Replaces the value, if the slot is still as `flow` has it; then `flow` has the new one.
  // Otherwise false and `flow` is stale: find it again.
  bool update(Flow& flow, uint64_t value);
  // Removes exactly this flow; false when the slot has changed hands.
  bool remove(const Flow& flow);

  // The flow in slot `index`, if there is one.
  std::optional<Flow> at(size_t index) const;
  size_t slots() const { return size_t{header_->bucket_count} * TANDEM_BUCKET_FLOWS; }

  // Visits the flows of slots [from, from + count) with visit(const Flow&). Returns where to go on;
  // 0 at the end of the table.
  template <class Visit>
  size_t scan(size_t from, size_t count, Visit visit) const;
  // The same for the one who sweeps, who finds out which chunks are empty by now. Goes by whole chunks, and stops after
  // the chunk in which `most` flows were reached. REQUIRES: one caller at a time; `from` is what it returned before.
  template <class Visit>
  size_t sweep(size_t from, size_t count, size_t most, Visit visit);

  void mark_dirty(size_t index);       // for every peer
  void mark_all_dirty(unsigned peer);  // every flow that exists: a new peer's beginning
  void clear_dirty(unsigned peer);     // a peer that is gone for good
  bool is_dirty(unsigned peer, size_t index) const;
  size_t dirty_words() const { return header_->dirty_words; }
  // Takes the dirty bits of one peer from 64-slot word `from` on and visits their flows with
  // visit(const Flow&) until at least `limit` flows were visited or the table ended. Bits of slots
  // that are empty by now are dropped. Returns the word to go on with; 0 at the end of the table.
  template <class Visit>
  size_t take_dirty(unsigned peer, size_t from, size_t limit, Visit visit);
  // From now on a flow that becomes dirty is news again. REQUIRES: the peer's bits are taken afterwards, from word 0 on.
  void await_news(unsigned peer);
  // Whether flows became dirty for a peer that awaits news: true once, for one of those who ask.
  bool take_news();

  const tandem_flows_header& header() const { return *header_; }
  uint32_t bucket_count() const { return header_->bucket_count; }

  // The sections beside the buckets. Indices are slot numbers.
  std::span<tandem_recipe, TANDEM_SERVER_SLOTS> recipes() const;
  std::span<tandem_service_slot, TANDEM_SERVICE_SLOTS> service_slots() const;
  std::span<tandem_server_slot, TANDEM_SERVER_SLOTS> server_slots() const;
  std::span<tandem_source_slot, TANDEM_SOURCE_SLOTS> source_slots() const;

  // The source that the flow in slot `index` has (flow_table.h); 0: none. It goes when the slot is filled anew.
  uint32_t source_at(size_t index) const { return __atomic_load_n(&sources_[index], __ATOMIC_ACQUIRE); }
  // REQUIRES: after use_sources().
  void set_source(size_t index, uint32_t source) { __atomic_store_n(&sources_[index], source, __ATOMIC_RELEASE); }
  // From now on flows may have sources, also in later processes.
  void use_sources() { __atomic_store_n(&signals()->has_sources, 1u, __ATOMIC_SEQ_CST); }
  bool has_sources() const { return __atomic_load_n(&signals()->has_sources, __ATOMIC_RELAXED) != 0; }
  // For sources.cc alone.
  uint32_t* ways_back(size_t bucket) const { return ways_back_ + bucket * TANDEM_WAYS_BACK; }
  size_t way_back_buckets() const { return header_->way_back_buckets; }
  uint32_t* source_lock(uint64_t hash) const { return &signals()->source_locks[hash % 16]; }

 private:
  explicit FlowTable(std::byte* base);
  tandem_flow* slot(size_t index) const {
    return &buckets_[index / TANDEM_BUCKET_FLOWS].flows[index % TANDEM_BUCKET_FLOWS];
  }
  uint64_t* dirty_word(unsigned peer, size_t word) const { return dirty_ + peer * header_->dirty_words + word; }
  // Eight words from here on.
  static bool is_clean(const uint64_t* bits) {
    uint64_t any = 0;
    for (size_t i = 0; i < 8; ++i) any |= __atomic_load_n(bits + i, __ATOMIC_RELAXED);
    return any == 0;
  }
  uint64_t take_dirty_word(unsigned peer, size_t word) {
    uint64_t* bits = dirty_word(peer, word);
    if (__atomic_load_n(bits, __ATOMIC_RELAXED) == 0) return 0;
    return __atomic_exchange_n(bits, 0, __ATOMIC_SEQ_CST);
  }
  static constexpr size_t chunk_of(size_t index) { return index / TANDEM_CHUNK_FLOWS; }
  tandem_flows_signals* signals() const {
    return reinterpret_cast<tandem_flows_signals*>(base_ + TANDEM_SIGNALS_OFFSET);
  }
  // The first slot from `index` on in a chunk that may hold flows; slots() when there is none.
  size_t next_occupied(size_t index) const;
  void mark_occupied(size_t index);
  void forget_if_empty(size_t chunk);
  bool is_empty(size_t chunk) const;
  // Where a client's flows may be, and what their keys have in common.
  struct Place {
    uint64_t hash = 0;
    uint64_t key = 0;  // of service 0
    bool six = false;
    bool tcp = false;
    tandem_client6 client6{};  // set where `six`
  };
  Place place_of(uint8_t protocol, const IpAddress& client, uint16_t client_port) const {
    if (client.is_v4())
      return {.hash = tandem_flow_hash(header_->seed, protocol, client.v4.value, client_port),
              .key = tandem_flow_key(client.v4.value, client_port, 0),
              .tcp = protocol == TANDEM_TCP};
    Place place{.six = true, .tcp = protocol == TANDEM_TCP};
    std::memcpy(place.client6.words, client.v6.bytes.data(), sizeof place.client6);
    const uint64_t hash = tandem_client6_hash(header_->seed, place.client6.words);
    place.hash = tandem_flow_hash6(header_->seed, protocol, hash, client_port);
    place.key = tandem_flow_key(static_cast<uint32_t>(hash >> 32), client_port, TANDEM_KEY_IPV6);
    return place;
  }
  tandem_client6 client6_at(size_t index) const {
    return {{__atomic_load_n(&addresses_[index].words[0], __ATOMIC_RELAXED),
             __atomic_load_n(&addresses_[index].words[1], __ATOMIC_RELAXED)}};
  }
  // Whether the flow is this client's, when its key says it may be.
  bool is_of(const Flow& flow, const Place& place) const {
    if (!place.six) return true;
    const tandem_client6 there = client6_at(flow.index);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return there.words[0] == place.client6.words[0] && there.words[1] == place.client6.words[1] &&
           __atomic_load_n(&slot(flow.index)->key, __ATOMIC_RELAXED) == flow.key;
  }
  // What stands beside the slot. REQUIRES: its key is BUSY.
  void prepare(size_t index, const Place& place) {
    if (place.tcp) __atomic_store_n(sequences(index), 0, __ATOMIC_RELAXED);
    forget_source(index);
    if (!place.six) return;
    for (size_t i = 0; i < 2; ++i)
      __atomic_store_n(&addresses_[index].words[i], place.client6.words[i], __ATOMIC_RELAXED);
  }
  uint64_t* sequences(size_t index) const { return &sequences_[index]; }
  void forget_source(size_t index) {
    if (has_sources()) __atomic_store_n(&sources_[index], 0u, __ATOMIC_RELAXED);
  }
  static uint64_t tag_of(const Place& place, uint64_t key) {
    return tandem_fast_tag(place.hash, tandem_key_service(key));
  }
  void tell_fast_path(const Flow& flow, uint64_t value);
  void tag_all();
  // REQUIRES: the slot is this process's alone, by its tag where there is a fast path.
  bool fill(size_t index, const Place& place, uint64_t key, uint64_t value);
  std::optional<Flow> claim(size_t bucket, const Place& place, uint64_t key, uint64_t value);
  std::optional<Flow> evict(size_t first, size_t second, const Place& place, uint64_t key, uint64_t value,
                            Flow& evicted);
  std::optional<Flow> twin_of(size_t first, size_t second, const Place& place, const Flow& flow) const;

  std::byte* base_ = nullptr;
  tandem_flows_header* header_ = nullptr;
  tandem_bucket* buckets_ = nullptr;
  uint64_t* dirty_ = nullptr;
  uint64_t* occupied_ = nullptr;
  tandem_client6* addresses_ = nullptr;
  uint64_t* sequences_ = nullptr;  // struct tandem_sequences, read and written whole
  uint32_t* sources_ = nullptr;
  uint32_t* ways_back_ = nullptr;
  FastFlows fast_;
};

template <class Accept>
std::optional<Flow> FlowTable::find_if(uint8_t protocol, const IpAddress& client, uint16_t client_port,
                                       Accept accept) const {
  const Place place = place_of(protocol, client, client_port);
  const uint32_t first = tandem_first_bucket(place.hash, header_->bucket_count);
  const uint32_t second = tandem_second_bucket(place.hash, header_->bucket_count);
  // Half of the flows are in the second: its cache miss runs beside the first's.
  __builtin_prefetch(&buckets_[second]);
  if (place.tcp) {  // and what stands beside them, before it is known which it will be
    __builtin_prefetch(sequences(size_t{first} * TANDEM_BUCKET_FLOWS));
    __builtin_prefetch(sequences(size_t{second} * TANDEM_BUCKET_FLOWS));
  }
  for (const uint32_t bucket : {first, second}) {
    for (size_t i = 0; i < TANDEM_BUCKET_FLOWS; ++i) {
      const size_t index = size_t{bucket} * TANDEM_BUCKET_FLOWS + i;
      const uint64_t key = __atomic_load_n(&slot(index)->key, __ATOMIC_ACQUIRE);
      if ((key & ~uint64_t{TANDEM_KEY_IPV6 - 1}) != place.key) continue;
      const auto flow = at(index);
      if (flow && flow->key == key && is_of(*flow, place) && accept(*flow)) return flow;
    }
  }
  return std::nullopt;
}

template <class Visit>
size_t FlowTable::scan(size_t from, size_t count, Visit visit) const {
  const size_t end = count < slots() - from ? from + count : slots();
  for (size_t index = next_occupied(from); index < end; index = next_occupied(index)) {
    const size_t stop = std::min(end, (chunk_of(index) + 1) * TANDEM_CHUNK_FLOWS);
    for (; index < stop; ++index)
      if (const auto flow = at(index)) visit(*flow);
  }
  return end == slots() ? 0 : end;
}

template <class Visit>
size_t FlowTable::sweep(size_t from, size_t count, size_t most, Visit visit) {
  const size_t wanted = chunk_of(count + TANDEM_CHUNK_FLOWS - 1) * TANDEM_CHUNK_FLOWS;
  const size_t end = wanted < slots() - from ? from + wanted : slots();
  size_t visited = 0;
  for (size_t index = next_occupied(from); index < end; index = next_occupied(index)) {
    if (visited >= most) return index;
    const size_t chunk = chunk_of(index);
    const size_t stop = std::min(end, (chunk + 1) * TANDEM_CHUNK_FLOWS);
    for (; index < stop; ++index) {
      const auto flow = at(index);
      if (!flow) continue;
      visit(*flow);
      ++visited;
    }
    forget_if_empty(chunk);
  }
  return end == slots() ? 0 : end;
}

template <class Visit>
size_t FlowTable::take_dirty(unsigned peer, size_t from, size_t limit, Visit visit) {
  const size_t words = header_->dirty_words;
  size_t visited = 0;
  for (size_t word = from; word < words; ++word) {
    if (visited >= limit) return word;
    // Nearly all of the bitmap is clean nearly always, and it is looked through 200 times a second for each peer.
    while (word + 8 <= words && is_clean(dirty_word(peer, word))) word += 8;
    if (word == words) break;
    for (uint64_t bits = take_dirty_word(peer, word); bits != 0; bits &= bits - 1) {
      const auto flow = at(word * 64 + static_cast<size_t>(std::countr_zero(bits)));
      if (!flow) continue;
      visit(*flow);
      ++visited;
    }
  }
  return 0;
}

}  // namespace tandem::forwarding
