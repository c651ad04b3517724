// Accept_Mode off (RFC 9568, 6.1): the active router answers ARP and neighbour discovery for its addresses, and nothing else.
//
// The kernel knows no address that it has and does not answer on, so an nftables table `inet tandem_accept` drops on the way
// in what comes to these addresses. It stands whether this box is active or not: while it is not the addresses are not here
// and nothing comes by, and a takeover need not wait for it. Services are not concerned: forwarding takes their packets
// before the kernel has them. The box itself reaches its addresses over the loopback interface.
#pragma once

#include <set>
#include <string>

#include "daemon/base/address.hpp"
#include "daemon/netlink/nft.hpp"

namespace tandem::vrrp {

// The nft commands that make the table from whatever was there before; without addresses there is no table.
std::string accept_table(const std::set<IpAddress>& unaccepted);

// Outcome: what nft said. No error when there is nothing to take away.
netlink::Nft::Outcome set_unaccepted(const std::set<IpAddress>& addresses);

}  // namespace tandem::vrrp
