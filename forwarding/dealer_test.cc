// When picks are dealt in advance, to whom, and in what order they are taken.
#include "forwarding/dealer.hpp"

#include <gtest/gtest.h>

#include <map>

#include "forwarding/testing/fast_memory.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

struct DealerTest : ::testing::Test {
  ServiceSetting service(SchedulerKind kind, std::vector<uint32_t> weights = {1, 1}) {
    ServiceSetting setting = web(TANDEM_DR);
    setting.scheduler.kind = kind;
    setting.servers.clear();
    for (size_t i = 0; i < weights.size(); ++i)
      setting.servers.push_back({.name = "web" + std::to_string(i + 1),
                                 .address = ip("10.0.0." + std::to_string(i + 1)),
                                 .port = 80,
                                 .weight = weights[i]});
    return setting;
  }
  void serve(const ServiceSetting& setting) {
    director.apply({setting});
    director.know_the_ways_to("web");
  }
  // Connections begin, a hundred within 50 ms.
  void come(uint64_t connections = 100) {
    director.services.find("web")->servers[0]->connections += connections;
    director.pass(50ms);
    dealer.deal(director.now, true);
  }
  void busy() {
    dealer.deal(director.now, false);
    come();
  }
  tandem_fast_deck& deck() { return director.vectors.decks[director.services.service_slot("web")]; }
  // As a program does.
  std::string take() {
    const uint64_t taken = deck().taken++;
    const uint32_t half = (taken >> 32) % 2, at = static_cast<uint32_t>(taken);
    const size_t place = (size_t{director.services.service_slot("web")} * 2 + half) * TANDEM_FAST_PICKS + at;
    return at < deck().dealt[half] ? director.name_of_server(director.vectors.picks[place / 4].servers[place % 4]) : "";
  }
  std::string take(int count) {
    std::string all;
    for (int i = 0; i < count; ++i)
      if (const std::string its = take(); !its.empty()) all += its.substr(3);
    return all;
  }
  bool is_dealt() const { return director.fast.dealt(director.services.service_slot("web")).picks != 0; }

  FastDirector director;
  Dealer dealer{director.services, director.fast};
};

TEST_F(DealerTest, OnlyWhereManyConnectionsBegin) {
  serve(service(SchedulerKind::kRoundRobin));
  dealer.deal(director.now, false);
  come(10);
  EXPECT_FALSE(is_dealt());
  come(100);
  EXPECT_TRUE(is_dealt());
  EXPECT_TRUE(dealer.is_dealing());
  const auto come_often = [&](unsigned looks, uint64_t connections) {
    for (unsigned look = 0; look < looks; ++look) come(connections);
  };
  come_often(100, 6);  // 120 a second: not few yet
  EXPECT_TRUE(is_dealt());
  come_often(Dealer::kQuietLooks - 1, 2);
  EXPECT_TRUE(is_dealt()) << "between two bursts";
  come_often(1, 6);
  come_often(Dealer::kQuietLooks - 1, 2);
  EXPECT_TRUE(is_dealt());
  come(2);
  EXPECT_FALSE(is_dealt());
  EXPECT_FALSE(dealer.is_dealing());
}

TEST_F(DealerTest, RoundRobinGoesOnWhereItWas) {
  serve(service(SchedulerKind::kRoundRobin, {1, 1, 1}));
  busy();
  EXPECT_EQ(take(7), "3213213");
  dealer.deal(director.now, true);
  EXPECT_EQ(take(4), "2132") << "nothing was used up, and nothing is dealt anew";
  take(100);
  EXPECT_EQ(take(), "");
  dealer.deal(director.now, true);
  EXPECT_EQ(take(3).size(), 3u);
}

TEST_F(DealerTest, WhatWasNotTakenComesFirstInTheNextRound) {
  serve(service(SchedulerKind::kWeightedRoundRobin, {3, 1}));
  busy();
  std::string all = take(20);  // of 32: more than half
  dealer.deal(director.now, false);
  EXPECT_EQ(director.fast.dealt(1).taken, 0u);
  all += take(20);
  EXPECT_EQ(std::ranges::count(all, '1'), 30);
  for (size_t i = 0; i + 4 <= all.size(); i += 4) EXPECT_EQ(std::ranges::count(all.substr(i, 4), '2'), 1) << all;
}

TEST_F(DealerTest, LeastConnectionsAreDealtAsIfEachPickWereOne) {
  serve(service(SchedulerKind::kWeightedLeastConnection, {1, 3}));
  busy();
  const std::string all = take(32);
  EXPECT_EQ(std::ranges::count(all, '2'), 24) << all;
  EXPECT_EQ(director.server("web", "web2").dealt, 0) << "which nobody else believes";
}

TEST_F(DealerTest, LeastConnectionsAreDealtAnewWhenSomethingWasHeard) {
  serve(service(SchedulerKind::kLeastConnection));
  busy();
  EXPECT_EQ(take(4), "2121");
  director.server("web", "web1").active = 1000;
  dealer.deal(director.now, false);
  EXPECT_EQ(take(2), "21");
  dealer.deal(director.now, true);
  EXPECT_EQ(take(4), "2222");
}

TEST_F(DealerTest, AnEditMakesThemVoidAtOnce) {
  serve(service(SchedulerKind::kRoundRobin));
  busy();
  const auto dealt_and = [&](auto edit) {
    dealer.deal(director.now, false);
    EXPECT_TRUE(is_dealt());
    edit();
    EXPECT_FALSE(is_dealt());
    EXPECT_EQ(take(), "");
  };
  dealt_and([&] { director.services.set_weight("web", "web1", 0); });
  dealer.deal(director.now, false);
  EXPECT_EQ(take(3), "222") << "what was left of the former round is not dealt again";
  dealt_and([&] { director.services.set_standing("web", "web1", {.weight = 1, .up = true, .in_rotation = false}); });
  dealt_and([&] { director.services.set_active("web", false, director.now); });
  dealer.deal(director.now, false);
  EXPECT_FALSE(is_dealt()) << "this director does not own the address any more";
  director.services.set_active("web", true, director.now);
  busy();
  dealt_and([&] { director.apply({service(SchedulerKind::kRoundRobin)}); });
  director.know_the_ways_to("web");
  dealt_and([&] { director.apply({}); });
  dealer.deal(director.now, false);
}

TEST_F(DealerTest, NothingOfAServerThatTheFastPathDoesNotReach) {
  serve(service(SchedulerKind::kRoundRobin));
  busy();
  EXPECT_TRUE(is_dealt());
  const Server& web1 = director.server("web", "web1");
  director.services.set_next_hop(
      web1.slot, {.ifindex = 3, .source_mac = {}, .destination_mac = {}, .mtu = 1500, .tunnel_source = {}}, false);
  dealer.deal(director.now, false);
  EXPECT_FALSE(is_dealt());
}

TEST_F(DealerTest, NotWhereMoreThanTheSchedulerDecides) {
  const auto may = [&](auto change, SchedulerKind kind = SchedulerKind::kRoundRobin) {
    ServiceSetting setting = service(kind);
    change(setting);
    director.apply({setting});
    return Dealer::may_deal(*director.services.find("web"));
  };
  EXPECT_TRUE(may([](ServiceSetting&) {}));
  EXPECT_FALSE(may([](ServiceSetting& it) { it.persistence.timeout = 60s; }));
  EXPECT_FALSE(may([](ServiceSetting& it) { it.limits.client_connections = 5; }));
  EXPECT_FALSE(may([](ServiceSetting& it) { it.limits.per_second = 5; }));
  EXPECT_FALSE(may([](ServiceSetting& it) { it.watched = true; }));
  EXPECT_FALSE(may([](ServiceSetting& it) { it.clamp_mss = 1400; }));
  EXPECT_FALSE(may([](ServiceSetting& it) { it.servers[1].upper = 10; }));
  EXPECT_FALSE(may([](ServiceSetting& it) { it.active = false; }));
  for (const auto kind : {SchedulerKind::kSourceHash, SchedulerKind::kDestinationHash, SchedulerKind::kMaglev,
                          SchedulerKind::kLocality, SchedulerKind::kLocalityReplicated})
    EXPECT_FALSE(may([](ServiceSetting&) {}, kind));
}

TEST_F(DealerTest, WhoEndsTakesItAllBack) {
  serve(service(SchedulerKind::kRoundRobin));
  {
    Dealer other(director.services, director.fast);
    other.deal(director.now, false);
    director.services.find("web")->servers[0]->connections += 100;
    director.pass(50ms);
    other.deal(director.now, false);
    EXPECT_TRUE(is_dealt());
  }
  EXPECT_FALSE(is_dealt());
}

}  // namespace
}  // namespace tandem::forwarding
