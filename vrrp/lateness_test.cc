#include "vrrp/lateness.hpp"

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

TEST(Lateness, SortsWhatWasLateAndKeepsTheWorst) {
  Lateness lateness;
  lateness.note(-5ms);
  lateness.note(1ms);
  lateness.note(2ms);
  lateness.note(250ms);
  lateness.note(7s);
  EXPECT_EQ(lateness.worst(), 7s);
  EXPECT_EQ(lateness.histogram(), (std::array<uint64_t, 5>{2, 1, 0, 1, 1}));
  EXPECT_EQ(lateness.text(), "worst 7000 ms; within 1 ms 2, 10 ms 1, 100 ms 0, 1000 ms 1, later 1");
}

}  // namespace
}  // namespace tandem::vrrp
