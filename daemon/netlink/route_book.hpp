// Routes and policy rules that we add. They carry a tag (RTPROT, FRA_PROTOCOL), so that what a killed process left behind can
// be told from what the operator configured.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/address.hpp"
#include "daemon/netlink/connection.hpp"

namespace tandem::netlink {

// Our RTPROT value, as kOurAddressTag is for addresses.
inline constexpr uint8_t kOurRouteTag = 112;

struct Route {
  Prefix to;                        // length 0: the default route
  std::optional<IpAddress> via;     // none: on the link
  std::string interface;            // empty: the kernel finds it by `via`
  std::optional<IpAddress> source;  // preferred
  uint32_t metric = 0;              // 0: the kernel's default
  uint32_t table = 254;             // main
  auto operator<=>(const Route&) const = default;

  std::string text() const;
};

struct Rule {
  IpAddress::Family family = IpAddress::Family::kIpv4;
  std::optional<Prefix> from, to;
  std::string incoming;  // interface; empty: any
  uint32_t table = 254;
  uint32_t priority = 0;  // 0: the kernel chooses
  auto operator<=>(const Rule&) const = default;

  std::string text() const;
};

// Adding what is there already succeeds; a route to the same destination with the same metric is replaced. Removing what is
// not there succeeds. Errors: kNotFound for an interface that is not there.
Outcome<void> add_route(Connection& connection, const Route& route);
Outcome<void> remove_route(Connection& connection, const Route& route);
Outcome<void> add_rule(Connection& connection, const Rule& rule);
Outcome<void> remove_rule(Connection& connection, const Rule& rule);

// Takes away everything with our tag, in every table. Returns how much that was.
Outcome<size_t> remove_our_routes_and_rules(Connection& connection);

}  // namespace tandem::netlink
