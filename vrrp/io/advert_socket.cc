#include "vrrp/io/advert_socket.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <system_error>

#include "daemon/base/checksum.hpp"
#include "vrrp/wire.hpp"

namespace tandem::vrrp {
namespace {

// A burst of every VRID of one peer at once, with room for another's.
constexpr int kReceiveBufferBytes = 512 * 1024;

// A packet socket sees what the host's firewall would drop, and other stations' packets where a switch floods them. Only
// protocol 112 for the group reaches us, or also for this station where there is a unicast router, so a flood of other
// packets costs the room nothing. Everything else is judged, and counted, by decode_ipv4() and decode_ipv6().
constexpr auto kPacketType = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
constexpr sock_filter kForUsIpv4[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),  // protocol
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kVrrpProtocol, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kPacketType),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};
constexpr sock_filter kOnlyTheGroupIpv4[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),  // protocol
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kVrrpProtocol, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),  // destination address
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kMulticastIpv4.value, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};
constexpr sock_filter kForUsIpv6[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),  // next header
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kVrrpProtocol, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kPacketType),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};
// ff02::12, its first and its last word.
constexpr sock_filter kOnlyTheGroupIpv6[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),  // next header
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kVrrpProtocol, 0, 5),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 24),  // destination address
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xff020000, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 36),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};
constexpr sock_filter kNothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};

template <class T>
bool set(int fd, int level, int option, const T& value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

bool filter(int fd, std::span<const sock_filter> code) {
  const sock_fprog program{static_cast<uint16_t>(code.size()), const_cast<sock_filter*>(code.data())};
  return set(fd, SOL_SOCKET, SO_ATTACH_FILTER, program);
}

bool hear(int fd, IpAddress::Family family, bool unicast) {
  if (family == IpAddress::Family::kIpv4) return unicast ? filter(fd, kForUsIpv4) : filter(fd, kOnlyTheGroupIpv4);
  return unicast ? filter(fd, kForUsIpv6) : filter(fd, kOnlyTheGroupIpv6);
}

// Hears the packets of one interface and family from their IP headers on.
loop::UniqueFd open_ear(int interface_index, IpAddress::Family family) {
  // Bound before it receives: a socket with a protocol hears every interface until bind().
  loop::UniqueFd fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd || !hear(fd.get(), family, false) || !set(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes) ||
      !set(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1))
    return {};
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(family == IpAddress::Family::kIpv4 ? ETH_P_IP : ETH_P_IPV6);
  address.sll_ifindex = interface_index;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return fd;
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
                    set(fd, IPPROTO_IPV6, IPV6_TCLASS, int{kTrafficClass});
  return rest ? nullptr : "preparing a raw socket";
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
  if (!filter(raw, kNothing)) return failed("filtering a raw socket");
  std::array<char, IFNAMSIZ> name{};
  std::memcpy(name.data(), interface.data(), std::min(interface.size(), name.size() - 1));
  if (!set(raw, SOL_SOCKET, SO_BINDTODEVICE, name)) return failed("binding a raw socket");
  if (!set(raw, SOL_SOCKET, SO_PRIORITY, 6)) return failed("preparing a raw socket");
  if (const char* wrong = v4 ? prepare_ipv4(raw, interface_index) : prepare_ipv6(raw, interface_index))
    return failed(wrong);
  loop::UniqueFd ear = open_ear(interface_index, family);
  if (!ear) return failed("opening a packet socket");
  return AdvertSocket(std::move(fd), std::move(ear), interface_index, family);
}

void AdvertSocket::hear_unicast(bool wanted) {
  // It cannot fail for a socket that was opened.
  static_cast<void>(hear(ear_.get(), family_, wanted));
}

std::optional<AdvertSocket::Packet> AdvertSocket::receive(MutableBytes buffer) {
  while (true) {
    const ssize_t length = recv(ear_.get(), buffer.data(), buffer.size(), 0);
    if (length >= 0) {
      if (const auto packet = opened(Bytes(buffer).first(static_cast<size_t>(length)))) return packet;
      continue;
    }
    // ENETDOWN is said once when the interface goes; what it means is learned from netlink.
    if (errno == EINTR || errno == ENETDOWN) continue;
    return std::nullopt;
  }
}

// What the kernel's own IP would not have taken is not looked at either.
std::optional<AdvertSocket::Packet> AdvertSocket::opened(Bytes bytes) const {
  if (family_ == Family::kIpv4) {
    const auto* const header = wire_at<wire::Ipv4Header>(bytes);
    const size_t length = header == nullptr ? 0 : (header->version_ihl & 0xfu) * size_t{4};
    if (length < sizeof(wire::Ipv4Header) || length > bytes.size()) return std::nullopt;
    if (internet_checksum(bytes.first(length)) != 0) return std::nullopt;
    return Packet{.bytes = bytes};
  }
  const auto* const header = wire_at<wire::Ipv6Header>(bytes);
  if (header == nullptr || header->version_class_flow >> 28 != 6) return std::nullopt;
  const Bytes rest = bytes.subspan(sizeof *header);
  // Ethernet pads; a payload that is not there whole is the decoder's to refuse.
  return Packet{.bytes = rest.first(std::min<size_t>(rest.size(), header->payload_length)),
                .source = header->source,
                .destination = header->destination,
                .hop_limit = header->hop_limit};
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
