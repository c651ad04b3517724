// Whether what real clients met takes a server down, before its checks notice or although they pass.
//
// Forwarding tells, about once a second and server, how many connections were opened towards it, how many of those
// were never answered, how many were reset before they stood, and a mark for each client among the failures. A server has
// failed its clients when, within the rule's window, at least `minimum` connections failed, they were at least `failures`
// per cent of those opened, and at least `clients` different addresses had them. So neither one client with a strange
// habit nor a few lost packets can do it; and since a server that is reachable answers forged SYNs too, a flood of them
// does not count as unanswered. What is left, many hosts that make a server reset them, is bounded: a share of the
// servers (`most_down`), and never so many that the quorum goes (checkbook_passive.cc).
//
// Clients are counted in 64 marks by a hash that forwarding keeps to itself (linear counting, Whang 1990): up to some 40
// the estimate is within a few; more than that is "many".
//
// The window is two halves, the running one and the one before, so what is looked at is between half of it and all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "checkers/settings.hpp"
#include "daemon/base/time.hpp"

namespace tandem::checkers {

struct PassiveReport {
  uint64_t opened = 0;
  uint64_t unanswered = 0;    // SYNs, of those opened now or a little earlier
  uint64_t resets = 0;        // by the server, before the connection stood
  uint64_t client_marks = 0;  // of those that failed
  PassiveReport& operator+=(const PassiveReport& more) {
    opened += more.opened, unanswered += more.unanswered, resets += more.resets;
    client_marks |= more.client_marks;
    return *this;
  }
  uint64_t failed() const { return unanswered + resets; }
};

// The number of different clients that so many marks stand for; 64 marks: 266, the most that can be told.
uint32_t clients_of(uint64_t marks);

class PassiveWindow {
 public:
  // Takes a report in. The words of the verdict when the server has failed its clients.
  std::optional<std::string> on(const PassiveReport& report, const PassiveRule& rule, TimePoint now);
  // What was seen so far is settled.
  void clear() { running_ = before_ = {}; }

  // The server is taken down: how long it is held. Doubled when the last hold is over for less than ten times its
  // length, 32 times the rule's at most.
  Duration hold(const PassiveRule& rule, TimePoint now);
  bool held(TimePoint now) const { return now < held_until_; }

 private:
  PassiveReport running_, before_;
  TimePoint begin_{};
  TimePoint held_until_{};
  Duration last_hold_{};
};

}  // namespace tandem::checkers
