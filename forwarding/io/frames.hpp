// Frames between a port and the worker: a batch of those that came in, wherever they lie.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "daemon/base/assert.hpp"
#include "daemon/base/bytes.hpp"

namespace tandem::forwarding {

// struct virtio_net_hdr of linux/virtio_net.h, which C++ cannot include (a member is named "class"). Numbers are in the
// machine's order, as PACKET_VNET_HDR has them by default; offsets count from the Ethernet header.
struct VnetHeader {
  static constexpr uint8_t kNeedsChecksum = 1;
  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t header_length = 0;
  uint16_t gso_size = 0;
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);

// What a port has received, a piece at a time. The bytes are the port's (a place of its ring) or lie in one of a few long
// places, which the worker lends to its ports for frames that are longer than a place of a ring. In front of each is free
// room, so that a tunnel's header can be put there without moving the payload.
class FrameBatch {
 public:
  static constexpr size_t kFrames = 64;
  static constexpr size_t kLongFrames = 16;
  static constexpr size_t kHeadroom = 64;      // before the Ethernet header
  static constexpr size_t kRoom = 65536 + 64;  // Ethernet header and the longest IPv4 packet

  struct Frame {
    MutableBytes bytes;  // from the Ethernet header on; kHeadroom bytes before it may be written
    VnetHeader offload;
  };

  FrameBatch() : memory_(std::make_unique_for_overwrite<std::byte[]>(kLongFrames * kStride)) {}
  std::span<Frame> frames() { return std::span(frames_).first(count_); }
  bool is_full() const { return count_ == kFrames || long_count_ == kLongFrames; }
  void clear() { count_ = long_count_ = 0; }

  // REQUIRES: !is_full().
  void add(MutableBytes frame, const VnetHeader& offload) {
    TANDEM_ASSERT(count_ < kFrames);
    frames_[count_++] = {.bytes = frame, .offload = offload};
  }
  // kRoom bytes for the next long frame. REQUIRES: !is_full().
  std::byte* long_place() { return memory_.get() + long_count_ * kStride + kHeadroom; }
  // `length` bytes stand in long_place().
  void add_long(size_t length, const VnetHeader& offload) {
    TANDEM_ASSERT(long_count_ < kLongFrames && length <= kRoom);
    add({long_place(), length}, offload);
    ++long_count_;
  }

 private:
  // Not a multiple of 4096: the first lines of all places would otherwise compete for the same few cache sets.
  static constexpr size_t kStride = kHeadroom + kRoom + size_t{9} * 64;
  std::unique_ptr<std::byte[]> memory_;
  std::array<Frame, kFrames> frames_;
  size_t count_ = 0;
  size_t long_count_ = 0;
};

}  // namespace tandem::forwarding
