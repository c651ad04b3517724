// Which server a new flow goes to. Every scheduler is one file of schedulers/; its order of servers,
// its arithmetic, its hashes and its position after an edit are IPVS's (Linux 6.1), so that an
// operator who comes from there sees the same picks.
//
// A scheduler belongs to one service, whose lock is held around every call. It keeps what it
// remembers as Server*, told of removals before they happen. What it needs to know of the world
// comes with the flow (the time) or at its making (a seed).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/server.hpp"

namespace tandem::forwarding {

// In the order of config::Scheduler.
enum class SchedulerKind : uint8_t {
  kRoundRobin,               // rr
  kWeightedRoundRobin,       // wrr
  kLeastConnection,          // lc
  kWeightedLeastConnection,  // wlc
  kShortestDelay,            // sed
  kNeverQueue,               // nq
  kSourceHash,               // sh
  kDestinationHash,          // dh
  kMaglev,                   // mh
  kLocality,                 // lblc
  kLocalityReplicated,       // lblcr
  kFailover,                 // fo
  kOverflow,                 // ovf
  kTwoChoices,               // twos
  kLeastLatency,             // least_latency
};

// IPVS's names: "rr", "wlc", ...
std::string_view name_of(SchedulerKind kind);

struct SchedulerSetting {
  SchedulerKind kind = SchedulerKind::kWeightedLeastConnection;
  bool port = false;      // sh, mh: the client's port is hashed as well (sh-port, mh-port)
  bool fallback = false;  // sh, mh: another server when the one hashed to takes nobody (sh-fallback, mh-fallback)
  // mh: a server of weight 0 keeps its slots, as in IPVS. Otherwise they are dealt to the others.
  bool keep_slots = false;
  uint32_t table_size = 0;  // mh: a prime of maglev_sizes(); sh: a power of two, 2^4-2^20. 0: IPVS's, 4093 and 256
  Duration expiration = std::chrono::hours(24);  // lblc, lblcr: lblc_expiration, lblcr_expiration
  bool operator==(const SchedulerSetting&) const = default;
};

// The client's side of a flow to be placed, and when.
struct NewFlow {
  IpAddress client;
  uint16_t client_port = 0;  // 0: the protocol has none
  IpAddress destination;
  TimePoint now{};
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // One server was added or removed, or its weight changed; `servers` is as it is now. Called after each such edit, because
  // where some schedulers stand depends on the way there.
  virtual void changed(const ServerList& servers) = 0;
  // The last of a series of edits is done: what is dear to compute is computed now. Precedes the next pick().
  virtual void settled(const ServerList&) {}
  // servers[index] is about to be removed; changed() follows.
  virtual void removing(const ServerList& servers, size_t index) = 0;
  // The server for a new flow, or nullptr when none takes new flows.
  virtual Server* pick(const ServerList& servers, const NewFlow& flow) = 0;
  // Another that picks the same from here on: what would be picked is asked of a copy.
  virtual std::unique_ptr<Scheduler> copy() const = 0;
};

// `seed` is where the randomness of twos begins.
// REQUIRES: a table_size the kind allows.
std::unique_ptr<Scheduler> make_scheduler(const SchedulerSetting& setting, uint64_t seed = 0);

}  // namespace tandem::forwarding
