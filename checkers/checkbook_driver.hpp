// For tests: a checkbook under a virtual clock, with servers that answer as they are told.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "checkers/checkbook.hpp"

namespace tandem::checkers {

class CheckbookDriver {
 public:
  // How an attempt ends, and after how long.
  struct Answer {
    Outcome outcome;
    Duration after = 1ms;
  };

  explicit CheckbookDriver(uint64_t seed = 1, uint32_t most = 1000) : book(seed, most) {}

  Checkbook book;
  TimePoint now{};
  // By server's address text and port; what is not named passes.
  std::function<Answer(const Target&)> answer = [](const Target&) { return Answer{}; };

  struct Attempt {
    TimePoint at;
    std::string server;  // address:port
    AttemptId id;
  };
  std::vector<Attempt> attempts;
  std::map<std::string, PublishServer> servers;  // last word of each
  std::map<std::string, PublishService> services;
  std::vector<std::string> log;  // "up web/a", "down web/a", "forget web/a", "service web up", ...
  size_t server_messages = 0;
  size_t cancels = 0;
  uint32_t most_under_way = 0;

  void tell(const Event& event) { take(book.on(event, moment())); }

  // Lets time pass until `end`, answering attempts.
  void run_until(TimePoint end) {
    for (;;) {
      const auto deadline = book.deadline();
      TimePoint next = end;
      if (deadline) next = std::min(next, std::max(*deadline, now));
      if (!answers_.empty()) next = std::min(next, answers_.top().at);
      if (next >= end) break;
      now = next;
      if (!answers_.empty() && answers_.top().at <= now) {
        const AttemptEnded ended = answers_.top().ended;
        answers_.pop();
        tell(ended);
      } else {
        tell(DeadlineReached{});
      }
    }
    now = end;
  }
  void run_for(Duration span) { run_until(now + span); }

  // "up", "down" or "" when never said.
  std::string state(const std::string& server) const {
    const auto found = servers.find(server);
    return found == servers.end() ? "" : found->second.health.up ? "up" : "down";
  }

 private:
  struct Pending {
    TimePoint at;
    AttemptEnded ended;
    bool operator<(const Pending& other) const { return at > other.at; }
  };

  Moment moment() const { return {now, 1'000'000 + static_cast<uint64_t>(now.time_since_epoch() / 1ms)}; }

  void take(const Actions& actions) {
    for (const Action& action : actions) std::visit([this](const auto& a) { take_one(a); }, action);
    most_under_way = std::max(most_under_way, book.attempts_under_way());
  }
  void take_one(const StartAttempt& start) {
    attempts.push_back({now, start.target.address.text() + ':' + std::to_string(start.target.port), start.attempt});
    const Answer a = answer(start.target);
    answers_.push({now + a.after, {start.attempt, a.outcome}});
  }
  void take_one(const CancelAttempt&) { ++cancels; }
  void take_one(const PublishServer& said) {
    ++server_messages;
    const std::string key = said.service + '/' + said.server;
    servers.insert_or_assign(key, said);
    if (said.change != Health::Change::kNone)
      log.push_back((said.change == Health::Change::kUp ? "up " : "down ") + key);
  }
  void take_one(const PublishService& said) {
    services.insert_or_assign(said.service, said);
    if (said.regime.up != said.before.up) log.push_back("service " + said.service + (said.regime.up ? " up" : " down"));
    if (said.regime.sorry != said.before.sorry)
      log.push_back("sorry " + said.service + (said.regime.sorry ? " in use" : " not in use"));
  }
  void take_one(const SparedServer& spared) { log.push_back("spared " + spared.service + '/' + spared.server); }
  void take_one(const WarnOfCheck& said) {
    const std::string key = said.service + '/' + said.server + ' ' + said.check;
    log.push_back(said.warning == Warning{} ? "well " + key : "warn " + key + ": " + words(said.warning));
  }
  void take_one(const ForgetServer& gone) {
    servers.erase(gone.service + '/' + gone.server);
    log.push_back("forget " + gone.service + '/' + gone.server);
  }
  void take_one(const ForgetService& gone) {
    services.erase(gone.service);
    log.push_back("forget service " + gone.service);
  }
  void take_one(const Strain& strain) {
    log.push_back(strain.cause == Strain::Cause::kNone ? "strain over" : "strain");
  }

  std::priority_queue<Pending> answers_;
};

// `check` as the whole set; CheckKind::kNone: no checks.
inline std::shared_ptr<const CheckSet> only(Check check) {
  CheckSet set;
  if (check.kind != CheckKind::kNone)
    set.checks.push_back({.name = "check", .check = std::make_shared<const Check>(std::move(check))});
  return std::make_shared<const CheckSet>(std::move(set));
}

// A service named `name` with servers 10.0.0.1, 10.0.0.2, ... of the given names, port 80.
inline ServiceSettings service_of(const std::string& name, const std::vector<std::string>& servers, Check check = {}) {
  ServiceSettings settings{.name = name, .checks = only(std::move(check))};
  uint32_t host = 0x0a000001;
  for (const std::string& server : servers)
    settings.servers.push_back({.name = server, .address = Ipv4Address{host++}, .port = 80});
  return settings;
}

inline const Outcome kRefusedOutcome{.reason = Outcome::Reason::kRefused};

}  // namespace tandem::checkers
