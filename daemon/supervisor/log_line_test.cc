// Lines of the log and of systemctl status.
#include "daemon/supervisor/log_line.hpp"

#include <gtest/gtest.h>

#include "daemon/supervisor/status_line.hpp"

namespace tandem::supervisor {
namespace {

bus::Event event() {
  return {.severity = bus::Severity::kNotice,
          .id = "VRRP_BECAME_ACTIVE",
          .room = "vrrp",
          .subject = "web",
          .text = "heard nothing for 3.609 s",
          .unix_ms = 1'763'906'400'123};
}

TEST(LogLine, LeavesTimeAndNameToTheJournal) {
  EXPECT_EQ(log_line(event(), LogStyle::kJournal), "<5>VRRP_BECAME_ACTIVE web: heard nothing for 3.609 s\n");
}

TEST(LogLine, HasATimeForPeopleOnATerminal) {
  EXPECT_EQ(log_line(event(), LogStyle::kTerminal),
            "2025-11-23 14:00:00.123 notice  vrrp: VRRP_BECAME_ACTIVE web: heard nothing for 3.609 s\n");
}

TEST(LogLine, DoesNotLetTheOutsideForgeALineOrSteerATerminal) {
  auto forged = event();
  forged.text = "404\n<0>FORGED\x1b[2J\x7f";
  EXPECT_EQ(log_line(forged, LogStyle::kJournal), "<5>VRRP_BECAME_ACTIVE web: 404\\x0a<0>FORGED\\x1b[2J\\x7f\n");
}

TEST(LogLine, CutsAnEndlessText) {
  auto endless = event();
  endless.text = std::string(1u << 20, 'x');
  EXPECT_LT(log_line(endless, LogStyle::kJournal).size(), 2100U);
}

TEST(LogLimit, HoldsBackAFloodOfOneIdAndSaysHowMany) {
  LogLimit limit;
  uint32_t held_back = 0;
  uint32_t admitted = 0;
  for (int i = 0; i < 1000; ++i) admitted += limit.admit("CHECK_FAILED", TimePoint(1s), held_back) ? 1 : 0;
  EXPECT_EQ(admitted, LogLimit::kMostLinesOfAnId);
  EXPECT_TRUE(limit.admit("VRRP_BECAME_ACTIVE", TimePoint(1s), held_back)) << "another id is not held back";
  EXPECT_TRUE(limit.admit("CHECK_FAILED", TimePoint(1s) + LogLimit::kLogWindow, held_back));
  EXPECT_EQ(held_back, 1000 - LogLimit::kMostLinesOfAnId);
  EXPECT_TRUE(limit.admit("CHECK_FAILED", TimePoint(1s) + LogLimit::kLogWindow, held_back));
  EXPECT_EQ(held_back, 0U);
}

TEST(StatusLine, SaysHowTheBoxStands) {
  StatusLine line("dir-a");
  EXPECT_EQ(line.text({"vrrp", "checkers"}),
            "dir-a: no virtual router yet; 0 of 0 servers up; waiting for vrrp, checkers");
  line.hear(bus::InstanceState{.router = "web", .state = bus::RouterState::kActive});
  line.hear(bus::InstanceState{.router = "mail", .state = bus::RouterState::kBackup});
  line.hear(bus::ServiceHealth{.service = "web", .servers_up = 2, .servers_total = 3});
  EXPECT_EQ(line.text({}), "dir-a: mail backup, web active; 2 of 3 servers up");
  line.hear(bus::Forget{"InstanceState", "mail"});
  EXPECT_EQ(line.text({}), "dir-a: web active; 2 of 3 servers up");
}

}  // namespace
}  // namespace tandem::supervisor
