#include "forwarding/header_checks.hpp"

#include <algorithm>

#include "daemon/base/address_traits.hpp"
#include "daemon/base/checksum.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

// RFC 791, 3.1.
constexpr uint8_t kEndOfOptions = 0;
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kLooseSourceRoute = 131;
constexpr uint8_t kStrictSourceRoute = 137;

bool are_options_sound(Bytes options) {
  size_t at = 0;
  while (at < options.size()) {
    const auto type = std::to_integer<uint8_t>(options[at]);
    if (type == kEndOfOptions) return true;
    if (type == kNoOperation) {
      ++at;
      continue;
    }
    if (type == kLooseSourceRoute || type == kStrictSourceRoute || at + 1 == options.size()) return false;
    const auto length = std::to_integer<size_t>(options[at + 1]);
    if (length < 2 || length > options.size() - at) return false;
    at += length;
  }
  return true;
}

// RFC 8200, 4.2, by the kernel's measure (ip6_parse_tlv): at most eight options, at most seven bytes of padding in a row, and
// those zero; an option that is not known says in its first two bits what becomes of its packet. Jumbo payloads (RFC 2675),
// the only known option with such a bit set, do not come through here.
bool are_hop_by_hop_options_sound(Bytes options) {
  constexpr uint8_t kPad1 = 0, kPadN = 1, kNotToBePassedOver = 0xc0;
  constexpr size_t kMostOptions = 8, kMostPadding = 7;
  size_t at = 0, padding = 0, count = 0;
  while (at < options.size()) {
    const auto type = std::to_integer<uint8_t>(options[at]);
    size_t length = 1;
    if (type != kPad1) {
      if (at + 1 == options.size()) return false;
      length = 2 + std::to_integer<size_t>(options[at + 1]);
      if (length > options.size() - at) return false;
    }
    if (type == kPad1 || type == kPadN) {
      padding += length;
      const Bytes content = options.subspan(at, length).subspan(length == 1 ? 1 : 2);
      if (padding > kMostPadding || std::ranges::any_of(content, [](std::byte b) { return b != std::byte{0}; }))
        return false;
    } else {
      padding = 0;
      if (++count > kMostOptions || (type & kNotToBePassedOver) != 0) return false;
    }
    at += length;
  }
  return true;
}

// What the kernel reads of a packet's options before it looks for whom it is. REQUIRES: a parsed packet.
bool are_ipv6_options_sound(Bytes bytes) {
  if (wire_at<Ipv6Header>(bytes)->next_header != kHopByHop) return true;
  const auto& header = *wire_at<Ipv6Extension>(bytes, sizeof(Ipv6Header));
  return are_hop_by_hop_options_sound(
      bytes.subspan(sizeof(Ipv6Header), (size_t{header.length} + 1) * 8).subspan(sizeof(Ipv6Extension)));
}

// 0 for a message whose checksum is right.
uint16_t icmp_error(const Packet& packet) {
  ChecksumSum sum;
  const Bytes message = Bytes(packet.bytes).subspan(packet.header_length);
  if (packet.is_ipv6()) {  // RFC 4443, 2.3
    sum.add(std::as_bytes(std::span(packet.source.v6.bytes)));
    sum.add(std::as_bytes(std::span(packet.destination.v6.bytes)));
    sum.add32(static_cast<uint32_t>(message.size()));
    sum.add16(kIcmp6);
  }
  sum.add(message);
  return sum.finish();
}

}  // namespace

std::optional<HeaderFault> header_fault(const Packet& packet) {
  if (!packet.is_ipv6()) {
    const size_t length = wire_at<Ipv4Header>(Bytes(packet.bytes))->header_length();
    const Bytes header = Bytes(packet.bytes).first(length);
    if (internet_checksum(header) != 0) return HeaderFault::kChecksum;
    if (length > sizeof(Ipv4Header) && !are_options_sound(header.subspan(sizeof(Ipv4Header))))
      return HeaderFault::kOptions;
  } else if (!are_ipv6_options_sound(packet.bytes)) {
    return HeaderFault::kOptions;
  }
  if (packet.quoted && !packet.fragment && !packet.offload.checksum_unfilled && icmp_error(packet) != 0)
    return HeaderFault::kChecksum;
  return std::nullopt;
}

bool can_be_sender(const IpAddress& address) {
  if (address.is_v4()) {
    const Ipv4Address four = address.v4;
    return !four.is_unspecified() && !four.is_loopback() && !four.is_multicast() && four.value != 0xffffffff;
  }
  return !is_multicast(address.v6) && address.v6 != Ipv6Address{} && !is_loopback(address) &&
         !is_ipv4_mapped(address.v6);
}

}  // namespace tandem::forwarding
