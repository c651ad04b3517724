// The room's copy of the kernel's interfaces and addresses, kept by what the monitor reports.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/netlink/address_book.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/monitor.hpp"

namespace tandem::vrrp {

struct InterfaceSnapshot {
  std::vector<netlink::Link> links;
  std::vector<netlink::InterfaceAddress> addresses;
};

class InterfaceTable {
 public:
  // Both return the names of the interfaces for which something changed.
  std::set<std::string> replace(InterfaceSnapshot snapshot);
  std::set<std::string> apply(const netlink::LinkChange& change);
  std::set<std::string> apply(const netlink::AddressChange& change);

  bool has_mac(const MacAddress& mac) const;

  // nullptr when there is none of that name now.
  const netlink::Link* find(std::string_view name) const;
  const netlink::Link* find(int index) const;
  bool usable(std::string_view name) const;

  // The interface's own addresses of a family with their networks: not those that move.
  std::vector<Prefix> own_prefixes(std::string_view name, IpAddress::Family family = IpAddress::Family::kIpv4) const;
  // What adverts of a family are sent from when nothing else is said.
  std::optional<IpAddress> primary(std::string_view name, IpAddress::Family family = IpAddress::Family::kIpv4) const;
  // Whether the interface has this address of its own and may use it.
  bool has_own(std::string_view name, const IpAddress& address) const;
  // Whether the interface has this address, whoever put it there.
  bool has(std::string_view name, const Prefix& prefix) const;
  // Whether it has it with our tag.
  bool has_ours(std::string_view name, const Prefix& prefix) const;

 private:
  std::map<int, netlink::Link> links_;
  std::vector<netlink::InterfaceAddress> addresses_;
};

}  // namespace tandem::vrrp
