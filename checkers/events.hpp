// The vocabulary of the checkers' core: what it is told and what it answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "checkers/health.hpp"
#include "checkers/outcome.hpp"
#include "checkers/passive.hpp"
#include "checkers/regime.hpp"
#include "checkers/settings.hpp"
#include "checkers/shares.hpp"
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
    HealthRecord health;  // the server's; its `recent` is empty
    uint32_t weight = 0;
    bool in_rotation = false;
    uint64_t ramp_since_unix_ms = 0;  // 0: its weight is not growing
    uint32_t latency_us = 0;
    struct OfCheck {
      std::string name;
      HealthRecord health;
      std::optional<Weight> said;
    };
    std::vector<OfCheck> checks;
  };
  struct Service {
    std::string service;
    Regime regime;
    Quorum quorum;
    bool of_servers = false;
    uint32_t servers_up = 0, servers_total = 0;
    uint32_t servers_overridden = 0;
    uint64_t since_unix_ms = 0;
  };
  std::vector<Server> servers;
  std::vector<Service> services;
};

// What an operator made of a server, until further notice.
struct Override {
  enum class Kind : uint8_t { kNone, kWeight, kDrain, kDisable };
  Kind kind = Kind::kNone;
  uint32_t weight = 0;  // of kWeight
  uint64_t since_unix_ms = 0;
  bool operator==(const Override&) const = default;
};

// The operator's word about a server, which may come before the server does. kNone: as the site and the checks say.
struct Overridden {
  std::string service, server;
  Override override;
};

// What forwarding saw of a server's real clients in the last moments.
struct PassiveSeen {
  std::string service, server;
  PassiveReport report;
};

// Exactly one follows every StartAttempt, also after CancelAttempt: it gives the descriptor back.
struct AttemptEnded {
  AttemptId attempt = 0;
  Outcome outcome;
};

// The time of Checkbook::deadline() has come.
struct DeadlineReached {};

using Event = std::variant<Configure, Restored, Overridden, PassiveSeen, AttemptEnded, DeadlineReached>;

// ---- actions

struct StartAttempt {
  AttemptId attempt = 0;
  Target target;
  TimePoint deadline;  // of the whole attempt
  CheckName name;      // where Check::account is another: who runs it is told no more than that
};

struct CancelAttempt {
  AttemptId attempt = 0;
};

struct PublishServer {
  std::string service, server;
  HealthRecord health;  // the server's: its checks' attempts together, and `recent` empty
  uint32_t weight = 0;  // the one schedulers deal by
  bool in_rotation = false;
  bool dead = false;  // not up, and not only because nobody has looked yet
  // Why it is so.
  uint32_t configured_weight = 0;
  uint32_t share = kWhole;  // per cent of its weight, by slow start, latency and checks together
  bool sorry = false;
  uint8_t group = 1;
  bool hundredths = false;
  Override override;
  uint64_t ramp_since_unix_ms = 0;
  uint32_t latency_us = 0;
  struct OfCheck {
    std::string name;
    CheckKind kind = CheckKind::kNone;
    HealthRecord health;
    std::optional<Weight> said;
    std::optional<uint8_t> weight_when_down;
  };
  std::vector<OfCheck> checks;
  Health::Change change = Health::Change::kNone;
};

struct PublishService {
  std::string service;
  Regime regime;
  Quorum quorum;
  bool of_servers = false;                     // what the quorum counts
  uint32_t servers_up = 0, servers_total = 0;  // without sorry servers
  uint32_t servers_overridden = 0;
  uint64_t since_unix_ms = 0;  // of regime.up
  Regime before;               // an event is due where it differs
};

// Real clients fare badly with a server, and it is left up all the same, because too few would be left.
struct SparedServer {
  std::string service, server, reason;
};

// A check passes, with a reservation that it did not have before, or without the one it had.
struct WarnOfCheck {
  std::string service, server, check;
  Warning warning;  // kNone: it is over
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

using Action = std::variant<StartAttempt, CancelAttempt, PublishServer, PublishService, SparedServer, WarnOfCheck,
                            ForgetServer, ForgetService, Strain>;
using Actions = std::vector<Action>;

}  // namespace tandem::checkers
