// What a site asks of this box's virtual routers: the site's words as the machines' settings.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/config/site.hpp"
#include "daemon/netlink/route_book.hpp"
#include "vrrp/machine.hpp"
#include "vrrp/tracking.hpp"

namespace tandem::vrrp {

// One election of this box.
struct Election {
  Settings settings;
  std::vector<Tracked> tracked;
  std::vector<netlink::Route> routes;  // there while it is active
  std::vector<netlink::Rule> rules;
  uint32_t announce_count = 3;  // frames of a burst for each address
  bool operator==(const Election&) const = default;
};

struct Plan {
  std::map<std::string, Election> routers;  // the elections, by the name of their first router
  bool peer_link = false;
  std::set<IpAddress> unaccepted;  // the addresses of routers that do not answer on them themselves

  // Whether the election is to have this address.
  bool gives(const std::string& router, const VirtualAddress& address) const;
};

// Errors: a sentence for people, when the site does not know this director.
Result<Plan, std::string> make_plan(const config::Site& site, const std::string& director);

// The text of a site file, validated again; slow for large sites, so called off the loop. Errors: every finding, one
// line each.
Result<Plan, std::string> read_plan(const std::string& text, const std::string& path, const std::string& director);

}  // namespace tandem::vrrp
