// Next hops: by which interface and to which MAC address a packet for an address leaves, for answers to clients and for
// everything else that is not sent by a server's recipe.
//
// Two small tables. `routes` remembers which next hop a destination has: asked of the kernel once for each destination, not
// for each packet; a fixed number of places, a new destination pushes out an old one. `hops` knows the next hops
// themselves: interface, MAC addresses, MTU. Both are followed: a neighbour's change at once, a change of routes, addresses
// or interfaces by asking again. While a next hop is not resolved, up to three packets wait for it, for up to a second.
//
// The kernel takes a neighbour that it does not itself send to for stale, and would neither notice that it died nor keep
// it for ever. So one in use is confirmed every half a minute, as the kernel would.
//
// One worker owns one NextHops; nothing here is shared.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/time.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/route.hpp"
#include "forwarding/packet.hpp"

namespace tandem::forwarding {

// Where to ask. The shell asks the kernel; a test invents a network.
class NetworkView {
 public:
  struct Interface {
    MacAddress mac;
    uint32_t mtu = 0;
  };
  virtual ~NetworkView() = default;
  // Nothing: no route, or not one that leaves this box.
  virtual std::optional<netlink::RouteAnswer> route_to(const IpAddress& destination) = 0;
  virtual std::optional<netlink::Neighbour> neighbour(int ifindex, const IpAddress& address) = 0;
  virtual void ask(int ifindex, const IpAddress& address) = 0;
  virtual std::optional<Interface> interface(int ifindex) = 0;
};

class KernelNetwork final : public NetworkView {
 public:
  static netlink::Outcome<KernelNetwork> open();
  std::optional<netlink::RouteAnswer> route_to(const IpAddress& destination) override;
  std::optional<netlink::Neighbour> neighbour(int ifindex, const IpAddress& address) override;
  void ask(int ifindex, const IpAddress& address) override;
  std::optional<Interface> interface(int ifindex) override;

 private:
  explicit KernelNetwork(netlink::Connection connection) : connection_(std::move(connection)) {}
  netlink::Connection connection_;
};

// The kernel has heard from it lately, or never needs to.
inline bool is_confirmed(netlink::NeighbourState state) {
  return state == netlink::NeighbourState::kReachable || state == netlink::NeighbourState::kPermanent ||
         state == netlink::NeighbourState::kNoArp;
}

// A way out, ready to be used.
struct Way {
  uint32_t ifindex = 0;
  MacAddress source;
  MacAddress destination;
  uint32_t mtu = 0;  // bytes of IP
};

struct NextHopCounters {
  uint64_t lookups = 0;          // of routes, in the kernel
  uint64_t held = 0;             // packets that waited for their next hop's address
  uint64_t dropped_waiting = 0;  // of those: waited in vain, or too many
  uint64_t dropped_no_route = 0;
};

class NextHops {
 public:
  static constexpr size_t kRoutes = 1 << 16;
  static constexpr size_t kHops = 8192;
  static constexpr size_t kHeldPerHop = 3;
  static constexpr size_t kHeldBytes = 2 << 20;
  static constexpr Duration kHoldFor = 1s;
  static constexpr Duration kConfirmEvery = 30s;
  static constexpr Duration kNoRouteFor = 1s;

  using Send = std::function<void(MutableBytes packet, const Offload& offload, const Way& way)>;

  explicit NextHops(NetworkView& network);

  // Sends `packet` by `send`, which is called within or, when the next hop must first be resolved, later with a copy,
  // which stays until forget_released(). kHeadroom bytes stand before the copy.
  // Returns the way it went; nullptr when it was not sent at once. Valid until the next call.
  const Way* send(const IpAddress& destination, MutableBytes packet, const Offload& offload, TimePoint now,
                  const Send& send);

  // The way that send() would take at once without asking anybody; nullptr: it would have to ask. Valid until the next call.
  const Way* known_way(const IpAddress& destination);

  // Returns whether a way that was known does not hold any more.
  bool on_neighbour(const netlink::Neighbour& neighbour, bool removed, const Send& send);
  // Whether ways that send() told are not followed any more, because there were too many next hops: true once.
  bool take_lost() { return std::exchange(lost_, false); }
  // A route to `changed` came or went: destinations inside of it are asked again when they are next needed. Returns whether there
  // may have been some.
  bool forget_routes(const Prefix& changed);
  // Addresses or interfaces changed, or changes were lost: the same for everything.
  void forget_all();
  // Takes back the memory of packets that waited and were handed to `send`, once they are sent.
  void forget_released() { released_.clear(); }
  // Drops what waited too long. Call every 100 ms or so while waiting().
  void tick(TimePoint now);
  // Asks for the next hops that packets are sent to by others, without send(): each of those once given out by send(), as often as
  // it would. Call about once a second.
  void keep_confirmed(TimePoint now);
  bool waiting() const { return held_packets_ > 0; }
  const NextHopCounters& counters() const { return counters_; }

 private:
  struct HopKey {
    int ifindex = 0;
    IpAddress address;
    bool operator==(const HopKey&) const = default;
  };
  struct HashHopKey {
    size_t operator()(const HopKey& key) const;
  };
  struct Held {
    std::vector<std::byte> bytes;  // with room for an Ethernet header before the packet
    Offload offload;
    TimePoint until;
  };
  struct Hop {
    HopKey key;
    Way way;
    bool usable = false;
    bool confirmed = false;  // by the kernel, lately
    TimePoint asked{};
    std::vector<Held> held;
  };
  // A place of the routes table. Valid only in the generation it was written in.
  struct Route {
    IpAddress destination;
    uint32_t generation = 0;
    Hop* hop = nullptr;  // none: no route, as of `asked`
    uint32_t mtu = 0;    // the route's own; 0: the interface's
    TimePoint asked{};
  };
  static constexpr size_t kWays = 4;

  const Route* find(const IpAddress& destination) const;
  Route& route_for(const IpAddress& destination, TimePoint now);
  Route look_up(const IpAddress& destination, TimePoint now);
  Hop* hop_of(const HopKey& key, TimePoint now);
  // Asks whether it is still there, where that was not heard lately.
  void confirm(Hop& hop, TimePoint now);
  void hold(Hop& hop, Bytes packet, const Offload& offload, TimePoint now);
  void release(Hop& hop, const Send& send);

  NetworkView& network_;
  std::unique_ptr<std::array<Route, kRoutes>> routes_;
  uint32_t generation_ = 1;
  uint32_t next_victim_ = 0;
  bool lost_ = false;
  bool pushed_out_ = false;  // some destination that is in use may not be remembered
  std::unordered_map<HopKey, std::unique_ptr<Hop>, HashHopKey> hops_;
  Way last_way_;
  std::vector<Held> released_;
  size_t held_packets_ = 0;
  size_t held_bytes_ = 0;
  NextHopCounters counters_;
};

}  // namespace tandem::forwarding
