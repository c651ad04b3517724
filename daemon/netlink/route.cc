#include "daemon/netlink/route.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "daemon/netlink/parse.hpp"

namespace tandem::netlink {

bool Neighbour::usable() const {
  switch (state) {
    case NeighbourState::kReachable:
    case NeighbourState::kStale:
    case NeighbourState::kDelay:
    case NeighbourState::kProbe:
    case NeighbourState::kPermanent:
    case NeighbourState::kNoArp:
      return !mac.is_zero();
    case NeighbourState::kIncomplete:
    case NeighbourState::kFailed:
    case NeighbourState::kNone:
      return false;
  }
  return false;
}

Outcome<RouteAnswer> route_to(Connection& connection, const IpAddress& destination) {
  static constexpr const char* kDoing = "looking up a route";
  const AddressBytes address = address_bytes(destination);
  Request request(RTM_GETROUTE, 0,
                  rtmsg{.rtm_family = family_of(destination), .rtm_dst_len = static_cast<uint8_t>(address.length * 8)});
  request.put(RTA_DST, address.view());
  std::optional<RouteAnswer> answer;
  const auto asked =
      connection.ask(std::move(request), kDoing, [&](const nlmsghdr& header) { answer = parse_route_answer(header); });
  if (!asked) {
    Error error = asked.error();
    // Blackhole, prohibit and throw routes answer EINVAL, EACCES and EAGAIN: none of them is a
    // path.
    if (error.number == EINVAL || error.number == EACCES || error.number == EAGAIN)
      error.kind = ErrorKind::kUnreachable;
    return Failure(error);
  }
  if (!answer) return Failure(Error::from_errno(EBADMSG, kDoing));
  if (answer->kind == RouteKind::kOther) return Failure(Error::from_errno(ENETUNREACH, kDoing));
  return *answer;
}

Outcome<Neighbour> find_neighbour(Connection& connection, int interface_index, const IpAddress& address) {
  static constexpr const char* kDoing = "looking up a neighbour";
  Request request(RTM_GETNEIGH, 0, ndmsg{.ndm_family = family_of(address), .ndm_ifindex = interface_index});
  request.put(NDA_DST, address_bytes(address).view());
  std::optional<Neighbour> neighbour;
  const auto asked =
      connection.ask(std::move(request), kDoing, [&](const nlmsghdr& header) { neighbour = parse_neighbour(header); });
  if (!asked) return Failure(asked.error());
  if (!neighbour) return Failure(Error::from_errno(EBADMSG, kDoing));
  return *neighbour;
}

Outcome<std::vector<Neighbour>> list_neighbours(Connection& connection, int interface_index) {
  std::vector<Neighbour> neighbours;
  const auto asked = connection.ask(
      Request(RTM_GETNEIGH, NLM_F_DUMP, ndmsg{.ndm_family = AF_UNSPEC}), "listing neighbours",
      [&](const nlmsghdr& header) {
        const auto neighbour = parse_neighbour(header);
        if (neighbour && (interface_index == 0 || neighbour->interface_index == interface_index))
          neighbours.push_back(*neighbour);
      },
      [&] { neighbours.clear(); });
  if (!asked) return Failure(asked.error());
  return neighbours;
}

Outcome<void> ask_neighbour(Connection& connection, int interface_index, const IpAddress& address) {
  Request request(RTM_NEWNEIGH, NLM_F_CREATE,
                  ndmsg{.ndm_family = family_of(address),
                        .ndm_ifindex = interface_index,
                        .ndm_state = NUD_NONE,
                        .ndm_flags = NTF_USE});
  request.put(NDA_DST, address_bytes(address).view());
  return connection.change(std::move(request), "asking for a neighbour");
}

}  // namespace tandem::netlink
