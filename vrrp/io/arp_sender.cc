#include "vrrp/io/arp_sender.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>

#include "vrrp/arp.hpp"

namespace tandem::vrrp {

// Protocol 0: a packet socket that receives nothing, so nothing has to be read from it.
ArpSender::ArpSender() : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {}

int ArpSender::send(int interface_index, const MacAddress& mac, Ipv4Address address) {
  if (!fd_) return EPERM;
  const auto frame = gratuitous_arp(mac, address);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_ARP);
  to.sll_ifindex = interface_index;
  to.sll_halen = ETH_ALEN;
  for (uint8_t& byte : std::span(to.sll_addr).first(ETH_ALEN)) byte = 0xff;
  const ssize_t sent = sendto(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&to), sizeof to);
  return sent >= 0 ? 0 : errno;
}

}  // namespace tandem::vrrp
