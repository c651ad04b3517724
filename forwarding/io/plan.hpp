// From what the room was told to what the engine and the filters shall do. Pure, so that it can be read and tested in one place.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/bus/messages.hpp"
#include "daemon/config/site.hpp"
#include "forwarding/io/sender_choice.hpp"
#include "forwarding/io/silence.hpp"
#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

// The last messages of each key.
struct Knowledge {
  std::map<std::string, bus::ServerHealth> health;    // by "service/server"
  std::map<std::string, bus::InstanceState> routers;  // by router
};

// What a server takes now. Without a word from the checkers: nothing, unless its service is not checked at all.
ServerStanding standing_of(const config::Service& service, const config::Server& server, const Knowledge& knowledge);

// Whether this director forwards the service: it owns the VIP, or nobody's router does.
bool is_active(const config::Service& service, const Knowledge& knowledge);

// A service and its servers are of one family unless a tunnel carries it: the configuration's reader saw to that.
std::vector<ServiceSetting> settings_of(const config::Site& site, const Knowledge& knowledge);

// Some packets are for this box's own programs.
bool has_local_servers(const std::vector<ServiceSetting>& settings);

SendBy send_by_of(const config::Site& site);
bool may_take_fast_path(const config::Site& site);

// The addresses to which pings are not answered now: a service of theirs says something about it, and none allows it.
std::set<IpAddress> deaf_to_ping(const ServiceTable& services);

// The endpoints to be silenced: of every service, active or not. The interfaces are added by who knows them.
SilenceRules silence_of(const std::vector<ServiceSetting>& settings);

}  // namespace tandem::forwarding
