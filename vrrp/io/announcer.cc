#include "vrrp/io/announcer.hpp"

#include "vrrp/arp.hpp"
#include "vrrp/neighbour_advert.hpp"

namespace tandem::vrrp {

int Announcer::send(int interface_index, const MacAddress& mac, const IpAddress& address) {
  return address.is_v4() ? frames_.send(interface_index, gratuitous_arp(mac, address.v4))
                         : frames_.send(interface_index, unsolicited_neighbour_advert(mac, address.v6));
}

}  // namespace tandem::vrrp
