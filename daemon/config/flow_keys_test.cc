// What a service says of its flows, as the site file says it; and what it may not say.
#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kScheduler = "scheduler: wlc";

FlowRules rules_with(const std::string& words) {
  const Site site = site_of(site_with(kScheduler, words));
  return site.services.empty() ? FlowRules{} : site.services[0].flows;
}
std::vector<std::string> errors_with(const std::string& words) {
  return errors_of(site_with(kScheduler, words));
}

TEST(FlowKeys, TimeoutsAreReadByTheirStates) {
  EXPECT_EQ(rules_with("scheduler: rr\n    timeouts: {}").timeouts, FlowTimeouts());
  const FlowTimeouts read =
      rules_with(
          "scheduler: rr\n    timeouts: { established: 1h, syn_sent: 1s, syn_recv: 2s, fin_wait: 3s, "
          "time_wait: 4s, close: 5s, close_wait: 6s, last_ack: 7s, synack: 8s }")
          .timeouts;
  EXPECT_EQ(read, (FlowTimeouts{.established = std::chrono::hours(1),
                                .syn_sent = 1s,
                                .syn_recv = 2s,
                                .fin_wait = 3s,
                                .time_wait = 4s,
                                .close = 5s,
                                .close_wait = 6s,
                                .last_ack = 7s,
                                .synack = 8s}));
}

TEST(FlowKeys, ATimeoutThatCannotBeIsRefused) {
  EXPECT_THAT(errors_with("timeouts: { established: 900 }"), ElementsAre(HasSubstr("a number needs its unit")));
  EXPECT_THAT(errors_with("timeouts: { close: 0s }"), ElementsAre(HasSubstr("close: expected")));
  EXPECT_THAT(errors_with("timeouts: { established: 745h }"), ElementsAre(HasSubstr("established: expected")));
  EXPECT_THAT(errors_with("timeouts: { udp: 10s }"), ElementsAre(HasSubstr("udp: has no effect with protocol: tcp")));
  EXPECT_THAT(errors_with("protocol: udp\n    check: none\n    timeouts: { close: 10s }"),
              testing::Contains(HasSubstr("close: has no effect with protocol: udp")));
  EXPECT_THAT(errors_with("timeouts: { tcpfin: 10s }"), ElementsAre(HasSubstr("did you mean 'fin_wait'?")));
  EXPECT_THAT(errors_with("lvs_timeouts: {}"), ElementsAre(HasSubstr("did you mean 'timeouts'?")));
}

TEST(FlowKeys, WhatIsOutOfStateIsResetDroppedOrAccepted) {
  EXPECT_EQ(rules_with("scheduler: rr").out_of_state, OutOfState::kReset);
  EXPECT_EQ(rules_with("out_of_state: drop").out_of_state, OutOfState::kDrop);
  EXPECT_EQ(rules_with("out_of_state: accept").out_of_state, OutOfState::kAccept);
  EXPECT_THAT(errors_with("out_of_state: sloppy"), ElementsAre(HasSubstr("did you mean 'accept'?")));
  EXPECT_THAT(errors_with("sloppy_tcp: true"), ElementsAre(HasSubstr("did you mean 'out_of_state'?")));
  EXPECT_THAT(errors_with("protocol: udp\n    out_of_state: drop"),
              testing::Contains(HasSubstr("out_of_state: has no effect with protocol: udp")));
}

TEST(FlowKeys, TheMaximumSegmentSizeIsBounded) {
  EXPECT_EQ(rules_with("scheduler: rr").clamp_mss, 0);
  EXPECT_EQ(rules_with("clamp_mss: 1380").clamp_mss, 1380);
  EXPECT_THAT(errors_with("clamp_mss: 499"),
              ElementsAre(HasSubstr("clamp_mss: expected a whole number from 500 to 65495")));
  EXPECT_THAT(errors_with("protocol: udp\n    clamp_mss: 1380"),
              testing::Contains(HasSubstr("clamp_mss: has no effect with protocol: udp")));
}

TEST(FlowKeys, LimitsAreReadAndContradictionsRefused) {
  EXPECT_EQ(rules_with("scheduler: rr").limits, Limits());
  EXPECT_EQ(rules_with("limits: { connections: 1000, per_second: 500, client_connections: 10, client_per_second: 20, "
                       "ipv4_prefix: 24, ipv6_prefix: 56 }")
                .limits,
            (Limits{.connections = 1000,
                    .per_second = 500,
                    .client_connections = 10,
                    .client_per_second = 20,
                    .ipv4_prefix = 24,
                    .ipv6_prefix = 56}));
  EXPECT_THAT(errors_with("limits: { connections: 0 }"),
              ElementsAre(HasSubstr("connections: expected a whole number from 1 to 4294967295")));
  EXPECT_THAT(errors_with("limits: { connections: 5, client_connections: 6 }"),
              ElementsAre(HasSubstr("client_connections: expected at most connections, 5, found 6")));
  EXPECT_THAT(errors_with("limits: { per_second: 5, client_per_second: 6 }"),
              ElementsAre(HasSubstr("client_per_second: expected at most per_second, 5, found 6")));
  EXPECT_THAT(errors_with("limits: { ipv6_prefix: 56 }"),
              ElementsAre(HasSubstr("ipv6_prefix: has no effect without client_connections or client_per_second")));
  EXPECT_THAT(errors_with("maxconn: 5"), ElementsAre(HasSubstr("did you mean 'limits'?")));
}

TEST(FlowKeys, PingsAreAnsweredAlwaysWhileUpOrNever) {
  EXPECT_EQ(rules_with("scheduler: rr").ping, Ping::kUnsaid);
  EXPECT_EQ(rules_with("ping: always").ping, Ping::kAlways);
  EXPECT_EQ(rules_with("ping: up").ping, Ping::kUp);
  EXPECT_EQ(rules_with("ping: never").ping, Ping::kNever);
  EXPECT_THAT(errors_with("ping: unsaid"), ElementsAre(HasSubstr("ping: expected")));
}

}  // namespace
}  // namespace tandem::config
