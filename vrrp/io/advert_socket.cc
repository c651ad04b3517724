#include "vrrp/io/advert_socket.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <system_error>

namespace tandem::vrrp {
namespace {

// A burst of every VRID of one peer at once, with room for another's.
constexpr int kReceiveBufferBytes = 512 * 1024;

// The kernel hands a raw socket whatever carries protocol 112. Only what was sent to the group reaches us, so a flood
// of unicast packets costs the room nothing. Everything else is judged, and counted, by decode_ipv4().
constexpr sock_filter kOnlyTheGroup[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),  // destination address
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kMulticastIpv4.value, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

template <class T>
bool set(int fd, int level, int option, const T& value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

ip_mreqn membership(int interface_index) {
  ip_mreqn request{};
  request.imr_multiaddr.s_addr = htonl(kMulticastIpv4.value);
  request.imr_ifindex = interface_index;
  return request;
}

}  // namespace

Result<AdvertSocket, std::string> AdvertSocket::open(int interface_index, const std::string& interface) {
  const auto failed = [&](const char* doing) {
    return Failure<std::string>(std::string(doing) + " on " + interface + ": " +
                                std::generic_category().message(errno));
  };
  loop::UniqueFd fd(socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, kVrrpProtocol));
  if (!fd) return failed("opening a raw socket");
  const int raw = fd.get();
  const sock_fprog filter{std::size(kOnlyTheGroup), const_cast<sock_filter*>(kOnlyTheGroup)};
  if (!set(raw, SOL_SOCKET, SO_ATTACH_FILTER, filter)) return failed("filtering a raw socket");
  std::array<char, IFNAMSIZ> name{};
  std::memcpy(name.data(), interface.data(), std::min(interface.size(), name.size() - 1));
  if (!set(raw, SOL_SOCKET, SO_BINDTODEVICE, name)) return failed("binding a raw socket");
  const ip_mreqn group = membership(interface_index);
  if (!set(raw, IPPROTO_IP, IP_ADD_MEMBERSHIP, group)) return failed("joining 224.0.0.18");
  if (!set(raw, IPPROTO_IP, IP_MULTICAST_IF, group)) return failed("choosing the way out");
  const bool rest = set(raw, SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes) && set(raw, SOL_SOCKET, SO_PRIORITY, 6) &&
                    set(raw, IPPROTO_IP, IP_MULTICAST_ALL, 0) && set(raw, IPPROTO_IP, IP_MULTICAST_LOOP, 0) &&
                    set(raw, IPPROTO_IP, IP_MULTICAST_TTL, int{kVrrpTtl}) &&
                    set(raw, IPPROTO_IP, IP_TTL, int{kVrrpTtl}) && set(raw, IPPROTO_IP, IP_TOS, int{kTrafficClass});
  if (!rest) return failed("preparing a raw socket");
  // What came between socket() and the filter was never meant for us.
  std::byte rubbish{};
  while (recv(raw, &rubbish, 1, MSG_TRUNC) >= 0) continue;
  return AdvertSocket(std::move(fd), interface_index);
}

std::optional<Bytes> AdvertSocket::receive(MutableBytes buffer) {
  while (true) {
    const ssize_t length = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (length >= 0) return Bytes(buffer).first(static_cast<size_t>(length));
    // ENETDOWN is said once when the interface goes; what it means is learned from netlink.
    if (errno == EINTR || errno == ENETDOWN) continue;
    return std::nullopt;
  }
}

int AdvertSocket::send(const Advert& advert) {
  return send_message(encode_message(advert), advert.source, advert.destination);
}

int AdvertSocket::send_message(Bytes message, const IpAddress& source, const IpAddress& destination) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(destination.v4.value);
  // The source is said with each packet: the checksum was made for it, and the tie-break goes by it.
  in_pktinfo from{};
  from.ipi_ifindex = interface_index_;
  from.ipi_spec_dst.s_addr = htonl(source.v4.value);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof from)> control{};
  iovec vector{const_cast<std::byte*>(message.data()), message.size()};
  msghdr header{};
  header.msg_name = &to;
  header.msg_namelen = sizeof to;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* first = CMSG_FIRSTHDR(&header);
  first->cmsg_level = IPPROTO_IP;
  first->cmsg_type = IP_PKTINFO;
  first->cmsg_len = CMSG_LEN(sizeof from);
  std::memcpy(CMSG_DATA(first), &from, sizeof from);
  while (true) {
    if (sendmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

}  // namespace tandem::vrrp
