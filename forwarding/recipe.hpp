// The addresses of a recipe, whatever their family.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "daemon/base/address.hpp"
#include "forwarding/recipe.h"

namespace tandem::forwarding {

inline IpAddress address_in(bool six, uint32_t four, const uint8_t (&bytes)[16]) {
  if (!six) return Ipv4Address{four};
  Ipv6Address address;
  std::copy(bytes, bytes + 16, address.bytes.begin());
  return address;
}
// The one of the two that is not the address's becomes zero.
inline void put_address(const IpAddress& address, uint32_t& four, uint8_t (&bytes)[16]) {
  four = address.is_v4() ? address.v4.value : 0;
  std::copy(address.v6.bytes.begin(), address.v6.bytes.end(), bytes);
}

// "nat"
inline std::string_view name_of(tandem_method method) {
  switch (method) {
    case TANDEM_NAT:
      return "nat";
    case TANDEM_DR:
      return "dr";
    case TANDEM_TUN:
      return "tun";
    case TANDEM_FULLNAT:
      return "fullnat";
    case TANDEM_LOCAL:
      return "local";
  }
  return "another method";
}

// Its answers come back through the director.
inline bool sees_answers(tandem_method method) {
  return method == TANDEM_NAT || method == TANDEM_FULLNAT;
}

inline bool is_virtual_ipv6(const tandem_recipe& recipe) {
  return (recipe.flags & TANDEM_RECIPE_IPV6) != 0;
}
inline bool is_server_ipv6(const tandem_recipe& recipe) {
  return (recipe.flags & TANDEM_RECIPE_SERVER_IPV6) != 0;
}
inline IpAddress server_address(const tandem_recipe& recipe) {
  return address_in(is_server_ipv6(recipe), recipe.server_address, recipe.server_address6);
}
inline IpAddress virtual_address(const tandem_recipe& recipe) {
  return address_in(is_virtual_ipv6(recipe), recipe.virtual_address, recipe.virtual_address6);
}
inline IpAddress tunnel_source(const tandem_recipe& recipe) {
  return address_in(is_server_ipv6(recipe), recipe.tunnel_source, recipe.tunnel_source6);
}

}  // namespace tandem::forwarding
