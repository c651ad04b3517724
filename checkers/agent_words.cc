#include "checkers/agent_words.hpp"

#include <charconv>
#include <string>

namespace tandem::checkers {
namespace {

constexpr std::string_view kBetween = " \t,";
constexpr uint32_t kMostPercent = 25600;  // HAProxy's: 256 times the configured weight

std::optional<uint32_t> percentage(std::string_view word) {
  if (!word.ends_with('%')) return std::nullopt;
  word.remove_suffix(1);
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value > kMostPercent) return std::nullopt;
  return value;
}

std::string lower(std::string_view word) {
  std::string text(word);
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace

Outcome agent_verdict(std::string_view line, bool empty_is_up) {
  line = line.substr(0, line.find_first_of("\r\n"));
  Outcome outcome{.text = printable(line)};
  bool known = false;
  std::string_view rest = line.substr(0, line.find('#'));
  while (true) {
    const size_t begin = rest.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) break;
    rest.remove_prefix(begin);
    const size_t length = std::min(rest.find_first_of(kBetween), rest.size());
    const std::string word = lower(rest.substr(0, length));
    rest.remove_prefix(length);
    if (const auto percent = percentage(word)) {
      if (!outcome.weight || outcome.weight->percent) outcome.weight = Weight{.value = *percent, .percent = true};
    } else if (word == "drain") {
      outcome.weight = Weight{.value = 0};
    } else if (word == "down" || word == "fail" || word == "failed" || word == "stopped" || word == "maint") {
      outcome.reason = Outcome::Reason::kRefusedByWord;
    } else if (word != "up" && word != "ready" && !word.starts_with("maxconn:")) {
      continue;
    }
    known = true;
  }
  if (!known && !(empty_is_up && outcome.text.empty())) outcome.reason = Outcome::Reason::kMalformed;
  if (!outcome.ok()) outcome.weight.reset();
  return outcome;
}

}  // namespace tandem::checkers
