// The vocabulary of the checkers' core: what it is told and what it answers.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "checkers/health.hpp"
#include "checkers/outcome.hpp"
#include "checkers/settings.hpp"
#include "daemon/base/time.hpp"

namespace tandem::checkers {

// When something happened: on the monotonic line for deciding, on the wall clock for people.
struct Moment {
  TimePoint at;
  uint64_t unix_ms = 0;
};

using AttemptId = uint64_t;  // never used twice

// ---- events

// The services to check from now on. What is not named is forgotten.
struct Configure {
  std::vector<ServiceSettings> services;
};

// What the room said before it was restarted. REQUIRES: before the first Configure.
struct Restored {
  struct Server {
    std::string service, server;
    HealthRecord health;
    uint32_t weight = 0;
  };
  struct Service {
    std::string service;
    bool up = false;
    uint32_t servers_up = 0, servers_total = 0;
    uint64_t since_unix_ms = 0;
  };
  std::vector<Server> servers;
  std::vector<Service> services;
};

// Exactly one follows every StartAttempt, also after CancelAttempt: it gives the descriptor back.
struct AttemptEnded {
  AttemptId attempt = 0;
  Outcome outcome;
};

// The time of Checkbook::deadline() has come.
struct DeadlineReached {};

using Event = std::variant<Configure, Restored, AttemptEnded, DeadlineReached>;

// ---- actions

struct StartAttempt {
  AttemptId attempt = 0;
  Target target;
  TimePoint deadline;  // of the whole attempt
};

struct CancelAttempt {
  AttemptId attempt = 0;
};

struct PublishServer {
  std::string service, server;
  HealthRecord health;
  uint32_t weight = 0;  // the effective one
  Health::Change change = Health::Change::kNone;
};

struct PublishService {
  std::string service;
  bool up = false;  // at least one server takes new connections
  uint32_t servers_up = 0, servers_total = 0;
  uint64_t since_unix_ms = 0;
  bool turned = false;  // `up` is another than it was
};

struct ForgetServer {
  std::string service, server;
};

struct ForgetService {
  std::string service;
};

// Attempts cannot be made as planned; said once when it begins and once when it is over.
struct Strain {
  enum class Cause : uint8_t { kNone, kConcurrency, kDescriptors };
  Cause cause = Cause::kNone;  // kNone: it is over
  uint32_t limit = 0;          // attempts at once that are being allowed
  Duration lateness = Duration::zero();
};

using Action =
    std::variant<StartAttempt, CancelAttempt, PublishServer, PublishService, ForgetServer, ForgetService, Strain>;
using Actions = std::vector<Action>;

}  // namespace tandem::checkers
