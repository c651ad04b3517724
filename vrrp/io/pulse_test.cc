#include "vrrp/io/pulse.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace tandem::vrrp {
namespace {

TEST(Pulse, TellsTheNextLifeWhenTheLastOneEnded) {
  const std::filesystem::path file =
      std::filesystem::path(::testing::TempDir()) / ("pulse_test." + std::to_string(getpid()));
  {
    Pulse first(file);
    EXPECT_EQ(first.silence(TimePoint(5s)), std::nullopt);
    first.beat(TimePoint(5s));
  }
  Pulse second(file);
  EXPECT_EQ(second.silence(TimePoint(7s)), 2s);
  EXPECT_EQ(second.silence(TimePoint(1s)), std::nullopt) << "another boot's clock";
  std::filesystem::remove(file);
}

TEST(Pulse, RemembersNothingWhereItMayNotWrite) {
  Pulse pulse("/nonexistent/pulse");
  pulse.beat(TimePoint(5s));
  EXPECT_EQ(pulse.silence(TimePoint(7s)), std::nullopt);
}

}  // namespace
}  // namespace tandem::vrrp
