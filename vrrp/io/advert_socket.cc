#include "vrrp/io/advert_socket.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <span>
#include <system_error>

namespace tandem::vrrp {
namespace {

// A burst of every VRID of one peer at once, with room for another's.
constexpr int kReceiveBufferBytes = 512 * 1024;

// The kernel hands a raw socket whatever carries protocol 112. Only what was sent to the group reaches us, so a flood
// of unicast packets costs the room nothing. Everything else is judged, and counted, by decode_ipv4() and decode_ipv6().
constexpr sock_filter kOnlyTheGroupIpv4[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),  // destination address
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kMulticastIpv4.value, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};
// The IPv6 header is before what a raw socket sees of the packet. ff02::12, word by word.
constexpr auto kDestinationIpv6 = static_cast<uint32_t>(SKF_NET_OFF) + 24;
constexpr sock_filter kOnlyTheGroupIpv6[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kDestinationIpv6),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xff020000, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kDestinationIpv6 + 12),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

template <class T>
bool set(int fd, int level, int option, const T& value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

bool hear_only_the_group(int fd, IpAddress::Family family) {
  const std::span<const sock_filter> code = family == IpAddress::Family::kIpv4
                                                ? std::span<const sock_filter>(kOnlyTheGroupIpv4)
                                                : std::span<const sock_filter>(kOnlyTheGroupIpv6);
  const sock_fprog filter{static_cast<uint16_t>(code.size()), const_cast<sock_filter*>(code.data())};
  return set(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter);
}

// Returns what could not be done, or nullptr.
const char* prepare_ipv4(int fd, int interface_index) {
  ip_mreqn group{};
  group.imr_multiaddr.s_addr = htonl(kMulticastIpv4.value);
  group.imr_ifindex = interface_index;
  if (!set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, group)) return "joining 224.0.0.18";
  if (!set(fd, IPPROTO_IP, IP_MULTICAST_IF, group)) return "choosing the way out";
  const bool rest = set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) && set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) &&
                    set(fd, IPPROTO_IP, IP_MULTICAST_TTL, int{kVrrpTtl}) &&
                    set(fd, IPPROTO_IP, IP_TTL, int{kVrrpTtl}) && set(fd, IPPROTO_IP, IP_TOS, int{kTrafficClass});
  return rest ? nullptr : "preparing a raw socket";
}

const char* prepare_ipv6(int fd, int interface_index) {
  ipv6_mreq group{};
  std::memcpy(&group.ipv6mr_multiaddr, kMulticastIpv6.bytes.data(), kMulticastIpv6.bytes.size());
  group.ipv6mr_interface = static_cast<unsigned>(interface_index);
  if (!set(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, group)) return "joining ff02::12";
  if (!set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, interface_index)) return "choosing the way out";
  const bool rest = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0) && set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) &&
                    set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, int{kVrrpTtl}) &&
                    set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, int{kVrrpTtl}) &&
                    set(fd, IPPROTO_IPV6, IPV6_TCLASS, int{kTrafficClass}) &&
                    set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) && set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
  return rest ? nullptr : "preparing a raw socket";
}

Ipv6Address to_address(const in6_addr& from) {
  Ipv6Address address;
  std::memcpy(address.bytes.data(), &from, address.bytes.size());
  return address;
}

// One piece of ancillary data to send along.
template <class T>
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(T))> space{};

  void attach(msghdr& header, int level, int type, const T& value) {
    header.msg_control = space.data();
    header.msg_controllen = space.size();
    cmsghdr* first = CMSG_FIRSTHDR(&header);
    first->cmsg_level = level;
    first->cmsg_type = type;
    first->cmsg_len = CMSG_LEN(sizeof(T));
    std::memcpy(CMSG_DATA(first), &value, sizeof value);
  }
};

int send_all(int fd, const msghdr& header) {
  while (true) {
    if (sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

}  // namespace

Result<AdvertSocket, std::string> AdvertSocket::open(int interface_index, const std::string& interface, Family family) {
  const auto failed = [&](const char* doing) {
    return Failure<std::string>(std::string(doing) + " on " + interface + ": " +
                                std::generic_category().message(errno));
  };
  const bool v4 = family == Family::kIpv4;
  loop::UniqueFd fd(socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, kVrrpProtocol));
  if (!fd) return failed("opening a raw socket");
  const int raw = fd.get();
  if (!hear_only_the_group(raw, family)) return failed("filtering a raw socket");
  std::array<char, IFNAMSIZ> name{};
  std::memcpy(name.data(), interface.data(), std::min(interface.size(), name.size() - 1));
  if (!set(raw, SOL_SOCKET, SO_BINDTODEVICE, name)) return failed("binding a raw socket");
  if (!set(raw, SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes) || !set(raw, SOL_SOCKET, SO_PRIORITY, 6))
    return failed("preparing a raw socket");
  if (const char* wrong = v4 ? prepare_ipv4(raw, interface_index) : prepare_ipv6(raw, interface_index))
    return failed(wrong);
  // What came between socket() and the filter was never meant for us.
  std::byte rubbish{};
  while (recv(raw, &rubbish, 1, MSG_TRUNC) >= 0) continue;
  return AdvertSocket(std::move(fd), interface_index, family);
}

void AdvertSocket::hear_unicast(bool wanted) {
  // Neither can fail for a socket that was opened: then more is heard than needed, and judged.
  if (wanted)
    static_cast<void>(set(fd_.get(), SOL_SOCKET, SO_DETACH_FILTER, 0));
  else
    static_cast<void>(hear_only_the_group(fd_.get(), family_));
}

std::optional<AdvertSocket::Packet> AdvertSocket::receive(MutableBytes buffer) {
  sockaddr_in6 from{};
  iovec vector{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  while (true) {
    header = {};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t length = recvmsg(fd_.get(), &header, 0);
    if (length >= 0) {
      Packet packet{.bytes = Bytes(buffer).first(static_cast<size_t>(length))};
      if (family_ == Family::kIpv4) return packet;
      packet.source = to_address(from.sin6_addr);
      for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr; each = CMSG_NXTHDR(&header, each)) {
        if (each->cmsg_level != IPPROTO_IPV6) continue;
        if (each->cmsg_type == IPV6_PKTINFO) {
          in6_pktinfo info{};
          std::memcpy(&info, CMSG_DATA(each), sizeof info);
          packet.destination = to_address(info.ipi6_addr);
        } else if (each->cmsg_type == IPV6_HOPLIMIT) {
          int hops = 0;
          std::memcpy(&hops, CMSG_DATA(each), sizeof hops);
          packet.hop_limit = static_cast<uint8_t>(hops);
        }
      }
      return packet;
    }
    // ENETDOWN is said once when the interface goes; what it means is learned from netlink.
    if (errno == EINTR || errno == ENETDOWN) continue;
    return std::nullopt;
  }
}

int AdvertSocket::send(const Advert& advert) {
  return send_message(encode_message(advert), advert.source, advert.destination);
}

int AdvertSocket::send_from(const MacAddress& mac, const Advert& advert) {
  if (!frames_) frames_.emplace();
  const bool v4 = family_ == Family::kIpv4;
  // RFC 1112, 6.4 and RFC 2464, 7: the groups' MAC addresses.
  const MacAddress group =
      v4 ? MacAddress{{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12}} : MacAddress{{0x33, 0x33, 0, 0, 0, 0x12}};
  const be16 ether_type = static_cast<uint16_t>(v4 ? ETH_P_IP : ETH_P_IPV6);
  const std::vector<std::byte> packet = v4 ? encode_ipv4(advert, ++ip_id_) : encode_ipv6(advert);
  std::vector<std::byte> frame;
  frame.reserve(ETH_HLEN + packet.size());
  for (const Bytes part : {bytes_of(group), bytes_of(mac), bytes_of(ether_type), Bytes(packet)})
    frame.insert(frame.end(), part.begin(), part.end());
  return frames_->send(interface_index_, frame);
}

// The source is said with each packet: the checksum was made for it, and the tie-break goes by it.
int AdvertSocket::send_message(Bytes message, const IpAddress& source, const IpAddress& destination) {
  iovec vector{const_cast<std::byte*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (family_ == Family::kIpv4) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(destination.v4.value);
    header.msg_name = &to;
    header.msg_namelen = sizeof to;
    in_pktinfo from{};
    from.ipi_ifindex = interface_index_;
    from.ipi_spec_dst.s_addr = htonl(source.v4.value);
    Control<in_pktinfo> control;
    control.attach(header, IPPROTO_IP, IP_PKTINFO, from);
    return send_all(fd_.get(), header);
  }
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  std::memcpy(&to.sin6_addr, destination.v6.bytes.data(), destination.v6.bytes.size());
  to.sin6_scope_id = static_cast<uint32_t>(interface_index_);
  header.msg_name = &to;
  header.msg_namelen = sizeof to;
  in6_pktinfo from{};
  from.ipi6_ifindex = static_cast<unsigned>(interface_index_);
  std::memcpy(&from.ipi6_addr, source.v6.bytes.data(), source.v6.bytes.size());
  Control<in6_pktinfo> control;
  control.attach(header, IPPROTO_IPV6, IPV6_PKTINFO, from);
  return send_all(fd_.get(), header);
}

}  // namespace tandem::vrrp
