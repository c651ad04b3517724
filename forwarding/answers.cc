#include "forwarding/answers.hpp"

#include <algorithm>

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "forwarding/segment.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint8_t kAnswerTtl = 64;
// RFC 1812, 4.3.2.5: errors are sent with precedence 6, internetwork control.
constexpr uint8_t kErrorTos = 0xc0;
// RFC 1812, 4.3.2.3: as much of the packet as fits into 576 bytes.
constexpr size_t kErrorBytes = 576;

// RFC 1122, 3.2.2: an answer goes to one host or to nobody.
bool is_one_host(Ipv4Address address) {
  return !address.is_unspecified() && !address.is_loopback() && !address.is_multicast() && address.value >> 28 != 0xf &&
         address.value >> 24 != 0;
}

// A packet from `source` to `destination` around `payload` bytes that the caller fills in.
struct Made {
  MutableBytes bytes;
  MutableBytes payload;
};
std::optional<Made> make_packet(Outputs& outputs, Ipv4Address source, Ipv4Address destination, uint8_t protocol,
                                uint8_t tos, size_t payload) {
  const auto room = outputs.make_room(sizeof(Ipv4Header) + payload);
  if (!room) return std::nullopt;
  Ipv4Header ip;
  ip.tos = tos;
  ip.total_length = static_cast<uint16_t>(room->size());
  // RFC 6864, 4.1: with DF set the identification says nothing.
  ip.flags_and_offset = Ipv4Header::kDontFragment;
  ip.ttl = kAnswerTtl;
  ip.protocol = protocol;
  ip.source = source.value;
  ip.destination = destination.value;
  ip.checksum = internet_checksum(bytes_of(ip));
  std::memcpy(room->data(), &ip, sizeof(ip));
  return Made{*room, room->subspan(sizeof(ip))};
}

}  // namespace

TokenBucket::TokenBucket(uint32_t per_second, uint32_t burst)
    : cost_(Duration(1s) / std::max(per_second, 1u)), capacity_(cost_ * std::max(burst, 1u)), level_(capacity_) {}

bool TokenBucket::take(TimePoint now) {
  if (last_ && now > *last_) level_ = std::min(capacity_, level_ + (now - *last_));
  last_ = now;
  if (level_ < cost_) return false;
  level_ -= cost_;
  return true;
}

Answers::Answers(const AnswerLimits& limits)
    : resets_(limits.resets_per_second, limits.resets_burst), icmp_(limits.icmp_per_second, limits.icmp_burst) {}

bool Answers::reset(const Packet& packet, TimePoint now, Outputs& outputs) {
  TANDEM_ASSERT(packet.protocol == kTcp && packet.ports_known);
  if ((packet.tcp_flags & kRst) != 0 || !is_one_host(packet.source)) return false;
  if (!resets_.take(now)) return false;
  const auto& tcp = *wire_at<TcpHeader>(Bytes(packet.bytes), packet.header_length);
  const auto made = make_packet(outputs, packet.destination, packet.source, kTcp, 0, sizeof(TcpHeader));
  if (!made) return false;

  // RFC 9293, 3.5.2, group 1: our sequence number is what the segment acknowledges; where it
  // acknowledges nothing, we acknowledge all of it.
  TcpHeader reset;
  reset.source_port = packet.destination_port;
  reset.destination_port = packet.source_port;
  if ((packet.tcp_flags & kAck) != 0) {
    reset.sequence = tcp.acknowledgment;
    reset.flags = kRst;
  } else {
    uint32_t length = static_cast<uint32_t>(packet.payload_length());
    if ((packet.tcp_flags & kSyn) != 0) ++length;
    if ((packet.tcp_flags & kFin) != 0) ++length;
    reset.acknowledgment = tcp.sequence + length;
    reset.flags = kRst | kAck;
  }
  std::memcpy(made->payload.data(), &reset, sizeof(reset));
  fill_transport_checksum(made->bytes, sizeof(Ipv4Header), kTcp);
  outputs.add(made->bytes, {}, ToAddress{packet.source});
  return true;
}

// RFC 9293, 3.10.7.4: a reset is taken whose sequence number is the next one expected. That of the segment is, unless some
// before it were lost; then the next one's will be.
bool Answers::reset_onward(const Packet& packet, TimePoint now, Outputs& outputs) {
  TANDEM_ASSERT(packet.protocol == kTcp && packet.ports_known);
  if ((packet.tcp_flags & kRst) != 0 || !is_one_host(packet.destination)) return false;
  if (!resets_.take(now)) return false;
  const auto& tcp = *wire_at<TcpHeader>(Bytes(packet.bytes), packet.header_length);
  const auto made = make_packet(outputs, packet.source, packet.destination, kTcp, 0, sizeof(TcpHeader));
  if (!made) return false;
  TcpHeader reset;
  reset.source_port = packet.source_port;
  reset.destination_port = packet.destination_port;
  reset.sequence = tcp.sequence;
  reset.flags = kRst;
  std::memcpy(made->payload.data(), &reset, sizeof(reset));
  fill_transport_checksum(made->bytes, sizeof(Ipv4Header), kTcp);
  outputs.add(made->bytes, {}, ToAddress{packet.destination});
  return true;
}

bool Answers::icmp(const Packet& packet, const IcmpError& error, Ipv4Address source, TimePoint now, Outputs& outputs) {
  // RFC 1812, 4.3.2.7: never about an ICMP error, a later fragment, or what was for many.
  const bool about_error = packet.protocol == kIcmp && packet.icmp_type != 0 && packet.icmp_type != 8;
  const auto& ip = *wire_at<Ipv4Header>(Bytes(packet.bytes));
  if (about_error || ip.fragment_offset() != 0 || !is_one_host(packet.source) || !is_one_host(packet.destination))
    return false;
  if (!icmp_.take(now)) return false;
  const size_t quoted = std::min(packet.bytes.size(), kErrorBytes - sizeof(Ipv4Header) - sizeof(IcmpHeader));
  const auto made = make_packet(outputs, source, packet.source, kIcmp, kErrorTos, sizeof(IcmpHeader) + quoted);
  if (!made) return false;

  IcmpHeader header;
  header.type = error.type;
  header.code = error.code;
  header.mtu = error.mtu;
  std::memcpy(made->payload.data(), &header, sizeof(header));
  std::memcpy(made->payload.data() + sizeof(header), packet.bytes.data(), quoted);
  wire_at<IcmpHeader>(made->payload)->checksum = internet_checksum(made->payload);
  outputs.add(made->bytes, {}, ToAddress{packet.source});
  return true;
}

}  // namespace tandem::forwarding
