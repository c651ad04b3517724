// Picks compared with those of Linux 6.1's schedulers, recorded from its own code (testing/cases).
#include "forwarding/scheduler.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "forwarding/testing/json_reader.hpp"

namespace tandem::forwarding {
namespace {

using testing::Json;

// The service of one case: servers in the order they were added.
struct Site {
  explicit Site(const Json& one) {
    const std::string kind = one["scheduler"].text;
    scheduler = make_scheduler(kind == "rr"    ? SchedulerKind::kRoundRobin
                               : kind == "wrr" ? SchedulerKind::kWeightedRoundRobin
                                               : SchedulerKind::kWeightedLeastConnection);
    for (const Json& dest : one["dests_in_add_order"].elements) {
      servers.push_back(std::make_unique<Server>());
      servers.back()->weight = static_cast<uint32_t>(dest["weight"].number);
      list.insert(list.begin(), servers.back().get());
      scheduler->changed(list);
    }
  }
  int64_t pick() {
    last = scheduler->pick(list, {});
    for (size_t i = 0; i < servers.size(); ++i)
      if (servers[i].get() == last) return static_cast<int64_t>(i);
    return -1;
  }
  void set_weight(size_t server, uint32_t weight) {
    servers[server]->weight = weight;
    scheduler->changed(list);
  }
  void remove(Server* server) {
    const auto at = std::find(list.begin(), list.end(), server);
    scheduler->removing(list, static_cast<size_t>(at - list.begin()));
    list.erase(at);
    scheduler->changed(list);
  }

  std::unique_ptr<Scheduler> scheduler;
  std::vector<std::unique_ptr<Server>> servers;
  ServerList list;
  Server* last = nullptr;
};

// What happens before pick `i` of the cases that edit the service while it is used.
void edit(Site& site, const std::string& id, size_t i) {
  if (id == "rr-edit") {
    if (i == 5) site.set_weight(2, 0);
    if (i == 10) site.servers[0]->overloaded = true;
    if (i == 15) site.remove(site.last);
  } else if (id == "wrr-edit") {
    if (i == 10) site.set_weight(2, 6);
    if (i == 20) site.servers[0]->overloaded = true;
    if (i == 30) site.remove(site.servers[1].get());
  } else if (id == "wlc-overload") {
    if (i == 0) site.servers[0]->overloaded = true;
    if (i == 6) site.servers[1]->overloaded = true;
    if (i == 9)
      for (auto& server : site.servers) server->overloaded = true;
  }
}

// The connections that come and go in the wlc cases.
void live(Site& site, const std::string& id, size_t i) {
  if (site.last == nullptr) return;
  ++site.last->active;
  if (id == "wlc-overload") return;
  Server& other = *site.servers[(i / 4) % site.servers.size()];
  if (i % 4 == 3 && other.active > 0) --other.active, ++other.inactive;
  if (i % 8 == 7 && other.inactive > 0) --other.inactive;
}

class SchedulerCases : public ::testing::TestWithParam<const char*> {};

TEST_P(SchedulerCases, PickAsIpvsDoes) {
  const Json cases = testing::read_cases("ipvs_scheduler_picks.json");
  size_t seen = 0;
  for (const Json& one : cases.elements) {
    if (one["scheduler"].text != GetParam()) continue;
    ++seen;
    const std::string id = one["id"].text;
    Site site(one);
    std::vector<int64_t> expected, picked;
    for (const Json& pick : one["picks"].elements) expected.push_back(pick.number);
    for (size_t i = 0; i < expected.size(); ++i) {
      edit(site, id, i);
      picked.push_back(site.pick());
      if (one["scheduler"].text == "wlc") live(site, id, i);
    }
    EXPECT_EQ(picked, expected) << id;
    if (const Json* final = one.find("final")) {
      for (size_t i = 0; i < site.servers.size(); ++i) {
        EXPECT_EQ(site.servers[i]->active, final->elements[i]["active"].number) << id;
        EXPECT_EQ(site.servers[i]->active + site.servers[i]->inactive, final->elements[i]["total"].number) << id;
      }
    }
  }
  EXPECT_GE(seen, 4u);
}

INSTANTIATE_TEST_SUITE_P(All, SchedulerCases, ::testing::Values("rr", "wrr", "wlc"));

TEST(WeightedRoundRobin, GivesEveryServerItsShareInEveryRound) {
  auto scheduler = make_weighted_round_robin();
  Server a, b, c;
  a.weight = 6, b.weight = 4, c.weight = 2;
  const ServerList list{&c, &b, &a};
  scheduler->changed(list);
  for (int round = 0; round < 3; ++round) {
    int picks_a = 0, picks_b = 0, picks_c = 0;
    for (int i = 0; i < 6; ++i) {
      const Server* picked = scheduler->pick(list, {});
      picks_a += picked == &a, picks_b += picked == &b, picks_c += picked == &c;
    }
    EXPECT_EQ(picks_a, 3);
    EXPECT_EQ(picks_b, 2);
    EXPECT_EQ(picks_c, 1);
  }
}

TEST(WeightedLeastConnection, CountsAnActiveConnectionAsMuchAs256InactiveOnes) {
  auto scheduler = make_weighted_least_connection();
  Server a, b;
  const ServerList list{&a, &b};
  a.inactive = 255, b.active = 1;
  EXPECT_EQ(scheduler->pick(list, {}), &a);
  a.inactive = 257;
  EXPECT_EQ(scheduler->pick(list, {}), &b);
  a.inactive = 256;  // equal: the first in the list
  EXPECT_EQ(scheduler->pick(list, {}), &a);
}

TEST(Schedulers, PickNobodyFromAnEmptyService) {
  for (const auto kind :
       {SchedulerKind::kRoundRobin, SchedulerKind::kWeightedRoundRobin, SchedulerKind::kWeightedLeastConnection}) {
    auto scheduler = make_scheduler(kind);
    EXPECT_EQ(scheduler->pick({}, {}), nullptr);
    scheduler->changed({});
    EXPECT_EQ(scheduler->pick({}, {}), nullptr);
  }
}

TEST(Schedulers, GoOnWhenAnOverloadedServiceRecovers) {
  for (const auto kind :
       {SchedulerKind::kRoundRobin, SchedulerKind::kWeightedRoundRobin, SchedulerKind::kWeightedLeastConnection}) {
    auto scheduler = make_scheduler(kind);
    Server a, b;
    const ServerList list{&a, &b};
    scheduler->changed(list);
    scheduler->pick(list, {});
    a.overloaded = b.overloaded = true;
    EXPECT_EQ(scheduler->pick(list, {}), nullptr);
    EXPECT_EQ(scheduler->pick(list, {}), nullptr);
    b.overloaded = false;
    EXPECT_EQ(scheduler->pick(list, {}), &b);
  }
}

}  // namespace
}  // namespace tandem::forwarding
