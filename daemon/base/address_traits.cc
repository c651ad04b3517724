#include "daemon/base/address_traits.hpp"

#include <algorithm>
#include <array>

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

bool is_ipv4_mapped(const Ipv6Address& address) {
  static constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin());
}

bool is_loopback(const IpAddress& address) {
  static constexpr Ipv6Address kLoopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  return address.is_v4() ? address.v4.is_loopback() : address.v6 == kLoopback;
}

namespace {

// Of the prefix's address with every bit beyond its length like `bit`.
IpAddress end_of(const Prefix& prefix, bool bit) {
  IpAddress end = prefix.address;
  if (end.is_v4()) {
    const uint32_t host = prefix.length == 32 ? 0 : ~uint32_t{0} >> prefix.length;
    end.v4.value = bit ? end.v4.value | host : end.v4.value & ~host;
    return end;
  }
  for (size_t at = prefix.length; at < 128; ++at) {
    const auto mask = static_cast<uint8_t>(0x80 >> at % 8);
    uint8_t& byte = end.v6.bytes[at / 8];
    byte = static_cast<uint8_t>(bit ? byte | mask : byte & ~mask);
  }
  return end;
}

}  // namespace

IpAddress first_of(const Prefix& prefix) {
  return end_of(prefix, false);
}
IpAddress last_of(const Prefix& prefix) {
  return end_of(prefix, true);
}

IpAddress next_of(const IpAddress& address) {
  IpAddress next = address;
  if (next.is_v4()) {
    ++next.v4.value;
    return next;
  }
  for (size_t i = 16; i-- > 0;)
    if (++next.v6.bytes[i] != 0) break;
  return next;
}

std::string text_before_port(const IpAddress& address) {
  return address.is_v4() ? address.text() : '[' + address.text() + ']';
}

}  // namespace tandem
