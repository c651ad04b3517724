// Packet ports: how frames come in and go out. All the worker knows is PacketPort and FrameBatch.
//
// One port for each worker and interface that has an address. It receives by a tap (ETH_P_ALL): taps run before the ingress
// hook at which Silence drops, sockets of one protocol after it. A program in the kernel lets only up what the engine may take
// (tap_filter.hpp). Frames come through a ring (receive_ring.hpp). Offloads are carried through with PACKET_VNET_HDR: on veth
// and virtio every checksum is unfilled and TCP comes in super-packets of up to 64 KB, which stay one packet, one lookup, one
// copy.
//
// The ports of one interface are a fanout group, in which a frame goes by its client.
//
// It sends by the same socket (sendmmsg), or, once it was given an XdpSender, finished frames by that one. Workers may share
// an XdpSender, when the interface has fewer queues than there are workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "forwarding/io/frames.hpp"
#include "forwarding/io/tap_filter.hpp"
#include "forwarding/io/xdp_sender.hpp"

namespace tandem::forwarding {

struct PortCounters {
  uint64_t received = 0;
  uint64_t receive_dropped = 0;    // by the kernel: our receive queue was full
  uint64_t receive_malformed = 0;  // too long, or with an offload that cannot be told to us
  uint64_t sent = 0;
  uint64_t sent_by_xdp = 0;   // of those
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
  // Fills `batch` anew; its frames stay where they are until release(). kMore: it is full and there may be more. kBroken: the interface is down or gone, and the port of no
  // more use; the room opens another when netlink says so.
  virtual Receive receive(FrameBatch& batch) = 0;
  // Gives the batch's frames back. REQUIRES: what became of them has been flushed.
  virtual void release() = 0;
  // Queues a frame. REQUIRES: its bytes stay as they are until flush().
  virtual void send(Bytes frame, const VnetHeader& offload) = 0;
  // Sends what was queued. What the interface does not take is copied to a small queue and tried at the next flush().
  virtual void flush() = 0;
  // Whether frames wait for another flush().
  virtual bool has_waiting() const = 0;
  // From the next flush on. Nothing: the packet socket sends all.
  virtual void send_by(std::shared_ptr<XdpSender> sender) = 0;
  // From now on. What was received before stays.
  virtual void use(const TapPrograms& programs) = 0;
  virtual PortCounters counters() = 0;
};

// Whether the kernel takes a program for a tap. Errors: errno; ENOMEM: it is longer than net.core.optmem_max allows, which was
// 20,480 bytes for some 2,500 of the kernel's instructions before Linux 6.9.
std::expected<void, int> try_program(const std::vector<sock_filter>& program);

// The same for the fast path's filter, by its descriptor.
std::expected<void, int> try_fast_tap(int program);

// Opens `count` AF_PACKET ports of an interface, between which its frames are divided by client. `fast_tap`: the fast path's filter,
// which knows the addresses by itself and takes the classic one's place, or -1. Errors: errno.
std::expected<std::vector<std::unique_ptr<PacketPort>>, int> open_packet_sockets(uint32_t ifindex, size_t count,
                                                                                 const TapPrograms& programs,
                                                                                 int fast_tap = -1);

}  // namespace tandem::forwarding
