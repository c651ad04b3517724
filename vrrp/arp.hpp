// Gratuitous ARP (RFC 5227 section 3, RFC 9568 section 8.1.2): how hosts and switches learn that an address has moved.
//
// The request form, as keepalived and FRR send it: every host that knows the address updates its entry, and none
// answers. The answer form is ignored by some.
#pragma once

#include <array>
#include <cstddef>

#include "daemon/base/address.hpp"

namespace tandem::vrrp {

inline constexpr size_t kArpFrameBytes = 42;

// The Ethernet frame, from `sender` to everybody: sender and target address are both `address`.
std::array<std::byte, kArpFrameBytes> gratuitous_arp(const MacAddress& sender, Ipv4Address address);

}  // namespace tandem::vrrp
