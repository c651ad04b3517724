#include "forwarding/sources.hpp"

#include <bit>
#include <cstring>
#include <numeric>

#include "daemon/base/assert.hpp"
#include "forwarding/numbering.hpp"

namespace tandem::forwarding {
namespace {

enum SourceUse : uint8_t { kFree = 0, kInForce = 1, kFormer = 2 };

constexpr uint32_t source_word(uint16_t number, uint16_t port) {
  return uint32_t{number} << 16 | port;
}
constexpr uint16_t number_in(uint32_t source) {
  return static_cast<uint16_t>(source >> 16);
}
constexpr uint16_t port_in(uint32_t source) {
  return static_cast<uint16_t>(source);
}

uint64_t hash_of_address(const uint64_t (&seed)[2], const IpAddress& address) {
  if (address.is_v4()) return tandem_mix(address.v4.value ^ seed[0]);
  uint64_t words[2];
  std::memcpy(words, address.v6.bytes.data(), sizeof words);
  return tandem_client6_hash(seed, words);
}

// A lock of the mapping: held for the look at two cache lines.
class WordLock {
 public:
  explicit WordLock(uint32_t* word) : word_(word) {
    while (__atomic_exchange_n(word_, 1u, __ATOMIC_ACQUIRE) != 0) {
    }
  }
  ~WordLock() { __atomic_store_n(word_, 0u, __ATOMIC_RELEASE); }
  WordLock(const WordLock&) = delete;
  WordLock& operator=(const WordLock&) = delete;

 private:
  uint32_t* word_;
};

}  // namespace

std::vector<IpAddress> Sources::take_pools(std::span<const IpAddress> addresses) {
  const auto slots = flows_.source_slots();
  if (!addresses.empty()) flows_.use_sources();
  for (tandem_source_slot& slot : slots)
    if (slot.in_use == kInForce) slot.in_use = kFormer;
  std::vector<IpAddress> refused;
  for (const IpAddress& address : addresses) {
    const size_t begin = hash_of_address(flows_.header().seed, address) % TANDEM_SOURCE_SLOTS;
    bool placed = false;
    for (size_t i = 0; i < TANDEM_SOURCE_SLOTS && !placed; ++i) {
      const size_t number = (begin + i) % TANDEM_SOURCE_SLOTS;
      tandem_source_slot& slot = slots[number];
      if (number == 0 || (slot.in_use != kFree && address_of(slot) != address)) continue;
      put_address(address, slot.address, slot.address6);
      slot.in_use = kInForce;
      placed = true;
    }
    if (!placed) refused.push_back(address);
  }
  return refused;
}

uint16_t Sources::number_of(const IpAddress& address) const {
  if (!flows_.has_sources()) return 0;
  const auto slots = flows_.source_slots();
  const size_t begin = hash_of_address(flows_.header().seed, address) % TANDEM_SOURCE_SLOTS;
  for (size_t i = 0; i < TANDEM_SOURCE_SLOTS; ++i) {
    const size_t number = (begin + i) % TANDEM_SOURCE_SLOTS;
    if (number == 0) continue;
    const tandem_source_slot& slot = slots[number];
    if (slot.in_use == kFree) return 0;
    if (address_of(slot) == address) return slot.in_use == kInForce ? static_cast<uint16_t>(number) : uint16_t{0};
  }
  return 0;
}

uint64_t Sources::hash_of(const Way& way) const {
  const auto& seed = flows_.header().seed;
  const uint64_t server = hash_of_address(seed, way.server.address);
  return tandem_mix(tandem_mix(server ^ (uint64_t{way.server.port} << 8 | way.protocol)) + way.source + seed[1]);
}

// A slot that was given back in between has other words in it: then the way is another, and the flow is not found by it.
Sources::Way Sources::way_of(const Flow& flow, uint32_t source) const {
  const tandem_server_slot& server = flows_.server_slots()[flow.server()];
  const auto services = flows_.service_slots();
  const uint16_t number = flow.service();
  if (number >= services.size()) return {};
  const uint16_t port = server.port != 0 ? server.port : services[number].port;
  return {.protocol = services[number].protocol, .server = {address_of(server), port}, .source = source};
}

// The tag is never 0, so a record is not either, unless the slots' indices leave no room for a tag.
uint32_t Sources::record_of(uint64_t hash, size_t index) const {
  return static_cast<uint32_t>((hash >> 32 | 1) << index_bits() | index);
}

size_t Sources::index_in(uint32_t record) const {
  return record & ((uint64_t{1} << index_bits()) - 1);
}

bool Sources::counts(uint32_t record) const {
  const size_t index = index_in(record);
  const auto flow = index < flows_.slots() ? flows_.at(index) : std::nullopt;
  const uint32_t source = flow ? flows_.source_at(index) : 0;
  return source != 0 && record_of(hash_of(way_of(*flow, source)), index) == record;
}

namespace {

// The two buckets a way back may stand in.
struct Buckets {
  size_t first, second;
};
Buckets buckets_of(uint64_t hash, size_t count) {
  const size_t first = hash % count;
  const size_t second = (hash >> 20) % count;
  return {first, second != first ? second : (first + 1) % count};
}

}  // namespace

std::optional<Flow> Sources::find_by(const Way& way, uint64_t hash) const {
  const auto [first, second] = buckets_of(hash, flows_.way_back_buckets());
  __builtin_prefetch(flows_.ways_back(second));
  for (const size_t bucket : {first, second}) {
    const uint32_t* records = flows_.ways_back(bucket);
    for (size_t i = 0; i < TANDEM_WAYS_BACK; ++i) {
      const uint32_t record = __atomic_load_n(&records[i], __ATOMIC_ACQUIRE);
      const size_t index = index_in(record);
      if (record == 0 || index >= flows_.slots() || record_of(hash, index) != record) continue;
      const auto flow = flows_.at(index);
      if (!flow || flows_.source_at(index) != way.source || way_of(*flow, way.source) != way) continue;
      // The slot may have changed hands between the looks at the flow and at its source.
      const auto again = flows_.at(index);
      if (again && again->key == flow->key && again->server() == flow->server()) return again;
    }
  }
  return std::nullopt;
}

// An empty place, or one whose record counts no longer.
bool Sources::put_record(size_t bucket, uint32_t record) {
  uint32_t* records = flows_.ways_back(bucket);
  for (size_t i = 0; i < TANDEM_WAYS_BACK; ++i) {
    uint32_t there = __atomic_load_n(&records[i], __ATOMIC_ACQUIRE);
    if (there == record) return true;
    if (there != 0 && counts(there)) continue;
    if (__atomic_compare_exchange_n(&records[i], &there, record, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      return true;
  }
  return false;
}

// False: another flow has this source towards this server, or there is no room for the way back.
bool Sources::put(const Flow& flow, uint32_t source) {
  const Way way = way_of(flow, source);
  const uint64_t hash = hash_of(way);
  const WordLock guard(flows_.source_lock(hash));
  const auto holder = find_by(way, hash);
  if (holder) return holder->index == flow.index && holder->key == flow.key;
  const uint32_t former = flows_.source_at(flow.index);
  // The record must count from the moment it stands there.
  flows_.set_source(flow.index, source);
  const uint32_t record = record_of(hash, flow.index);
  const auto [first, second] = buckets_of(hash, flows_.way_back_buckets());
  if (record != 0 && (put_record(first, record) || put_record(second, record))) return true;
  flows_.set_source(flow.index, former);
  return false;
}

bool Sources::allocate(const Flow& flow, std::span<const uint16_t> pool, const EndPoint& client) {
  if (pool.empty()) return false;
  const uint64_t whole = uint64_t{kPorts} * pool.size();
  const uint64_t hash = tandem_mix(hash_of_address(flows_.header().seed, client.address) + client.port);
  const auto nth = [&](uint64_t place) {
    return source_word(pool[place / kPorts], static_cast<uint16_t>(kFirstPort + place % kPorts));
  };
  if (client.port >= kFirstPort && put(flow, source_word(pool[hash % pool.size()], client.port))) return true;
  // A step without a common divisor meets every place of the pool before it meets one twice.
  uint64_t step = (hash >> 32) % whole | 1;
  while (std::gcd(step, whole) != 1) step += 2;
  for (uint64_t i = 0, at = hash % whole; i < kMostTries; ++i, at = (at + step) % whole)
    if (put(flow, nth(at))) return true;
  return false;
}

bool Sources::claim(const Flow& flow, const EndPoint& source) {
  const uint16_t number = number_of(source.address);
  return number != 0 && source.port >= kFirstPort && put(flow, source_word(number, source.port));
}

void Sources::drop(const Flow& flow) {
  if (flows_.has_sources()) flows_.set_source(flow.index, 0);
}

std::optional<EndPoint> Sources::of(const Flow& flow) const {
  const uint32_t source = flows_.has_sources() ? flows_.source_at(flow.index) : 0;
  const uint16_t number = number_in(source);
  if (source == 0 || number >= TANDEM_SOURCE_SLOTS) return std::nullopt;
  const tandem_source_slot& slot = flows_.source_slots()[number];
  if (slot.in_use != kInForce) return std::nullopt;
  return EndPoint{address_of(slot), port_in(source)};
}

std::optional<Flow> Sources::find(uint8_t protocol, const EndPoint& server, uint16_t number, uint16_t port) const {
  const Way way{.protocol = protocol, .server = server, .source = source_word(number, port)};
  return find_by(way, hash_of(way));
}

}  // namespace tandem::forwarding
