#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "checkers/checkbook.hpp"
#include "checkers/checkbook_driver.hpp"

namespace tandem::checkers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(Reload, TheSameConfigurationChangesNothingAndDelaysNothing) {
  CheckbookDriver plain, reloaded;
  const auto settings = service_of("web", {"a", "b", "c"}, {.interval = 1s});
  plain.tell(Configure{{settings}});
  reloaded.tell(Configure{{settings}});
  plain.run_for(60s);
  for (int i = 0; i < 60; ++i) {
    reloaded.run_for(1s);
    reloaded.tell(Configure{{service_of("web", {"a", "b", "c"}, {.interval = 1s})}});
  }
  ASSERT_EQ(plain.attempts.size(), reloaded.attempts.size());
  for (size_t i = 0; i < plain.attempts.size(); ++i) EXPECT_EQ(plain.attempts[i].at, reloaded.attempts[i].at);
  EXPECT_EQ(reloaded.cancels, 0U);
  EXPECT_EQ(plain.log, reloaded.log);
}

TEST(Reload, RemovedServersAndServicesAreForgotten) {
  CheckbookDriver driver;
  driver.tell(Configure{{service_of("web", {"a", "b"}), service_of("mail", {"m"})}});
  driver.run_for(1s);
  driver.log.clear();
  driver.tell(Configure{{service_of("web", {"a"})}});
  EXPECT_THAT(driver.log, UnorderedElementsAre("forget web/b", "forget mail/m", "forget service mail"));
  EXPECT_EQ(driver.services["web"].servers_total, 1U);
  driver.attempts.clear();
  driver.run_for(10s);
  for (const auto& attempt : driver.attempts) EXPECT_EQ(attempt.server, "10.0.0.1:80");
}

TEST(Reload, AnotherAddressIsAnotherServer) {
  CheckbookDriver driver;
  auto settings = service_of("web", {"a", "b"});
  driver.tell(Configure{{settings}});
  driver.run_for(1s);
  driver.log.clear();
  settings.servers[0].address = *IpAddress::parse("10.9.9.9");
  driver.tell(Configure{{settings}});
  EXPECT_EQ(driver.state("web/a"), "down");
  EXPECT_EQ(driver.servers["web/a"].health.attempts, 0U);
  EXPECT_EQ(driver.state("web/b"), "up");
  EXPECT_THAT(driver.log, IsEmpty());  // the new one's first word replaces the old one's last
  driver.run_for(1s);
  EXPECT_EQ(driver.state("web/a"), "up");
}

TEST(Reload, AnotherWeightIsSaidAtOnceAndKeepsTheState) {
  CheckbookDriver driver;
  auto settings = service_of("web", {"a"});
  driver.tell(Configure{{settings}});
  driver.run_for(1s);
  settings.servers[0].weight = 7;
  driver.tell(Configure{{settings}});
  EXPECT_EQ(driver.servers["web/a"].weight, 7U);
  settings.servers[0].weight = 0;
  driver.tell(Configure{{settings}});
  EXPECT_EQ(driver.servers["web/a"].weight, 0U);
  EXPECT_FALSE(driver.services["web"].regime.up);
  EXPECT_EQ(driver.state("web/a"), "up");
}

TEST(Reload, AnEditedCheckKeepsTheStateAndAsksAnewWithinOneInterval) {
  CheckbookDriver driver;
  driver.tell(Configure{{service_of("web", {"a"}, {.interval = 60s})}});
  driver.run_for(100ms);
  driver.attempts.clear();
  driver.log.clear();
  driver.answer = [](const Target& target) {
    return CheckbookDriver::Answer{target.check->path == "/typo" ? kRefusedOutcome : Outcome{}};
  };
  driver.tell(Configure{{service_of("web", {"a"}, {.interval = 1s, .fall = 3, .path = "/typo"})}});
  EXPECT_EQ(driver.state("web/a"), "up");
  driver.run_for(1s);
  EXPECT_GE(driver.attempts.size(), 1U);
  EXPECT_EQ(driver.state("web/a"), "up");
  driver.run_for(4s);
  EXPECT_THAT(driver.log, ElementsAre("down web/a", "service web down"));
}

TEST(Reload, AnAnswerToTheFormerCheckDoesNotCount) {
  CheckbookDriver driver;
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{kRefusedOutcome, 900ms}; };
  driver.tell(Configure{{service_of("web", {"a"}, {.interval = 1s})}});
  driver.run_for(10ms);
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{}; };
  driver.tell(Configure{{service_of("web", {"a"}, {.interval = 1s, .path = "/new"})}});
  EXPECT_EQ(driver.cancels, 1U);
  driver.run_for(20s);
  EXPECT_THAT(driver.log, ElementsAre("up web/a", "service web up"));
  EXPECT_EQ(driver.servers["web/a"].health.failures, 0U);
}

TEST(Reload, AServerThatIsNotCheckedIsUp) {
  CheckbookDriver driver;
  driver.tell(Configure{{service_of("dns", {"a"}, {.kind = CheckKind::kNone})}});
  EXPECT_EQ(driver.state("dns/a"), "up");
  EXPECT_TRUE(driver.services["dns"].regime.up);
  driver.run_for(60s);
  EXPECT_THAT(driver.attempts, IsEmpty());
  // From now on it is checked: it goes on serving until the first answer, which decides.
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{kRefusedOutcome}; };
  driver.tell(Configure{{service_of("dns", {"a"})}});
  EXPECT_EQ(driver.state("dns/a"), "up");
  driver.run_for(10ms);
  EXPECT_EQ(driver.state("dns/a"), "down");
  driver.tell(Configure{{service_of("dns", {"a"}, {.kind = CheckKind::kNone})}});
  EXPECT_EQ(driver.state("dns/a"), "up");
  EXPECT_TRUE(driver.services["dns"].regime.up);
}

// ---- a restart of the room

Restored remembered(const std::string& service, const std::string& server, bool up) {
  const HealthRecord health{
      .up = up, .known = true, .reason = "as it was", .since_unix_ms = 5, .attempts = 100, .failures = 3};
  Restored restored;
  restored.servers.push_back({.service = service,
                              .server = server,
                              .health = health,
                              .weight = up ? 1U : 0U,
                              .in_rotation = up,
                              .checks = {{.name = "check", .health = health, .said = std::nullopt}}});
  restored.services.push_back({.service = service,
                               .regime = {.up = up},
                               .quorum = {.has = up ? 1U : 0U, .total = 1, .needed = 1},
                               .servers_up = up ? 1U : 0U,
                               .servers_total = 1,
                               .since_unix_ms = 5});
  return restored;
}

TEST(Restart, AKnownServerStandsWhereItStoodAndNothingIsSaidTwice) {
  CheckbookDriver driver;
  driver.tell(remembered("web", "a", true));
  driver.tell(Configure{{service_of("web", {"a"}, {.interval = 1s, .fall = 3})}});
  EXPECT_EQ(driver.server_messages, 0U);
  EXPECT_THAT(driver.services, IsEmpty());
  driver.answer = [](const Target&) { return CheckbookDriver::Answer{kRefusedOutcome}; };
  driver.run_for(20s);
  EXPECT_THAT(driver.log, ElementsAre("down web/a", "service web down"));
  EXPECT_EQ(driver.servers["web/a"].health.reason, "connection refused (3 in a row)");
  EXPECT_GT(driver.servers["web/a"].health.attempts, 102U);
}

TEST(Restart, WhatWentWhileTheRoomWasDownIsForgotten) {
  CheckbookDriver driver;
  driver.tell(remembered("old", "a", true));
  driver.tell(Configure{{service_of("web", {"a"})}});
  EXPECT_THAT(driver.log, UnorderedElementsAre("forget old/a", "forget service old"));
}

TEST(Restart, AWeightEditedMeanwhileIsSaid) {
  CheckbookDriver driver;
  auto settings = service_of("web", {"a"});
  settings.servers[0].weight = 9;
  driver.tell(remembered("web", "a", true));
  driver.tell(Configure{{settings}});
  EXPECT_EQ(driver.servers["web/a"].weight, 9U);
}

// ---- reload and check, mixed at random

TEST(Reload, RandomReloadsKeepTheSumsTrue) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    std::mt19937_64 dice(seed);
    CheckbookDriver driver(seed, 1 + static_cast<uint32_t>(dice() % 10));
    driver.answer = [&](const Target&) {
      const uint64_t roll = dice() % 10;
      return CheckbookDriver::Answer{.outcome = roll < 6   ? Outcome{}
                                                : roll < 9 ? kRefusedOutcome
                                                           : Outcome{.reason = Outcome::Reason::kNoResources},
                                     .after = std::chrono::milliseconds(dice() % 1500)};
    };
    std::set<std::string> expected;
    for (int round = 0; round < 40; ++round) {
      Configure configure;
      expected.clear();
      for (const char* name : {"x", "y", "z"}) {
        if (dice() % 4 == 0) continue;
        ServiceSettings service{.name = name};
        service.checks = only(Check{.kind = dice() % 5 == 0 ? CheckKind::kNone : CheckKind::kTcp,
                                    .interval = std::chrono::milliseconds(100 + dice() % 3 * 400),
                                    .rise = 1,
                                    .fall = 1});
        for (const char* server : {"a", "b", "c", "d"}) {
          if (dice() % 3 == 0) continue;
          service.servers.push_back({.name = server,
                                     .address = Ipv4Address{static_cast<uint32_t>(dice() % 2)},
                                     .port = 80,
                                     .weight = static_cast<uint32_t>(dice() % 3)});
          expected.insert(std::string(name) + '/' + server);
        }
        configure.services.push_back(std::move(service));
      }
      driver.tell(configure);
      driver.run_for(std::chrono::milliseconds(dice() % 3000));

      std::set<std::string> said;
      std::map<std::string, std::pair<uint32_t, uint32_t>> sums;  // up, taking
      for (const auto& [key, server] : driver.servers) {
        said.insert(key);
        sums[server.service].first += server.health.up;
        sums[server.service].second += server.weight > 0;
      }
      ASSERT_EQ(said, expected) << "seed " << seed << " round " << round;
      ASSERT_EQ(driver.services.size(), configure.services.size());
      for (const auto& [name, service] : driver.services) {
        ASSERT_EQ(service.servers_up, sums[name].first) << "seed " << seed << " round " << round;
        ASSERT_EQ(service.regime.up, sums[name].second > 0) << "seed " << seed << " round " << round;
      }
    }
    driver.tell(Configure{{}});
    driver.run_for(10s);
    ASSERT_EQ(driver.book.attempts_under_way(), 0U);
  }
}

}  // namespace
}  // namespace tandem::checkers
