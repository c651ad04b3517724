#include "daemon/netlink/route_book.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/parse.hpp"

namespace tandem::netlink {
namespace {

// The table's number fits the header's octet or stands in an attribute.
uint8_t short_table(uint32_t table) {
  return table < 256 ? static_cast<uint8_t>(table) : uint8_t{RT_TABLE_UNSPEC};
}

Outcome<Request> route_request(Connection& connection, int type, int flags, const Route& route) {
  const bool v4 = route.to.address.is_v4();
  Request request(type, flags,
                  rtmsg{.rtm_family = family_of(route.to.address),
                        .rtm_dst_len = route.to.length,
                        .rtm_table = short_table(route.table),
                        .rtm_protocol = kOurRouteTag,
                        .rtm_scope = static_cast<uint8_t>(v4 && !route.via ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE),
                        .rtm_type = RTN_UNICAST});
  request.put_value(RTA_TABLE, route.table);
  if (route.to.length > 0) request.put(RTA_DST, address_bytes(route.to.address).view());
  if (route.via) request.put(RTA_GATEWAY, address_bytes(*route.via).view());
  if (route.source) request.put(RTA_PREFSRC, address_bytes(*route.source).view());
  if (route.metric != 0) request.put_value(RTA_PRIORITY, route.metric);
  if (!route.interface.empty()) {
    const auto link = find_link(connection, route.interface);
    if (!link) return Failure(link.error());
    request.put_value(RTA_OIF, link->index);
  }
  return request;
}

Request rule_request(int type, int flags, const Rule& rule) {
  fib_rule_hdr header{};
  header.family = static_cast<uint8_t>(rule.family == IpAddress::Family::kIpv4 ? AF_INET : AF_INET6);
  header.src_len = rule.from ? rule.from->length : uint8_t{0};
  header.dst_len = rule.to ? rule.to->length : uint8_t{0};
  header.table = short_table(rule.table);
  header.action = FR_ACT_TO_TBL;
  Request request(type, flags, header);
  request.put_value(FRA_TABLE, rule.table);
  request.put_value(FRA_PROTOCOL, kOurRouteTag);
  if (rule.from) request.put(FRA_SRC, address_bytes(rule.from->address).view());
  if (rule.to) request.put(FRA_DST, address_bytes(rule.to->address).view());
  if (!rule.incoming.empty())
    request.put(FRA_IIFNAME, std::as_bytes(std::span(rule.incoming.c_str(), rule.incoming.size() + 1)));
  if (rule.priority != 0) request.put_value(FRA_PRIORITY, rule.priority);
  return request;
}

// ESRCH and ENOENT: it is not there. ENODEV: its interface is gone, and the route with it.
Outcome<void> unless_gone(Outcome<void> removed) {
  if (!removed && (removed.error().number == ESRCH || removed.error().number == ENOENT ||
                   removed.error().kind == ErrorKind::kNotFound))
    return {};
  return removed;
}

// The kernel's own words for what carries our tag, to be said back to it.
template <class Header, int kTagAttribute>
std::vector<std::pair<Header, std::vector<std::byte>>> ours(Connection& connection, int type, const char* doing) {
  std::vector<std::pair<Header, std::vector<std::byte>>> found;
  const auto remember = [&](const nlmsghdr& header) {
    const auto* begin = reinterpret_cast<const std::byte*>(&header);
    const size_t fixed = NLMSG_ALIGN(sizeof(nlmsghdr)) + NLMSG_ALIGN(sizeof(Header));
    if (header.nlmsg_len < fixed) return;
    Header body{};
    std::memcpy(&body, begin + NLMSG_ALIGN(sizeof(nlmsghdr)), sizeof body);
    std::vector<std::byte> attributes(begin + fixed, begin + header.nlmsg_len);
    bool mine = false;
    if constexpr (kTagAttribute == 0) {
      mine = body.rtm_protocol == kOurRouteTag;
    } else {
      for (size_t at = 0; at + sizeof(rtattr) <= attributes.size();) {
        rtattr each{};
        std::memcpy(&each, attributes.data() + at, sizeof each);
        if (each.rta_len < sizeof each || at + each.rta_len > attributes.size()) break;
        if (each.rta_type == kTagAttribute && each.rta_len > sizeof each)
          mine = attributes[at + sizeof each] == std::byte{kOurRouteTag};
        at += RTA_ALIGN(each.rta_len);
      }
    }
    if (mine) found.emplace_back(body, std::move(attributes));
  };
  for (const int family : {AF_INET, AF_INET6}) {
    Header all{};
    if constexpr (kTagAttribute == 0)
      all.rtm_family = static_cast<uint8_t>(family);
    else
      all.family = static_cast<uint8_t>(family);
    // A family that the kernel does not have has none.
    static_cast<void>(connection.ask(Request(type, NLM_F_DUMP, all), doing, remember));
  }
  return found;
}

template <class Header>
Request echo(int type, const std::pair<Header, std::vector<std::byte>>& known) {
  Request request(type, 0, known.first);
  const std::vector<std::byte>& attributes = known.second;
  for (size_t at = 0; at + sizeof(rtattr) <= attributes.size();) {
    rtattr each{};
    std::memcpy(&each, attributes.data() + at, sizeof each);
    if (each.rta_len < sizeof each || at + each.rta_len > attributes.size()) break;
    request.put(each.rta_type, Bytes(attributes).subspan(at + sizeof each, each.rta_len - sizeof each));
    at += RTA_ALIGN(each.rta_len);
  }
  return request;
}

}  // namespace

std::string Route::text() const {
  std::string words = to.length == 0 ? "default" : to.text();
  if (via) words += " via " + via->text();
  if (!interface.empty()) words += " dev " + interface;
  if (table != RT_TABLE_MAIN) words += " table " + std::to_string(table);
  return words;
}

std::string Rule::text() const {
  std::string words = "rule";
  if (from) words += " from " + from->text();
  if (to) words += " to " + to->text();
  if (!incoming.empty()) words += " iif " + incoming;
  return words + " table " + std::to_string(table);
}

Outcome<void> add_route(Connection& connection, const Route& route) {
  auto request = route_request(connection, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
  if (!request) return Failure(request.error());
  return connection.change(std::move(*request), "adding a route");
}

Outcome<void> remove_route(Connection& connection, const Route& route) {
  auto request = route_request(connection, RTM_DELROUTE, 0, route);
  if (!request) return unless_gone(Failure(request.error()));
  return unless_gone(connection.change(std::move(*request), "removing a route"));
}

Outcome<void> add_rule(Connection& connection, const Rule& rule) {
  auto added = connection.change(rule_request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule), "adding a rule");
  if (!added && added.error().number == EEXIST) return {};
  return added;
}

Outcome<void> remove_rule(Connection& connection, const Rule& rule) {
  return unless_gone(connection.change(rule_request(RTM_DELRULE, 0, rule), "removing a rule"));
}

Outcome<size_t> remove_our_routes_and_rules(Connection& connection) {
  size_t removed = 0;
  for (const auto& rule : ours<fib_rule_hdr, FRA_PROTOCOL>(connection, RTM_GETRULE, "listing rules"))
    if (connection.change(echo(RTM_DELRULE, rule), "removing a rule")) ++removed;
  for (const auto& route : ours<rtmsg, 0>(connection, RTM_GETROUTE, "listing routes"))
    if (connection.change(echo(RTM_DELROUTE, route), "removing a route")) ++removed;
  return removed;
}

}  // namespace tandem::netlink
