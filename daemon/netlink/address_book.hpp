// The addresses of interfaces. Those we add carry a tag (IFA_PROTO, Linux 5.18), so that what a
// killed process left behind can be told from what the operator configured.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/netlink/connection.hpp"

namespace tandem::netlink {

// Our IFA_PROTO value. The kernel keeps 0-3 for itself and leaves the rest to user space; 112 is
// VRRP's own protocol number.
inline constexpr uint8_t kOurAddressTag = 112;

struct InterfaceAddress {
  int interface_index = 0;
  Prefix prefix;
  uint8_t tag = 0;         // IFA_PROTO; 0 when the kernel does not say
  bool secondary = false;  // goes away with the first address of its network (IFA_F_SECONDARY)
  uint8_t scope = 0;       // RT_SCOPE_...: 0 is global
  bool tentative = false;  // IPv6: being looked for on the link, or found there; nothing may be sent from it
  bool operator==(const InterfaceAddress&) const = default;

  bool ours() const { return tag == kOurAddressTag; }
};

// Adding one that is there already succeeds and gives it our tag.
// Without `network_route` the kernel makes no route to the prefix: another interface has it.
Outcome<void> add_address(Connection& connection, int interface_index, const Prefix& prefix, bool network_route = true);

// Removing one that is not there succeeds.
Outcome<void> remove_address(Connection& connection, int interface_index, const Prefix& prefix);

// All addresses of an interface, in the kernel's order; of every interface when `interface_index`
// is 0.
Outcome<std::vector<InterfaceAddress>> list_addresses(Connection& connection, int interface_index);

// Those that carry our tag, on any interface.
Outcome<std::vector<InterfaceAddress>> list_our_addresses(Connection& connection);

// The address an advert of this interface is sent from: its first IPv4 address that is not ours,
// a global one before one of narrower scope. Never a secondary one if there is another.
std::optional<Ipv4Address> primary_ipv4(const std::vector<InterfaceAddress>& addresses, int interface_index);

// The same for IPv6: its first link-local address that is not ours and may be used (RFC 9568, 5.1.2.1).
std::optional<Ipv6Address> primary_ipv6(const std::vector<InterfaceAddress>& addresses, int interface_index);

}  // namespace tandem::netlink
