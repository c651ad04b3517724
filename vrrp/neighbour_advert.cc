#include "vrrp/neighbour_advert.hpp"

#include <bit>

#include "daemon/base/bytes.hpp"
#include "daemon/base/checksum.hpp"

namespace tandem::vrrp {
namespace {

constexpr MacAddress kAllNodesMac{{0x33, 0x33, 0, 0, 0, 1}};  // RFC 2464, 7
constexpr Ipv6Address kAllNodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
constexpr uint8_t kIcmpv6 = 58;
constexpr uint8_t kRouterAndOverride = 0xa0;

struct Message {       // RFC 4861, 4.4, with its one option
  uint8_t type = 136;  // neighbour advertisement
  uint8_t code = 0;
  be16 checksum = 0;
  uint8_t flags = kRouterAndOverride;
  std::array<uint8_t, 3> reserved{};
  Ipv6Address target;
  uint8_t option_type = 2;    // target link-layer address
  uint8_t option_length = 1;  // of 8 octets
  MacAddress link_layer;
};
struct Frame {
  MacAddress destination;
  MacAddress source;
  be16 ether_type;
  uint8_t version_class;
  std::array<uint8_t, 3> class_flow{};
  be16 payload_length;
  uint8_t next_header;
  uint8_t hop_limit;  // 255: who gets it knows that it came through no router
  Ipv6Address ip_source;
  Ipv6Address ip_destination;
  Message message;
};
static_assert(sizeof(Frame) == kNeighbourAdvertBytes && alignof(Frame) == 1);

uint16_t checksum_of(const Frame& frame) {  // RFC 8200, 8.1
  ChecksumSum sum;
  sum.add(bytes_of(frame.ip_source));
  sum.add(bytes_of(frame.ip_destination));
  sum.add32(sizeof(Message));
  sum.add32(kIcmpv6);
  sum.add(bytes_of(frame.message));
  return sum.finish();
}

}  // namespace

std::array<std::byte, kNeighbourAdvertBytes> unsolicited_neighbour_advert(const MacAddress& sender,
                                                                          const Ipv6Address& address) {
  Frame frame{.destination = kAllNodesMac,
              .source = sender,
              .ether_type = 0x86dd,
              .version_class = 0x60,
              .payload_length = sizeof(Message),
              .next_header = kIcmpv6,
              .hop_limit = 255,
              .ip_source = address,
              .ip_destination = kAllNodes,
              .message = {.target = address, .link_layer = sender}};
  frame.message.checksum = checksum_of(frame);
  return std::bit_cast<std::array<std::byte, kNeighbourAdvertBytes>>(frame);
}

}  // namespace tandem::vrrp
