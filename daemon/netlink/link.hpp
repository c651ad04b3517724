// Network interfaces as the kernel knows them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/netlink/connection.hpp"

namespace tandem::netlink {

struct Link {
  int index = 0;
  std::string name;
  MacAddress mac;  // zero where the kind of interface has none
  uint32_t mtu = 0;
  int master = 0;        // the interface it is a port of (of a bridge, a bond, a VRF); 0: none
  std::string qdisc;     // the root queueing discipline: "noqueue", "mq", "htb"
  bool up = false;       // IFF_UP: an administrator wants it
  bool carrier = false;  // IFF_LOWER_UP: the cable, or what stands for it, is there
  bool operator==(const Link&) const = default;

  bool usable() const { return up && carrier; }
};

Outcome<Link> find_link(Connection& connection, std::string_view name);
Outcome<Link> find_link(Connection& connection, int index);
Outcome<std::vector<Link>> list_links(Connection& connection);

}  // namespace tandem::netlink
