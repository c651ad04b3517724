#include "checkers/checkbook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>

#include "checkers/checkbook_driver.hpp"

namespace tandem::checkers {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

std::vector<std::string> many(size_t count) {
  std::vector<std::string> names;
  names.reserve(count);
  for (size_t i = 0; i < count; ++i) names.push_back("s" + std::to_string(i));
  return names;
}

TEST(Checkbook, ANewServerStartsDownAndItsFirstSuccessBringsItUp) {
  CheckbookDriver driver;
  driver.tell(Configure{{service_of("web", {"a"})}});
  EXPECT_EQ(driver.state("web/a"), "down");
  EXPECT_FALSE(driver.servers["web/a"].health.known);
  EXPECT_EQ(driver.servers["web/a"].weight, 0U);
  EXPECT_FALSE(driver.services["web"].regime.up);
  EXPECT_EQ(driver.services["web"].servers_total, 1U);

  driver.run_for(100ms);
  EXPECT_EQ(driver.state("web/a"), "up");
  EXPECT_EQ(driver.servers["web/a"].weight, 1U);
  EXPECT_TRUE(driver.services["web"].regime.up);
  EXPECT_THAT(driver.log, ElementsAre("up web/a", "service web up"));
}

TEST(Checkbook, AReservationIsToldOnceWhenItBeginsAndOnceWhenItIsOverAndTheServerStaysUp) {
  CheckbookDriver driver;
  driver.tell(Configure{{service_of("web", {"a"}, {.kind = CheckKind::kHttps, .interval = 1s, .fall = 2})}});
  driver.run_for(3s);
  driver.log.clear();
  Outcome outcome{.number = 200, .warning = {Warning::Kind::kExpires, 86400}};
  driver.answer = [&](const Target&) { return CheckbookDriver::Answer{outcome}; };
  driver.run_for(5s);
  EXPECT_THAT(driver.log, ElementsAre("warn web/a check: its certificate expires in 1 day"));
  EXPECT_EQ(driver.state("web/a"), "up");
  EXPECT_EQ(driver.servers["web/a"].checks[0].health.recent.back().words,
            "HTTP 200 over TLS; its certificate expires in 1 day");
  outcome = kRefusedOutcome;
  driver.run_for(1500ms);  // a failure says nothing of certificates
  EXPECT_EQ(driver.log.size(), 1U);
  outcome = {};
  driver.run_for(3s);
  EXPECT_EQ(driver.log.back(), "well web/a check");
}

TEST(Checkbook, AFailedServerHasNoWeightAndTheServiceIsDownWithItsLast) {
  CheckbookDriver driver;
  driver.tell(Configure{{service_of("web", {"a", "b"}, {.interval = 1s, .fall = 3})}});
  driver.run_for(1s);
  driver.log.clear();
  driver.answer = [](const Target& target) {
    return CheckbookDriver::Answer{target.address.v4.value == 0x0a000001 ? kRefusedOutcome : Outcome{}};
  };
  driver.run_for(10s);
  EXPECT_THAT(driver.log, ElementsAre("down web/a"));
  EXPECT_EQ(driver.servers["web/a"].weight, 0U);
  EXPECT_EQ(driver.servers["web/a"].health.reason, "connection refused (3 in a row)");
  EXPECT_EQ(driver.services["web"].servers_up, 1U);
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{kRefusedOutcome}; };
  driver.run_for(10s);
  EXPECT_THAT(driver.log, ElementsAre("down web/a", "down web/b", "service web down"));
}

TEST(Checkbook, AServerWithoutWeightIsUpButKeepsNoServiceUp) {
  CheckbookDriver driver;
  auto settings = service_of("web", {"a"});
  settings.servers[0].weight = 0;
  driver.tell(Configure{{settings}});
  driver.run_for(1s);
  EXPECT_EQ(driver.state("web/a"), "up");
  EXPECT_EQ(driver.services["web"].servers_up, 1U);
  EXPECT_FALSE(driver.services["web"].regime.up);
}

TEST(Checkbook, IntervalsAreCountedFromStartToStartWithTenPercentOfJitter) {
  CheckbookDriver driver;
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{.after = 300ms}; };
  driver.tell(Configure{{service_of("web", {"a"}, {.interval = 1s})}});
  driver.run_for(1000s);
  ASSERT_GT(driver.attempts.size(), 990U);
  ASSERT_LT(driver.attempts.size(), 1010U);
  for (size_t i = 2; i < driver.attempts.size(); ++i) {
    const Duration gap = driver.attempts[i].at - driver.attempts[i - 1].at;
    EXPECT_GE(gap, 900ms);
    EXPECT_LE(gap, 1100ms);
  }
}

TEST(Checkbook, AServerNeverHasTwoAttemptsAtOnce) {
  CheckbookDriver driver;
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{.after = 3500ms}; };
  driver.tell(Configure{{service_of("web", {"a"}, {.interval = 1s, .timeout = 4s})}});
  driver.run_for(100s);
  EXPECT_EQ(driver.most_under_way, 1U);
  EXPECT_NEAR(static_cast<double>(driver.attempts.size()), 100 / 3.5, 2);
}

TEST(Checkbook, TheDeadlineCoversTheWholeAttempt) {
  Checkbook book(1, 10);
  book.on(Configure{{service_of("web", {"a"}, {.timeout = 700ms})}}, {});
  const TimePoint now = *book.deadline();
  const Actions actions = book.on(DeadlineReached{}, {now});
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_EQ(std::get<StartAttempt>(actions[0]).deadline, now + 700ms);
}

TEST(Checkbook, AProgramThatAnotherRunsIsNamedAndNoOtherAttempt) {
  for (const char* account : {"", "nobody"}) {
    Checkbook book(1, 10);
    book.on(
        Configure{{service_of("web", {"a"}, {.kind = CheckKind::kExec, .command = {"/bin/true"}, .account = account})}},
        {});
    const Actions actions = book.on(DeadlineReached{}, {*book.deadline()});
    ASSERT_EQ(actions.size(), 1U);
    const CheckName& name = std::get<StartAttempt>(actions[0]).name;
    EXPECT_EQ(name.service + '/' + name.server + '/' + name.check, *account == '\0' ? "//" : "web/a/check");
  }
}

TEST(Checkbook, AttemptsGoToTheChecksPortWhenItNamesOne) {
  CheckbookDriver driver;
  driver.tell(Configure{{service_of("one", {"a"}), service_of("two", {"a"}, {.port = 8080})}});
  driver.run_for(100ms);
  std::vector<std::string> targets;
  targets.reserve(driver.attempts.size());
  for (const auto& attempt : driver.attempts) targets.push_back(attempt.server);
  EXPECT_THAT(targets, ::testing::IsSupersetOf({"10.0.0.1:80", "10.0.0.1:8080"}));
}

TEST(Checkbook, FirstAttemptsAreSpreadAndTheirFollowersFallOutOfStep) {
  CheckbookDriver driver(1, 100000);
  driver.tell(Configure{{service_of("web", many(10000), {.interval = 1s})}});
  driver.run_for(10s);
  // Ten windows of 100 ms of the first second, and of a later one: each near a tenth.
  for (const long second : {0, 7}) {
    std::array<int, 10> windows{};
    for (const auto& attempt : driver.attempts) {
      const auto ms = attempt.at.time_since_epoch() / 1ms - second * 1000;
      if (0 <= ms && ms < 1000) ++windows[static_cast<size_t>(ms / 100)];
    }
    // In the first second the second attempts of the first servers come on top.
    for (const int count : windows) EXPECT_NEAR(count, second == 0 ? 1500 : 1000, second == 0 ? 700 : 150);
  }
  EXPECT_EQ(driver.services["web"].servers_up, 10000U);
}

TEST(Checkbook, AFewServersAreAskedAtOnce) {
  CheckbookDriver driver;
  driver.tell(Configure{{service_of("web", {"a", "b", "c"}, {.interval = 60s})}});
  driver.run_for(10ms);
  EXPECT_EQ(driver.attempts.size(), 3U);
}

TEST(Checkbook, CountersAreSaidEveryFiveSecondsAndOnlyWhereTheyMoved) {
  CheckbookDriver driver;
  auto idle = service_of("idle", {"i"}, {.kind = CheckKind::kNone});
  driver.tell(Configure{{service_of("web", {"a", "b"}, {.interval = 100ms}), idle}});
  driver.run_for(1s);
  driver.server_messages = 0;
  driver.run_for(50s);
  EXPECT_NEAR(static_cast<double>(driver.server_messages), 20, 2);
  EXPECT_GT(driver.servers["web/a"].health.attempts, 440U);
}

TEST(Checkbook, TheCountersOfManyServersDoNotFloodTheBoard) {
  CheckbookDriver driver(1, 100000);
  driver.tell(Configure{{service_of("web", many(20000), {.interval = 5s})}});
  driver.run_for(5s);
  driver.server_messages = 0;
  driver.run_for(10s);
  EXPECT_LE(driver.server_messages, 5100U);
  driver.run_for(40s);
  for (const auto& [key, said] : driver.servers) ASSERT_GT(said.health.attempts, 1U) << key;
}

TEST(Checkbook, KeepsToTheLimitAndServesWhoIsLongestDueFirst) {
  CheckbookDriver driver(1, 4);
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{.after = 100ms}; };
  driver.tell(Configure{{service_of("web", many(100), {.interval = 1s})}});
  driver.run_for(60s);
  EXPECT_EQ(driver.most_under_way, 4U);
  // 40 attempts a second for 100 servers: everyone gets its share, nobody starves.
  std::map<std::string, int> per_server;
  for (const auto& attempt : driver.attempts) ++per_server[attempt.server];
  EXPECT_EQ(per_server.size(), 100U);
  for (const auto& [server, count] : per_server) EXPECT_NEAR(count, 24, 4) << server;
  EXPECT_THAT(driver.log, Contains("strain").Times(1));
}

TEST(Checkbook, RunningOutOfDescriptorsTurnsNoServerDownAndDoesNotSpin) {
  CheckbookDriver driver;
  driver.tell(Configure{{service_of("web", many(200), {.interval = 1s})}});
  driver.run_for(5s);
  driver.log.clear();
  driver.attempts.clear();
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{{.reason = Outcome::Reason::kNoResources}, 0ns}; };
  driver.run_for(10s);
  EXPECT_THAT(driver.log, ElementsAre("strain"));
  EXPECT_LE(driver.attempts.size(), 2300U);
  driver.attempts.clear();
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{}; };
  driver.run_for(5s);
  EXPECT_GE(driver.attempts.size(), 900U);  // back to the full pace
  driver.run_for(40s);
  EXPECT_THAT(driver.log, ElementsAre("strain", "strain over"));
}

TEST(Checkbook, AnEndNobodyWaitsForOnlyGivesItsPlaceBack) {
  CheckbookDriver driver;
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{.after = 500ms}; };
  driver.tell(Configure{{service_of("web", {"a"})}});
  driver.run_for(10ms);
  ASSERT_EQ(driver.book.attempts_under_way(), 1U);
  driver.tell(Configure{{}});
  EXPECT_EQ(driver.cancels, 1U);
  EXPECT_EQ(driver.book.attempts_under_way(), 1U);
  driver.run_for(1s);
  EXPECT_EQ(driver.book.attempts_under_way(), 0U);
  EXPECT_FALSE(driver.book.deadline());
}

TEST(Checkbook, WhatACheckSaysOfTheWeightIsTheServersWeightAndDrainTakesTheServiceDown) {
  CheckbookDriver driver;
  std::optional<Weight> said = Weight{50, true};
  driver.answer = [&](const Target&) { return CheckbookDriver::Answer{Outcome{.weight = said}}; };
  ServiceSettings service = service_of("web", {"a"});
  service.servers[0].weight = 10;
  driver.tell(Configure{{service}});
  driver.run_for(5s);
  EXPECT_EQ(driver.servers.at("web/a").weight, 5U);
  said = Weight{0};
  driver.run_for(5s);
  EXPECT_EQ(driver.servers.at("web/a").weight, 0U);
  EXPECT_TRUE(driver.servers.at("web/a").health.up) << "drained, not down";
  EXPECT_FALSE(driver.services.at("web").regime.up);
  said.reset();
  driver.run_for(5s);
  EXPECT_EQ(driver.servers.at("web/a").weight, 10U);
  EXPECT_TRUE(driver.services.at("web").regime.up);
}

TEST(Checkbook, AServersOwnCheckIsAskedInsteadOfTheServices) {
  CheckbookDriver driver;
  ServiceSettings service = service_of("web", {"a", "b"});
  service.servers[1].checks = only(Check{.port = 9000, .address = Ipv4Address{0x7f000001}});
  driver.tell(Configure{{service}});
  driver.run_for(3s);
  std::set<std::string> asked;
  for (const auto& attempt : driver.attempts) asked.insert(attempt.server);
  EXPECT_EQ(asked, (std::set<std::string>{"10.0.0.1:80", "127.0.0.1:9000"}));
  service.servers[1].checks = only(Check{.kind = CheckKind::kNone});
  driver.tell(Configure{{service}});
  driver.attempts.clear();
  driver.run_for(3s);
  for (const auto& attempt : driver.attempts) EXPECT_EQ(attempt.server, "10.0.0.1:80");
  EXPECT_EQ(driver.servers.at("web/b").health.reason, "not checked");
}

TEST(Checkbook, WhatIsChangingIsAskedSooner) {
  CheckbookDriver driver;
  bool well = true;
  driver.answer = [&](const Target&) { return CheckbookDriver::Answer{well ? Outcome{} : kRefusedOutcome}; };
  driver.tell(Configure{{service_of("web", {"a"}, Check{.interval = 10s, .interval_while_changing = 1s, .fall = 3})}});
  driver.run_for(25s);
  well = false;
  const size_t before = driver.attempts.size();
  while (driver.state("web/a") == "up" && driver.now < TimePoint(60s)) driver.run_for(100ms);
  ASSERT_GE(driver.attempts.size(), before + 3);
  const auto& last = driver.attempts[before + 2];
  EXPECT_LE(last.at - driver.attempts[before].at, 2200ms) << "two more attempts at 1 s +-10 %";
}

}  // namespace
}  // namespace tandem::checkers
