// The interfaces and addresses of this box, as far as forwarding wants to know.
#pragma once

#include <string>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/netlink/address_book.hpp"
#include "daemon/netlink/connection.hpp"
#include "daemon/netlink/link.hpp"

namespace tandem::forwarding {

// An Ethernet-like interface with an address: where packets of services come and go.
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

// An interface that has a link-local IPv6 address alone counts where IPv6 is forwarded (`ipv6`), which needs no other
// address on a link between routers; unless it is a port of another one, which has the addresses.
Surroundings surroundings_of(const std::vector<netlink::InterfaceAddress>& addresses,
                             const std::vector<netlink::Link>& links, bool ipv6);

netlink::Outcome<Surroundings> look_around(netlink::Connection& connection, bool ipv6);

}  // namespace tandem::forwarding
