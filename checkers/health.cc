#include "checkers/health.hpp"

#include <algorithm>
#include <utility>

namespace tandem::checkers {

Health Health::fresh(uint64_t unix_ms, bool up) {
  return Health({.up = up, .reason = "waiting for its first check", .since_unix_ms = unix_ms});
}

void Health::count(const Outcome& outcome, const Check& check, uint64_t unix_ms) {
  ++record_.attempts;
  if (!outcome.ok()) ++record_.failures;
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(outcome.took).count();
  record_.last_duration_us = static_cast<uint32_t>(std::clamp<int64_t>(took, 0, UINT32_MAX));
  remember(outcome, check, unix_ms);
}

void Health::on_while_held(const Outcome& outcome, const Check& check, uint64_t unix_ms) {
  if (!outcome.says_nothing()) count(outcome, check, unix_ms);
}

void Health::take_down(const std::string& why, uint64_t unix_ms) {
  contrary_ = 0;
  if (record_.up || !record_.known) record_.since_unix_ms = unix_ms;
  record_.up = false;
  record_.known = true;
  record_.reason = why;
}

Health::Change Health::on(const Outcome& outcome, const Check& check, uint64_t unix_ms) {
  if (outcome.says_nothing()) return Change::kNone;
  count(outcome, check, unix_ms);

  if (!record_.known) {
    record_.known = true;
    if (record_.up && outcome.ok()) {
      record_.reason = words(outcome, check);
      return Change::kNone;
    }
    return turn(outcome.ok(), outcome, check, unix_ms);
  }
  if (outcome.ok() == record_.up) {
    contrary_ = 0;
    return Change::kNone;
  }
  const uint32_t needed = record_.up ? check.fall : check.rise;
  return ++contrary_ < needed ? Change::kNone : turn(outcome.ok(), outcome, check, unix_ms);
}

void Health::remember(const Outcome& outcome, const Check& check, uint64_t unix_ms) {
  std::vector<AttemptRun>& runs = record_.recent;
  std::string said = words(outcome, check);
  if (runs.empty() || runs.back().passed != outcome.ok() || runs.back().words != said) {
    if (runs.size() == kMostRuns) runs.erase(runs.begin());
    runs.push_back({.passed = outcome.ok(), .words = std::move(said), .first_unix_ms = unix_ms});
  }
  AttemptRun& run = runs.back();
  ++run.count;
  run.last_unix_ms = unix_ms;
  run.last_duration_us = record_.last_duration_us;
}

Health::Change Health::turn(bool up, const Outcome& outcome, const Check& check, uint64_t unix_ms) {
  const uint32_t row = std::max(contrary_, 1U);
  contrary_ = 0;
  record_.up = up;
  record_.since_unix_ms = unix_ms;
  record_.reason = words(outcome, check);
  if (row > 1) record_.reason += " (" + std::to_string(row) + " in a row)";
  return up ? Change::kUp : Change::kDown;
}

}  // namespace tandem::checkers
