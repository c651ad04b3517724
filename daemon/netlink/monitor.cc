#include "daemon/netlink/monitor.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "daemon/netlink/parse.hpp"

namespace tandem::netlink {
namespace {

constexpr size_t kDatagramBytes = 64 * 1024;
constexpr int kDatagramsPerRead = 64;

template <class Wrapped, class Parsed>
void add(std::vector<Change>& changes, bool removed, std::optional<Parsed> parsed) {
  if (parsed) changes.push_back(Wrapped{removed, std::move(*parsed)});
}

void parse_change(const nlmsghdr& header, std::vector<Change>& changes) {
  switch (header.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return add<LinkChange>(changes, header.nlmsg_type == RTM_DELLINK, parse_link(header));
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return add<AddressChange>(changes, header.nlmsg_type == RTM_DELADDR, parse_address(header));
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return add<NeighbourChange>(changes, header.nlmsg_type == RTM_DELNEIGH, parse_neighbour(header));
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      if (auto change = parse_route_change(header)) {
        change->removed = header.nlmsg_type == RTM_DELROUTE;
        changes.push_back(*change);
      }
      return;
    default:
      return;
  }
}

bool join(int fd, int group) {
  return setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0;
}

}  // namespace

Monitor::Monitor(int fd) : fd_(fd), buffer_(kDatagramBytes) {}

Monitor::Monitor(Monitor&& other) noexcept : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

Monitor& Monitor::operator=(Monitor&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

Monitor::~Monitor() {
  if (fd_ >= 0) close(fd_);
}

Outcome<Monitor> Monitor::open(Topics topics, int receive_buffer_bytes) {
  static constexpr const char* kDoing = "opening the netlink monitor";
  Monitor monitor(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (monitor.fd_ < 0) return Failure(Error::from_errno(errno, kDoing));
  // The forced size needs CAP_NET_ADMIN; without it the system's limit applies.
  if (setsockopt(monitor.fd_, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof receive_buffer_bytes) < 0)
    setsockopt(monitor.fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  if (bind(monitor.fd_, reinterpret_cast<sockaddr*>(&local), sizeof local) < 0)
    return Failure(Error::from_errno(errno, kDoing));
  const bool joined =
      (!topics.links || join(monitor.fd_, RTNLGRP_LINK)) &&
      (!topics.addresses || (join(monitor.fd_, RTNLGRP_IPV4_IFADDR) && join(monitor.fd_, RTNLGRP_IPV6_IFADDR))) &&
      (!topics.routes || (join(monitor.fd_, RTNLGRP_IPV4_ROUTE) && join(monitor.fd_, RTNLGRP_IPV6_ROUTE))) &&
      (!topics.neighbours || join(monitor.fd_, RTNLGRP_NEIGH));
  if (!joined) return Failure(Error::from_errno(errno, kDoing));
  return monitor;
}

Outcome<std::vector<Change>> Monitor::read() {
  std::vector<Change> changes;
  for (int datagram = 0; datagram < kDatagramsPerRead; ++datagram) {
    sockaddr_nl from{};
    iovec vector{buffer_.data(), buffer_.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    const ssize_t length = recvmsg(fd_, &message, 0);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      if (errno != ENOBUFS) return Failure(Error::from_errno(errno, "reading network changes"));
      changes.push_back(Resynchronise{});
      continue;
    }
    if (from.nl_pid != 0) continue;  // only the kernel reports changes
    if ((message.msg_flags & MSG_TRUNC) != 0) {
      changes.push_back(Resynchronise{});
      continue;
    }
    auto rest = static_cast<int>(length);
    auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data());
    for (; nlmsg_ok(header, rest); header = nlmsg_next(header, &rest)) parse_change(*header, changes);
  }
  return changes;
}

}  // namespace tandem::netlink
