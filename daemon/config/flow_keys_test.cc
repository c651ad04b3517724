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

}  // namespace
}  // namespace tandem::config
