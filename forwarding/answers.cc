#include "forwarding/answers.hpp"

#include <algorithm>

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "daemon/base/crc32c.hpp"
#include "forwarding/segment.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint8_t kAnswerTtl = 64;
// RFC 1812, 4.3.2.5: errors are sent with precedence 6, internetwork control.
constexpr uint8_t kErrorTos = 0xc0;
// RFC 1812, 4.3.2.3: as much of the packet as fits into 576 bytes.
constexpr size_t kErrorBytes = 576;
// RFC 4443, 2.4 (c): what every link carries.
constexpr size_t kErrorBytes6 = 1280;

// RFC 1122, 3.2.2: an answer goes to one host or to nobody.
bool is_one_host(const IpAddress& either) {
  if (!either.is_v4()) {
    static constexpr Ipv6Address kLoopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    return either.v6.bytes[0] != 0xff && either.v6 != Ipv6Address{} && either.v6 != kLoopback;
  }
  const Ipv4Address address = either.v4;
  return !address.is_unspecified() && !address.is_loopback() && !address.is_multicast() && address.value >> 28 != 0xf &&
         address.value >> 24 != 0;
}

// A packet from `source` to `destination` around `payload` bytes that the caller fills in.
struct Made {
  MutableBytes bytes;
  MutableBytes payload;
};
std::optional<Made> make_packet(Outputs& outputs, const IpAddress& source, const IpAddress& destination,
                                uint8_t protocol, uint8_t tos, size_t payload) {
  TANDEM_ASSERT(source.family == destination.family);
  if (!source.is_v4()) {
    const auto room = outputs.make_room(sizeof(Ipv6Header) + payload);
    if (!room) return std::nullopt;
    Ipv6Header ip;
    ip.first = (6u << 28) | (uint32_t{tos} << 20);
    ip.payload_length = static_cast<uint16_t>(payload);
    ip.next_header = protocol;
    ip.hop_limit = kAnswerTtl;
    ip.source = source.v6.bytes;
    ip.destination = destination.v6.bytes;
    std::memcpy(room->data(), &ip, sizeof(ip));
    return Made{*room, room->subspan(sizeof(ip))};
  }
  const auto room = outputs.make_room(sizeof(Ipv4Header) + payload);
  if (!room) return std::nullopt;
  Ipv4Header ip;
  ip.tos = tos;
  ip.total_length = static_cast<uint16_t>(room->size());
  // RFC 6864, 4.1: with DF set the identification says nothing.
  ip.flags_and_offset = Ipv4Header::kDontFragment;
  ip.ttl = kAnswerTtl;
  ip.protocol = protocol;
  ip.source = source.v4.value;
  ip.destination = destination.v4.value;
  ip.checksum = internet_checksum(bytes_of(ip));
  std::memcpy(room->data(), &ip, sizeof(ip));
  return Made{*room, room->subspan(sizeof(ip))};
}

// RFC 7915, 4.2, read as a table of what means the same.
IcmpError in_icmp6(const IcmpError& error) {
  if (error.type == icmp::kTimeExceeded) return {icmp6::kTimeExceeded, error.code, 0};
  if (error.code == icmp::kFragmentationNeeded) return {icmp6::kPacketTooBig, 0, error.mtu};
  constexpr uint8_t kAddressUnreachable = 3, kPortUnreachable = 4;  // RFC 4443, 3.1
  const bool port = error.code == kIcmpPortUnreachable.code;
  return {icmp6::kDestinationUnreachable, port ? kPortUnreachable : kAddressUnreachable, 0};
}

// ICMP's error and ICMPv6's have one shape: what went wrong, and as much of the packet as `to` has room for. Without a
// checksum.
void write_error(MutableBytes to, const IcmpError& error, const Packet& packet) {
  IcmpHeader header;
  header.type = error.type;
  header.code = error.code;
  header.mtu = error.mtu;
  std::memcpy(to.data(), &header, sizeof(header));
  std::memcpy(to.data() + sizeof(header), packet.bytes.data(), to.size() - sizeof(header));
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
  fill_transport_checksum(made->bytes, made->bytes.size() - made->payload.size(), kTcp);
  outputs.add(made->bytes, {}, ToAddress{packet.source});
  return true;
}

bool Answers::abort(const Packet& packet, TimePoint now, Outputs& outputs) {
  TANDEM_ASSERT(packet.protocol == kSctp && packet.ports_known);
  if (packet.sctp_chunk == sctp::kAbort || !is_one_host(packet.source) || !resets_.take(now)) return false;
  const auto& theirs = *wire_at<SctpHeader>(Bytes(packet.bytes), packet.header_length);
  const auto made =
      make_packet(outputs, packet.destination, packet.source, kSctp, 0, sizeof(SctpHeader) + sizeof(SctpChunk));
  if (!made) return false;
  SctpHeader header;
  header.source_port = packet.destination_port;
  header.destination_port = packet.source_port;
  header.verification_tag = theirs.verification_tag;
  constexpr uint8_t kReflected = 1;  // the T bit: the tag is the one that was sent, because there is no other
  SctpChunk chunk{.type = sctp::kAbort, .flags = kReflected, .length = be16(sizeof(SctpChunk))};
  std::memcpy(made->payload.data(), &header, sizeof(header));
  std::memcpy(made->payload.data() + sizeof(header), &chunk, sizeof(chunk));
  wire_at<SctpHeader>(made->payload)->set_crc(crc32c_without(made->payload, offsetof(SctpHeader, checksum)));
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
  fill_transport_checksum(made->bytes, made->bytes.size() - made->payload.size(), kTcp);
  outputs.add(made->bytes, {}, ToAddress{packet.destination});
  return true;
}

bool Answers::icmp(const Packet& packet, const IcmpError& error, const IpAddress& source, TimePoint now,
                   Outputs& outputs) {
  if (packet.is_ipv6()) return icmp6(packet, in_icmp6(error), source, now, outputs);
  // RFC 1812, 4.3.2.7: never about an ICMP error, a later fragment, or what was for many.
  const bool about_error = packet.protocol == kIcmp && packet.icmp_type != 0 && packet.icmp_type != 8;
  const auto& ip = *wire_at<Ipv4Header>(Bytes(packet.bytes));
  if (about_error || ip.fragment_offset() != 0 || !is_one_host(packet.source) || !is_one_host(packet.destination))
    return false;
  if (!icmp_.take(now)) return false;
  const size_t quoted = std::min(packet.bytes.size(), kErrorBytes - sizeof(Ipv4Header) - sizeof(IcmpHeader));
  const auto made = make_packet(outputs, source, packet.source, kIcmp, kErrorTos, sizeof(IcmpHeader) + quoted);
  if (!made) return false;
  write_error(made->payload, error, packet);
  wire_at<IcmpHeader>(made->payload)->checksum = internet_checksum(made->payload);
  outputs.add(made->bytes, {}, ToAddress{packet.source});
  return true;
}

// RFC 4443, 2.4 (e): never about an error or a redirect, nor about what came from or went to many.
bool Answers::icmp6(const Packet& packet, const IcmpError& error, const IpAddress& source, TimePoint now,
                    Outputs& outputs) {
  const bool about_error =
      packet.protocol == kIcmp6 && (packet.icmp_type < 128 || packet.icmp_type == icmp6::kRedirect);
  if (about_error || !is_one_host(packet.source) || !is_one_host(packet.destination) || !icmp_.take(now)) return false;
  const size_t quoted = std::min(packet.bytes.size(), kErrorBytes6 - sizeof(Ipv6Header) - sizeof(IcmpHeader));
  const auto made = make_packet(outputs, source, packet.source, kIcmp6, 0, sizeof(IcmpHeader) + quoted);
  if (!made) return false;
  write_error(made->payload, error, packet);
  fill_transport_checksum(made->bytes, sizeof(Ipv6Header), kIcmp6);
  outputs.add(made->bytes, {}, ToAddress{packet.source});
  return true;
}

}  // namespace tandem::forwarding
