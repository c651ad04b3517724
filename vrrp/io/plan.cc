#include "vrrp/io/plan.hpp"

#include <algorithm>
#include <cstring>

#include "daemon/config/reader.hpp"
#include "daemon/netlink/macvlan.hpp"

namespace tandem::vrrp {
namespace {

// A gratuitous ARP reaches every host in far less; two boxes answering for so long harm nobody, because both forward.
constexpr Duration kLinger = 30ms;

std::optional<Password> to_password(const std::string& words) {
  if (words.empty()) return std::nullopt;
  Password password{};
  std::memcpy(password.data(), words.data(), std::min(words.size(), password.size()));
  return password;
}

ChecksumPolicy to_policy(config::Checksum checksum) {
  switch (checksum) {
    case config::Checksum::kRfc9568:
      return ChecksumPolicy::kRfc9568;
    case config::Checksum::kRfc5798:
      return ChecksumPolicy::kRfc5798;
    case config::Checksum::kAuto:
      break;
  }
  return ChecksumPolicy::kAuto;
}

VirtualAddress to_address(const config::VirtualAddress& address) {
  return {address.prefix, address.interface};
}

std::optional<IpAddress> known(const IpAddress& address) {
  return address == IpAddress() ? std::nullopt : std::optional(address);
}

Tracked to_tracked(const config::Tracked& thing) {
  return {.kind = static_cast<Tracked::Kind>(thing.kind),
          .name = thing.name,
          .subject = thing.subject,
          .address = thing.address,
          .user = thing.user,
          .processes = thing.processes,
          .weight = thing.weight,
          .rise = thing.rise,
          .fall = thing.fall,
          .interval = thing.interval,
          .timeout = thing.timeout};
}
static_assert(static_cast<int>(config::TrackedKind::kGateway) == static_cast<int>(Tracked::Kind::kGateway));

bool has_peer_link(const config::Site& site) {
  return site.peer_link.has_value() && site.directors.size() > 1;
}

// What the members of a group have in common.
Settings election_of(const config::Site& site, const std::string& director, const config::VirtualRouter& router) {
  return {.priority = site.priority_of(router.name, director),
          .advert_interval = router.advert_interval,
          .preempt = router.preempt.enabled,
          .preempt_delay = router.preempt.delay,
          .announce_again = router.announce.again_after,
          .announce_refresh = router.announce.refresh,
          .linger = kLinger,
          .peer_link = has_peer_link(site),
          .cross_check = router.cross_check && has_peer_link(site),
          .start_hold = router.start_hold_down};
}

// A leg for each family it has addresses of, IPv4 first.
std::vector<Leg> legs_of(const config::VirtualRouter& router, const std::string& director) {
  std::vector<Leg> legs;
  for (const auto family : {IpAddress::Family::kIpv4, IpAddress::Family::kIpv6}) {
    Leg leg{.router = router.name,
            .vrid = router.id,
            .interface = router.interface,
            .family = family,
            .version = router.version == 2 ? Version::kV2 : Version::kV3,
            .password = to_password(router.password),
            .checksum = to_policy(router.checksum),
            .min_ttl = router.min_ttl};
    if (router.virtual_mac) leg.device = netlink::macvlan_name(family, router.id);
    for (const config::VirtualAddress& address : router.addresses) {
      if (address.prefix.address.family != family) continue;
      leg.addresses.push_back(to_address(address));
      VirtualAddress& ours = leg.addresses.back();
      if (router.virtual_mac && ours.interface == router.interface) ours.interface = leg.device;
    }
    if (leg.addresses.empty()) continue;
    for (const config::UnicastPeer& peer : router.unicast) {
      for (const IpAddress& address : peer.addresses) {
        if (address.family != family) continue;
        if (peer.name == director)
          leg.source = address;
        else
          leg.peers.push_back(address);
      }
    }
    legs.push_back(std::move(leg));
  }
  return legs;
}

}  // namespace

bool Plan::gives(const std::string& router, const VirtualAddress& address) const {
  const auto found = routers.find(router);
  if (found == routers.end()) return false;
  const std::vector<VirtualAddress> all = addresses_of(found->second.settings);
  return std::ranges::find(all, address) != all.end();
}

Result<Plan, std::string> make_plan(const config::Site& site, const std::string& director) {
  if (site.director(director) == nullptr)
    return Failure<std::string>("the site file does not name this director, '" + director + "'");
  Plan plan;
  plan.peer_link = has_peer_link(site);
  std::map<std::string, std::string> leaders;  // of groups
  for (const config::VirtualRouter& router : site.virtual_routers) {
    const std::string& leader =
        router.group.empty() ? router.name : leaders.try_emplace(router.group, router.name).first->second;
    const auto [at, is_first] = plan.routers.try_emplace(leader);
    Settings& settings = at->second.settings;
    if (is_first) {
      settings = election_of(site, director, router);
      at->second.announce_count = router.announce.count;
    }
    for (Leg& leg : legs_of(router, director)) settings.legs.push_back(std::move(leg));
    // One MAC address in two places: whatever the one that gives way still answered would draw the packets back to it. The
    // other one's advert comes after its addresses are there, so nothing is missed.
    if (router.virtual_mac) settings.linger = Duration::zero();
    for (const std::string& name : router.track_interfaces)
      if (std::ranges::find(settings.needs, name) == settings.needs.end()) settings.needs.push_back(name);
    for (const config::VirtualRoute& route : router.routes)
      at->second.routes.push_back({.to = route.to,
                                   .via = known(route.via),
                                   .interface = route.interface,
                                   .source = known(route.source),
                                   .metric = route.metric,
                                   .table = route.table});
    for (const config::VirtualRule& rule : router.rules)
      at->second.rules.push_back({.family = (rule.from ? *rule.from : *rule.to).address.family,
                                  .from = rule.from,
                                  .to = rule.to,
                                  .incoming = rule.interface,
                                  .table = rule.table,
                                  .priority = rule.priority});
    for (const config::Tracked& thing : router.tracked) {
      at->second.tracked.push_back(to_tracked(thing));
      if (thing.weight == 0) settings.needs.push_back(at->second.tracked.back().text());
    }
    for (const config::VirtualAddress& address : router.excluded_addresses)
      settings.excluded.push_back(to_address(address));
    if (router.accept) continue;
    for (const auto* list : {&router.addresses, &router.excluded_addresses})
      for (const config::VirtualAddress& each : *list) plan.unaccepted.insert(each.prefix.address);
  }
  return plan;
}

Result<Plan, std::string> read_plan(const std::string& text, const std::string& path, const std::string& director) {
  const config::Reading reading = config::read_site(text, path);
  if (reading.site) return make_plan(*reading.site, director);
  std::string words;
  for (const config::Diagnostic& error : reading.errors) words += (words.empty() ? "" : "\n") + error.render();
  return Failure<std::string>(words);
}

}  // namespace tandem::vrrp
