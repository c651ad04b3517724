#include "forwarding/io/peer_settings.hpp"

#include <boost/asio/ip/address.hpp>

#include "daemon/config/files.hpp"

namespace tandem::forwarding {
namespace {

boost::asio::ip::tcp::endpoint endpoint_of(const IpAddress& address, uint16_t port) {
  if (address.is_v4()) return {boost::asio::ip::address_v4(address.v4.value), port};
  return {boost::asio::ip::address_v6(address.v6.bytes), port};
}

}  // namespace

std::expected<std::optional<PeerLinkSettings>, std::string> peer_settings(const config::Site& site,
                                                                          const std::string& self,
                                                                          const std::string& digest) {
  const config::Director* here = site.director(self);
  if (!site.peer_link || here == nullptr || site.directors.size() < 2) return std::nullopt;
  const auto key = config::load_peer_key(site.peer_link->key_file);
  if (!key) return std::unexpected(config::describe(key.error(), site.peer_link->key_file));
  const uint16_t port = site.peer_link->port;
  PeerLinkSettings settings;
  settings.site = site.name;
  settings.self = self;
  settings.key = *key;
  settings.listen = endpoint_of(here->peer_address, port);
  settings.digest = digest;
  for (const config::Director& director : site.directors)
    if (director.name != self)
      settings.peers.push_back({.name = director.name, .endpoint = endpoint_of(director.peer_address, port)});
  return settings;
}

}  // namespace tandem::forwarding
