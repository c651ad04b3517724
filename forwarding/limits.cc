#include "forwarding/limits.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "forwarding/flow_table.h"
#include "forwarding/persistence.hpp"

namespace tandem::forwarding {

uint64_t ClientLimits::tag_of(uint16_t service, const LimitSetting& setting, const IpAddress& client) const {
  const IpAddress group = group_of({.ipv4_prefix = setting.ipv4_prefix, .ipv6_prefix = setting.ipv6_prefix}, client);
  uint64_t hash = tandem_mix(seed_ + service);
  if (group.is_v4()) {
    hash = tandem_mix(hash ^ group.v4.value);
  } else {
    uint64_t words[2];
    std::memcpy(words, group.v6.bytes.data(), sizeof words);
    hash = tandem_mix(tandem_mix(hash ^ words[0]) ^ words[1]);
  }
  return hash | 1;
}

void ClientLimits::make_room() {
  if (made_.load(std::memory_order_acquire)) return;
  const std::lock_guard guard(making_);
  if (made_.load(std::memory_order_relaxed)) return;
  sets_ = std::make_unique<Set[]>(kSets);
  made_.store(true, std::memory_order_release);
}

ClientLimits::Entry* ClientLimits::find(Set& set, uint64_t tag) {
  for (Entry& entry : set.entries)
    if (entry.tag == tag) return &entry;
  return nullptr;
}

ClientLimits::Entry* ClientLimits::take(Set& set, uint64_t tag, int64_t now_ns) {
  Entry* oldest = nullptr;
  for (Entry& entry : set.entries) {
    if (entry.tag == tag) {
      entry.last_ns = std::max(entry.last_ns, now_ns);
      return &entry;
    }
    if (entry.open > 0 || entry.fresh > 0) continue;
    if (oldest == nullptr || entry.last_ns < oldest->last_ns) oldest = &entry;
  }
  if (oldest == nullptr) {
    without_place_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  *oldest = {.tag = tag, .open = 0, .fresh = 0, .pace = {}, .last_ns = now_ns};
  return oldest;
}

ClientLimits::Verdict ClientLimits::open(uint16_t service, const LimitSetting& setting, const IpAddress& client,
                                         TimePoint now) {
  make_room();
  const uint64_t tag = tag_of(service, setting, client);
  Set& set = set_of(tag);
  const std::lock_guard guard(set.lock);
  Entry* const entry = take(set, tag, now.time_since_epoch().count());
  if (entry == nullptr) return Verdict::kTaken;
  if (setting.client_connections != 0 && entry->open >= static_cast<int64_t>(setting.client_connections))
    return Verdict::kTooMany;
  if (setting.client_per_second == 0) return Verdict::kTaken;
  if (!entry->pace.may(setting.client_per_second, now)) return Verdict::kTooFast;
  entry->pace.take(setting.client_per_second, now);
  return Verdict::kTaken;
}

void ClientLimits::change(uint16_t service, const LimitSetting& setting, const IpAddress& client, size_t index,
                          int by) {
  make_room();
  const uint64_t tag = tag_of(service, setting, client);
  Set& set = set_of(tag);
  const std::lock_guard guard(set.lock);
  Entry* const entry = by > 0 ? take(set, tag, 0) : find(set, tag);
  if (entry == nullptr) return;
  entry->open = std::max(entry->open + by, 0);
  if (index < swept_.load(std::memory_order_relaxed)) entry->fresh = std::max(entry->fresh + by, 0);
}

void ClientLimits::met(uint16_t service, const LimitSetting& setting, const IpAddress& client) {
  make_room();
  const uint64_t tag = tag_of(service, setting, client);
  Set& set = set_of(tag);
  const std::lock_guard guard(set.lock);
  if (Entry* const entry = take(set, tag, 0)) ++entry->fresh;
}

void ClientLimits::end_pass() {
  swept_.store(0, std::memory_order_relaxed);
  if (!made_.load(std::memory_order_acquire)) return;
  for (size_t i = 0; i < kSets; ++i) {
    const std::lock_guard guard(sets_[i].lock);
    for (Entry& entry : sets_[i].entries) entry.open = std::exchange(entry.fresh, 0);
  }
}

}  // namespace tandem::forwarding
