// Sends gratuitous ARP out of any Ethernet interface.
#pragma once

#include "daemon/base/address.hpp"
#include "daemon/loop/fd.hpp"

namespace tandem::vrrp {

class ArpSender {
 public:
  // Makes the socket. Without CAP_NET_RAW every send() fails.
  ArpSender();

  // One frame, from the interface's own MAC. Returns 0 or an errno.
  int send(int interface_index, const MacAddress& mac, Ipv4Address address);

 private:
  loop::UniqueFd fd_;
};

}  // namespace tandem::vrrp
