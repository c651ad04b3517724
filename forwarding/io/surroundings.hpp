// The interfaces and addresses of this box, as far as forwarding wants to know.
#pragma once

#include <string>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/netlink/connection.hpp"

namespace tandem::forwarding {

// An Ethernet-like interface with an IPv4 address: where packets of services come and go.
struct PacketInterface {
  int index = 0;
  std::string name;
  std::string qdisc;  // the root queueing discipline
  bool up = false;
  bool operator==(const PacketInterface&) const = default;
};

struct Surroundings {
  std::vector<PacketInterface> interfaces;
  std::vector<IpAddress> own_addresses;  // of every interface, VIPs that are here now among them
  bool operator==(const Surroundings&) const = default;
};

netlink::Outcome<Surroundings> look_around(netlink::Connection& connection);

}  // namespace tandem::forwarding
