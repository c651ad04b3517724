// What a reload changes, in words for people. Things are compared by name: one that was renamed was
// removed and added, one that was moved within the file is the same in another order.
#pragma once

#include <string>
#include <vector>

#include "daemon/config/site.hpp"

namespace tandem::config {

// One line for each difference, in the order of the site file: "virtual_routers.web: addresses: added 198.51.100.11/24",
// "services.web-https.servers.web3: added", "services.web-https: scheduler: wlc -> rr". Empty exactly when
// the sites are equal.
std::vector<std::string> describe_difference(const Site& before, const Site& after);

}  // namespace tandem::config
