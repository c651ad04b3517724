// Sends whole Ethernet frames out of any interface.
#pragma once

#include "daemon/base/bytes.hpp"
#include "daemon/loop/fd.hpp"

namespace tandem::vrrp {

class FrameSender {
 public:
  // Makes the socket. Without CAP_NET_RAW every send() fails.
  FrameSender();

  // REQUIRES: the frame has its Ethernet header. Returns 0 or an errno.
  int send(int interface_index, Bytes frame);

 private:
  loop::UniqueFd fd_;
};

}  // namespace tandem::vrrp
