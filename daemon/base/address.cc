#include "daemon/base/address.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstdio>
#include <cstring>

namespace tandem {

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
  Ipv4Address address;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && (at == end || *at++ != '.')) return std::nullopt;
    if (end - at > 1 && at[0] == '0' && at[1] >= '0' && at[1] <= '9')
      return std::nullopt;  // 010 is 8 to some, 10 to others
    uint8_t octet = 0;
    const auto [next, error] = std::from_chars(at, end, octet);
    if (error != std::errc() || next == at) return std::nullopt;
    at = next;
    address.value = (address.value << 8) | octet;
  }
  if (at != end) return std::nullopt;
  return address;
}

std::string Ipv4Address::text() const {
  char text[INET_ADDRSTRLEN];
  const int length = std::snprintf(text, sizeof(text), "%u.%u.%u.%u", value >> 24, (value >> 16) & 255,
                                   (value >> 8) & 255, value & 255);
  return {text, static_cast<size_t>(length)};
}

std::optional<Ipv6Address> Ipv6Address::parse(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof(copy) || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  Ipv6Address address;
  if (inet_pton(AF_INET6, copy, address.bytes.data()) != 1) return std::nullopt;
  return address;
}

std::string Ipv6Address::text() const {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, bytes.data(), text, sizeof(text));
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (auto v4 = Ipv4Address::parse(text)) return IpAddress(*v4);
  if (auto v6 = Ipv6Address::parse(text)) return IpAddress(*v6);
  return std::nullopt;
}

std::string IpAddress::text() const {
  return is_v4() ? v4.text() : v6.text();
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned longest = address->is_v4() ? 32 : 128;
  unsigned length = longest;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc() || end != digits.data() + digits.size() || length > longest) return std::nullopt;
  }
  return Prefix{*address, static_cast<uint8_t>(length)};
}

std::string Prefix::text() const {
  return address.text() + "/" + std::to_string(length);
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress mac;
  if (text.size() != 17) return std::nullopt;
  for (size_t i = 0; i < 6; ++i) {
    if (i > 0 && text[i * 3 - 1] != ':') return std::nullopt;
    const char* const pair = text.data() + i * 3;
    const auto [end, error] = std::from_chars(pair, pair + 2, mac.bytes[i], 16);
    if (error != std::errc() || end != pair + 2) return std::nullopt;
  }
  return mac;
}

std::string MacAddress::text() const {
  char text[18];
  std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                bytes[5]);
  return text;
}

}  // namespace tandem
