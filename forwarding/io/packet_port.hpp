// Packet ports: how frames come in and go out. Here by AF_PACKET; rings, AF_XDP and fanout take the place of PacketSocket
// without the worker noticing, because all it knows is PacketPort and FrameBatch.
//
// One socket for each interface that has an IPv4 address. It is a tap (ETH_P_ALL): taps run before the ingress hook at which
// Silence drops, sockets of one protocol after it. A classic BPF program in the kernel lets only IPv4 frames up that are
// addressed to this box, carry TCP, UDP or ICMP, and no VLAN tag: a tagged frame is seen again, untagged, on the VLAN's own
// interface. Offloads are carried through with PACKET_VNET_HDR: on veth and virtio every checksum is unfilled and TCP comes in
// super-packets of up to 64 KB, which stay one packet, one lookup, one copy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <span>
#include <vector>

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

// Receive buffers of one worker, filled again and again. Each has free room before the frame, so that a tunnel's header can
// be put in front without moving the payload.
class FrameBatch {
 public:
  static constexpr size_t kFrames = 64;
  static constexpr size_t kHeadroom = 128;
  static constexpr size_t kRoom = 65536 + 64;  // Ethernet header and the longest IPv4 packet

  struct Frame {
    MutableBytes bytes;  // from the Ethernet header on; kHeadroom bytes before it may be written
    VnetHeader offload;
  };

  FrameBatch();
  std::span<Frame> frames() { return std::span(frames_).first(count_); }

  // Where frame `i` may be put, and the list of those that were.
  std::byte* place(size_t i) { return memory_.get() + i * kStride + kHeadroom; }
  void clear() { count_ = 0; }
  // REQUIRES: fewer than kFrames were taken since clear(); `place_index` is where it was put.
  void take(size_t place_index, size_t length, const VnetHeader& offload);

 private:
  // Not a multiple of 4096: the first lines of all buffers would otherwise compete for the same few cache sets.
  static constexpr size_t kStride = kHeadroom + kRoom + 9 * 64;
  std::unique_ptr<std::byte[]> memory_;
  std::array<Frame, kFrames> frames_;
  size_t count_ = 0;
};

struct PortCounters {
  uint64_t received = 0;
  uint64_t receive_dropped = 0;    // by the kernel: our receive queue was full
  uint64_t receive_malformed = 0;  // too long, or with an offload that cannot be told to us
  uint64_t sent = 0;
  uint64_t send_retried = 0;  // the interface's queue was full; tried again
  uint64_t send_dropped = 0;  // it stayed full, or the kernel refused the frame
};

class PacketPort {
 public:
  enum class Receive : uint8_t { kDone, kMore, kBroken };

  virtual ~PacketPort() = default;
  virtual uint32_t ifindex() const = 0;
  // Readable when there are frames.
  virtual int fd() const = 0;
  // Fills `batch` anew. kMore: it is full and there may be more. kBroken: the interface is down or gone, and the port of no
  // more use; the room opens another when netlink says so.
  virtual Receive receive(FrameBatch& batch) = 0;
  // Queues a frame. REQUIRES: its bytes stay as they are until flush().
  virtual void send(Bytes frame, const VnetHeader& offload) = 0;
  // Sends what was queued. What the interface does not take is copied to a small queue and tried at the next flush().
  virtual void flush() = 0;
  // Whether frames wait for another flush().
  virtual bool has_waiting() const = 0;
  virtual PortCounters counters() = 0;
};

// Opens the AF_PACKET port of an interface. Errors: errno.
std::expected<std::unique_ptr<PacketPort>, int> open_packet_socket(uint32_t ifindex);

}  // namespace tandem::forwarding
