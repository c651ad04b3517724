#include "forwarding/io/receive_ring.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tandem::forwarding {
namespace {

// The kernel puts the IP header at place + align(tpacket2_hdr + sockaddr_ll + 16) + reserve + the offload header; with this
// reserve that is 128, so the headroom ends behind tpacket2_hdr, which is the kernel's.
constexpr unsigned kReserve = 38;
constexpr size_t kIpAt = TPACKET_ALIGN(TPACKET2_HDRLEN + 16) + kReserve + sizeof(VnetHeader);
static_assert(kIpAt == 128);
static_assert(kIpAt - ETH_HLEN - FrameBatch::kHeadroom >= sizeof(tpacket2_hdr));
static_assert(ReceiveRing::kPlaceBytes - (kIpAt - ETH_HLEN) >= ReceiveRing::kLongest);

// Places in one call, those of frames that are dropped among them: what was looked at is still marked as ours, so a full ring
// of such frames must not be gone round.
constexpr size_t kMostAtOnce = 256;
static_assert(kMostAtOnce < ReceiveRing::kPlaces);

constexpr unsigned kBlockBytes = 1 << 16;

template <class Value>
bool set_option(int fd, int name, const Value& value) {
  return setsockopt(fd, SOL_PACKET, name, &value, sizeof value) == 0;
}

uint32_t* status_of(std::byte* place) {
  return &reinterpret_cast<tpacket2_hdr*>(place)->tp_status;
}

}  // namespace

bool ReceiveRing::open(int fd) {
  fd_ = fd;
  if (!set_option(fd, PACKET_VERSION, static_cast<int>(TPACKET_V2))) return false;
  if (!set_option(fd, PACKET_RESERVE, kReserve)) return false;
  if (!set_option(fd, PACKET_VNET_HDR, 1)) return false;
  if (!set_option(fd, PACKET_COPY_THRESH, 1)) return false;  // any number but 0
  const tpacket_req size = {.tp_block_size = kBlockBytes,
                            .tp_block_nr = kPlaces * kPlaceBytes / kBlockBytes,
                            .tp_frame_size = kPlaceBytes,
                            .tp_frame_nr = kPlaces};
  if (!set_option(fd, PACKET_RX_RING, size)) return false;
  void* const memory = mmap(nullptr, kPlaces * kPlaceBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (memory == MAP_FAILED) return false;
  ring_ = static_cast<std::byte*>(memory);
  return true;
}

ReceiveRing::~ReceiveRing() {
  if (ring_ != nullptr) munmap(ring_, kPlaces * kPlaceBytes);
}

bool ReceiveRing::receive(FrameBatch& batch) {
  for (size_t looked = 0; !batch.is_full() && looked < kMostAtOnce; ++looked) {
    std::byte* const at = place(next_);
    const uint32_t status = __atomic_load_n(status_of(at), __ATOMIC_ACQUIRE);
    if ((status & TP_STATUS_USER) == 0) return true;
    __builtin_prefetch(place((next_ + 1) % kPlaces));
    const auto* header = reinterpret_cast<const tpacket2_hdr*>(at);
    const size_t begin = header->tp_mac, length = header->tp_snaplen;
    const bool whole = header->tp_len == length;
    next_ = (next_ + 1) % kPlaces;
    if (!whole) {
      if ((status & TP_STATUS_COPY) != 0)
        take_long(batch);
      else
        ++counters_.dropped;
      continue;
    }
    ++counters_.received;
    if (length < ETH_HLEN || begin < kIpAt - ETH_HLEN || begin + length > kPlaceBytes) {
      ++counters_.malformed;
      continue;
    }
    VnetHeader offload;
    std::memcpy(&offload, at + begin - sizeof offload, sizeof offload);
    batch.add({at + begin, length}, offload);
  }
  return false;
}

void ReceiveRing::take_long(FrameBatch& batch) {
  VnetHeader offload;
  std::array<iovec, 2> parts = {{{.iov_base = &offload, .iov_len = sizeof offload},
                                 {.iov_base = batch.long_place(), .iov_len = FrameBatch::kRoom}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  // MSG_TRUNC: the true length also of a frame that did not fit.
  const ssize_t got = recvmsg(fd_, &message, MSG_DONTWAIT | MSG_TRUNC);
  ++counters_.received;
  const auto shortest = static_cast<ssize_t>(sizeof offload + ETH_HLEN);
  // Errors: an offload that virtio's header cannot express (tunnels; UDP segmentation before Linux 6.2).
  if (got < shortest || static_cast<size_t>(got) > sizeof offload + FrameBatch::kRoom) {
    ++counters_.malformed;
    return;
  }
  batch.add_long(static_cast<size_t>(got) - sizeof offload, offload);
}

void ReceiveRing::release() {
  for (; held_ != next_; held_ = (held_ + 1) % kPlaces)
    __atomic_store_n(status_of(place(held_)), uint32_t{TP_STATUS_KERNEL}, __ATOMIC_RELEASE);
}

}  // namespace tandem::forwarding
