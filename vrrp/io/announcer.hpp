// Tells everybody on an Ethernet link where an address is now: gratuitous ARP, or an unsolicited neighbour advertisement.
#pragma once

#include "daemon/base/address.hpp"
#include "vrrp/io/frame_sender.hpp"

namespace tandem::vrrp {

class Announcer {
 public:
  // One frame, from the interface's own MAC. Returns 0 or an errno.
  int send(int interface_index, const MacAddress& mac, const IpAddress& address);

 private:
  FrameSender frames_;
};

}  // namespace tandem::vrrp
