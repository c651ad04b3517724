#include "forwarding/fragments.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "forwarding/flow_table.h"

namespace tandem::forwarding {
namespace {

constexpr uint32_t kMostBytes = 65535;
constexpr uint32_t kTcpHeaderBytes = 20;

uint64_t word_of(const uint8_t* bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

}  // namespace

size_t Fragments::Hash::operator()(const DatagramName& name) const {
  uint64_t hash = tandem_mix(seed ^ (uint64_t{name.identification} << 8) ^ name.protocol);
  for (const IpAddress* address : {&name.source, &name.destination}) {
    if (address->is_v4()) {
      hash = tandem_mix(hash ^ address->v4.value);
    } else {
      hash = tandem_mix(hash ^ word_of(address->v6.bytes.data()));
      hash = tandem_mix(hash ^ word_of(address->v6.bytes.data() + 8));
    }
  }
  return hash;
}

// Puts the part among what has come of its datagram, if it fits there.
Fragments::Verdict Fragments::place(Datagram& datagram, const DatagramName& name, const Part& part) const {
  const auto refuse = [&datagram] {
    datagram.refused = true;
    return Verdict::kRefused;
  };
  if (datagram.refused) return Verdict::kRefused;
  if (part.length == 0 || part.end() > kMostBytes || (!part.last && part.length % 8 != 0)) return refuse();
  if (name.protocol == kTcp && part.offset > 0 && part.offset < kTcpHeaderBytes) return refuse();
  if (datagram.whole && (part.end() > *datagram.whole || (part.last && part.end() != *datagram.whole))) return refuse();

  auto& ranges = datagram.ranges;
  auto after = std::ranges::upper_bound(ranges, part.offset, {}, &std::pair<uint32_t, uint32_t>::first);
  if (after != ranges.begin()) {
    const auto& before = *std::prev(after);
    if (part.end() <= before.second) return Verdict::kDuplicate;
    if (part.offset < before.second) return refuse();
  }
  if (after != ranges.end() && part.end() > after->first) return refuse();
  if (part.last) {
    if (after != ranges.end()) return refuse();  // something lies behind the end
    datagram.whole = part.end();
  }

  const bool joins_before = after != ranges.begin() && std::prev(after)->second == part.offset;
  const bool joins_after = after != ranges.end() && after->first == part.end();
  if (joins_before && joins_after) {
    std::prev(after)->second = after->second;
    ranges.erase(after);
  } else if (joins_before) {
    std::prev(after)->second = part.end();
  } else if (joins_after) {
    after->first = part.offset;
  } else {
    if (ranges.size() == kMostRanges) return refuse();
    ranges.insert(after, {part.offset, part.end()});
  }
  return Verdict::kFollow;
}

void Fragments::release(Datagram& datagram) {
  for (const HeldPart& part : datagram.held) held_bytes_ -= part.packet.size();
  datagram.held.clear();
  if (datagram.first) held_bytes_ -= datagram.first->packet.size();
  datagram.first.reset();
}

// The first part, if it waits for a length that is known by now.
std::optional<HeldPart> Fragments::take_first(Datagram& datagram) {
  if (!datagram.whole || !datagram.first) return std::nullopt;
  held_bytes_ -= datagram.first->packet.size();
  datagram.first->datagram_length = *datagram.whole;
  return std::exchange(datagram.first, std::nullopt);
}

void Fragments::forget(const DatagramName& name) {
  const auto found = parts_.find(name);
  release(found->second);
  parts_.erase(found);
}

void Fragments::forget_if_whole(const DatagramName& name, const Datagram& datagram) {
  const bool whole = datagram.whole && datagram.ranges.size() == 1 && datagram.ranges[0].first == 0 &&
                     datagram.ranges[0].second == *datagram.whole;
  if (whole && datagram.decision) forget(name);
}

// Forgets what is too old, and the oldest while there are too many.
void Fragments::make_way(TimePoint now) {
  while (!by_age_.empty()) {
    const auto& [name, birth] = by_age_.front();
    const auto found = parts_.find(name);
    const bool gone = found == parts_.end() || found->second.birth != birth;
    if (!gone) {
      if (parts_.size() < kMostDatagrams && now - found->second.since < kLifetime) return;
      forget(name);
      ++given_up_;
    }
    by_age_.pop_front();
  }
}

Fragments::Datagram& Fragments::of(const DatagramName& name, TimePoint now) {
  if (const auto found = parts_.find(name); found != parts_.end()) {
    if (now - found->second.since < kLifetime) return found->second;
    forget(name);
    ++given_up_;
  }
  make_way(now);
  Datagram& datagram = parts_[name];
  datagram.since = now;
  datagram.birth = ++births_;
  by_age_.emplace_back(name, datagram.birth);
  // What became whole leaves its entry in the line; the line may not grow with them.
  if (by_age_.size() > 2 * kMostDatagrams) {
    std::erase_if(by_age_, [this](const auto& entry) {
      const auto found = parts_.find(entry.first);
      return found == parts_.end() || found->second.birth != entry.second;
    });
  }
  return datagram;
}

Fragments::Later Fragments::later(const DatagramName& name, const Part& part, Bytes packet, uint32_t ifindex,
                                  TimePoint now, bool may_keep) {
  const std::lock_guard guard(lock_);
  if (!may_keep) {
    const auto found = parts_.find(name);
    if (found == parts_.end() || !found->second.decision) return {Verdict::kUnknown, {}, {}};
  }
  Datagram& datagram = of(name, now);
  if (!datagram.decision && held_bytes_ + packet.size() > kMostHeldBytes) return {Verdict::kNoRoom, {}, {}};
  const Verdict verdict = place(datagram, name, part);
  if (verdict == Verdict::kRefused) release(datagram);
  if (verdict != Verdict::kFollow) return {verdict, {}, {}};
  if (!datagram.decision) {
    datagram.held.push_back({{packet.begin(), packet.end()}, ifindex, 0});
    held_bytes_ += packet.size();
    return {Verdict::kHeld, {}, {}};
  }
  Later result{Verdict::kFollow, *datagram.decision, take_first(datagram)};
  forget_if_whole(name, datagram);
  return result;
}

Fragments::Verdict Fragments::first(const DatagramName& name, const Part& part, TimePoint now) {
  const std::lock_guard guard(lock_);
  Datagram& datagram = of(name, now);
  const Verdict verdict = place(datagram, name, part);
  if (verdict == Verdict::kRefused) release(datagram);
  return verdict;
}

Fragments::Decided Fragments::decided(const DatagramName& name, const Decision& decision, TimePoint now,
                                      std::optional<HeldPart> to_keep) {
  const std::lock_guard guard(lock_);
  Datagram& datagram = of(name, now);
  if (datagram.refused) return {};
  Decided result;
  // The early ones leave room for the first.
  result.waited = std::exchange(datagram.held, {});
  for (const HeldPart& part : result.waited) held_bytes_ -= part.packet.size();
  if (to_keep && held_bytes_ + to_keep->packet.size() > kMostHeldBytes) {
    datagram.refused = true;
    return {{}, false, true};
  }
  datagram.decision = decision;
  if (to_keep) {
    held_bytes_ += to_keep->packet.size();
    datagram.first = std::move(to_keep);
    if (auto first = take_first(datagram)) result.waited.insert(result.waited.begin(), std::move(*first));
    result.kept = datagram.first.has_value();
  }
  forget_if_whole(name, datagram);
  return result;
}

void Fragments::expire(TimePoint now) {
  const std::lock_guard guard(lock_);
  std::erase_if(by_age_, [&](const auto& entry) {
    const auto found = parts_.find(entry.first);
    if (found == parts_.end() || found->second.birth != entry.second) return true;
    const Datagram& datagram = found->second;
    const bool waits = (!datagram.decision || datagram.first) && !datagram.refused;
    if (now - datagram.since < (waits ? kHoldTime : kLifetime)) return false;
    forget(entry.first);
    ++given_up_;
    return true;
  });
}

size_t Fragments::datagrams() const {
  const std::lock_guard guard(lock_);
  return parts_.size();
}
size_t Fragments::held_bytes() const {
  const std::lock_guard guard(lock_);
  return held_bytes_;
}
uint64_t Fragments::take_given_up() {
  const std::lock_guard guard(lock_);
  return std::exchange(given_up_, 0);
}

}  // namespace tandem::forwarding
