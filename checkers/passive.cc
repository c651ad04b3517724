#include "checkers/passive.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "checkers/outcome.hpp"

namespace tandem::checkers {

uint32_t clients_of(uint64_t marks) {
  const int unmarked = 64 - std::popcount(marks);
  return static_cast<uint32_t>(std::lround(unmarked == 0 ? 64 * std::log(64.0) : 64 * std::log(64.0 / unmarked)));
}

std::optional<std::string> PassiveWindow::on(const PassiveReport& report, const PassiveRule& rule, TimePoint now) {
  const Duration half = rule.window / 2;
  if (now - begin_ >= half) {
    before_ = now - begin_ < rule.window ? running_ : PassiveReport{};
    running_ = {};
    begin_ = now;
  }
  running_ += report;
  PassiveReport seen = before_;
  seen += running_;
  const uint64_t failed = seen.failed();
  const uint32_t clients = clients_of(seen.client_marks);
  // What fails now may have been opened in an earlier window.
  const uint64_t opened = std::max(seen.opened, failed);
  if (failed < rule.minimum || clients < rule.clients || failed * 100 < opened * rule.failures) return std::nullopt;
  return std::to_string(failed) + " of " + std::to_string(opened) + " connections of " + std::to_string(clients) +
         " or so clients failed within " + text_of(rule.window) + " (" + std::to_string(seen.unanswered) +
         " not answered, " + std::to_string(seen.resets) + " reset)";
}

Duration PassiveWindow::hold(const PassiveRule& rule, TimePoint now) {
  const bool again = last_hold_ > Duration::zero() && now - held_until_ < last_hold_ * 10;
  last_hold_ = again ? std::min(last_hold_ * 2, rule.hold * 32) : rule.hold;
  held_until_ = now + last_hold_;
  clear();
  return last_hold_;
}

}  // namespace tandem::checkers
