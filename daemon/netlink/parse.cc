#include "daemon/netlink/parse.hpp"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace tandem::netlink {
namespace {

// The attributes after a fixed part of type Header.
template <class Header, int kMax>
class Attributes {
 public:
  explicit Attributes(const nlmsghdr& message) {
    auto* header = const_cast<nlmsghdr*>(&message);
    valid_ = nlmsg_valid_hdr(header, sizeof(Header)) != 0 &&
             nlmsg_parse(header, sizeof(Header), table_.data(), kMax, nullptr) == 0;
    if (valid_) std::memcpy(&fixed_, nlmsg_data(header), sizeof fixed_);
  }

  bool valid() const { return valid_; }
  const Header& fixed() const { return fixed_; }
  bool has(int type) const { return table_[static_cast<size_t>(type)] != nullptr; }

  Bytes bytes(int type) const {
    const nlattr* attribute = table_[static_cast<size_t>(type)];
    if (attribute == nullptr) return {};
    return {static_cast<const std::byte*>(nla_data(attribute)), static_cast<size_t>(nla_len(attribute))};
  }

  template <class T>
  std::optional<T> number(int type) const {
    const Bytes raw = bytes(type);
    if (raw.size() < sizeof(T)) return std::nullopt;
    T value{};
    std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }

 private:
  std::array<nlattr*, kMax + 1> table_{};
  Header fixed_{};
  bool valid_ = false;
};

std::optional<IpAddress> to_address(uint8_t family, Bytes raw) {
  if (family == AF_INET && raw.size() == 4) return Ipv4Address{wire_at<be32>(raw)->value()};
  if (family == AF_INET6 && raw.size() == 16) {
    Ipv6Address address;
    std::memcpy(address.bytes.data(), raw.data(), 16);
    return address;
  }
  return std::nullopt;
}

MacAddress to_mac(Bytes raw) {
  MacAddress mac;
  if (raw.size() == mac.bytes.size()) std::memcpy(mac.bytes.data(), raw.data(), raw.size());
  return mac;
}

NeighbourState to_state(uint16_t state) {
  switch (state) {
    case NUD_INCOMPLETE:
      return NeighbourState::kIncomplete;
    case NUD_REACHABLE:
      return NeighbourState::kReachable;
    case NUD_STALE:
      return NeighbourState::kStale;
    case NUD_DELAY:
      return NeighbourState::kDelay;
    case NUD_PROBE:
      return NeighbourState::kProbe;
    case NUD_FAILED:
      return NeighbourState::kFailed;
    case NUD_PERMANENT:
      return NeighbourState::kPermanent;
    case NUD_NOARP:
      return NeighbourState::kNoArp;
    default:
      return NeighbourState::kNone;
  }
}

RouteKind to_kind(uint8_t type) {
  switch (type) {
    case RTN_UNICAST:
      return RouteKind::kUnicast;
    case RTN_LOCAL:
      return RouteKind::kLocal;
    case RTN_BROADCAST:
      return RouteKind::kBroadcast;
    case RTN_MULTICAST:
      return RouteKind::kMulticast;
    default:
      return RouteKind::kOther;
  }
}

// The MTU among a route's metrics, 0 when it has none.
uint32_t mtu_metric(Bytes metrics) {
  auto* first = reinterpret_cast<nlattr*>(const_cast<std::byte*>(metrics.data()));
  if (first == nullptr) return 0;
  const nlattr* mtu = nla_find(first, static_cast<int>(metrics.size()), RTAX_MTU);
  return mtu != nullptr && nla_len(mtu) >= 4 ? nla_get_u32(mtu) : 0;
}

}  // namespace

uint8_t family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

AddressBytes address_bytes(const IpAddress& address) {
  AddressBytes out;
  if (address.is_v4()) {
    const be32 wire = address.v4.value;
    std::memcpy(out.bytes.data(), &wire, out.length = sizeof wire);
  } else {
    std::memcpy(out.bytes.data(), address.v6.bytes.data(), out.length = 16);
  }
  return out;
}

std::optional<Link> parse_link(const nlmsghdr& header) {
  const Attributes<ifinfomsg, IFLA_MAX> attributes(header);
  // Bridges repeat their ports in messages of AF_BRIDGE, which know nothing of the device itself.
  if (!attributes.valid() || attributes.fixed().ifi_family != AF_UNSPEC) return std::nullopt;
  const Bytes name = attributes.bytes(IFLA_IFNAME);
  if (name.empty()) return std::nullopt;
  Link link;
  link.index = attributes.fixed().ifi_index;
  const auto* text = reinterpret_cast<const char*>(name.data());
  link.name.assign(text, strnlen(text, name.size()));
  link.mac = to_mac(attributes.bytes(IFLA_ADDRESS));
  link.mtu = attributes.number<uint32_t>(IFLA_MTU).value_or(0);
  link.master = static_cast<int>(attributes.number<uint32_t>(IFLA_MASTER).value_or(0));
  if (const Bytes qdisc = attributes.bytes(IFLA_QDISC); !qdisc.empty()) {
    const auto* word = reinterpret_cast<const char*>(qdisc.data());
    link.qdisc.assign(word, strnlen(word, qdisc.size()));
  }
  link.up = (attributes.fixed().ifi_flags & IFF_UP) != 0;
  link.carrier = (attributes.fixed().ifi_flags & IFF_LOWER_UP) != 0;
  return link;
}

std::optional<InterfaceAddress> parse_address(const nlmsghdr& header) {
  const Attributes<ifaddrmsg, IFA_MAX> attributes(header);
  if (!attributes.valid()) return std::nullopt;
  const ifaddrmsg& fixed = attributes.fixed();
  // On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL is always ours.
  auto address = to_address(fixed.ifa_family, attributes.bytes(IFA_LOCAL));
  if (!address) address = to_address(fixed.ifa_family, attributes.bytes(IFA_ADDRESS));
  if (!address) return std::nullopt;
  InterfaceAddress out;
  out.interface_index = static_cast<int>(fixed.ifa_index);
  out.prefix = {*address, fixed.ifa_prefixlen};
  out.tag = attributes.number<uint8_t>(IFA_PROTO).value_or(0);
  const uint32_t flags = attributes.number<uint32_t>(IFA_FLAGS).value_or(fixed.ifa_flags);
  out.secondary = (flags & IFA_F_SECONDARY) != 0;
  out.scope = fixed.ifa_scope;
  out.tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
  return out;
}

std::optional<Neighbour> parse_neighbour(const nlmsghdr& header) {
  const Attributes<ndmsg, NDA_MAX> attributes(header);
  if (!attributes.valid()) return std::nullopt;
  const auto address = to_address(attributes.fixed().ndm_family, attributes.bytes(NDA_DST));
  if (!address) return std::nullopt;
  return Neighbour{attributes.fixed().ndm_ifindex, *address, to_mac(attributes.bytes(NDA_LLADDR)),
                   to_state(attributes.fixed().ndm_state)};
}

std::optional<RouteAnswer> parse_route_answer(const nlmsghdr& header) {
  const Attributes<rtmsg, RTA_MAX> attributes(header);
  if (!attributes.valid()) return std::nullopt;
  const uint8_t family = attributes.fixed().rtm_family;
  RouteAnswer answer;
  answer.kind = to_kind(attributes.fixed().rtm_type);
  answer.interface_index = static_cast<int>(attributes.number<uint32_t>(RTA_OIF).value_or(0));
  answer.gateway = to_address(family, attributes.bytes(RTA_GATEWAY));
  // An IPv4 route through an IPv6 gateway (RFC 8950) names it in RTA_VIA.
  const Bytes via = attributes.bytes(RTA_VIA);
  if (!answer.gateway && via.size() > sizeof(rtvia)) {
    uint16_t via_family = 0;
    std::memcpy(&via_family, via.data(), sizeof via_family);
    answer.gateway = to_address(static_cast<uint8_t>(via_family), via.subspan(sizeof(rtvia)));
  }
  answer.preferred_source = to_address(family, attributes.bytes(RTA_PREFSRC));
  answer.mtu = mtu_metric(attributes.bytes(RTA_METRICS));
  return answer;
}

std::optional<RouteChange> parse_route_change(const nlmsghdr& header) {
  const Attributes<rtmsg, RTA_MAX> attributes(header);
  if (!attributes.valid()) return std::nullopt;
  const rtmsg& fixed = attributes.fixed();
  // Cached clones come and go with traffic and say nothing about the tables.
  if ((fixed.rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
  RouteChange change;
  auto destination = to_address(fixed.rtm_family, attributes.bytes(RTA_DST));
  if (!destination) {  // the default route has no destination
    if (fixed.rtm_dst_len != 0) return std::nullopt;
    if (fixed.rtm_family == AF_INET6)
      destination = Ipv6Address{};
    else if (fixed.rtm_family == AF_INET)
      destination = Ipv4Address{};
    else
      return std::nullopt;
  }
  change.destination = {*destination, fixed.rtm_dst_len};
  change.table = attributes.number<uint32_t>(RTA_TABLE).value_or(fixed.rtm_table);
  return change;
}

}  // namespace tandem::netlink
