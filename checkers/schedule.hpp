// When to attempt which server: one moment per server, the earliest first.
//
// An indexed 4-ary heap: a plan is replaced or dropped in place, the next deadline is read in O(1).
// README.md has what one event costs at 50,000 servers, and why a timer wheel was not worth it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/base/time.hpp"

namespace tandem::checkers {

class Schedule {
 public:
  using Id = uint32_t;  // small numbers: a table is indexed by them

  // Plans `id` at `at`, instead of any earlier plan.
  void plan(Id id, TimePoint at);
  void drop(Id id);
  std::optional<TimePoint> next() const;

  struct Due {
    Id id;
    TimePoint at;  // when it was planned; earlier than now by its lateness
  };
  // Takes the earliest plan out, if its time has come.
  std::optional<Due> take_due(TimePoint now);

  size_t size() const { return heap_.size(); }

 private:
  static constexpr uint32_t kAbsent = UINT32_MAX;
  void place(size_t position, Due entry);
  void sift_up(size_t position, Due entry);
  void sift_down(size_t position, Due entry);
  void remove_at(size_t position);

  std::vector<Due> heap_;
  std::vector<uint32_t> position_of_;
};

// Deterministic small randomness for spreading attempts (splitmix64); the seed comes from outside.
class Jitter {
 public:
  explicit Jitter(uint64_t seed) : state_(seed) {}
  // Evenly in [0, span).
  Duration within(Duration span);
  // `interval` +-10 %, so that servers do not march in step and directors not with each other.
  Duration around(Duration interval) { return interval - interval / 10 + within(interval / 5); }

 private:
  uint64_t state_;
};

}  // namespace tandem::checkers
