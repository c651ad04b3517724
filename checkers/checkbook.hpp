// The checkers' core: which servers are checked when, what each attempt meant, and who is told.
//
// It owns the health of every server, the plan of attempts, and the summary of every service. The
// shell makes the attempts, keeps one timer at deadline(), and publishes what it is told to.
//
// Rules of a reload (Configure). Services and servers are told apart by name. A server whose
// address or port is another is a new server: down until its first success. A server that stayed
// keeps its state, its counters and its place in the plan, also when its check was edited: a typo
// in a path must take `fall` failures to empty a service, not one keystroke. A new weight is said
// at once.
//
// Rules of the plan. The first attempts of new servers begin within one interval, at most a
// thousand a second where there are fewer; the second comes at a random part of the interval, so
// that servers fall out of step; then every interval +-10 %, counted from start to start. A server
// never has two attempts at once: one that takes longer than the interval delays the next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkers/events.hpp"
#include "checkers/pacer.hpp"
#include "checkers/schedule.hpp"
#include "checkers/throttle.hpp"

namespace tandem::checkers {

class Checkbook {
 public:
  // `most_attempts`: how many may be under way at once.
  Checkbook(uint64_t seed, uint32_t most_attempts) : jitter_(seed), throttle_(most_attempts) {}

  // REQUIRES: `now` does not go back.
  Actions on(const Event& event, const Moment& now);
  // When to be called again with DeadlineReached.
  std::optional<TimePoint> deadline() const;

  uint32_t attempts_under_way() const { return throttle_.under_way(); }
  size_t servers() const { return used_slots_; }

 private:
  using Slot = uint32_t;
  static constexpr uint32_t kMostWeight = 65535;

  struct ServiceState {
    std::string name;
    std::shared_ptr<const Check> check;
    std::unordered_map<std::string, Slot> servers;
    uint32_t servers_up = 0;
    uint32_t servers_taking = 0;  // up, and with a weight
    bool up = false;
    uint64_t since_unix_ms = 0;
    std::optional<PublishService> said;
    uint64_t seen = 0;  // the Configure that named it last
  };

  struct ServerState {
    ServiceState* service = nullptr;  // null: the slot is free
    ServerSettings settings;
    Health health = Health(HealthRecord{});
    bool attempted = false;  // the next attempt is not its first
    AttemptId attempt = 0;   // under way; 0: none
    TimePoint started;
    bool unsaid = false;  // its counters moved since it was last published
    uint64_t seen = 0;
    std::optional<Weight> said;  // what its last successful attempt said about its weight
    const std::shared_ptr<const Check>& check() const { return settings.check ? settings.check : service->check; }
    uint32_t weight() const {
      if (!health.up()) return 0;
      return said ? std::min(said->of(settings.weight), kMostWeight) : settings.weight;
    }
    bool takes() const { return weight() > 0; }
  };

  void configure(const Configure& configure, const Moment& now, Actions& actions);
  void configure_service(const ServiceSettings& settings, const Moment& now, Actions& actions,
                         std::vector<Slot>& added);
  void add_server(ServiceState& service, const ServerSettings& settings, const Moment& now, Actions& actions,
                  std::vector<Slot>& added);
  // `of_service`: the service's check before.
  void keep_server(Slot slot, const ServerSettings& wanted, const std::shared_ptr<const Check>& of_service,
                   const Moment& now, Actions& actions, std::vector<Slot>& added);
  void remove_server(Slot slot, Actions& actions);
  void drop_attempts(Slot slot, Actions& actions);
  void remove_unseen(Actions& actions);
  void plan_first(const std::vector<Slot>& added, TimePoint now);
  void forget_unclaimed(Actions& actions);

  void restore(const Restored& restored);
  void ended(const AttemptEnded& ended, const Moment& now, Actions& actions);
  void plan_next(Slot slot, TimePoint now, bool attempted);
  void start_due(TimePoint now, Actions& actions);
  void publish_counters(TimePoint now, Actions& actions);
  void publish(ServerState& server, Health::Change change, Actions& actions);
  void summarize(ServiceState& service, const Moment& now, Actions& actions);
  // Takes a server out of its service's sums and puts it back, around every change of it.
  static void count_out(const ServerState& server);
  static void count_in(const ServerState& server);

  Jitter jitter_;
  Throttle throttle_;
  Schedule schedule_;
  Pacer pacer_;
  std::unordered_map<std::string, std::unique_ptr<ServiceState>> services_;
  std::vector<ServerState> slots_;
  std::vector<Slot> free_slots_;
  size_t used_slots_ = 0;
  uint64_t attempts_started_ = 0;
  uint64_t generation_ = 0;
  std::unordered_map<std::string, Restored::Server> restored_servers_;
  std::unordered_map<std::string, Restored::Service> restored_services_;
};

}  // namespace tandem::checkers
