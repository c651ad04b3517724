// The kernel's messages as our structs; private to this folder. Every attribute's length is
// checked, and a message that makes no sense, or is of another family, gives nothing.
#pragma once

#include <optional>

#include "daemon/base/address.hpp"
#include "daemon/netlink/monitor.hpp"

struct nlattr;
struct nlmsghdr;

namespace tandem::netlink {

std::optional<Link> parse_link(const nlmsghdr& header);
std::optional<InterfaceAddress> parse_address(const nlmsghdr& header);
std::optional<Neighbour> parse_neighbour(const nlmsghdr& header);
// RTM_NEWROUTE as the answer to a question.
std::optional<RouteAnswer> parse_route_answer(const nlmsghdr& header);
std::optional<RouteChange> parse_route_change(const nlmsghdr& header);

// The address as it goes into an attribute; `family` is AF_INET or AF_INET6.
uint8_t family_of(const IpAddress& address);
struct AddressBytes {
  std::array<std::byte, 16> bytes{};
  size_t length = 0;
  Bytes view() const { return Bytes(bytes).first(length); }
};
AddressBytes address_bytes(const IpAddress& address);

}  // namespace tandem::netlink
