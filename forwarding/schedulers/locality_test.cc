// lblc and lblcr.
#include <gtest/gtest.h>

#include "forwarding/schedulers/testing.hpp"

namespace tandem::forwarding {
namespace {

using testing::Pool;

constexpr TimePoint kStart(1000s);

NewFlow to(uint32_t destination, TimePoint now = kStart) {
  return {.client = Ipv4Address{1}, .client_port = 1, .destination = Ipv4Address{destination}, .now = now};
}

TEST(Locality, KeepsAnAddressWithItsServerUntilThatIsOverrun) {
  Pool pool({.kind = SchedulerKind::kLocality}, {4, 4});
  EXPECT_EQ(pool.pick(to(7)), 1);
  pool[1].active = 4;
  EXPECT_EQ(pool.pick(to(8)), 0);  // another address: the least connected
  EXPECT_EQ(pool.pick(to(7)), 1);  // not more than its weight
  pool[1].active = 5;
  pool[0].active = 2;
  EXPECT_EQ(pool.pick(to(7)), 1);  // nobody has fewer than half of his weight
  pool[0].active = 1;
  EXPECT_EQ(pool.pick(to(7)), 0);
  pool[1].active = 0;
  EXPECT_EQ(pool.pick(to(7)), 0);  // moved for good
}

TEST(Locality, LeavesADrainedServerAndNotAnOverloadedOne) {
  Pool pool({.kind = SchedulerKind::kLocality}, {1, 1});
  EXPECT_EQ(pool.pick(to(7)), 1);
  pool[1].overloaded = true;
  EXPECT_EQ(pool.pick(to(7)), 1);
  EXPECT_EQ(pool.pick(to(8)), 0);
  pool.set_weight(1, 0);
  EXPECT_EQ(pool.pick(to(7)), 0);
}

TEST(Locality, ForgetsAnAddressThatNobodyAskedForInADay) {
  Pool pool({.kind = SchedulerKind::kLocality}, {1, 1});
  EXPECT_EQ(pool.pick(to(7)), 1);
  pool.pick(to(8));
  pool[1].active = 1;
  for (TimePoint now = kStart; now < kStart + std::chrono::hours(24); now += std::chrono::minutes(10))
    EXPECT_EQ(pool.pick(to(8, now)), 1);
  // Looked at in every thirtieth minute.
  EXPECT_EQ(pool.pick(to(8, kStart + std::chrono::hours(24) + std::chrono::minutes(40))), 1);
  EXPECT_EQ(pool.pick(to(7, kStart + std::chrono::hours(24) + std::chrono::minutes(40))), 0);
}

TEST(Locality, ForgetsAllAfterALongSilence) {
  Pool pool({.kind = SchedulerKind::kLocality, .expiration = std::chrono::hours(1)}, {1, 1});
  EXPECT_EQ(pool.pick(to(7)), 1);
  pool[1].active = 1;
  EXPECT_EQ(pool.pick(to(7, kStart + std::chrono::hours(1000))), 0);
}

TEST(Locality, ShrinksATableThatIsTooFullByWhatIsOldest) {
  Pool pool({.kind = SchedulerKind::kLocality}, {1, 1});
  for (uint32_t i = 0; i < 20'000; ++i) pool.pick(to(i));
  pool[1].active = 1;  // what is forgotten is placed on server 0 again
  const TimePoint later = kStart + std::chrono::minutes(8);
  pool.pick(to(100'000, later));
  uint32_t forgotten = 0;
  for (uint32_t i = 0; i < 20'000; ++i) forgotten += pool.pick(to(i, later)) == 0;
  // (20,000 - 16,384) * 4/3 of those older than six minutes.
  EXPECT_GE(forgotten, 4821u);
  EXPECT_LT(forgotten, 20'000u);
}

TEST(LocalityReplicated, AddsAServerToAnAddressWhenItsLeastConnectedOneIsOverrun) {
  Pool pool({.kind = SchedulerKind::kLocalityReplicated}, {2, 2, 2});
  EXPECT_EQ(pool.pick(to(7)), 2);
  pool[2].active = 3;
  EXPECT_EQ(pool.pick(to(7)), 1);  // joins
  pool[1].active = 1;
  EXPECT_EQ(pool.pick(to(7)), 1);  // the less connected of the two, though server 0 is idle
  pool[2].active = 0;
  EXPECT_EQ(pool.pick(to(7)), 2);
}

TEST(LocalityReplicated, DropsTheMostConnectedOfASetThatDidNotChangeForADay) {
  Pool pool({.kind = SchedulerKind::kLocalityReplicated}, {2, 2});
  pool.pick(to(7));
  pool[1].active = 3;
  EXPECT_EQ(pool.pick(to(7)), 0);
  TimePoint now = kStart;
  for (; now <= kStart + std::chrono::hours(24); now += std::chrono::minutes(20)) pool.pick(to(7, now));
  pool.pick(to(7, now));  // server 1 goes
  pool[1].active = 0, pool[0].active = 1;
  EXPECT_EQ(pool.pick(to(7, now)), 0);
}

TEST(LocalityReplicated, LeavesOverloadedServersOfASetAlone) {
  Pool pool({.kind = SchedulerKind::kLocalityReplicated}, {2, 2});
  EXPECT_EQ(pool.pick(to(7)), 1);
  pool[1].overloaded = true;
  EXPECT_EQ(pool.pick(to(7)), 0);
  pool[1].overloaded = false;
  pool[0].active = 1;
  EXPECT_EQ(pool.pick(to(7)), 1);
}

}  // namespace
}  // namespace tandem::forwarding
