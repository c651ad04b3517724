// Tells everybody on an Ethernet link where an address is now: gratuitous ARP, or an unsolicited neighbour advertisement.
#pragma once

#include <cstdint>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/loop/fd.hpp"

namespace tandem::vrrp {

class Announcer {
 public:
  // Makes the socket. Without CAP_NET_RAW every send() fails.
  Announcer();

  // One frame, from the interface's own MAC. Returns 0 or an errno.
  int send(int interface_index, const MacAddress& mac, const IpAddress& address);

 private:
  int send(int interface_index, uint16_t protocol, Bytes frame);
  loop::UniqueFd fd_;
};

}  // namespace tandem::vrrp
