// Devices with a virtual router's own MAC address (RFC 9568, 7.3), on top of the interface it lives on.
#pragma once

#include <set>
#include <string>

#include "daemon/base/address.hpp"
#include "daemon/netlink/connection.hpp"

namespace tandem::netlink {

struct Macvlan {
  std::string name;
  std::string parent;
  MacAddress mac;
  auto operator<=>(const Macvlan&) const = default;

  std::string text() const { return name + " on " + parent; }
};

// Makes it, in bridge mode and without an address of its own, and raises it; one that is there already is raised.
// The parent must not answer ARP for the device's addresses, nor speak for them: arp_ignore and arp_announce of both are
// set, and the reverse path filter of the device is made loose, because what comes in by it is answered by its parent.
Outcome<void> raise_macvlan(Connection& connection, const Macvlan& device);

// Takes it down before its addresses go: at once it answers for none of them, and the kernel says no goodbye to their
// multicast groups (MLD) from the virtual MAC address, by which switches would believe that it is still here.
Outcome<void> hush_macvlan(Connection& connection, const Macvlan& device);

// Removing one that is not there succeeds.
Outcome<void> remove_macvlan(Connection& connection, const std::string& name);

// Takes away every device of ours (by name and MAC address) but these. Returns how many that were.
Outcome<size_t> remove_our_macvlans(Connection& connection, const std::set<std::string>& keep);

// "vrrp4-51", "vrrp6-51"
std::string macvlan_name(IpAddress::Family family, uint8_t vrid);
inline bool is_macvlan_name(const std::string& name) {
  return name.starts_with("vrrp4-") || name.starts_with("vrrp6-");
}

}  // namespace tandem::netlink
