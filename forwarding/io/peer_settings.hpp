// What the site file says about the peer link, as the link wants it.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "daemon/config/site.hpp"
#include "forwarding/io/peer_link.hpp"

namespace tandem::forwarding {

// Nothing when the site has no peer link or no other director. Reads the key file. Errors: words for an Event.
std::expected<std::optional<PeerLinkSettings>, std::string> peer_settings(const config::Site& site,
                                                                          const std::string& self,
                                                                          const std::string& digest);

}  // namespace tandem::forwarding
