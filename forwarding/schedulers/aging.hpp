// How lblc and lblcr forget addresses nobody asks for any more: ip_vs_lblc's and ip_vs_lblcr's timer,
// driven by the time that comes with the flows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <unordered_map>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/schedulers/hashes.hpp"

namespace tandem::forwarding {

struct FoldHash {
  size_t operator()(const IpAddress& address) const { return hash_32(fold(address), 32); }
};

// Entry has a TimePoint last_used.
template <class Entry>
using ByAddress = std::unordered_map<IpAddress, Entry, FoldHash>;

// Every minute is looked; in every thirtieth such minute in which the table was not too full, what was not used for
// `expiration` goes. A table that is too full (16,384) loses what was not used for six minutes, but not all of it at once.
class Aging {
 public:
  explicit Aging(Duration expiration) : expiration_(expiration) {}

  template <class Entry>
  void pass(ByAddress<Entry>& entries, TimePoint now) {
    if (entries.empty() || next_ == TimePoint{}) next_ = now + kInterval;
    // After a longer silence than this the minutes missed would all do the same.
    if (now - next_ > expiration_ + kFullEvery * kInterval) {
      entries.clear();
      next_ = now + kInterval;
    }
    for (; next_ <= now; next_ += kInterval) minute(entries, next_);
  }

 private:
  static constexpr Duration kInterval = std::chrono::seconds(60);
  static constexpr Duration kStale = std::chrono::minutes(6);
  static constexpr int kFullEvery = 30;
  static constexpr size_t kMostEntries = 1024 * 16;

  template <class Entry>
  void minute(ByAddress<Entry>& entries, TimePoint at) {
    if (minutes_ % kFullEvery == 0) {
      std::erase_if(entries, [&](const auto& each) { return at - each.second.last_used >= expiration_; });
      minutes_ = 1;
      return;
    }
    if (entries.size() <= kMostEntries) {
      ++minutes_;
      return;
    }
    size_t goal = std::min((entries.size() - kMostEntries) * 4 / 3, kMostEntries / 2);
    std::erase_if(entries, [&](const auto& each) {
      if (goal == 0 || at - each.second.last_used < kStale) return false;
      --goal;
      return true;
    });
  }

  Duration expiration_;
  TimePoint next_{};
  int minutes_ = 1;
};

}  // namespace tandem::forwarding
