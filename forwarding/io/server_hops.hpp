// How every real server is reached: what the recipes say about interface, MAC addresses, MTU and tunnel source. Kept current
// from the kernel's routes and neighbours; the room writes the differences into the service table.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "daemon/netlink/monitor.hpp"
#include "forwarding/io/next_hops.hpp"
#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

// What has become of the way to one server slot. Without a known neighbour the route's part still holds, and packets
// wait while the neighbour is asked for.
struct HopChange {
  uint16_t slot = 0;
  NextHop hop;
  bool neighbour_known = false;
};

class ServerHops {
 public:
  static constexpr Duration kConfirmEvery = 30s;

  explicit ServerHops(NetworkView& network) : network_(network) {}

  // Each of these returns what changed.
  std::vector<HopChange> set_servers(std::span<const Server* const> servers, TimePoint now);
  std::vector<HopChange> on_neighbour(const netlink::NeighbourChange& change);
  // A route to `destination` came or went.
  std::vector<HopChange> on_route(const Prefix& destination, TimePoint now);
  std::vector<HopChange> refresh(TimePoint now) { return on_route({}, now, true); }

  // Lets the kernel confirm neighbours it has not heard from lately. Call once a second.
  void confirm(TimePoint now);

 private:
  // By server address: services share servers.
  struct Entry {
    std::vector<uint16_t> slots;
    NextHop hop;
    IpAddress via;  // whose MAC address is wanted
    bool known = false;
    bool confirmed = false;
    std::optional<TimePoint> asked;
  };
  std::vector<HopChange> on_route(const Prefix& destination, TimePoint now, bool all);
  bool look_up(const IpAddress& server, Entry& entry, TimePoint now);
  static void tell(const Entry& entry, std::vector<HopChange>& changes);

  NetworkView& network_;
  std::map<IpAddress, Entry> entries_;
};

}  // namespace tandem::forwarding
