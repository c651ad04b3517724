#include "forwarding/header_checks.hpp"

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

// RFC 8200, 4.2: hop-by-hop options, which every node on the way looks at, so the director too. The two highest bits of a type
// say what becomes of a packet whose reader does not know it: only 00 lets it go on. No type that says otherwise is known here.
bool are_hop_by_hop_options_sound(Bytes options) {
  constexpr uint8_t kPad1 = 0, kActionBits = 0xc0;
  size_t at = 0;
  while (at < options.size()) {
    const auto type = std::to_integer<uint8_t>(options[at]);
    if (type == kPad1) {
      ++at;
      continue;
    }
    if ((type & kActionBits) != 0 || at + 1 == options.size()) return false;
    const auto length = std::to_integer<size_t>(options[at + 1]) + 2;
    if (length > options.size() - at) return false;
    at += length;
  }
  return true;
}

// REQUIRES: the header's length has been checked.
Bytes hop_by_hop_options(const Packet& packet) {
  const auto& header = *wire_at<Ipv6Extension>(Bytes(packet.bytes), sizeof(Ipv6Header));
  return Bytes(packet.bytes).subspan(sizeof(Ipv6Header), (size_t{header.length} + 1) * 8).subspan(sizeof(header));
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
  } else if (wire_at<Ipv6Header>(Bytes(packet.bytes))->next_header == kHopByHop &&
             !are_hop_by_hop_options_sound(hop_by_hop_options(packet))) {
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
  static constexpr Ipv6Address kLoopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  return address.v6.bytes[0] != 0xff && address.v6 != Ipv6Address{} && address.v6 != kLoopback;
}

}  // namespace tandem::forwarding
