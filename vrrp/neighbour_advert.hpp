// The unsolicited neighbour advertisement (RFC 4861 section 4.4, RFC 9568 section 8.2.2): how hosts and switches learn that
// an IPv6 address has moved.
#pragma once

#include <array>
#include <cstddef>

#include "daemon/base/address.hpp"

namespace tandem::vrrp {

inline constexpr size_t kNeighbourAdvertBytes = 86;

// The Ethernet frame, from `sender` to all nodes (ff02::1): `address` is here. Router and Override are set, Solicited is
// not.
std::array<std::byte, kNeighbourAdvertBytes> unsolicited_neighbour_advert(const MacAddress& sender,
                                                                          const Ipv6Address& address);

}  // namespace tandem::vrrp
