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

TEST(Lateness, IsCountedByNamesForMachines) {
  Lateness lateness;
  lateness.note(500us);
  lateness.note(50ms);
  lateness.note(5s);
  std::string words;
  for (const NamedCount& each : lateness.counts()) words += each.name + ' ' + std::to_string(each.value) + '\n';
  EXPECT_EQ(words,
            "deadlines_within_1_ms 1\ndeadlines_within_10_ms 0\ndeadlines_within_100_ms 1\n"
            "deadlines_within_1000_ms 0\ndeadlines_later 1\n");
}

}  // namespace
}  // namespace tandem::vrrp
