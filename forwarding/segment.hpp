// Cutting packets in pieces, and the checksums nobody after us will fill: what a tunnel needs,
// because no offload of the kernel's interface can speak of a packet inside of another.
#pragma once

#include <cstddef>
#include <cstdint>

#include "daemon/base/bytes.hpp"
#include "forwarding/outputs.hpp"
#include "forwarding/packet.hpp"

namespace tandem::forwarding {

// Computes the checksum of the TCP, UDP or ICMPv6 packet in `ip_packet` anew (RFC 9293 3.1, RFC 768, RFC 8200 8.1).
// REQUIRES: its transport header lies within.
void fill_transport_checksum(MutableBytes ip_packet, size_t header_length, uint8_t protocol);

// Fills the checksum that is still to be filled, if any; then the packet needs no offload for it.
void complete_checksum(Packet& packet);

inline constexpr size_t kFragmentHeader6 = 8;

enum class Cut : uint8_t { kDone, kNoRoom, kCannot };

// Cuts a TCP super-packet into segments of at most `segment_size` bytes of payload, as a network
// card would: headers copied, sequence and IP identification counted on, FIN and PSH on the last
// segment only, CWR on the first only (RFC 3168, 6.1.2), every checksum filled. A packet that is no
// super-packet comes out as one segment. `emit(MutableBytes)` is given each.
template <class Emit>
Cut segment(const Packet& packet, size_t segment_size, Outputs& outputs, Emit emit);

// Cuts a packet into IP fragments of at most `mtu` bytes (RFC 791, 3.2; RFC 8200, 4.5). Options are copied into
// every fragment, which is allowed for all and required for some.
// REQUIRES: its checksum is filled; DF is not set. Of IPv6: only what this box sends itself, without extension headers, with its
// `identification`.
template <class Emit>
Cut fragment(const Packet& packet, size_t mtu, Outputs& outputs, Emit emit);

// The piece of payload at `offset` with the packet's headers before it, in `room`.
void write_segment(const Packet& packet, size_t offset, size_t index, bool last, MutableBytes room);
void write_fragment(const Packet& packet, size_t offset, bool last, MutableBytes room);

template <class Emit>
Cut segment(const Packet& packet, size_t segment_size, Outputs& outputs, Emit emit) {
  if (packet.protocol != kTcp || !packet.ports_known || segment_size == 0) return Cut::kCannot;
  const size_t total = packet.payload_length();
  size_t offset = 0, index = 0;
  do {
    const size_t size = total - offset < segment_size ? total - offset : segment_size;
    const auto room = outputs.make_room(packet.payload_offset + size);
    if (!room) return Cut::kNoRoom;
    write_segment(packet, offset, index++, offset + size == total, *room);
    emit(*room);
    offset += size;
  } while (offset < total);
  return Cut::kDone;
}

template <class Emit>
Cut fragment(const Packet& packet, size_t mtu, Outputs& outputs, Emit emit) {
  const size_t headers = packet.header_length + (packet.is_ipv6() ? kFragmentHeader6 : size_t{0});
  if (packet.is_super_packet() || mtu < headers + 8) return Cut::kCannot;
  const size_t step = (mtu - headers) / 8 * 8;
  const size_t total = packet.bytes.size() - packet.header_length;
  for (size_t offset = 0; offset < total; offset += step) {
    const size_t size = total - offset < step ? total - offset : step;
    const auto room = outputs.make_room(headers + size);
    if (!room) return Cut::kNoRoom;
    write_fragment(packet, offset, offset + size == total, *room);
    emit(*room);
  }
  return Cut::kDone;
}

}  // namespace tandem::forwarding
