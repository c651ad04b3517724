// What is asked of addresses beyond their value and text.
#pragma once

#include <string>

#include "daemon/base/address.hpp"

namespace tandem {

// Whether the address is of the prefix's family and begins with its bits.
bool contains(const Prefix& prefix, const IpAddress& address);

inline bool is_multicast(const Ipv6Address& address) {
  return address.bytes[0] == 0xff;
}
// RFC 4291, 2.5.6.
inline bool is_link_local(const Ipv6Address& address) {
  return address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

// Of ::ffff:0:0/96, which stands for an IPv4 address inside of a host (RFC 4291, 2.5.5.2).
bool is_ipv4_mapped(const Ipv6Address& address);

// Of 127.0.0.0/8, or ::1 (RFC 4291, 2.5.3).
bool is_loopback(const IpAddress& address);

// The first and the last address that begin with the prefix's bits.
IpAddress first_of(const Prefix& prefix);
IpAddress last_of(const Prefix& prefix);

// The address after this one; after the last of a family the first.
IpAddress next_of(const IpAddress& address);

// As it is written where a port follows: IPv6 in brackets (RFC 3986, 3.2.2).
std::string text_before_port(const IpAddress& address);

}  // namespace tandem
