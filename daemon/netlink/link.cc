#include "daemon/netlink/link.hpp"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "daemon/netlink/parse.hpp"

namespace tandem::netlink {
namespace {

constexpr const char* kDoing = "looking up an interface";

Outcome<Link> ask_one(Connection& connection, Request request) {
  std::optional<Link> found;
  const auto asked =
      connection.ask(std::move(request), kDoing, [&](const nlmsghdr& header) { found = parse_link(header); });
  if (!asked) return Failure(asked.error());
  if (!found) return Failure(Error::from_errno(EBADMSG, kDoing));
  return *found;
}

}  // namespace

Outcome<Link> find_link(Connection& connection, std::string_view name) {
  // The kernel cuts names to 15 characters rather than refusing longer ones.
  if (name.empty() || name.size() >= IFNAMSIZ) return Failure(Error::from_errno(ENODEV, kDoing));
  Request request(RTM_GETLINK, 0, ifinfomsg{.ifi_family = AF_UNSPEC});
  std::array<char, IFNAMSIZ> text{};
  std::memcpy(text.data(), name.data(), name.size());
  request.put(IFLA_IFNAME, std::as_bytes(std::span(text).first(name.size() + 1)));
  return ask_one(connection, std::move(request));
}

Outcome<Link> find_link(Connection& connection, int index) {
  return ask_one(connection, Request(RTM_GETLINK, 0, ifinfomsg{.ifi_family = AF_UNSPEC, .ifi_index = index}));
}

Outcome<std::vector<Link>> list_links(Connection& connection) {
  std::vector<Link> links;
  const auto asked = connection.ask(
      Request(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{.ifi_family = AF_UNSPEC}), "listing interfaces",
      [&](const nlmsghdr& header) {
        if (auto link = parse_link(header)) links.push_back(std::move(*link));
      },
      [&] { links.clear(); });
  if (!asked) return Failure(asked.error());
  return links;
}

}  // namespace tandem::netlink
