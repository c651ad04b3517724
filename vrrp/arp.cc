#include "vrrp/arp.hpp"

#include <bit>

#include "daemon/base/bytes.hpp"

namespace tandem::vrrp {
namespace {

constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

struct ArpFrame {  // RFC 826, in an Ethernet II frame
  MacAddress destination;
  MacAddress source;
  be16 ether_type;
  be16 hardware_type;  // 1: Ethernet
  be16 protocol_type;  // 0x0800: IPv4
  uint8_t hardware_length;
  uint8_t protocol_length;
  be16 operation;  // 1: request
  MacAddress sender_hardware;
  be32 sender_protocol;
  MacAddress target_hardware;
  be32 target_protocol;
};
static_assert(sizeof(ArpFrame) == kArpFrameBytes && alignof(ArpFrame) == 1);

}  // namespace

std::array<std::byte, kArpFrameBytes> gratuitous_arp(const MacAddress& sender, Ipv4Address address) {
  const ArpFrame frame{.destination = kBroadcast,
                       .source = sender,
                       .ether_type = 0x0806,
                       .hardware_type = 1,
                       .protocol_type = 0x0800,
                       .hardware_length = 6,
                       .protocol_length = 4,
                       .operation = 1,
                       .sender_hardware = sender,
                       .sender_protocol = address.value,
                       .target_hardware = kBroadcast,
                       .target_protocol = address.value};
  return std::bit_cast<std::array<std::byte, kArpFrameBytes>>(frame);
}

}  // namespace tandem::vrrp
