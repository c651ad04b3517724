#include "vrrp/io/frame_sender.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "daemon/base/assert.hpp"

namespace tandem::vrrp {

// Protocol 0: a packet socket that receives nothing, so nothing has to be read from it.
FrameSender::FrameSender() : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {}

int FrameSender::send(int interface_index, Bytes frame) {
  if (!fd_) return EPERM;
  TANDEM_ASSERT(frame.size() > ETH_HLEN);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = interface_index;
  to.sll_halen = ETH_ALEN;
  // The frame begins with its destination, and its type stands behind the source.
  std::memcpy(to.sll_addr, frame.data(), ETH_ALEN);
  std::memcpy(&to.sll_protocol, frame.data() + 2 * ETH_ALEN, sizeof to.sll_protocol);
  while (true) {
    if (sendto(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&to), sizeof to) >= 0)
      return 0;
    if (errno != EINTR) return errno;
  }
}

}  // namespace tandem::vrrp
