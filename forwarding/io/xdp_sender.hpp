// Sending by an AF_XDP socket in copy mode: the kernel takes finished frames out of shared memory, a batch for one system call,
// and hands them to the driver. It works on every interface and asks nothing of the driver, and a packet costs half of what it
// costs by sendmmsg.
//
// Several workers may share one: hold the lock from the first add() to the flush() that follows.
//
// What it cannot: frames that the card or somebody after us has to finish (super-packets, unfilled checksums), frames longer
// than a place. They are sent by the packet socket. What it sends passes no qdisc, and tcpdump on this box does not see it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <vector>

#include "daemon/base/bytes.hpp"

namespace tandem::forwarding {

class XdpSender {
 public:
  static constexpr size_t kLongest = 2048;  // bytes of a frame
  static constexpr uint32_t kPlaces = 2048;

  // Errors: errno. EBUSY: somebody has an AF_XDP socket on this queue, perhaps one of ours that is just being closed.
  // EAFNOSUPPORT or EPERM: the kernel has no AF_XDP, or this process may not.
  static std::expected<std::unique_ptr<XdpSender>, int> open(uint32_t ifindex, uint32_t queue);
  ~XdpSender();
  XdpSender(const XdpSender&) = delete;
  XdpSender& operator=(const XdpSender&) = delete;

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  // Copies the frame. False: no place is free now. REQUIRES: locked; frame.size() <= kLongest.
  bool add(Bytes frame);
  // Has the kernel send what was added. False: some of it must wait, because the interface is busy or down; it stays here.
  // REQUIRES: locked.
  bool flush();
  bool has_waiting() const;

 private:
  // One of the rings that are shared with the kernel.
  struct Ring {
    void* memory = nullptr;
    size_t bytes = 0;
    uint32_t* producer = nullptr;
    uint32_t* consumer = nullptr;
    std::byte* entries = nullptr;
  };
  explicit XdpSender(int fd) : fd_(fd) {}
  int prepare(uint32_t ifindex, uint32_t queue);
  bool map(Ring& ring, uint64_t producer, uint64_t consumer, uint64_t entries, size_t entry_bytes, int64_t page);
  void take_back();

  std::mutex mutex_;
  int fd_;
  std::byte* places_ = nullptr;
  Ring send_;
  Ring completed_;
  std::atomic<uint32_t> added_ = 0;
  std::vector<uint32_t> free_;  // places
};

}  // namespace tandem::forwarding
