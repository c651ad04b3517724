#include "daemon/config/durations.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tandem::config {
namespace {

TEST(Durations, CarryTheirUnit) {
  EXPECT_EQ(parse_duration("250ms"), Duration(250ms));
  EXPECT_EQ(parse_duration("1s"), Duration(1s));
  EXPECT_EQ(parse_duration("1.5s"), Duration(1500ms));
  EXPECT_EQ(parse_duration("2m"), Duration(2min));
  EXPECT_EQ(parse_duration("1h"), Duration(1h));
  EXPECT_EQ(parse_duration("10us"), Duration(10us));
  EXPECT_EQ(parse_duration("0s"), Duration(0s));
}

TEST(Durations, AreExactInTheirFractions) {
  EXPECT_EQ(parse_duration("40.95s"), Duration(40950ms));
  EXPECT_EQ(parse_duration("0.000000001s"), Duration(1ns));
  EXPECT_EQ(parse_duration("1.10000000000000000s"), Duration(1100ms));
  EXPECT_EQ(parse_duration("0.5m"), Duration(30s));
  EXPECT_EQ(parse_duration("0.00000000001s").error(), DurationError::kTooFine);
  EXPECT_EQ(parse_duration("0.0001us").error(), DurationError::kTooFine);
}

TEST(Durations, WithoutAUnitAreNone) {
  EXPECT_EQ(parse_duration("5").error(), DurationError::kNoUnit);
  EXPECT_EQ(parse_duration("1.5").error(), DurationError::kNoUnit);
}

TEST(Durations, OfAnUnknownUnitAreNone) {
  EXPECT_EQ(parse_duration("5sec").error(), DurationError::kUnknownUnit);
  EXPECT_EQ(parse_duration("5S").error(), DurationError::kUnknownUnit);
  EXPECT_EQ(parse_duration("1d").error(), DurationError::kUnknownUnit);
  EXPECT_EQ(parse_duration("1_0s").error(), DurationError::kUnknownUnit);
}

TEST(Durations, WithAnythingElseAroundAreNone) {
  for (const char* text : {"", "s", "-1s", "+1s", " 1s", "1 s", "1..5s", "1.s", ".5s", "1.5.5s"})
    EXPECT_EQ(parse_duration(text).error(), DurationError::kNotATime) << text;
  EXPECT_FALSE(parse_duration("1s "));
}

TEST(Durations, TooLongForAnybodyAreRefusedAndDoNotOverflow) {
  EXPECT_EQ(parse_duration("87840h"), Duration(87840h));
  EXPECT_EQ(parse_duration("87841h").error(), DurationError::kTooLong);
  EXPECT_EQ(parse_duration("87840.1h").error(), DurationError::kTooLong);
  EXPECT_EQ(parse_duration("99999999999999999999999999999999s").error(), DurationError::kTooLong);
  EXPECT_EQ(parse_duration("9223372036854775807ms").error(), DurationError::kTooLong);
}

TEST(Durations, AreShownAsShortAsTheyCanBeWritten) {
  EXPECT_EQ(render_duration(0s), "0s");
  EXPECT_EQ(render_duration(250ms), "250ms");
  EXPECT_EQ(render_duration(1500ms), "1.5s");
  EXPECT_EQ(render_duration(90s), "90s");
  EXPECT_EQ(render_duration(120s), "2m");
  EXPECT_EQ(render_duration(7200s), "2h");
  EXPECT_EQ(render_duration(40950ms), "40.95s");
  EXPECT_EQ(render_duration(1ns), "0.001us");
}

TEST(Durations, ReadBackAsTheyAreShown) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const Duration duration(static_cast<int64_t>(random() % (int64_t{1} << (1 + random() % 58))));
    EXPECT_EQ(parse_duration(render_duration(duration)), duration) << render_duration(duration);
  }
}

}  // namespace
}  // namespace tandem::config
