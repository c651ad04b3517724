// Who gets new connections, with which weight, and what is said of it: the rules of regime.hpp and shares.hpp at work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "checkers/checkbook.hpp"
#include "checkers/checkbook_driver.hpp"

namespace tandem::checkers {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Servers that are well but for those of `failing`, by address.
class Lab : public CheckbookDriver {
 public:
  explicit Lab(uint64_t seed = 1) : CheckbookDriver(seed) {
    answer = [this](const Target& target) {
      const bool fails = failing.contains(target.address.text()) || failing.contains(target.check->path);
      Outcome outcome = fails ? kRefusedOutcome : Outcome{};
      if (const auto slow = latency.find(target.address.text()); slow != latency.end()) outcome.took = slow->second;
      return Answer{outcome};
    };
  }
  std::set<std::string> failing;  // addresses of servers, or paths of checks
  std::map<std::string, Duration> latency;

  uint32_t weight(const std::string& server) const { return servers.at(server).weight; }
  bool serves(const std::string& server) const { return servers.at(server).in_rotation && weight(server) > 0; }
  void fail(const std::string& address) { failing.insert(address), run_for(10s); }
  void mend(const std::string& address) { failing.erase(address), run_for(10s); }
};

const Check kSoon{.interval = 1s, .rise = 2, .fall = 2};

ServiceSettings with_sorry() {
  ServiceSettings service = service_of("web", {"a", "b", "c", "sorry"}, kSoon);
  service.policy.quorum = {.quorum = {2}, .hysteresis = {0}};
  service.servers[3].sorry = true;
  return service;
}

TEST(Standing, ASorryServerServesWhileTheQuorumIsGoneAndNobodyElseDoes) {
  Lab lab;
  lab.tell(Configure{{with_sorry()}});
  lab.run_for(5s);
  EXPECT_TRUE(lab.serves("web/a"));
  EXPECT_FALSE(lab.servers.at("web/sorry").in_rotation);
  EXPECT_TRUE(lab.servers.at("web/sorry").health.up) << "it stands by";
  lab.log.clear();
  lab.fail("10.0.0.1");
  EXPECT_THAT(lab.log, ElementsAre("down web/a")) << "two are left";
  lab.fail("10.0.0.2");
  EXPECT_THAT(lab.log, ElementsAre("down web/a", "down web/b", "service web down", "sorry web in use"));
  EXPECT_TRUE(lab.serves("web/sorry"));
  EXPECT_TRUE(lab.servers.at("web/c").health.up);
  EXPECT_FALSE(lab.servers.at("web/c").in_rotation) << "it keeps what it has, and gets nothing new";
  EXPECT_FALSE(lab.servers.at("web/c").dead);
  lab.log.clear();
  lab.mend("10.0.0.2");
  EXPECT_THAT(lab.log, ElementsAre("up web/b", "service web up", "sorry web not in use"));
  EXPECT_FALSE(lab.servers.at("web/sorry").in_rotation);
  EXPECT_TRUE(lab.serves("web/c"));
}

TEST(Standing, NobodySeesASorryPageBecauseADirectorWasStarted) {
  Lab lab;
  ServiceSettings service = with_sorry();
  service.servers[3].checks = only({.kind = CheckKind::kNone});
  lab.answer = [](const Target&) { return CheckbookDriver::Answer{.after = 900ms}; };
  lab.tell(Configure{{service}});
  lab.run_for(30s);
  EXPECT_THAT(lab.log, testing::Not(Contains("sorry web in use")));
  EXPECT_TRUE(lab.serves("web/a"));
}

TEST(Standing, WithoutASorryServerThoseThatAreLeftGoOnBelowTheQuorum) {
  Lab lab;
  ServiceSettings service = with_sorry();
  service.servers.pop_back();
  lab.tell(Configure{{service}});
  lab.run_for(5s);
  lab.fail("10.0.0.1");
  lab.fail("10.0.0.2");
  EXPECT_FALSE(lab.services.at("web").regime.up) << "and whoever tracks the service knows";
  EXPECT_TRUE(lab.serves("web/c"));
}

TEST(Standing, SparesServeOnlyWhileTheFirstGroupHasTooFew) {
  Lab lab;
  ServiceSettings service = service_of("web", {"a", "b", "spare", "last"}, kSoon);
  service.policy.group_minimum = 2;
  service.servers[2].group = 2;
  service.servers[3].group = 3;
  lab.tell(Configure{{service}});
  lab.run_for(5s);
  EXPECT_TRUE(lab.serves("web/a") && lab.serves("web/b"));
  EXPECT_FALSE(lab.serves("web/spare") || lab.serves("web/last"));
  lab.fail("10.0.0.1");
  EXPECT_TRUE(lab.serves("web/b") && lab.serves("web/spare"));
  EXPECT_FALSE(lab.serves("web/last"));
  lab.tell(Overridden{"web", "b", {.kind = Override::Kind::kDrain}});
  EXPECT_TRUE(lab.serves("web/last")) << "a drained server is none";
  lab.tell(Overridden{"web", "b", {}});
  lab.mend("10.0.0.1");
  EXPECT_FALSE(lab.serves("web/spare") || lab.serves("web/last"));
  EXPECT_FALSE(lab.servers.at("web/spare").dead) << "its connections go on";
}

TEST(Standing, AServerThatBeginsUpServesBeforeItsFirstAnswer) {
  Lab lab;
  Check check = kSoon;
  check.initially_up = true;
  lab.failing = {"10.0.0.2"};
  lab.tell(Configure{{service_of("web", {"a", "b"}, check)}});
  EXPECT_TRUE(lab.servers.at("web/a").in_rotation && lab.servers.at("web/b").in_rotation);
  EXPECT_FALSE(lab.servers.at("web/a").health.known);
  lab.run_for(1s);
  EXPECT_TRUE(lab.serves("web/a"));
  EXPECT_TRUE(lab.servers.at("web/b").dead);
}

TEST(Standing, WhatOneCheckFindsIsToldAtOnceAlsoWhereTheServerStaysUp) {
  Lab lab;
  CheckSet set;
  set.need = 1;
  for (const char* path : {"/app", "/cache"}) {
    Check check = kSoon;
    check.path = path;
    set.checks.push_back({.name = path, .check = std::make_shared<const Check>(check)});
  }
  ServiceSettings service = service_of("web", {"a"});
  service.checks = std::make_shared<const CheckSet>(set);
  lab.tell(Configure{{service}});
  lab.run_for(20s);
  lab.failing = {"/cache"};
  while (lab.attempts.size() < 10000 && lab.servers.at("web/a").checks[1].health.up) lab.run_for(10ms);
  EXPECT_EQ(lab.servers.at("web/a").checks[1].health.recent.back().count, 2U) << "with the second failure";
}

// ---- several checks

std::shared_ptr<const CheckSet> app_and_cache(uint32_t need, std::optional<uint8_t> kept = {}) {
  CheckSet set;
  set.need = need;
  Check app = kSoon, cache = kSoon;
  app.path = "/app";
  cache.path = "/cache";
  cache.interval = 3s;
  cache.weight_when_down = kept;
  set.checks.push_back({.name = "app", .check = std::make_shared<const Check>(app)});
  set.checks.push_back({.name = "cache", .check = std::make_shared<const Check>(cache)});
  return std::make_shared<const CheckSet>(set);
}

TEST(Standing, AllChecksOfAServerMustPassEachAtItsOwnPace) {
  Lab lab;
  ServiceSettings service = service_of("web", {"a"});
  service.checks = app_and_cache(0);
  lab.tell(Configure{{service}});
  lab.run_for(60s);
  EXPECT_EQ(lab.servers.at("web/a").health.reason, "2 of 2 checks pass");
  EXPECT_NEAR(static_cast<double>(lab.attempts.size()), 80, 8);
  lab.fail("/cache");
  EXPECT_EQ(lab.state("web/a"), "down");
  EXPECT_EQ(lab.servers.at("web/a").health.reason, "cache: connection refused (2 in a row) (1 of 2 checks pass)");
  ASSERT_EQ(lab.servers.at("web/a").checks.size(), 2U);
  EXPECT_TRUE(lab.servers.at("web/a").checks[0].health.up);
  EXPECT_FALSE(lab.servers.at("web/a").checks[1].health.up);
}

TEST(Standing, OneOfTwoMayBeEnough) {
  Lab lab;
  ServiceSettings service = service_of("web", {"a"});
  service.checks = app_and_cache(1);
  lab.tell(Configure{{service}});
  lab.run_for(10s);
  lab.fail("/cache");
  EXPECT_EQ(lab.state("web/a"), "up");
  lab.fail("/app");
  EXPECT_EQ(lab.state("web/a"), "down");
}

TEST(Standing, ACheckThatDoesNotCountLeavesAShareOfTheWeight) {
  Lab lab;
  ServiceSettings service = service_of("web", {"a", "b"});
  service.checks = app_and_cache(0, 40);
  service.policy.hundredths = true;
  service.servers[0].weight = 3;
  lab.tell(Configure{{service}});
  lab.run_for(10s);
  EXPECT_EQ(lab.weight("web/a"), 300U);
  lab.log.clear();
  lab.fail("/cache");
  EXPECT_EQ(lab.weight("web/a"), 120U);
  EXPECT_EQ(lab.weight("web/b"), 40U);
  EXPECT_EQ(lab.servers.at("web/a").share, 40U);
  EXPECT_THAT(lab.log, IsEmpty());
  lab.mend("/cache");
  EXPECT_EQ(lab.weight("web/a"), 300U);
}

TEST(Standing, ACheckAddedByAReloadNeedsItsRowToTakeAServerDown) {
  Lab lab;
  ServiceSettings service = service_of("web", {"a"}, kSoon);
  lab.tell(Configure{{service}});
  lab.run_for(5s);
  lab.log.clear();
  lab.failing = {"/cache"};
  CheckSet set = *service.checks;
  Check cache{.interval = 1s, .fall = 4, .path = "/cache"};
  set.checks.push_back({.name = "cache", .check = std::make_shared<const Check>(cache)});
  service.checks = std::make_shared<const CheckSet>(set);
  lab.tell(Configure{{service}});
  lab.run_for(1500ms);
  EXPECT_EQ(lab.state("web/a"), "up");
  lab.run_for(6s);
  EXPECT_THAT(lab.log, ElementsAre("down web/a", "service web down"));
  lab.log.clear();
  set.checks.pop_back();
  service.checks = std::make_shared<const CheckSet>(set);
  lab.tell(Configure{{service}});
  EXPECT_THAT(lab.log, ElementsAre("up web/a", "service web up")) << "the check that failed is gone";
}

// ---- slow start

ServiceSettings slow(Duration ramp) {
  ServiceSettings service = service_of("web", {"a", "b"}, kSoon);
  service.policy.slow_start = ramp;
  service.policy.hundredths = true;
  return service;
}

TEST(SlowStart, IsForAServerThatComesBackNotForTheFirstStart) {
  Lab lab;
  lab.tell(Configure{{slow(100s)}});
  lab.run_for(2s);
  EXPECT_EQ(lab.weight("web/a"), 100U);
  lab.fail("10.0.0.1");
  lab.failing.clear();
  while (lab.state("web/a") == "down") lab.run_for(10ms);
  std::vector<uint32_t> weights;
  for (int i = 0; i < 12; ++i) weights.push_back(lab.weight("web/a")), lab.run_for(10s);
  EXPECT_EQ(weights, (std::vector<uint32_t>{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 100, 100}));
  EXPECT_EQ(lab.weight("web/b"), 100U);
  EXPECT_EQ(lab.servers.at("web/a").ramp_since_unix_ms, 0U);
}

TEST(SlowStart, IsForAServerThatAReloadAdded) {
  Lab lab;
  ServiceSettings service = slow(100s);
  const ServerSettings b = service.servers.back();
  service.servers.pop_back();
  lab.tell(Configure{{service}});
  lab.run_for(2s);
  service.servers.push_back(b);
  lab.tell(Configure{{service}});
  lab.run_for(2s);
  EXPECT_EQ(lab.weight("web/b"), 10U);
  EXPECT_EQ(lab.weight("web/a"), 100U);
}

TEST(SlowStart, EndsWithTheServerAndBeginsAnew) {
  Lab lab;
  lab.tell(Configure{{slow(100s)}});
  lab.run_for(2s);
  lab.fail("10.0.0.1");
  lab.mend("10.0.0.1");
  lab.run_for(60s);
  EXPECT_GE(lab.weight("web/a"), 60U);
  lab.fail("10.0.0.1");
  EXPECT_EQ(lab.weight("web/a"), 0U);
  lab.run_for(200s);
  EXPECT_EQ(lab.weight("web/a"), 0U);
  lab.failing.clear();
  while (lab.state("web/a") == "down") lab.run_for(10ms);
  EXPECT_EQ(lab.weight("web/a"), 10U);
}

TEST(SlowStart, AReloadThatShortensItEndsItAndOneThatLengthensItGoesOn) {
  Lab lab;
  lab.tell(Configure{{slow(100s)}});
  lab.run_for(2s);
  lab.fail("10.0.0.1");
  lab.failing.clear();
  while (lab.state("web/a") == "down") lab.run_for(10ms);
  lab.run_for(45s);
  EXPECT_EQ(lab.weight("web/a"), 50U);
  lab.tell(Configure{{slow(200s)}});
  EXPECT_EQ(lab.weight("web/a"), 30U);
  lab.tell(Configure{{slow(20s)}});
  EXPECT_EQ(lab.weight("web/a"), 100U);
}

TEST(SlowStart, GoesOnAfterARestartOfTheRoom) {
  Lab lab;
  const HealthRecord health{.up = true, .known = true, .reason = "connected", .since_unix_ms = 1};
  Restored restored;
  // The driver's clock begins at 1,000,000 ms.
  restored.servers.push_back({.service = "web",
                              .server = "a",
                              .health = health,
                              .weight = 30,
                              .in_rotation = true,
                              .ramp_since_unix_ms = 1'000'000 - 25'000,
                              .checks = {{.name = "check", .health = health, .said = {}}}});
  lab.tell(restored);
  ServiceSettings service = slow(100s);
  service.servers.pop_back();
  lab.tell(Configure{{service}});
  EXPECT_EQ(lab.server_messages, 0U) << "it stands where it stood";
  lab.run_for(6s);
  EXPECT_EQ(lab.weight("web/a"), 40U);
  lab.run_for(90s);
  EXPECT_EQ(lab.weight("web/a"), 100U);
}

// ---- latency

TEST(Latency, TheSlowerAServerAnswersTheLessItGets) {
  Lab lab;
  ServiceSettings service = service_of("web", {"fast", "slow", "awful"}, kSoon);
  service.policy.by_latency = true;
  service.policy.hundredths = true;
  lab.latency = {{"10.0.0.1", 1ms}, {"10.0.0.2", 3ms}, {"10.0.0.3", 1s}};
  lab.tell(Configure{{service}});
  lab.run_for(20s);
  EXPECT_EQ(lab.weight("web/fast"), 100U);
  EXPECT_EQ(lab.weight("web/slow"), 50U);
  EXPECT_EQ(lab.weight("web/awful"), 10U) << "a tenth at least";
  // One slow answer among many moves little, and a trickle of noise says nothing anew.
  const size_t before = lab.server_messages;
  lab.run_for(60s);
  EXPECT_LE(lab.server_messages - before, 3U * 13U) << "counters, every 5 s";
  lab.latency["10.0.0.2"] = 1ms;
  lab.run_for(60s);
  EXPECT_EQ(lab.weight("web/slow"), 100U);
}

TEST(Latency, TheFastestOfThoseThatAreUpIsTheMeasure) {
  Lab lab;
  ServiceSettings service = service_of("web", {"fast", "slow"}, kSoon);
  service.policy.by_latency = true;
  service.policy.hundredths = true;
  lab.latency = {{"10.0.0.1", 1ms}, {"10.0.0.2", 9ms}};
  lab.tell(Configure{{service}});
  lab.run_for(20s);
  EXPECT_EQ(lab.weight("web/slow"), 20U);
  lab.fail("10.0.0.1");
  EXPECT_EQ(lab.weight("web/slow"), 100U);
  service.policy.by_latency = false;
  lab.mend("10.0.0.1");
  lab.tell(Configure{{service}});
  EXPECT_EQ(lab.weight("web/slow"), 100U) << "and without the rule all are whole";
}

// ---- the operator's word

TEST(Override, DrainIsUpWithoutNewConnectionsAndDisableIsDown) {
  Lab lab;
  lab.tell(Configure{{service_of("web", {"a", "b"}, kSoon)}});
  lab.run_for(5s);
  lab.log.clear();
  lab.tell(Overridden{"web", "a", {.kind = Override::Kind::kDrain}});
  EXPECT_EQ(lab.weight("web/a"), 0U);
  EXPECT_TRUE(lab.servers.at("web/a").in_rotation);
  EXPECT_TRUE(lab.servers.at("web/a").health.up);
  EXPECT_THAT(lab.log, IsEmpty());
  lab.tell(Overridden{"web", "a", {.kind = Override::Kind::kDisable}});
  EXPECT_THAT(lab.log, ElementsAre("down web/a"));
  EXPECT_TRUE(lab.servers.at("web/a").dead);
  EXPECT_EQ(lab.servers.at("web/a").health.reason, "disabled by the operator");
  const size_t attempts = lab.servers.at("web/a").health.attempts;
  lab.run_for(60s);
  EXPECT_GT(lab.servers.at("web/a").health.attempts, attempts) << "it is asked all the same";
  lab.tell(Overridden{"web", "a", {.kind = Override::Kind::kWeight, .weight = 7}});
  EXPECT_EQ(lab.weight("web/a"), 7U);
  EXPECT_THAT(lab.log, ElementsAre("down web/a", "up web/a"));
  lab.tell(Overridden{"web", "a", {}});
  EXPECT_EQ(lab.weight("web/a"), 1U);
}

TEST(Override, OfADeadServerDoesNotBringItUp) {
  Lab lab;
  lab.failing = {"10.0.0.1"};
  lab.tell(Configure{{service_of("web", {"a"}, kSoon)}});
  lab.run_for(5s);
  lab.tell(Overridden{"web", "a", {.kind = Override::Kind::kWeight, .weight = 7}});
  EXPECT_EQ(lab.weight("web/a"), 0U);
  EXPECT_EQ(lab.state("web/a"), "down");
}

TEST(Override, MayComeBeforeItsServerAndOutlivesAReload) {
  Lab lab;
  lab.tell(Overridden{"web", "a", {.kind = Override::Kind::kDisable}});
  lab.tell(Configure{{service_of("web", {"a"}, kSoon)}});
  lab.run_for(5s);
  EXPECT_EQ(lab.state("web/a"), "down");
  EXPECT_EQ(lab.servers.at("web/a").health.reason, "disabled by the operator");
  lab.tell(Configure{{}});
  lab.tell(Configure{{service_of("web", {"a"}, kSoon)}});
  EXPECT_TRUE(lab.servers.at("web/a").dead);
}

TEST(Override, OfNobodyIsHeldForLaterAndSaysNothing) {
  Lab lab;
  lab.tell(Overridden{"web", "a", {.kind = Override::Kind::kDrain}});
  EXPECT_EQ(lab.server_messages, 0U);
}

// ---- inhibit

TEST(Standing, AnInhibitedServerKeepsItsPlace) {
  Lab lab;
  ServiceSettings service = service_of("web", {"a", "b"}, kSoon);
  service.policy.inhibit = true;
  lab.tell(Configure{{service}});
  EXPECT_FALSE(lab.servers.at("web/a").in_rotation) << "not before it has had one";
  lab.run_for(5s);
  lab.fail("10.0.0.1");
  EXPECT_TRUE(lab.servers.at("web/a").in_rotation);
  EXPECT_EQ(lab.weight("web/a"), 0U);
  EXPECT_TRUE(lab.servers.at("web/a").dead);
}

// ---- what real clients meet

PassiveSeen bad(const std::string& server, uint32_t clients = 12) {
  return {"web", server, {.opened = 40, .unanswered = 30, .resets = 5, .client_marks = (uint64_t{1} << clients) - 1}};
}

ServiceSettings watched(const std::vector<std::string>& names) {
  ServiceSettings service = service_of("web", names, kSoon);
  service.policy.passive = {.on = true, .window = 10s, .hold = 30s};
  return service;
}

TEST(PassiveChecks, AServerThatFailsItsClientsGoesDownAndComesBackByItsChecks) {
  Lab lab;
  lab.tell(Configure{{watched({"a", "b"})}});
  lab.run_for(5s);
  lab.log.clear();
  lab.tell(bad("a"));
  EXPECT_THAT(lab.log, ElementsAre("down web/a"));
  EXPECT_THAT(lab.servers.at("web/a").health.reason,
              testing::StartsWith("clients: 35 of 40 connections of 13 or so clients failed within 10s"));
  lab.run_for(29s);
  EXPECT_EQ(lab.state("web/a"), "down") << "held, although its checks pass";
  lab.run_for(5s);
  EXPECT_EQ(lab.state("web/a"), "up");
  EXPECT_THAT(lab.log, ElementsAre("down web/a", "up web/a"));
  lab.tell(bad("a"));
  lab.run_for(50s);
  EXPECT_EQ(lab.state("web/a"), "down") << "twice as long the second time";
  lab.run_for(20s);
  EXPECT_EQ(lab.state("web/a"), "up");
}

TEST(PassiveChecks, TakesNotTooManyServersAndNeverTheQuorum) {
  Lab lab;
  lab.tell(Configure{{watched({"a", "b", "c", "d"})}});
  lab.run_for(5s);
  lab.log.clear();
  for (const char* server : {"a", "b", "c", "d"}) lab.tell(bad(server));
  EXPECT_THAT(lab.log, ElementsAre("down web/a", "down web/b", "spared web/c", "spared web/d")) << "half of them";
  Lab small;
  ServiceSettings service = watched({"a", "b", "c"});
  service.policy.quorum.quorum = {3};
  small.tell(Configure{{service}});
  small.run_for(5s);
  small.log.clear();
  small.tell(bad("a"));
  EXPECT_THAT(small.log, ElementsAre("spared web/a"));
}

TEST(PassiveChecks, OneHostileClientTakesNothingDown) {
  Lab lab;
  lab.tell(Configure{{watched({"a", "b"})}});
  lab.run_for(5s);
  lab.log.clear();
  for (int i = 0; i < 100; ++i) lab.tell(bad("a", 1)), lab.run_for(1s);
  EXPECT_THAT(lab.log, IsEmpty());
}

TEST(PassiveChecks, WithoutTheRuleNothingIsHeard) {
  Lab lab;
  lab.tell(Configure{{service_of("web", {"a", "b"}, kSoon)}});
  lab.run_for(5s);
  lab.log.clear();
  lab.tell(bad("a"));
  lab.tell(bad("nobody"));
  EXPECT_THAT(lab.log, IsEmpty());
}

}  // namespace
}  // namespace tandem::checkers
