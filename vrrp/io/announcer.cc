#include "vrrp/io/announcer.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "vrrp/arp.hpp"
#include "vrrp/neighbour_advert.hpp"

namespace tandem::vrrp {

// Protocol 0: a packet socket that receives nothing, so nothing has to be read from it.
Announcer::Announcer() : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {}

int Announcer::send(int interface_index, const MacAddress& mac, const IpAddress& address) {
  return address.is_v4() ? send(interface_index, ETH_P_ARP, gratuitous_arp(mac, address.v4))
                         : send(interface_index, ETH_P_IPV6, unsolicited_neighbour_advert(mac, address.v6));
}

int Announcer::send(int interface_index, uint16_t protocol, Bytes frame) {
  if (!fd_) return EPERM;
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(protocol);
  to.sll_ifindex = interface_index;
  to.sll_halen = ETH_ALEN;
  std::memcpy(to.sll_addr, frame.data(), ETH_ALEN);  // the frame begins with its destination
  const ssize_t sent = sendto(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&to), sizeof to);
  return sent >= 0 ? 0 : errno;
}

}  // namespace tandem::vrrp
