// Which server a new flow goes to. Every scheduler is one file; its order of servers, its
// arithmetic and its position after an edit are IPVS's, so that an operator who comes from there
// sees the same picks.
//
// A scheduler belongs to one service, whose lock is held around every call. It keeps its position
// as a Server*, told of removals before they happen.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "daemon/base/address.hpp"
#include "forwarding/server.hpp"

namespace tandem::forwarding {

enum class SchedulerKind : uint8_t {
  kRoundRobin,
  kWeightedRoundRobin,
  kWeightedLeastConnection,
};

// The client's side of a flow to be placed: what hashing schedulers look at.
struct NewFlow {
  Ipv4Address client;
  uint16_t client_port = 0;
  Ipv4Address destination;
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // Servers were added or removed, or weights changed; `servers` is as it is now.
  virtual void changed(const ServerList& servers) = 0;
  // servers[index] is about to be removed; changed() follows.
  virtual void removing(const ServerList& servers, size_t index) = 0;
  // The server for a new flow, or nullptr when none takes new flows.
  virtual Server* pick(const ServerList& servers, const NewFlow& flow) = 0;
};

std::unique_ptr<Scheduler> make_scheduler(SchedulerKind kind);

// One maker per file.
std::unique_ptr<Scheduler> make_round_robin();
std::unique_ptr<Scheduler> make_weighted_round_robin();
std::unique_ptr<Scheduler> make_weighted_least_connection();

}  // namespace tandem::forwarding
