// The checkers' core: which servers are checked when, what each attempt meant, who gets new connections and with which
// weight, and who is told.
//
// It owns the health of every check of every server, the plan of attempts, and the standing of every service. The shell
// makes the attempts, keeps one timer at deadline(), and publishes what it is told to.
//
// From an answer to a weight: an attempt ends -> the check turns (health.hpp) -> the server turns (verdict.hpp), unless the
// operator has spoken (Override) -> the service's sums change, and with them perhaps who serves (regime.hpp) -> what
// differs from what was said is published. A server's turn touches that server alone as long as the regime stays.
//
// Rules of a reload (Configure). Services and servers are told apart by name, checks within a server too. A server whose
// address or port is another is a new server: down until its first success. A server that stayed keeps its state, its
// counters and its place in the plan, also when its check was edited: a typo in a path must take `fall` failures to empty a
// service, not one keystroke. For the same reason a check that is added to a known server begins as that server stands. A
// new weight is said at once.
//
// Rules of the plan. The first attempts of new servers begin within one interval, at most a
// thousand a second where there are fewer; the second comes at a random part of the interval, so
// that servers fall out of step; then every interval +-10 %, counted from start to start. A check of a server
// never has two attempts at once: one that takes longer than the interval delays the next.
//
// Slow start is for servers that come back, and for those added by a reload: not for those a director finds up when it
// begins.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkers/events.hpp"
#include "checkers/pacer.hpp"
#include "checkers/schedule.hpp"
#include "checkers/throttle.hpp"
#include "checkers/verdict.hpp"

namespace tandem::checkers {

class Checkbook {
 public:
  // `most_attempts`: how many may be under way at once.
  Checkbook(uint64_t seed, uint32_t most_attempts) : jitter_(seed), throttle_(most_attempts) {}

  // REQUIRES: `now` does not go back.
  Actions on(const Event& event, const Moment& now);
  // Actions that have been carried out, for their memory; whoever does not return them pays for new memory with each event.
  void give_back(Actions actions);
  // When to be called again with DeadlineReached.
  std::optional<TimePoint> deadline() const;

  uint32_t attempts_under_way() const { return throttle_.under_way(); }
  size_t servers() const { return used_slots_; }

 private:
  using Slot = uint32_t;   // of a server
  using AskId = uint32_t;  // of one check of one server

  struct ServiceState {
    std::string name;
    std::shared_ptr<const CheckSet> checks;
    ServicePolicy policy;
    std::unordered_map<std::string, Slot> servers;
    Tally tally;
    Regime regime;
    bool settled = false;  // every server has been looked at once
    uint32_t passively_down = 0;
    uint32_t overridden = 0;
    uint64_t since_unix_ms = 0;
    std::optional<PublishService> said;
    uint64_t seen = 0;  // the Configure that named it last
  };

  struct Ask {
    Slot slot = 0;
    uint32_t index = 0;  // of the check in its server's set
    Health health = Health(HealthRecord{});
    bool attempted = false;  // the next attempt is not its first
    AttemptId attempt = 0;   // under way; 0: none
    TimePoint started;
    Warning::Kind warned = Warning::Kind::kNone;  // of its last successful attempt
    std::optional<Weight> said;                   // what its last successful attempt said about the server's weight
  };

  // What a server's messages say that others act upon.
  struct Effect {
    uint32_t weight = 0;
    bool in_rotation = false;
    bool up = false, known = false;
    bool operator==(const Effect&) const = default;
  };

  struct ServerState {
    ServiceState* service = nullptr;  // null: the slot is free
    ServerSettings settings;
    std::vector<AskId> asks;  // one for each check, in the set's order
    Override override;
    Stance stance;         // as it is in the service's tally
    uint32_t share = 100;  // of the checks that do not count
    std::string reason;    // of the last change of stance.up
    uint64_t since_unix_ms = 0;
    bool may_ramp = false;  // when it comes up, its weight grows slowly
    TimePoint ramp_since{};
    uint64_t ramp_since_unix_ms = 0;  // 0: it does not grow
    uint32_t latency_us = 0;          // smoothed; 0: not measured
    uint32_t by_latency = kWhole;
    bool passively_down = false;
    std::unique_ptr<PassiveWindow> passive;
    std::optional<Effect> said;
    Health::Change change = Health::Change::kNone;  // not said yet
    bool unsaid = false;                            // something moved since it was last published
    uint64_t seen = 0;
    const std::shared_ptr<const CheckSet>& checks() const {
      return settings.checks ? settings.checks : service->checks;
    }
  };

  // ---- a new configuration, and what a restarted room remembers (checkbook_reload.cc)
  void restore(const Restored& restored);
  void configure(const Configure& configure, const Moment& now, Actions& actions);
  void configure_service(const ServiceSettings& settings, const Moment& now, Actions& actions,
                         std::vector<AskId>& added);
  void begin_service(ServiceState& service, const ServiceSettings& settings, const Moment& now);
  void add_server(ServiceState& service, const ServerSettings& settings, const Moment& now, std::vector<AskId>& added);
  void begin_as_remembered(ServerState& server, const Restored::Server& was, const Moment& now);
  // `former`: its checks before.
  void keep_server(Slot slot, const ServerSettings& wanted, const std::shared_ptr<const CheckSet>& former,
                   const Moment& now, Actions& actions, std::vector<AskId>& added);
  void remove_server(Slot slot, Actions& actions);
  void remove_unseen(Actions& actions);
  AskId take_ask(Slot slot, Health health);
  void give_back(AskId ask, Actions& actions);
  void drop_attempts(AskId ask, Actions& actions);
  void plan_first(const std::vector<AskId>& added, TimePoint now);
  void forget_unclaimed(Actions& actions);

  // ---- attempts (checkbook.cc)
  void ended(const AttemptEnded& ended, const Moment& now, Actions& actions);
  void plan_next(AskId ask, TimePoint now, bool attempted);
  void start_due(TimePoint now, Actions& actions);
  const NamedCheck& check_of(const Ask& ask) const { return slots_[ask.slot].checks()->checks[ask.index]; }
  std::vector<const Health*> healths_of(const ServerState& server) const;

  // ---- standing (checkbook_standing.cc)
  // Something about the server may be another: its verdict, its weight, the operator's word.
  void settle(Slot slot, const Moment& now);
  // Who serves now, and who must be told. `slot`: who was settled; none: all of the service.
  void review(ServiceState& service, std::optional<Slot> slot, const Moment& now, Actions& actions);
  Stance stance_of(const ServerState& server, const Verdict& verdict) const;
  uint32_t weight_of(const ServerState& server) const;
  Effect effect_of(const ServerState& server, TimePoint now) const;
  uint32_t ramp_of(const ServerState& server, TimePoint now) const;
  void begin_ramp(Slot slot, const Moment& now);
  void step_ramps(const Moment& now, Actions& actions);
  void reweigh(const Moment& now, Actions& actions);
  void tally_in(ServerState& server);
  void tally_out(ServerState& server);
  void publish(ServerState& server, TimePoint now, Actions& actions);
  void publish_if_new(ServerState& server, TimePoint now, Actions& actions);
  void publish_counters(TimePoint now, Actions& actions);
  void summarize(ServiceState& service, Regime before, Actions& actions);

  // ---- the operator's and the clients' word (checkbook_words.cc)
  void overridden(const Overridden& word, const Moment& now, Actions& actions);
  void passive_seen(const PassiveSeen& seen, const Moment& now, Actions& actions);
  bool may_take_down(const ServerState& server) const;
  void release_passive(ServerState& server);
  std::optional<Slot> find(const std::string& service, const std::string& server) const;

  Jitter jitter_;
  Throttle throttle_;
  Schedule schedule_;  // of asks
  Schedule ramps_;     // of servers: the next step of a slow start
  std::optional<TimePoint> reweigh_at_;
  Pacer pacer_;
  std::unordered_map<std::string, std::unique_ptr<ServiceState>> services_;
  std::vector<ServerState> slots_;
  std::vector<Slot> free_slots_;
  size_t used_slots_ = 0;
  std::vector<Ask> asks_;
  std::vector<AskId> free_asks_;
  Actions spare_;  // empty, for its memory
  uint64_t attempts_started_ = 0;
  uint64_t generation_ = 0;
  std::unordered_map<std::string, Override> overrides_;  // by SERVICE/SERVER
  std::unordered_map<std::string, Restored::Server> restored_servers_;
  std::unordered_map<std::string, Restored::Service> restored_services_;
};

std::string key_of(const std::string& service, const std::string& server);

}  // namespace tandem::checkers
