// The receiving half of a packet socket: a TPACKET_V2 ring, shared memory into which the kernel puts each frame while it is
// still in its soft interrupt. A frame that came while the worker is awake costs no system call.
//
// Places are 2 KB. Longer frames (super-packets, jumbo frames) are cut there and follow whole through the socket's queue
// (PACKET_COPY_THRESH), in the same order. V2 and not V3: V3 hands a block of frames over when it is full or after a
// millisecond, which every packet of a slow connection would wait for.
//
// A place stays ours from receive() until release(), so frames are rewritten and sent where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "forwarding/io/frames.hpp"

namespace tandem::forwarding {

class ReceiveRing {
 public:
  static constexpr size_t kPlaceBytes = 2048;
  static constexpr size_t kPlaces = 4096;  // 8 MB: what comes in 4 ms at a million packets a second
  // Of the longest frame that fits into a place, Ethernet header included.
  static constexpr size_t kLongest = kPlaceBytes - 128;

  struct Counters {
    uint64_t received = 0;
    uint64_t dropped = 0;    // longer than a place, and the socket's queue had no room for them
    uint64_t malformed = 0;  // too short, too long, or with an offload that cannot be told to us
  };

  // Makes the ring of packet socket `fd`, which must not be bound yet and stays the caller's. False: errno says why.
  bool open(int fd);
  ReceiveRing() = default;
  ~ReceiveRing();
  ReceiveRing(const ReceiveRing&) = delete;
  ReceiveRing& operator=(const ReceiveRing&) = delete;

  // Adds frames to `batch` until it is full or none is left; returns whether it came to the end. REQUIRES: release() since.
  bool receive(FrameBatch& batch);
  // Gives back the places of what was received.
  void release();
  const Counters& counters() const { return counters_; }

 private:
  std::byte* place(size_t i) const { return ring_ + i * kPlaceBytes; }
  void take_long(FrameBatch& batch);

  int fd_ = -1;
  std::byte* ring_ = nullptr;
  size_t next_ = 0;  // the place the kernel fills next
  size_t held_ = 0;  // the first one not given back
  Counters counters_;
};

}  // namespace tandem::forwarding
