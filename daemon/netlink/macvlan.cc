#include "daemon/netlink/macvlan.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "daemon/netlink/link.hpp"

namespace tandem::netlink {
namespace {

constexpr std::array<uint8_t, 4> kVirtualMac{0x00, 0x00, 0x5e, 0x00};

// An attribute inside of another one.
void nest(std::vector<std::byte>& out, uint16_t type, Bytes value) {
  rtattr header{};
  header.rta_len = static_cast<uint16_t>(RTA_LENGTH(value.size()));
  header.rta_type = type;
  const Bytes head = bytes_of(header);
  out.insert(out.end(), head.begin(), head.end());
  out.insert(out.end(), value.begin(), value.end());
  out.resize(RTA_ALIGN(out.size()));
}

Bytes bytes_of_text(const std::string& text) {
  return std::as_bytes(std::span(text.c_str(), text.size() + 1));
}

// What cannot be written is as it was; the lab sees what that means.
void write_sysctl(const std::string& path, const char* value) {
  const int fd = open(("/proc/sys/net/" + path).c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  static_cast<void>(!write(fd, value, std::strlen(value)));
  close(fd);
}

}  // namespace

std::string macvlan_name(IpAddress::Family family, uint8_t vrid) {
  return (family == IpAddress::Family::kIpv4 ? "vrrp4-" : "vrrp6-") + std::to_string(vrid);
}

Outcome<void> raise_macvlan(Connection& connection, const Macvlan& device) {
  const auto parent = find_link(connection, device.parent);
  if (!parent) return Failure(parent.error());
  auto known = find_link(connection, device.name);
  if (known && known->mac != device.mac) {  // somebody else's, or of another VRID
    if (const auto removed = remove_macvlan(connection, device.name); !removed) return removed;
    known = Failure(Error::from_errno(ENODEV, "looking up an interface"));
  }
  if (!known) {
    std::vector<std::byte> data, info;
    // Private mode would keep from the parent what the other director sends from the same MAC address.
    const uint32_t mode = MACVLAN_MODE_BRIDGE;
    nest(data, IFLA_MACVLAN_MODE, bytes_of(mode));
    const std::string kind = "macvlan";
    nest(info, IFLA_INFO_KIND, bytes_of_text(kind));
    nest(info, IFLA_INFO_DATA, data);
    Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{.ifi_family = AF_UNSPEC});
    request.put(IFLA_IFNAME, bytes_of_text(device.name));
    request.put_value(IFLA_LINK, parent->index);
    request.put(IFLA_ADDRESS, bytes_of(device.mac));
    request.put(IFLA_LINKINFO, info);
    if (const auto made = connection.change(std::move(request), "making a macvlan device"); !made) return made;
    // Before it is raised: no link-local address that both directors would make of the same MAC address.
    write_sysctl("ipv6/conf/" + device.name + "/addr_gen_mode", "1");
    write_sysctl("ipv6/conf/" + device.name + "/accept_ra", "0");
    // Nothing may be said from it before it has its address: switches would send the clients' packets here.
    if (device.name.starts_with("vrrp4-")) write_sysctl("ipv6/conf/" + device.name + "/disable_ipv6", "1");
    write_sysctl("ipv4/conf/" + device.name + "/arp_ignore", "1");
    write_sysctl("ipv4/conf/" + device.name + "/rp_filter", "2");
    write_sysctl("ipv4/conf/" + device.parent + "/arp_ignore", "1");
    write_sysctl("ipv4/conf/" + device.parent + "/arp_announce", "2");
  }
  const auto made = find_link(connection, device.name);
  if (!made) return Failure(made.error());
  if (made->up) return {};
  return connection.change(
      Request(RTM_NEWLINK, 0,
              ifinfomsg{.ifi_family = AF_UNSPEC, .ifi_index = made->index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}),
      "raising a macvlan device");
}

Outcome<void> hush_macvlan(Connection& connection, const Macvlan& device) {
  const auto known = find_link(connection, device.name);
  if (!known) return known.error().kind == ErrorKind::kNotFound ? Outcome<void>() : Failure(known.error());
  return connection.change(
      Request(RTM_NEWLINK, 0,
              ifinfomsg{.ifi_family = AF_UNSPEC, .ifi_index = known->index, .ifi_flags = 0, .ifi_change = IFF_UP}),
      "lowering a macvlan device");
}

Outcome<void> remove_macvlan(Connection& connection, const std::string& name) {
  if (const auto hushed = hush_macvlan(connection, {.name = name}); !hushed) return hushed;
  const auto known = find_link(connection, name);
  if (!known) return known.error().kind == ErrorKind::kNotFound ? Outcome<void>() : Failure(known.error());
  return connection.change(Request(RTM_DELLINK, 0, ifinfomsg{.ifi_family = AF_UNSPEC, .ifi_index = known->index}),
                           "removing a macvlan device");
}

Outcome<size_t> remove_our_macvlans(Connection& connection, const std::set<std::string>& keep) {
  const auto links = list_links(connection);
  if (!links) return Failure(links.error());
  size_t removed = 0;
  for (const Link& link : *links) {
    const bool ours = (link.name.starts_with("vrrp4-") || link.name.starts_with("vrrp6-")) &&
                      std::memcmp(link.mac.bytes.data(), kVirtualMac.data(), kVirtualMac.size()) == 0;
    if (!ours || keep.contains(link.name)) continue;
    if (const auto done = remove_macvlan(connection, link.name); !done) return Failure(done.error());
    ++removed;
  }
  return removed;
}

}  // namespace tandem::netlink
