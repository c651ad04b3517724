// Times as operators write them: a number and its unit, "250ms", "1s", "1.5s", "2m". A number without a unit is no time:
// whoever reads "interval: 5" cannot tell what was meant.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/result.hpp"
#include "daemon/base/time.hpp"

namespace tandem::config {

enum class DurationError : uint8_t {
  kNotATime,     // no number in front, or something behind the unit
  kNoUnit,       // a bare number
  kUnknownUnit,  // not us, ms, s, m or h
  kTooLong,      // more than ten years
  kTooFine,      // below a nanosecond
};

// Digits, at most one point with digits on both sides, and a unit: us, ms, s, m or h. No sign, no blanks.
Result<Duration, DurationError> parse_duration(std::string_view text);

// The shortest writing that parse_duration() reads back as the same: 90s, 1.5s, 2m, 250ms.
// REQUIRES: duration >= 0.
std::string render_duration(Duration duration);

}  // namespace tandem::config
