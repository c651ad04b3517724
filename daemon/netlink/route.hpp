// Where the kernel would send a packet, and to which MAC address: forwarding asks, and never
// resolves by itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/netlink/connection.hpp"

namespace tandem::netlink {

enum class RouteKind : uint8_t { kUnicast, kLocal, kBroadcast, kMulticast, kOther };

struct RouteAnswer {
  RouteKind kind = RouteKind::kUnicast;
  int interface_index = 0;
  std::optional<IpAddress> gateway;  // none: the destination is on the link itself
  std::optional<IpAddress> preferred_source;
  uint32_t mtu = 0;  // the route's own; 0: the interface's
  bool operator==(const RouteAnswer&) const = default;

  // Whose MAC address the frame needs.
  IpAddress next_hop(const IpAddress& destination) const { return gateway.value_or(destination); }
};

// RTM_GETROUTE: what the kernel's rules and tables answer for a packet of this host.
// Errors: kUnreachable (also for blackhole and prohibit routes).
Outcome<RouteAnswer> route_to(Connection& connection, const IpAddress& destination);

enum class NeighbourState : uint8_t {
  kIncomplete,  // being asked for
  kReachable,
  kStale,  // usable, may be out of date
  kDelay,
  kProbe,
  kFailed,
  kPermanent,
  kNoArp,
  kNone,
};

struct Neighbour {
  int interface_index = 0;
  IpAddress address;
  MacAddress mac;  // zero when there is none
  NeighbourState state = NeighbourState::kNone;
  bool operator==(const Neighbour&) const = default;

  // Frames may be sent to `mac`.
  bool usable() const;
};

// Errors: kNotFound when the kernel has no entry; ask_neighbour() makes one.
Outcome<Neighbour> find_neighbour(Connection& connection, int interface_index, const IpAddress& address);
// Of one interface, or of all when `interface_index` is 0.
Outcome<std::vector<Neighbour>> list_neighbours(Connection& connection, int interface_index);

// Makes the kernel resolve (or confirm) a neighbour, as if it had a packet to send to it (NTF_USE).
// The answer comes as a NeighbourChange of a Monitor.
Outcome<void> ask_neighbour(Connection& connection, int interface_index, const IpAddress& address);

}  // namespace tandem::netlink
