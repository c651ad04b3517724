#include "forwarding/io/xdp_sender.hpp"

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "daemon/base/assert.hpp"

namespace tandem::forwarding {
namespace {

constexpr size_t kMemoryBytes = size_t{XdpSender::kPlaces} * XdpSender::kLongest;
// Of what the devices have not sent yet: all places, and what the kernel keeps about each.
constexpr int kSendQueueBytes = 8 << 20;

template <class Value>
bool set_option(int fd, int name, const Value& value, int level = SOL_XDP) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

uint32_t load(const uint32_t* counter) {
  return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

}  // namespace

std::expected<std::unique_ptr<XdpSender>, int> XdpSender::open(uint32_t ifindex, uint32_t queue) {
  const int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::unexpected(errno);
  std::unique_ptr<XdpSender> sender(new XdpSender(fd));
  if (const int why = sender->prepare(ifindex, queue); why != 0) return std::unexpected(why);
  return sender;
}

XdpSender::~XdpSender() {
  for (const Ring& ring : {send_, completed_})
    if (ring.memory != nullptr) munmap(ring.memory, ring.bytes);
  close(fd_);
  if (places_ != nullptr) munmap(places_, kMemoryBytes);
}

// 0, or errno.
int XdpSender::prepare(uint32_t ifindex, uint32_t queue) {
  void* const memory =
      mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) return errno;
  places_ = static_cast<std::byte*>(memory);
  xdp_umem_reg umem{};
  umem.addr = reinterpret_cast<uint64_t>(memory);
  umem.len = kMemoryBytes;
  umem.chunk_size = kLongest;
  if (!set_option(fd_, XDP_UMEM_REG, umem)) return errno;
  constexpr uint32_t kSmallestRing = 1;
  if (!set_option(fd_, XDP_UMEM_FILL_RING, kSmallestRing)) return errno;
  if (!set_option(fd_, XDP_UMEM_COMPLETION_RING, kPlaces)) return errno;
  if (!set_option(fd_, XDP_TX_RING, kPlaces)) return errno;
  xdp_mmap_offsets at{};
  socklen_t length = sizeof at;
  if (getsockopt(fd_, SOL_XDP, XDP_MMAP_OFFSETS, &at, &length) != 0) return errno;
  if (!map(send_, at.tx.producer, at.tx.consumer, at.tx.desc, sizeof(xdp_desc), XDP_PGOFF_TX_RING) ||
      !map(completed_, at.cr.producer, at.cr.consumer, at.cr.desc, sizeof(uint64_t),
           static_cast<int64_t>(XDP_UMEM_PGOFF_COMPLETION_RING)))
    return errno;
  if (!set_option(fd_, SO_SNDBUFFORCE, kSendQueueBytes, SOL_SOCKET))
    set_option(fd_, SO_SNDBUF, kSendQueueBytes, SOL_SOCKET);
  free_.reserve(kPlaces);
  for (uint32_t i = kPlaces; i-- > 0;) free_.push_back(i);
  sockaddr_xdp where{};
  where.sxdp_family = AF_XDP;
  where.sxdp_ifindex = ifindex;
  where.sxdp_queue_id = queue;
  where.sxdp_flags = XDP_COPY;
  return bind(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0 ? 0 : errno;
}

bool XdpSender::map(Ring& ring, uint64_t producer, uint64_t consumer, uint64_t entries, size_t entry_bytes,
                    int64_t page) {
  const size_t bytes = entries + kPlaces * entry_bytes;
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, page);
  if (memory == MAP_FAILED) return false;
  auto* const base = static_cast<std::byte*>(memory);
  ring = {.memory = memory,
          .bytes = bytes,
          .producer = reinterpret_cast<uint32_t*>(base + producer),
          .consumer = reinterpret_cast<uint32_t*>(base + consumer),
          .entries = base + entries};
  return true;
}

// In the order in which devices are done with them, which is any.
void XdpSender::take_back() {
  uint32_t at = *completed_.consumer;
  const uint32_t end = load(completed_.producer);
  for (; at != end; ++at) {
    const uint64_t where = reinterpret_cast<const uint64_t*>(completed_.entries)[at & (kPlaces - 1)];
    free_.push_back(static_cast<uint32_t>(where / kLongest));
  }
  __atomic_store_n(completed_.consumer, end, __ATOMIC_RELEASE);
  TANDEM_ASSERT(free_.size() <= kPlaces);
}

bool XdpSender::add(Bytes frame) {
  TANDEM_ASSERT(frame.size() <= kLongest);
  if (free_.empty()) take_back();
  if (free_.empty()) return false;
  const uint64_t where = uint64_t{free_.back()} * kLongest;
  free_.pop_back();
  std::memcpy(places_ + where, frame.data(), frame.size());
  const uint32_t at = added_.load(std::memory_order_relaxed);
  reinterpret_cast<xdp_desc*>(send_.entries)[at & (kPlaces - 1)] = {
      .addr = where, .len = static_cast<uint32_t>(frame.size()), .options = 0};
  added_.store(at + 1, std::memory_order_relaxed);
  return true;
}

bool XdpSender::has_waiting() const {
  return load(send_.consumer) != added_.load(std::memory_order_relaxed);
}

bool XdpSender::flush() {
  const uint32_t added = added_.load(std::memory_order_relaxed);
  __atomic_store_n(send_.producer, added, __ATOMIC_RELEASE);
  // The kernel sends 16 or 32 frames at a call, and says how far it came only when it came to the end.
  const uint32_t most_calls = (added - load(send_.consumer)) / 16 + 2;
  for (uint32_t call = 0; has_waiting(); ++call) {
    if (call == most_calls) return false;
    if (sendto(fd_, nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0) continue;
    if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS && errno != EINTR) return false;
  }
  return true;
}

}  // namespace tandem::forwarding
