// NSDI 2016, "Maglev", 3.4: every server has an almost equal share, and few slots move.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "forwarding/schedulers/kinds.hpp"
#include "forwarding/schedulers/testing.hpp"

namespace tandem::forwarding {
namespace {

using testing::Pool;

SchedulerSetting maglev(uint32_t size, bool keep_slots = false) {
  return {.kind = SchedulerKind::kMaglev, .keep_slots = keep_slots, .table_size = size};
}

std::vector<Server*> slots_of(const Pool& pool) {
  return maglev_slots(*pool.scheduler);
}

// Slots that are another server's now, without those of `gone`, in thousandths of the table.
double moved(const std::vector<Server*>& before, const std::vector<Server*>& after, const Server* gone) {
  size_t count = 0;
  for (size_t i = 0; i < before.size(); ++i) count += before[i] != gone && before[i] != after[i];
  return 1000.0 * static_cast<double>(count) / static_cast<double>(before.size());
}

NewFlow client(uint32_t number) {
  return {.client = Ipv4Address{0x0c000000 + number * 2654435761u}};
}

TEST(Maglev, MovesAtMostOneOtherFlowInAHundredWhenOneOfAHundredServersGoes) {
  Pool pool(maglev(65521), std::vector<uint32_t>(100, 1));
  double worst = 0;
  for (const size_t gone : {0u, 17u, 50u, 99u}) {
    const auto before = slots_of(pool);
    const uint32_t port = pool[gone].port;
    const auto where = pool[gone].address;
    pool.remove(&pool[gone]);
    worst = std::max(worst, moved(before, slots_of(pool), &pool[gone]));
    pool[gone].port = static_cast<uint16_t>(port), pool[gone].address = where;
    pool.list.insert(pool.list.begin() + static_cast<ptrdiff_t>(99 - gone), &pool[gone]);
    pool.edited();
    EXPECT_EQ(slots_of(pool), before);  // and all return to where they were
  }
  RecordProperty("worst_thousandths_moved", std::to_string(worst));
  EXPECT_LE(worst, 10.0);
}

TEST(Maglev, MovesAsFewWhenAServerIsDrained) {
  Pool pool(maglev(65521), std::vector<uint32_t>(100, 10));
  const auto before = slots_of(pool);
  pool.set_weight(42, 0);
  const auto after = slots_of(pool);
  EXPECT_LE(moved(before, after, &pool[42]), 10.0);
  EXPECT_EQ(std::ranges::count(after, &pool[42]), 0);
  for (uint32_t i = 0; i < 10'000; ++i) EXPECT_NE(pool.pick(client(i)), -1);
}

TEST(Maglev, GivesEqualServersNearlyEqualShares) {
  for (const uint32_t size : maglev_sizes()) {
    Pool pool(maglev(size), std::vector<uint32_t>(10, 3));
    std::map<Server*, size_t> shares;
    for (Server* server : slots_of(pool)) ++shares[server];
    for (const auto& [server, share] : shares) {
      EXPECT_GE(share, size / 10) << size;
      EXPECT_LE(share, size / 10 + 1) << size;
    }
  }
}

TEST(Maglev, DealsByWeightInTermsOfTheGreatestCommonDivisor) {
  Pool pool(maglev(4093), {300, 100});
  std::map<Server*, size_t> shares;
  for (Server* server : slots_of(pool)) ++shares[server];
  EXPECT_NEAR(static_cast<double>(shares[&pool[0]]), 4093 * 0.75, 3);
  // A weight too small to count beside the largest has one turn all the same.
  pool.set_weight(0, 65535), pool.set_weight(1, 1);
  shares.clear();
  for (Server* server : slots_of(pool)) ++shares[server];
  EXPECT_NEAR(static_cast<double>(shares[&pool[1]]), 4093.0 / 64, 3);
}

// ip_vs_mh remembers the last weight above 0.
TEST(Maglev, KeepsTheSlotsOfADrainedServerIfItIsTold) {
  Pool pool(maglev(4093, true), {1, 1, 1});
  const auto before = slots_of(pool);
  pool.set_weight(1, 0);
  EXPECT_EQ(slots_of(pool), before);
  int refused = 0;
  for (uint32_t i = 0; i < 3000; ++i) refused += pool.pick(client(i)) == -1;
  EXPECT_NEAR(refused, 1000, 100);
  pool.set_weight(1, 1);
  EXPECT_EQ(slots_of(pool), before);
}

TEST(Maglev, FallsBackToOtherServersForTheClientsOfADrainedOne) {
  Pool pool({.kind = SchedulerKind::kMaglev, .fallback = true, .keep_slots = true}, {1, 1, 1});
  std::vector<int64_t> before;
  for (uint32_t i = 0; i < 3000; ++i) before.push_back(pool.pick(client(i)));
  pool.set_weight(1, 0);
  int to_first = 0, of_drained = 0;
  for (uint32_t i = 0; i < 3000; ++i) {
    const int64_t now = pool.pick(client(i));
    if (before[i] != 1) {
      EXPECT_EQ(now, before[i]);  // nobody else moves at all
      continue;
    }
    ++of_drained;
    to_first += now == 0;
    EXPECT_TRUE(now == 0 || now == 2);
  }
  EXPECT_NEAR(to_first, of_drained / 2, of_drained / 8);
}

TEST(Maglev, AddedWithWeightZeroHasNoSlots) {
  Pool pool(maglev(251, true), {1, 0});
  EXPECT_EQ(std::ranges::count(slots_of(pool), &pool[1]), 0);
  Pool nobody(maglev(251, true), {0, 0});
  EXPECT_EQ(nobody.pick(client(1)), -1);
}

}  // namespace
}  // namespace tandem::forwarding
