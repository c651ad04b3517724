// What a service says of its servers' checks and of who of them gets new connections; and what it may not say.
#include <gmock/gmock.h>

#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// kSmallSite with `more` among the service's keys, `check` in place of its check, and `of_web1` among the first server's.
std::string text_with(const std::string& more, const std::string& of_web1 = "",
                      const std::string& check = "check: { http: { path: /healthz }, interval: 2s, rise: 2 }") {
  std::string text =
      site_with("    check: { http: { path: /healthz }, interval: 2s, rise: 2 }\n",
                (check.empty() ? "" : "    " + check + "\n") + (more.empty() ? "" : "    " + more + "\n"));
  if (of_web1.empty()) return text;
  const std::string web1 = "web1: { address: 10.0.1.11, port: 8080, weight: 10 }";
  return text.replace(text.find(web1), web1.size(), "web1: { address: 10.0.1.11, port: 8080, " + of_web1 + " }");
}
std::vector<std::string> errors_with(const std::string& more, const std::string& of_web1 = "",
                                     const std::string& check = "check: { http: { path: /healthz } }") {
  return errors_of(text_with(more, of_web1, check));
}
Service service_with(const std::string& more, const std::string& of_web1 = "",
                     const std::string& check = "check: { http: { path: /healthz } }") {
  const Site site = site_of(text_with(more, of_web1, check));
  return site.services.empty() ? Service{} : site.services[0];
}

constexpr const char* kTwo = "checks: { app: { http: { path: /app } }, cache: { tcp:, port: 11211, fall: 5 } }";

// ---- several checks

TEST(ServingKeys, AServerHasSeveralChecksByName) {
  const Service service = service_with("need: any", "", kTwo);
  ASSERT_THAT(service.checks.checks, SizeIs(2));
  EXPECT_EQ(service.checks.checks[0].name, "app");
  EXPECT_EQ(service.checks.checks[0].check.path, "/app");
  EXPECT_EQ(service.checks.checks[1].check.port, 11211);
  EXPECT_EQ(service.checks.checks[1].check.fall, 5U);
  EXPECT_EQ(service.checks.need, 1U);
  EXPECT_EQ(service_with("", "", kTwo).checks.need, 0U) << "all";
  EXPECT_EQ(service_with("need: 2", "", kTwo).checks.need, 2U);
  EXPECT_FALSE(service.servers[0].checks);
}

TEST(ServingKeys, AServerChangesAddsAndLeavesOutChecksOfTheService) {
  const Service service = service_with(
      "", "checks: { app: { interval: 9s }, cache: none, disk: { file: { path: /etc/disk } } }, need: 1", kTwo);
  ASSERT_TRUE(service.servers[0].checks);
  const CheckSet& own = *service.servers[0].checks;
  ASSERT_THAT(own.checks, SizeIs(2));
  EXPECT_EQ(own.checks[0].check.path, "/app");
  EXPECT_EQ(own.checks[0].check.interval, 9s);
  EXPECT_EQ(own.checks[1].name, "disk");
  EXPECT_EQ(own.need, 1U);
  EXPECT_EQ(service_with("", "need: any", kTwo).servers[0].checks->checks, service.checks.checks);
  // In place of a single check, all of them.
  EXPECT_THAT(service_with("", "checks: { a: { tcp: }, b: { ping: } }").servers[0].checks->checks, SizeIs(2));
  EXPECT_THAT(service_with("", "check: none").servers[0].checks->checks, IsEmpty());
}

TEST(ServingKeys, AWrongSetOfChecksIsRefusedAtItsPlace) {
  EXPECT_THAT(errors_with(kTwo), ElementsAre(HasSubstr("checks: expected either check or checks, found both")));
  EXPECT_THAT(errors_with("need: 3", "", kTwo),
              ElementsAre("s:21:11: need: expected at most 2, the number of checks that count, found 3"));
  EXPECT_THAT(errors_with("need: most", "", kTwo),
              ElementsAre(HasSubstr("expected all, any or a whole number from 1 to 16, found 'most'")));
  EXPECT_THAT(errors_with("need: 1"), ElementsAre(HasSubstr("need: has no effect with a single check")));
  EXPECT_THAT(errors_with("", "", "checks: {}"), ElementsAre(HasSubstr("expected 1 to 16 entries")));
}

TEST(ServingKeys, AServersWrongChecksAreRefused) {
  EXPECT_THAT(errors_with("", "check: { fall: 2 }", kTwo),
              ElementsAre(HasSubstr("check: the service has several checks; expected checks")));
  EXPECT_THAT(errors_with("", "check: none, checks: { a: { tcp: } }"),
              ElementsAre(HasSubstr("expected either check or checks, found both")));
  EXPECT_THAT(errors_with("", "checks: { redis: none }", kTwo),
              ElementsAre(HasSubstr("redis: none leaves a check of the service out")));
  EXPECT_THAT(errors_with("", "checks: { app: none }, need: 2", kTwo), ElementsAre(HasSubstr("expected at most 1")));
  EXPECT_THAT(errors_with("", "checks: { new: { fall: 2 } }", kTwo), ElementsAre(HasSubstr("found none of them")));
  EXPECT_THAT(errors_with("", "need: any"), ElementsAre(HasSubstr("has no effect with a single check")));
  EXPECT_THAT(errors_with("", "", "checks: { app: none }"),
              testing::Contains(HasSubstr("app: expected a check, found none; leave it out")));
}

TEST(ServingKeys, ACheckMayLeaveAShareOfTheWeightInsteadOfCounting) {
  const Service service = service_with("", "", "checks: { app: { tcp: }, cache: { tcp:, weight_when_down: 50% } }");
  EXPECT_EQ(service.checks.checks[1].check.weight_when_down, 50);
  EXPECT_THAT(errors_with("", "", "check: { tcp:, weight_when_down: 50% }"),
              ElementsAre(HasSubstr("check: expected at least one check without weight_when_down")));
  EXPECT_THAT(errors_with("", "", "checks: { app: { tcp:, weight_when_down: 50 } }"),
              testing::Contains(HasSubstr("expected a share from 0% to 99%, found '50'; write it with its %")));
  EXPECT_THAT(errors_of(site_with("scheduler: wlc\n    check: { http: { path: /healthz }, interval: 2s, rise: 2 }",
                                  "scheduler: rr\n    checks: { a: { tcp: }, b: { tcp:, weight_when_down: 50% } }")),
              ElementsAre(HasSubstr("weight_when_down: expected a scheduler that deals by weight")));
}

// ---- the quorum

TEST(ServingKeys, TheQuorumIsANumberOrAShareOfWeightOrServers) {
  EXPECT_EQ(service_with("").serving, ServingRules());
  const ServingRules rules = service_with("quorum: 60%\n    hysteresis: 10%\n    quorum_of: servers").serving;
  EXPECT_EQ(rules.quorum, (Amount{60, true}));
  EXPECT_EQ(rules.hysteresis, (Amount{10, true}));
  EXPECT_EQ(rules.quorum_of, QuorumOf::kServers);
  EXPECT_EQ(service_with("quorum: 11\n    hysteresis: 9").serving.quorum, (Amount{11, false}));
}

TEST(ServingKeys, AQuorumThatCouldNeverBeThereIsRefused) {
  EXPECT_THAT(errors_with("quorum: 21"),
              ElementsAre("s:21:13: quorum: expected at most 20, the weight of all servers together, found 21"));
  EXPECT_THAT(errors_with("quorum: 3\n    quorum_of: servers"),
              ElementsAre(HasSubstr("expected at most 2, the number of all servers")));
  EXPECT_THAT(errors_with("quorum: 15\n    hysteresis: 6"),
              ElementsAre(HasSubstr("a service that is down would never come up")));
  EXPECT_THAT(errors_with("quorum: 80%\n    hysteresis: 30%"), ElementsAre(HasSubstr("would never come up")));
  EXPECT_THAT(errors_with("quorum: 2\n    hysteresis: 2"), ElementsAre(HasSubstr("expected less than the quorum")));
  EXPECT_THAT(errors_with("quorum: 0"), ElementsAre(HasSubstr("quorum: expected a whole number from 1")));
  EXPECT_THAT(errors_with("quorum: 101%"), ElementsAre(HasSubstr("quorum: expected")));
  EXPECT_THAT(errors_with("quorum: half"), ElementsAre(HasSubstr("or a share such as 50%, found 'half'")));
}

TEST(ServingKeys, SorryServersDoNotCount) {
  EXPECT_TRUE(service_with("", "sorry: true").servers[0].sorry);
  EXPECT_THAT(errors_with("quorum: 11", "weight: 10, sorry: true"), ElementsAre(HasSubstr("expected at most 10")));
  const std::string both = site_with("web2: { address: 10.0.1.12, port: 8080, weight: 10 }",
                                     "web2: { address: 10.0.1.12, port: 8080, sorry: true }");
  std::string all = both;
  all.replace(all.find("weight: 10"), 10, "sorry: true");
  EXPECT_THAT(errors_of(all), ElementsAre(HasSubstr("expected at least one server without sorry: true")));
}

// ---- spares, shares of weights, what becomes of a dead server

TEST(ServingKeys, SparesHaveAGroup) {
  const Service service = service_with("group_minimum: 2", "group: 2");
  EXPECT_EQ(service.servers[0].group, 2);
  EXPECT_EQ(service.serving.group_minimum, 2U);
  EXPECT_THAT(errors_with("group_minimum: 2"), ElementsAre(HasSubstr("expected a server with a group of 2 or more")));
  EXPECT_THAT(errors_with("", "group: 17"), ElementsAre(HasSubstr("group: expected a whole number from 1 to 16")));
}

TEST(ServingKeys, WeightsMayFollowLatencyAndGrowSlowly) {
  const ServingRules rules = service_with("weight: latency\n    slow_start: 2m").serving;
  EXPECT_EQ(rules.weight_from, WeightFrom::kLatency);
  EXPECT_EQ(rules.slow_start, 2min);
  EXPECT_THAT(errors_with("slow_start: 1m", "weight: 656"),
              ElementsAre(HasSubstr("expected weights up to 655, found 656 of server 'web1'")));
  EXPECT_THAT(errors_with("weight: latency", "check: none"),
              ElementsAre(HasSubstr("weight: latency: nothing is measured; expected a check of server 'web1'")));
  for (const char* scheduler : {"rr", "lc", "dh", "fo", "ovf", "lblc", "lblcr"})
    EXPECT_THAT(
        errors_of(site_with("scheduler: wlc", "scheduler: " + std::string(scheduler) + "\n    slow_start: 30s")),
        ElementsAre(HasSubstr("slow_start: expected a scheduler that deals by weight")))
        << scheduler;
  for (const char* scheduler : {"wrr", "wlc", "sed", "nq", "sh", "mh", "twos", "least_latency"})
    EXPECT_THAT(
        errors_of(site_with("scheduler: wlc", "scheduler: " + std::string(scheduler) + "\n    slow_start: 30s")),
        IsEmpty())
        << scheduler;
}

TEST(ServingKeys, WhatBecomesOfADeadServerAndItsConnections) {
  const ServingRules rules = service_with("on_down: inhibit\n    action_on_down: reselect").serving;
  EXPECT_EQ(rules.on_down, OnDown::kInhibit);
  EXPECT_EQ(rules.flows_on_down, FlowsOnDown::kReselect);
  EXPECT_THAT(errors_with("protocol: udp\n    action_on_down: reset"),
              ElementsAre(HasSubstr("action_on_down: expected keep with protocol: udp")));
  EXPECT_THAT(errors_with("inhibit_on_failure: true"), ElementsAre(HasSubstr("did you mean 'on_down'?")));
  EXPECT_THAT(errors_with("sorry_server: 10.0.0.9"), ElementsAre(HasSubstr("unknown key 'sorry_server'")));
}

// ---- what real clients meet

TEST(ServingKeys, PassiveChecksAreRead) {
  EXPECT_EQ(service_with("passive:").serving.passive, PassiveChecks());
  const auto rules =
      service_with("passive: { failures: 30%, minimum: 50, clients: 9, window: 20s, hold: 1m, most_down: 25% }")
          .serving.passive;
  EXPECT_EQ(rules, (PassiveChecks{30, 50, 9, 20s, 60s, 25}));
}

TEST(ServingKeys, PassiveChecksNeedAnswersThatAreSeenAndChecksThatBringAServerBack) {
  EXPECT_THAT(errors_with("passive:", "check: none"),
              ElementsAre(HasSubstr("passive: nothing would bring a server back; expected a check of server 'web1'")));
  EXPECT_THAT(errors_with("passive: { clients: 30 }"),
              ElementsAre(HasSubstr("clients: expected at most `minimum`, 20")));
  EXPECT_THAT(errors_with("protocol: udp\n    passive:"), ElementsAre(HasSubstr("passive: expected protocol: tcp")));
  const std::string direct(site_with("forward: nat\n    scheduler: wlc", "forward: dr\n    passive:"));
  std::vector<std::string> errors = errors_of(direct);
  EXPECT_THAT(errors, testing::Contains(HasSubstr("passive: expected forward: nat")));
}

}  // namespace
}  // namespace tandem::config
