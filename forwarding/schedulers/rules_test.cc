// One rule a scheduler, stated.
#include <gtest/gtest.h>

#include <array>

#include "forwarding/schedulers/testing.hpp"

namespace tandem::forwarding {
namespace {

using testing::address;
using testing::Pool;
using enum SchedulerKind;

constexpr SchedulerKind kAll[] = {kRoundRobin,    kWeightedRoundRobin, kLeastConnection,    kWeightedLeastConnection,
                                  kShortestDelay, kNeverQueue,         kSourceHash,         kDestinationHash,
                                  kMaglev,        kLocality,           kLocalityReplicated, kFailover,
                                  kOverflow,      kTwoChoices,         kLeastLatency};

NewFlow from(uint32_t client, uint16_t port = 1000) {
  return {.client = Ipv4Address{client},
          .client_port = port,
          .destination = address("198.51.100.10"),
          .now = TimePoint(1000s)};
}

TEST(RoundRobin, TakesTheServersInTurnsLastAddedFirst) {
  Pool pool({.kind = kRoundRobin}, {1, 7, 0, 3});
  std::array<int64_t, 6> picked;
  for (int64_t& pick : picked) pick = pool.pick();
  EXPECT_EQ(picked, (std::array<int64_t, 6>{3, 1, 0, 3, 1, 0}));
}

TEST(WeightedRoundRobin, GivesEveryServerItsShareInEveryRound) {
  Pool pool({.kind = kWeightedRoundRobin}, {6, 4, 2});
  pool.edited();
  for (int round = 0; round < 3; ++round) {
    std::array<int, 3> picks{};
    for (int i = 0; i < 6; ++i) ++picks[static_cast<size_t>(pool.pick())];
    EXPECT_EQ(picks, (std::array<int, 3>{3, 2, 1}));
  }
}

TEST(LeastConnection, LooksAtConnectionsAndNotAtWeights) {
  Pool pool({.kind = kLeastConnection}, {100, 1, 0});
  pool[0].active = 2, pool[1].active = 1;
  EXPECT_EQ(pool.pick(), 1);
  pool[1].inactive = 257;
  EXPECT_EQ(pool.pick(), 0);
}

TEST(WeightedLeastConnection, CountsAnActiveConnectionAsMuchAs256InactiveOnes) {
  Pool pool({.kind = kWeightedLeastConnection}, {1, 1});
  pool[0].active = 1, pool[1].inactive = 255;
  EXPECT_EQ(pool.pick(), 1);
  pool[1].inactive = 257;
  EXPECT_EQ(pool.pick(), 0);
  pool[1].inactive = 256;  // equal: the last added
  EXPECT_EQ(pool.pick(), 1);
}

TEST(ShortestDelay, CountsTheNewConnectionAsIfItWereThereAlready) {
  Pool pool({.kind = kShortestDelay}, {1, 3});
  pool[1].active = 2;  // (2+1)/3 = (0+1)/1: equal
  EXPECT_EQ(pool.pick(), 1);
  pool[1].active = 3;
  EXPECT_EQ(pool.pick(), 0);
  pool[0].inactive = 1000;  // does not count
  EXPECT_EQ(pool.pick(), 0);
}

TEST(NeverQueue, PrefersAnIdleServerToAQuickOne) {
  Pool pool({.kind = kNeverQueue}, {1, 100});
  pool[1].active = 1;
  EXPECT_EQ(pool.pick(), 0);
  pool[0].active = 1;
  EXPECT_EQ(pool.pick(), 1);
}

TEST(SourceHash, KeepsAClientWithItsServerAndDealsBucketsByWeight) {
  Pool pool({.kind = kSourceHash}, {3, 1});
  std::array<int, 2> picks{};
  for (uint32_t client = 0; client < 4096; ++client) {
    const int64_t picked = pool.pick(from(0xc0000200 + client, 1));
    EXPECT_EQ(pool.pick(from(0xc0000200 + client, 2)), picked);
    ++picks[static_cast<size_t>(picked)];
  }
  EXPECT_NEAR(picks[0], 3072, 150);
}

TEST(SourceHash, WithPortsSpreadsTheConnectionsOfOneClient) {
  Pool pool({.kind = kSourceHash, .port = true}, {1, 1});
  std::array<int, 2> picks{};
  for (uint16_t port = 1024; port < 2048; ++port) ++picks[static_cast<size_t>(pool.pick(from(0xc0000207, port)))];
  EXPECT_NEAR(picks[0], 512, 100);
}

TEST(SourceHash, RefusesTheClientsOfADrainedServerUnlessItFallsBack) {
  for (const bool fallback : {false, true}) {
    Pool pool({.kind = kSourceHash, .fallback = fallback}, {1, 1, 1});
    std::array<int64_t, 512> before;
    for (uint32_t client = 0; client < before.size(); ++client) before[client] = pool.pick(from(client));
    pool[1].overloaded = true;
    for (uint32_t client = 0; client < before.size(); ++client) {
      const int64_t now = pool.pick(from(client));
      if (before[client] != 1) {
        EXPECT_EQ(now, before[client]);
      } else if (fallback) {
        EXPECT_TRUE(now == 0 || now == 2);
      } else {
        EXPECT_EQ(now, -1);
      }
    }
  }
}

TEST(SourceHash, WithMoreBucketsServesWeightsThatStarveOthersIn256) {
  for (const auto& [size, served] : {std::pair(0u, false), {4096u, true}}) {
    Pool pool({.kind = kSourceHash, .table_size = size}, {1, 300});
    bool first = false;
    for (uint32_t client = 0; client < 8192; ++client) first = first || pool.pick(from(client)) == 0;
    EXPECT_EQ(first, served);
  }
}

TEST(DestinationHash, KeepsADestinationWithItsServerWhateverTheWeights) {
  Pool pool({.kind = kDestinationHash}, {100, 1});
  std::array<int, 2> picks{};
  for (uint32_t i = 0; i < 256; ++i) {
    NewFlow flow{.client = Ipv4Address{i}, .destination = Ipv4Address{0xc6336400 + i}};
    const int64_t picked = pool.pick(flow);
    flow.client = Ipv4Address{77};
    EXPECT_EQ(pool.pick(flow), picked);
    ++picks[static_cast<size_t>(picked)];
  }
  EXPECT_NEAR(picks[0], 128, 40);
}

TEST(Failover, SendsEverythingToTheHighestWeightThatTakesAnything) {
  Pool pool({.kind = kFailover}, {1, 3, 2, 3});
  pool[3].active = 1000;
  EXPECT_EQ(pool.pick(), 3);
  pool[3].overloaded = true;
  EXPECT_EQ(pool.pick(), 1);
  pool.set_weight(1, 0);
  EXPECT_EQ(pool.pick(), 2);
}

TEST(Overflow, FillsServersUpToTheirWeightAndThenRefuses) {
  Pool pool({.kind = kOverflow}, {1, 2});
  std::string picked;
  for (int i = 0; i < 7; ++i) {
    picked += std::to_string(pool.pick()) + ' ';
    if (pool.last != nullptr) ++pool.last->active;
  }
  // As long as the active ones do not exceed the weight: one more than it.
  EXPECT_EQ(picked, "1 1 1 0 0 -1 -1 ");
}

TEST(TwoChoices, TakesTheLessLoadedOfTwoDrawnByWeight) {
  Pool pool({.kind = kTwoChoices}, {1, 1, 2}, 42);
  std::array<int, 3> picks{};
  for (int i = 0; i < 40'000; ++i) {
    ++picks[static_cast<size_t>(pool.pick())];
    ++pool.last->active;
  }
  EXPECT_NEAR(picks[0], 10'000, 200);
  EXPECT_NEAR(picks[1], 10'000, 200);
  EXPECT_NEAR(picks[2], 20'000, 200);
  // Two draws never find the more loaded one of two better.
  Pool two({.kind = kTwoChoices}, {1, 1}, 7);
  two[0].active = 5;
  int busier = 0;
  for (int i = 0; i < 3000; ++i) busier += two.pick() == 0;
  EXPECT_NEAR(busier, 3000 / 9, 100);  // both draws: with 0..2 drawn, the second server has 2 parts of 3
}

TEST(TwoChoices, DrawsTheSameFromTheSameSeed) {
  Pool a({.kind = kTwoChoices}, {1, 2, 3, 4}, 99), b({.kind = kTwoChoices}, {1, 2, 3, 4}, 99);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.pick(), b.pick());
}

TEST(LeastLatency, GivesASlowServerFewerConnectionsAndNotNone) {
  Pool pool({.kind = kLeastLatency}, {1, 1});
  pool[0].heard_latency(1000), pool[1].heard_latency(3000);
  for (int i = 0; i < 400; ++i) {
    pool.pick();
    ++pool.last->active;
  }
  EXPECT_EQ(pool[0].active, 300);
  EXPECT_EQ(pool[1].active, 100);
}

TEST(LeastLatency, TakesAnUnmeasuredServerForAnAverageOneAndSmallDifferencesForNone) {
  Pool pool({.kind = kLeastLatency}, {1, 1, 1});
  pool[0].heard_latency(1000), pool[1].heard_latency(3000);
  std::array<int, 3> picks{};
  for (int i = 0; i < 1100; ++i) {
    ++picks[static_cast<size_t>(pool.pick())];
    ++pool.last->active;
  }
  EXPECT_NEAR(picks[0], 600, 1);
  EXPECT_NEAR(picks[1], 200, 1);
  EXPECT_NEAR(picks[2], 300, 1);
  Pool quick({.kind = kLeastLatency}, {1, 1});
  quick[0].heard_latency(20), quick[1].heard_latency(400);
  for (int i = 0; i < 10; ++i) {
    quick.pick();
    ++quick.last->active;
  }
  EXPECT_EQ(quick[0].active, 5);
}

TEST(Schedulers, PickNobodyFromAnEmptyService) {
  for (const auto kind : kAll) {
    Pool pool({.kind = kind});
    EXPECT_EQ(pool.pick(), -1) << name_of(kind);
    pool.edited();
    EXPECT_EQ(pool.pick(), -1) << name_of(kind);
  }
}

TEST(Schedulers, PickNobodyWhenAllAreDrainedAndGoOnWhenOneRecovers) {
  for (const auto kind : kAll) {
    Pool pool({.kind = kind, .fallback = true}, {1, 1});
    pool.pick(from(1));
    pool[0].overloaded = pool[1].overloaded = true;
    // lblc does not look at the thresholds of the server an address is with.
    if (kind != kLocality) {
      EXPECT_EQ(pool.pick(from(1)), -1) << name_of(kind);
      EXPECT_EQ(pool.pick(from(1)), -1) << name_of(kind);
      pool[1].overloaded = false;
      if (kind != kDestinationHash) {
        EXPECT_EQ(pool.pick(from(1)), 1) << name_of(kind);
      }
    }
    pool[0].overloaded = pool[1].overloaded = false;
    pool.set_weight(0, 0), pool.set_weight(1, 0);
    EXPECT_EQ(pool.pick(from(1)), -1) << name_of(kind);
    pool.set_weight(0, 5), pool.set_weight(1, 5);
    EXPECT_NE(pool.pick(from(1)), -1) << name_of(kind);
  }
}

// What a scheduler remembers of a server goes with the server.
TEST(Schedulers, ForgetAServerThatIsRemoved) {
  for (const auto kind : kAll) {
    Pool pool({.kind = kind, .fallback = true}, {1, 2, 3});
    for (uint32_t i = 0; i < 20; ++i) pool.pick({.client = Ipv4Address{i}, .destination = Ipv4Address{i}});
    Server* const gone = pool.servers[1].get();
    pool.remove(gone);
    pool.servers[1].reset();
    for (uint32_t i = 0; i < 20; ++i)
      EXPECT_NE(pool.pick({.client = Ipv4Address{i}, .destination = Ipv4Address{i}}), -1) << name_of(kind);
  }
}

TEST(Schedulers, AreAskedWhatTheyWouldPickByACopy) {
  for (const auto kind : kAll) {
    Pool pool({.kind = kind}, {3, 2, 1}, 5);
    for (uint32_t i = 0; i < 30; ++i) {
      const NewFlow flow{.client = Ipv4Address{i * 77}, .destination = Ipv4Address{i}, .now = TimePoint(1000s)};
      const auto copy = pool.scheduler->copy();
      const int64_t first = pool.place_of(copy->pick(pool.list, flow));
      EXPECT_EQ(pool.pick(flow), first) << name_of(kind);
    }
  }
}

TEST(Schedulers, HaveIpvsNames) {
  std::string names;
  for (const auto kind : kAll) names += std::string(name_of(kind)) + ' ';
  EXPECT_EQ(names, "rr wrr lc wlc sed nq sh dh mh lblc lblcr fo ovf twos least_latency ");
}

}  // namespace
}  // namespace tandem::forwarding
