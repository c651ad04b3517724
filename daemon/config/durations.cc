#include "daemon/config/durations.hpp"

#include <array>

#include "daemon/base/assert.hpp"

namespace tandem::config {
namespace {

struct Unit {
  std::string_view word;
  int64_t nanoseconds;
};

constexpr std::array kUnits = {Unit{"us", 1'000}, Unit{"ms", 1'000'000}, Unit{"s", 1'000'000'000},
                               Unit{"m", 60'000'000'000}, Unit{"h", 3'600'000'000'000}};
constexpr int64_t kLongest = int64_t{10} * 366 * 24 * 3'600'000'000'000;  // fits 63 bits 29 times

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "1.5" for 1500 of 1000.
std::string decimal(int64_t value, int64_t unit) {
  std::string text = std::to_string(value / unit);
  int64_t rest = value % unit;
  if (rest != 0) text += '.';
  while (rest != 0) {
    rest *= 10;
    text += static_cast<char>('0' + rest / unit);
    rest %= unit;
  }
  return text;
}

}  // namespace

Result<Duration, DurationError> parse_duration(std::string_view text) {
  size_t at = 0;
  int64_t whole = 0;
  while (at < text.size() && is_digit(text[at])) {
    if (whole > kLongest) return Failure(DurationError::kTooLong);
    whole = whole * 10 + (text[at++] - '0');
  }
  if (at == 0) return Failure(DurationError::kNotATime);
  std::string_view fraction;
  if (at < text.size() && text[at] == '.') {
    const size_t begin = ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
    fraction = text.substr(begin, at - begin);
    if (fraction.empty()) return Failure(DurationError::kNotATime);
  }
  const std::string_view word = text.substr(at);
  if (word.empty()) return Failure(DurationError::kNoUnit);
  for (const Unit& unit : kUnits) {
    if (unit.word != word) continue;
    if (whole > kLongest / unit.nanoseconds) return Failure(DurationError::kTooLong);
    int64_t nanoseconds = whole * unit.nanoseconds;
    // Digit by digit with what the digit is worth, so that no rounding can hide what was written.
    int64_t worth = unit.nanoseconds;
    for (const char digit : fraction) {
      if (worth % 10 != 0 && digit != '0') return Failure(DurationError::kTooFine);
      worth = worth % 10 == 0 ? worth / 10 : 1;  // 1: not even any more, only zeros may follow
      nanoseconds += worth * (digit - '0');
    }
    if (nanoseconds > kLongest) return Failure(DurationError::kTooLong);
    return Duration(nanoseconds);
  }
  return Failure(is_digit(word[0]) || word[0] == '.' || word[0] == ' ' ? DurationError::kNotATime
                                                                       : DurationError::kUnknownUnit);
}

std::string render_duration(Duration duration) {
  const int64_t value = duration.count();
  TANDEM_ASSERT(value >= 0);
  constexpr int64_t kHour = 3'600'000'000'000;
  constexpr int64_t kMinute = 60'000'000'000;
  if (value == 0) return "0s";
  if (value % kHour == 0) return std::to_string(value / kHour) + "h";
  if (value % kMinute == 0) return std::to_string(value / kMinute) + "m";
  if (value >= 1'000'000'000) return decimal(value, 1'000'000'000) + "s";
  if (value >= 1'000'000) return decimal(value, 1'000'000) + "ms";
  return decimal(value, 1'000) + "us";
}

}  // namespace tandem::config
