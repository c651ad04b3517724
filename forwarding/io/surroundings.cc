#include "forwarding/io/surroundings.hpp"

#include <set>

#include "daemon/netlink/address_book.hpp"
#include "daemon/netlink/link.hpp"

namespace tandem::forwarding {

netlink::Outcome<Surroundings> look_around(netlink::Connection& connection) {
  const auto addresses = netlink::list_addresses(connection, 0);
  if (!addresses) return Failure(addresses.error());
  const auto links = netlink::list_links(connection);
  if (!links) return Failure(links.error());

  Surroundings found;
  std::set<int> with_address;
  for (const netlink::InterfaceAddress& entry : *addresses) {
    if (!entry.prefix.address.is_v4()) continue;
    found.own_addresses.push_back(entry.prefix.address.v4);
    with_address.insert(entry.interface_index);
  }
  for (const netlink::Link& link : *links) {
    // Without a MAC address (lo, tun, ppp) there are no Ethernet headers to read and write.
    if (link.mac.is_zero() || !with_address.contains(link.index)) continue;
    found.interfaces.push_back({.index = link.index, .name = link.name, .qdisc = link.qdisc, .up = link.up});
  }
  return found;
}

}  // namespace tandem::forwarding
