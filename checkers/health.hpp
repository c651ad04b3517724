// The health of one check of one server: up or down, since when and why. verdict.hpp makes the server's of its checks'.
//
// A server nobody has asked yet is down (unless the site says `initial: up`): it gets no connections before it has answered once. The
// first attempt of its life decides at once, both ways; after that `rise` successes in a row bring
// it up and `fall` failures in a row take it down. An attempt that says nothing about the server
// (we had no file descriptor) neither counts nor breaks a row.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkers/outcome.hpp"

namespace tandem::checkers {

// Attempts in a row that ended alike: ten thousand good ones are one line.
struct AttemptRun {
  bool passed = false;
  std::string words;
  uint64_t count = 0;
  uint64_t first_unix_ms = 0, last_unix_ms = 0;
  uint32_t last_duration_us = 0;
  bool operator==(const AttemptRun&) const = default;
};

// What outlives a restart of the room: it comes back from the message board.
struct HealthRecord {
  bool up = false;
  bool known = false;  // an attempt has ended, or nobody ever asks (check: none)
  std::string reason;  // of the last change, in words
  uint64_t since_unix_ms = 0;
  uint64_t attempts = 0;
  uint64_t failures = 0;
  uint32_t last_duration_us = 0;
  std::vector<AttemptRun> recent;  // the last kMostRuns, oldest first
  bool operator==(const HealthRecord&) const = default;
};

constexpr size_t kMostRuns = 6;

class Health {
 public:
  enum class Change : uint8_t { kNone, kUp, kDown };

  // A new server: down until its first success.
  static Health fresh(uint64_t unix_ms, bool up = false);
  explicit Health(HealthRecord record) : record_(std::move(record)) {}

  // An attempt of `check` has ended. kDown is also told by the first failure of a new server.
  Change on(const Outcome& outcome, const Check& check, uint64_t unix_ms);

  // The same, but nothing changes by a success: a server that failed its clients is held down for a while.
  void on_while_held(const Outcome& outcome, const Check& check, uint64_t unix_ms);
  // Somebody else knows better: down, until `rise` successes in a row.
  void take_down(const std::string& why, uint64_t unix_ms);

  // The check asks something else from now on: what was answered in a row so far proves nothing of
  // it. The state stays, because a reload that tunes a check must not empty a service.
  void check_changed() { contrary_ = 0; }
  // The last results contradict the state, and it will change if that goes on.
  bool changing() const { return contrary_ > 0; }
  const HealthRecord& record() const { return record_; }
  bool up() const { return record_.up; }

 private:
  void count(const Outcome& outcome, const Check& check, uint64_t unix_ms);
  void remember(const Outcome& outcome, const Check& check, uint64_t unix_ms);
  Change turn(bool up, const Outcome& outcome, const Check& check, uint64_t unix_ms);

  HealthRecord record_;
  uint32_t contrary_ = 0;  // results in a row that contradict record_.up
};

}  // namespace tandem::checkers
