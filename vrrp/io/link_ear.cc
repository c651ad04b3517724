#include "vrrp/io/link_ear.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "daemon/loop/fd.hpp"

namespace tandem::vrrp {
namespace {

constexpr std::array<uint8_t, 5> kReserved{0x01, 0x80, 0xc2, 0x00, 0x00};  // and a sixth octet below 0x10
constexpr int kSmallBuffer = 16 * 1024;                                    // the first frame is enough
constexpr int kFramesPerTurn = 64;

}  // namespace

LinkEar::~LinkEar() {
  ++*turn_;
}

void LinkEar::close() {
  ++*turn_;
  readable_.reset();
}

void LinkEar::set_link(int interface_index) {
  if (interface_index == index_) return;
  close();
  index_ = interface_index;
  has_heard_ = false;
  if (index_ == 0) return;
  // Bound before it receives: a socket with a protocol hears every interface until bind().
  loop::UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return;
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = index_;
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kSmallBuffer, sizeof kSmallBuffer);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
  readable_.emplace(io_, fd.release());
  wait();
}

void LinkEar::wait() {
  readable_->async_wait(boost::asio::posix::descriptor_base::wait_read,
                        [this, turn = turn_, mine = *turn_](const boost::system::error_code& error) {
                          if (error || *turn != mine) return;
                          if (!somebody_spoke()) return wait();
                          close();
                          has_heard_ = true;
                          heard_();
                        });
}

bool LinkEar::somebody_spoke() {
  for (int i = 0; i < kFramesPerTurn; ++i) {
    std::array<uint8_t, ETH_ALEN> destination{};
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t length = recvfrom(readable_->native_handle(), destination.data(), destination.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &size);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return false;
    if (from.sll_pkttype == PACKET_OUTGOING || length < static_cast<ssize_t>(destination.size())) continue;
    const bool reserved =
        std::equal(kReserved.begin(), kReserved.end(), destination.begin()) && destination.back() < 0x10;
    if (!reserved) return true;
  }
  return false;
}

}  // namespace tandem::vrrp
