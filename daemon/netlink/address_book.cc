#include "daemon/netlink/address_book.hpp"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "daemon/netlink/parse.hpp"

namespace tandem::netlink {
namespace {

Request address_request(int type, int flags, int interface_index, const Prefix& prefix) {
  const ifaddrmsg fixed{.ifa_family = family_of(prefix.address),
                        .ifa_prefixlen = prefix.length,
                        // Duplicate address detection would keep an IPv6 address unusable for a
                        // second or more after a takeover.
                        .ifa_flags = static_cast<uint8_t>(prefix.address.is_v4() ? 0 : IFA_F_NODAD),
                        .ifa_scope = RT_SCOPE_UNIVERSE,
                        .ifa_index = static_cast<uint32_t>(interface_index)};
  Request request(type, flags, fixed);
  const AddressBytes address = address_bytes(prefix.address);
  request.put(IFA_LOCAL, address.view());
  request.put(IFA_ADDRESS, address.view());
  return request;
}

}  // namespace

Outcome<void> add_address(Connection& connection, int interface_index, const Prefix& prefix, bool network_route) {
  Request request = address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, interface_index, prefix);
  request.put_value(IFA_PROTO, kOurAddressTag);
  // Deprecated from the beginning (RFC 4862, 5.5.4): it is answered on, but this box does not speak from it of itself. Of
  // several addresses on a link the kernel would otherwise prefer the newest, and checks would come from one that moves.
  // Of IPv4 it takes the first, which is never ours.
  if (!prefix.address.is_v4())
    request.put_value(IFA_CACHEINFO, ifa_cacheinfo{.ifa_prefered = 0, .ifa_valid = 0xffffffff});
  if (!network_route) {
    const uint32_t flags = IFA_F_NOPREFIXROUTE | (prefix.address.is_v4() ? 0 : IFA_F_NODAD);
    request.put_value(IFA_FLAGS, flags);
  }
  return connection.change(std::move(request), "adding an address");
}

Outcome<void> remove_address(Connection& connection, int interface_index, const Prefix& prefix) {
  const auto removed =
      connection.change(address_request(RTM_DELADDR, 0, interface_index, prefix), "removing an address");
  // EADDRNOTAVAIL: it is not there. ENODEV: the interface itself is gone, and its addresses with it.
  if (!removed && removed.error().kind == ErrorKind::kNotFound) return {};
  return removed;
}

Outcome<std::vector<InterfaceAddress>> list_addresses(Connection& connection, int interface_index) {
  std::vector<InterfaceAddress> addresses;
  const auto asked = connection.ask(
      Request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{.ifa_family = AF_UNSPEC}), "listing addresses",
      [&](const nlmsghdr& header) {
        const auto address = parse_address(header);
        if (address && (interface_index == 0 || address->interface_index == interface_index))
          addresses.push_back(*address);
      },
      [&] { addresses.clear(); });
  if (!asked) return Failure(asked.error());
  return addresses;
}

Outcome<std::vector<InterfaceAddress>> list_our_addresses(Connection& connection) {
  auto addresses = list_addresses(connection, 0);
  if (addresses) std::erase_if(*addresses, [](const InterfaceAddress& a) { return !a.ours(); });
  return addresses;
}

std::optional<Ipv4Address> primary_ipv4(const std::vector<InterfaceAddress>& addresses, int interface_index) {
  const InterfaceAddress* best = nullptr;
  for (const InterfaceAddress& address : addresses) {
    if (address.interface_index != interface_index || !address.prefix.address.is_v4() || address.ours()) continue;
    // A wider scope wins, then a primary over a secondary, then the kernel's order.
    if (best == nullptr || address.scope < best->scope ||
        (address.scope == best->scope && best->secondary && !address.secondary))
      best = &address;
  }
  if (best == nullptr) return std::nullopt;
  return best->prefix.address.v4;
}

std::optional<Ipv6Address> primary_ipv6(const std::vector<InterfaceAddress>& addresses, int interface_index) {
  for (const InterfaceAddress& address : addresses) {
    if (address.interface_index != interface_index || address.prefix.address.is_v4() || address.ours()) continue;
    if (address.scope == RT_SCOPE_LINK && !address.tentative) return address.prefix.address.v6;
  }
  return std::nullopt;
}

}  // namespace tandem::netlink
