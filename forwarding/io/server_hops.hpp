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

  // An address of this box came, went or became usable. Which one a tunnel's packets come from may follow without any word
  // about a route: IPv6 has none of its source, and an address that is new on the link has none at all until it is known to be
  // nobody else's. Every server's route is asked for again, so not until the next every_second(), however many there are.
  void on_address() { sources_stale_ = true; }

  // Lets the kernel confirm neighbours it has not heard from lately, and returns what on_address() changed.
  std::vector<HopChange> every_second(TimePoint now);

 private:
  // By server address: services share servers.
  struct Entry {
    std::vector<uint16_t> slots;
    NextHop hop;
    IpAddress via;  // whose MAC address is wanted
    bool known = false;
    bool confirmed = false;
    bool tunnelled = false;  // to one of the slots at least
    std::optional<TimePoint> asked;
  };
  std::vector<HopChange> on_route(const Prefix& destination, TimePoint now, bool all);
  bool look_up(const IpAddress& server, Entry& entry, TimePoint now);
  void confirm(TimePoint now);
  static void tell(const Entry& entry, std::vector<HopChange>& changes);

  bool sources_stale_ = false;
  NetworkView& network_;
  std::map<IpAddress, Entry> entries_;
};

}  // namespace tandem::forwarding
