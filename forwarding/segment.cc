#include "forwarding/segment.hpp"

#include <utility>

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "daemon/base/crc32c.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

void set_header_checksum(Ipv4Header& ip, Bytes header) {
  ip.checksum = 0;
  ip.checksum = internet_checksum(header);
}

}  // namespace

void fill_transport_checksum(MutableBytes ip_packet, size_t header_length, uint8_t protocol) {
  const size_t offset = protocol == kIcmp6 ? offsetof(IcmpHeader, checksum)
                        : protocol == kTcp ? offsetof(TcpHeader, checksum)
                                           : offsetof(UdpHeader, checksum);
  auto* field = wire_at<be16>(ip_packet, header_length + offset);
  TANDEM_ASSERT(field != nullptr);
  *field = 0;
  ChecksumSum sum;
  // The pseudo-header: RFC 9293, 3.1; RFC 8200, 8.1.
  if (static_cast<uint8_t>(ip_packet[0]) >> 4 == 6) {
    const auto& ip = *wire_at<Ipv6Header>(Bytes(ip_packet));
    sum.add(std::as_bytes(std::span(ip.source)));
    sum.add(std::as_bytes(std::span(ip.destination)));
  } else {
    const auto& ip = *wire_at<Ipv4Header>(Bytes(ip_packet));
    sum.add32(ip.source);
    sum.add32(ip.destination);
  }
  sum.add16(protocol);
  sum.add16(static_cast<uint16_t>(ip_packet.size() - header_length));
  sum.add(ip_packet.subspan(header_length));
  uint16_t checksum = sum.finish();
  if (protocol == kUdp && checksum == 0) checksum = 0xffff;
  *field = checksum;
}

void complete_checksum(Packet& packet) {
  Offload& offload = packet.offload;
  if (!offload.checksum_unfilled) return;
  if (packet.protocol == kSctp && packet.ports_known) {
    const MutableBytes whole = packet.bytes.subspan(packet.header_length);
    wire_at<SctpHeader>(whole)->set_crc(crc32c_without(whole, offsetof(SctpHeader, checksum)));
    offload.checksum_unfilled = false;
    offload.checksum_start = offload.checksum_offset = 0;
    return;
  }
  // As the kernel's skb_checksum_help: the sum over everything from the start, the field's own
  // pseudo-header sum included. parse() saw to it that the field lies within.
  ChecksumSum sum;
  sum.add(packet.bytes.subspan(offload.checksum_start));
  uint16_t checksum = sum.finish();
  if (packet.protocol == kUdp && checksum == 0) checksum = 0xffff;
  *wire_at<be16>(packet.bytes, size_t{offload.checksum_start} + offload.checksum_offset) = checksum;
  offload.checksum_unfilled = false;
  offload.checksum_start = offload.checksum_offset = 0;
}

void write_segment(const Packet& packet, size_t offset, size_t index, bool last, MutableBytes room) {
  const size_t headers = packet.payload_offset;
  std::memcpy(room.data(), packet.bytes.data(), headers);
  if (room.size() > headers)
    std::memcpy(room.data() + headers, packet.bytes.data() + headers + offset, room.size() - headers);
  auto& tcp = *wire_at<TcpHeader>(room, packet.header_length);
  if (packet.is_ipv6()) {
    wire_at<Ipv6Header>(room)->payload_length = static_cast<uint16_t>(room.size() - sizeof(Ipv6Header));
  } else {
    auto& ip = *wire_at<Ipv4Header>(room);
    ip.total_length = static_cast<uint16_t>(room.size());
    ip.id = static_cast<uint16_t>(ip.id + index);
    set_header_checksum(ip, room.first(packet.header_length));
  }
  tcp.sequence = static_cast<uint32_t>(tcp.sequence + offset);
  if (!last) tcp.flags &= static_cast<uint8_t>(~(kFin | kPsh));
  if (index > 0) tcp.flags &= static_cast<uint8_t>(~kCwr);
  fill_transport_checksum(room, packet.header_length, kTcp);
}

namespace {

void write_fragment6(const Packet& packet, size_t offset, bool last, MutableBytes room) {
  static_assert(kFragmentHeader6 == sizeof(Ipv6Fragment));
  const size_t headers = sizeof(Ipv6Header) + sizeof(Ipv6Fragment);
  std::memcpy(room.data(), packet.bytes.data(), sizeof(Ipv6Header));
  std::memcpy(room.data() + headers, packet.bytes.data() + sizeof(Ipv6Header) + offset, room.size() - headers);
  auto& ip = *wire_at<Ipv6Header>(room);
  Ipv6Fragment fragment;
  fragment.next_header = std::exchange(ip.next_header, kIp6Fragment);
  fragment.offset_and_flags = static_cast<uint16_t>(offset | (last ? 0 : 1));
  fragment.id = packet.identification;
  ip.payload_length = static_cast<uint16_t>(room.size() - sizeof(Ipv6Header));
  std::memcpy(room.data() + sizeof(Ipv6Header), &fragment, sizeof(fragment));
}

}  // namespace

void write_fragment(const Packet& packet, size_t offset, bool last, MutableBytes room) {
  if (packet.is_ipv6()) return write_fragment6(packet, offset, last, room);
  const size_t headers = packet.header_length;
  std::memcpy(room.data(), packet.bytes.data(), headers);
  std::memcpy(room.data() + headers, packet.bytes.data() + headers + offset, room.size() - headers);
  auto& ip = *wire_at<Ipv4Header>(room);
  ip.total_length = static_cast<uint16_t>(room.size());
  // A part may be cut again: its own place counts, and whether more follows.
  const bool more = !last || packet.more_fragments;
  ip.flags_and_offset =
      static_cast<uint16_t>((packet.fragment_offset + offset) / 8 | (more ? Ipv4Header::kMoreFragments : 0));
  set_header_checksum(ip, room.first(headers));
}

}  // namespace tandem::forwarding
