#include "forwarding/io/surroundings.hpp"

#include <set>

#include "daemon/base/address_traits.hpp"

namespace tandem::forwarding {

Surroundings surroundings_of(const std::vector<netlink::InterfaceAddress>& addresses,
                             const std::vector<netlink::Link>& links, bool ipv6) {
  Surroundings found;
  std::set<int> with_address, with_link_local;
  for (const netlink::InterfaceAddress& entry : addresses) {
    const IpAddress& address = entry.prefix.address;
    found.own_addresses.push_back(address);
    const bool link_local = !address.is_v4() && is_link_local(address.v6);
    (link_local ? with_link_local : with_address).insert(entry.interface_index);
  }
  for (const netlink::Link& link : links) {
    // Without a MAC address (lo, tun, ppp) there are no Ethernet headers to read and write.
    if (link.mac.is_zero()) continue;
    const bool by_link_local = ipv6 && link.master == 0 && with_link_local.contains(link.index);
    if (!by_link_local && !with_address.contains(link.index)) continue;
    found.interfaces.push_back({.index = link.index, .name = link.name, .qdisc = link.qdisc, .up = link.up});
  }
  return found;
}

netlink::Outcome<Surroundings> look_around(netlink::Connection& connection, bool ipv6) {
  const auto addresses = netlink::list_addresses(connection, 0);
  if (!addresses) return Failure(addresses.error());
  const auto links = netlink::list_links(connection);
  if (!links) return Failure(links.error());
  return surroundings_of(*addresses, *links, ipv6);
}

}  // namespace tandem::forwarding
