// Internet and Ethernet addresses: values, their text, and prefixes.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem {

// An IPv4 address as a host-order number: 192.0.2.1 is 0xc0000201, so operator< is the
// network-order comparison that VRRP's tie-break asks for (RFC 9568, 6.4.3).
struct Ipv4Address {
  uint32_t value = 0;
  auto operator<=>(const Ipv4Address&) const = default;

  // Dotted quad only: no octal, no fewer than four parts, nothing around it.
  static std::optional<Ipv4Address> parse(std::string_view text);
  std::string text() const;
  bool is_unspecified() const { return value == 0; }
  bool is_loopback() const { return value >> 24 == 127; }
  bool is_multicast() const { return value >> 28 == 0xe; }
};

// An IPv6 address, bytes in network order.
struct Ipv6Address {
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const Ipv6Address&) const = default;

  static std::optional<Ipv6Address> parse(std::string_view text);
  std::string text() const;  // RFC 5952
};

// An address of either family.
struct IpAddress {
  enum class Family : uint8_t { kIpv4 = 4, kIpv6 = 6 };

  Family family = Family::kIpv4;
  Ipv4Address v4;
  Ipv6Address v6;

  IpAddress() = default;
  IpAddress(Ipv4Address address) : v4(address) {}                         // NOLINT: widening
  IpAddress(Ipv6Address address) : family(Family::kIpv6), v6(address) {}  // NOLINT: widening
  auto operator<=>(const IpAddress&) const = default;

  bool is_v4() const { return family == Family::kIpv4; }
  static std::optional<IpAddress> parse(std::string_view text);
  std::string text() const;
};

// An address with the length of its network part, as in 198.51.100.10/24. Host bits are kept.
struct Prefix {
  IpAddress address;
  uint8_t length = 32;  // 0-32 or 0-128
  auto operator<=>(const Prefix&) const = default;

  // With or without "/length"; without it the full length (32 or 128).
  static std::optional<Prefix> parse(std::string_view text);
  std::string text() const;
};

struct MacAddress {
  std::array<uint8_t, 6> bytes{};
  auto operator<=>(const MacAddress&) const = default;

  static std::optional<MacAddress> parse(std::string_view text);  // six hex pairs with colons
  std::string text() const;
  bool is_zero() const { return *this == MacAddress{}; }
};

}  // namespace tandem
