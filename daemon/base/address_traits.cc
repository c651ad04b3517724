#include "daemon/base/address_traits.hpp"

#include <algorithm>

namespace tandem {

bool contains(const Prefix& prefix, const IpAddress& address) {
  if (prefix.address.family != address.family) return false;
  if (address.is_v4()) {
    const uint32_t mask = prefix.length == 0 ? 0 : ~uint32_t{0} << (32 - prefix.length);
    return ((prefix.address.v4.value ^ address.v4.value) & mask) == 0;
  }
  for (size_t bit = 0; bit < prefix.length; bit += 8) {
    const size_t left = std::min<size_t>(prefix.length - bit, 8);
    const auto mask = static_cast<uint8_t>(0xff << (8 - left));
    if (((prefix.address.v6.bytes[bit / 8] ^ address.v6.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

bool is_loopback(const IpAddress& address) {
  static constexpr Ipv6Address kLoopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  return address.is_v4() ? address.v4.is_loopback() : address.v6 == kLoopback;
}

std::string text_before_port(const IpAddress& address) {
  return address.is_v4() ? address.text() : '[' + address.text() + ']';
}

}  // namespace tandem
