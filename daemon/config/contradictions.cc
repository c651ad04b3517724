// What single values cannot show: things that exclude each other, and things that are allowed but seldom meant.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/config/draft.hpp"
#include "daemon/config/nearest.hpp"
#include "daemon/config/values.hpp"
#include "daemon/config/words.hpp"

namespace tandem::config {
namespace {

std::string at_line(Place place) {
  return "line " + std::to_string(place.line);
}

bool is_known(const IpAddress& address) {
  return address != IpAddress();
}

std::string family(const IpAddress& address) {
  return address.is_v4() ? "IPv4" : "IPv6";
}

// The first holder of something that only one may have.
struct Holder {
  std::string name;
  Place place;
};

class Search {
 public:
  Search(const Draft& draft, Findings& findings) : site_(draft.site), places_(draft.places), findings_(findings) {}

  void run() {
    directors();
    for (size_t i = 0; i < site_.virtual_routers.size(); ++i)
      router(site_.virtual_routers[i], places_.virtual_routers[i]);
    for (size_t i = 0; i < site_.services.size(); ++i) service(site_.services[i], places_.services[i]);
  }

 private:
  void directors() {
    const bool has_link = site_.peer_link.has_value();
    if (has_link && site_.directors.size() == 1)
      findings_.warning(places_.peer_link, "peer_link: there is one director, so nobody to link to");
    for (size_t i = 0; i < site_.directors.size(); ++i) {
      const Director& director = site_.directors[i];
      const DirectorPlaces& places = places_.directors[i];
      if (!is_known(director.peer_address)) {
        // A wrong one has been reported at its own place; a missing one stands at the director's name.
        if (has_link && places.peer_address == places.name)
          findings_.error(places.name,
                          director.name +
                              ": peer_address is missing; expected one for every director, because there is a "
                              "peer_link");
        continue;
      }
      const auto [first, is_new] =
          peer_addresses_.try_emplace(director.peer_address, Holder{director.name, places.peer_address});
      if (!is_new)
        findings_.error(places.peer_address, "peer_address: " + director.peer_address.text() +
                                                 " is also that of director '" + first->second.name + "', " +
                                                 at_line(first->second.place));
    }
  }

  void router(const VirtualRouter& router, const RouterPlaces& places) {
    if (router.id != 0 && !router.interface.empty()) {
      const auto [first, is_new] = ids_.try_emplace({router.interface, router.id}, Holder{router.name, places.id});
      if (!is_new)
        findings_.error(places.id, "id: " + std::to_string(router.id) + " on " + router.interface +
                                       " is also that of virtual router '" + first->second.name + "', " +
                                       at_line(first->second.place) + "; expected one that is free on this interface");
    }
    for (size_t i = 0; i < router.addresses.size(); ++i) virtual_address(router, i, places.addresses[i]);
    for (size_t i = 0; i < router.excluded_addresses.size(); ++i)
      moving_address(router, router.excluded_addresses[i].prefix.address, places.excluded_addresses[i]);
    version(router, places);
    unicast(router, places);
    group(router, places);
    virtual_mac(router, places);
    peers_and_acceptance(router, places);
    priorities(router, places);
    for (size_t i = 0; i < router.tracked.size(); ++i)
      if (const Tracked& thing = router.tracked[i];
          thing.kind == TrackedKind::kService && !thing.subject.empty() && site_.service(thing.subject) == nullptr)
        findings_.error(places.tracked[i], thing.name + ": there is no service '" + thing.subject + "'");
    std::set<std::string> tracked;
    for (size_t i = 0; i < router.track_interfaces.size(); ++i) {
      const std::string& name = router.track_interfaces[i];
      if (!name.empty() && !tracked.insert(name).second)
        findings_.error(places.track_interfaces[i], "interfaces: " + quote(name) + " stands here a second time");
    }
  }

  void version(const VirtualRouter& router, const RouterPlaces& places) {
    if (router.version == 3) {
      if (!router.password.empty())
        findings_.error(places.password, "password: only version 2 has passwords; expected version: 2, or none");
      return;
    }
    if (has_family(router, IpAddress::Family::kIpv6))
      findings_.error(places.version, "version: 2 knows no IPv6; expected version: 3, or IPv4 addresses alone");
    if (router.advert_interval % 1s != Duration::zero())
      findings_.error(places.advert_interval, "advert_interval: version 2 counts whole seconds; expected 1s to 40s");
    if (router.checksum != Checksum::kAuto)
      findings_.warning(places.version, "checksum: has no effect with version: 2");
  }

  static bool has_family(const VirtualRouter& router, IpAddress::Family family) {
    return std::ranges::any_of(router.addresses, [&](const VirtualAddress& each) {
      return is_known(each.prefix.address) && each.prefix.address.family == family;
    });
  }

  void unicast(const VirtualRouter& router, const RouterPlaces& places) {
    if (router.unicast.empty()) {
      if (router.min_ttl != 255) findings_.warning(places.min_ttl, "min_ttl: has no effect without unicast");
      return;
    }
    std::set<IpAddress> seen;
    for (const UnicastPeer& peer : router.unicast) {
      for (const auto& [family, name] :
           {std::pair(IpAddress::Family::kIpv4, "IPv4"), {IpAddress::Family::kIpv6, "IPv6"}}) {
        const auto count = std::ranges::count(peer.addresses, family, &IpAddress::family);
        // A wrong address was said at its own place.
        if (!peer.addresses.empty() && count != (has_family(router, family) ? 1 : 0))
          findings_.error(places.unicast, "unicast: " + peer.name + ": expected " +
                                              (has_family(router, family) ? "one" : "no") + " address of " + name +
                                              ", found " + std::to_string(count));
      }
      for (const IpAddress& address : peer.addresses)
        if (!seen.insert(address).second)
          findings_.error(places.unicast, "unicast: " + address.text() + " stands here a second time");
    }
    for (const Director& director : site_.directors)
      if (std::ranges::find(router.unicast, director.name, &UnicastPeer::name) == router.unicast.end())
        findings_.error(places.unicast,
                        "unicast: expected an address for every director, found none for '" + director.name + "'");
  }

  void virtual_mac(const VirtualRouter& router, const RouterPlaces& places) {
    if (!router.virtual_mac) return;
    if (!router.unicast.empty())
      findings_.error(places.virtual_mac, "virtual_mac: switches learn it from multicast; expected no unicast");
    const auto [first, is_new] = virtual_macs_.try_emplace(router.id, router.name);
    if (!is_new)
      findings_.error(places.virtual_mac,
                      "virtual_mac: '" + first->second + "' has the same id, so the same MAC address and device");
  }

  void peers_and_acceptance(const VirtualRouter& router, const RouterPlaces& places) {
    if (router.cross_check && !site_.peer_link)
      findings_.error(places.cross_check, "cross_check: asks by the peer link; expected peer_link in this file");
    const bool owned = std::ranges::any_of(site_.directors, [&](const Director& director) {
      return site_.priority_of(router.name, director.name) == 255;
    });
    if (owned && !router.accept)
      findings_.error(places.accept, "accept: the owner of the addresses (priority 255) answers on them always");
  }

  // One election has one set of rules.
  void group(const VirtualRouter& router, const RouterPlaces& places) {
    if (router.group.empty()) return;
    const auto [first, is_new] = groups_.try_emplace(router.group, &router);
    if (is_new) return;
    const VirtualRouter& leader = *first->second;
    const auto same = [&](std::string_view what, bool is) {
      if (!is)
        findings_.error(places.group, "group: routers of one group are one election; expected the same " +
                                          std::string(what) + " as '" + leader.name + "'");
    };
    same("advert_interval", router.advert_interval == leader.advert_interval);
    same("preempt", router.preempt == leader.preempt);
    same("cross_check", router.cross_check == leader.cross_check);
    same("start_hold_down", router.start_hold_down == leader.start_hold_down);
    same("priorities", std::ranges::all_of(site_.directors, [&](const Director& director) {
           return site_.priority_of(router.name, director.name) == site_.priority_of(leader.name, director.name);
         }));
  }

  void virtual_address(const VirtualRouter& router, size_t index, Place place) {
    moving_address(router, router.addresses[index].prefix.address, place);
  }

  void moving_address(const VirtualRouter& router, const IpAddress& address, Place place) {
    if (!is_known(address)) return;
    const auto [first, is_new] = virtual_addresses_.try_emplace(address, Holder{router.name, place});
    if (!is_new)
      findings_.error(place, "addresses: " + address.text() + " is also an address of virtual router '" +
                                 first->second.name + "', " + at_line(first->second.place));
    if (const auto director = peer_addresses_.find(address); director != peer_addresses_.end())
      findings_.error(place, "addresses: " + address.text() + " is the peer_address of director '" +
                                 director->second.name + "', " + at_line(director->second.place) +
                                 "; a peer address does not move");
  }

  void priorities(const VirtualRouter& router, const RouterPlaces& places) {
    std::map<std::string_view, uint8_t> in_force;
    for (const Director& director : site_.directors) in_force[director.name] = director.priority;
    for (size_t i = 0; i < router.priorities.size(); ++i) {
      const DirectorPriority& own = router.priorities[i];
      if (const auto director = in_force.find(own.director); director != in_force.end()) {
        director->second = own.priority;
        continue;
      }
      std::vector<Candidate> candidates;
      candidates.reserve(site_.directors.size());
      for (const Director& director : site_.directors) candidates.push_back({director.name, {}});
      const std::string_view meant = nearest(own.director, candidates);
      findings_.error(places.priorities[i], "priorities: there is no director " + quote(own.director) +
                                                (meant.empty() ? "" : "; did you mean '" + std::string(meant) + "'?"));
    }
    std::map<uint8_t, std::string_view> holders;
    bool differ = false;
    for (const auto& [director, priority] : in_force) {
      if (priority == 0) continue;
      const auto [first, is_new] = holders.try_emplace(priority, director);
      if (!is_new)
        findings_.warning(places.name, router.name + ": directors '" + std::string(first->second) + "' and '" +
                                           std::string(director) + "' have the same priority " +
                                           std::to_string(priority) + "; the one with the higher address wins");
      differ = differ || holders.size() > 1;
    }
    if (!router.preempt.enabled && differ)
      findings_.warning(places.preempt,
                        "preempt: false: a director that returns stays backup, also the one with the highest priority "
                        "('" +
                            std::string(holders.rbegin()->second) + "', " + std::to_string(holders.rbegin()->first) +
                            "); priorities then decide only who begins");
    const auto moves = [](const Tracked& thing) { return thing.weight != 0; };
    if (const auto thing = std::ranges::find_if(router.tracked, moves);
        !router.preempt.enabled && thing != router.tracked.end())
      findings_.warning(places.tracked[static_cast<size_t>(thing - router.tracked.begin())],
                        thing->name +
                            ": weight: with preempt: false nobody takes over from an active director whose priority "
                            "falls; weight: 0 makes it a fault, which gives up");
  }

  // Where clients come to. `any` is what nobody else has, so it meets only another `any`.
  void fronts(const Service& service, const ServicePlaces& places) {
    std::vector<IpAddress> addresses{service.address};
    addresses.insert(addresses.end(), service.other_addresses.begin(), service.other_addresses.end());
    std::set<IpAddress> own;
    for (const IpAddress& address : addresses) {
      if (!is_known(address)) continue;
      if (!own.insert(address).second) {
        findings_.error(places.address, "address: " + address.text() + " stands here a second time");
        continue;
      }
      if (is_known(service.address) && address.family != service.address.family)
        findings_.error(places.address, "address: " + address.text() + " is " + family(address) + ", " +
                                            service.address.text() + " is " + family(service.address) +
                                            "; expected one family, and a service for each");
      for (const PortRange& range : service.ports) front(service, places, address, range);
      router_of(service, address, places);
    }
    if (!service.has_one_port()) ports_of_servers(service, places);
  }

  void front(const Service& service, const ServicePlaces& places, const IpAddress& address, const PortRange& range) {
    auto& taken = services_[{address, service.protocol}];
    const auto other = std::ranges::find_if(taken, [&](const Taken& each) { return meet(range, each.range); });
    if (other == taken.end()) {
      taken.push_back({range, {service.name, places.address}});
      return;
    }
    if (other->holder.name == service.name) {
      if (address == service.address)  // said once
        findings_.error(places.port,
                        "port: " + text_of(range) + " and " + text_of(other->range) + " have ports in common");
      return;
    }
    const std::string what =
        "address: " + address.text() + " port " + text_of(range) + " " + std::string(word(service.protocol));
    const std::string how = other->range == range ? " is also that" : " meets port " + text_of(other->range);
    findings_.error(places.address,
                    what + how + " of service '" + other->holder.name + "', " + at_line(other->holder.place));
  }

  static bool meet(const PortRange& a, const PortRange& b) {
    return a.is_any() == b.is_any() && a.first <= b.last && b.first <= a.last;
  }

  // All addresses of a service are on the same director at any time.
  void router_of(const Service& service, const IpAddress& address, const ServicePlaces& places) {
    const auto owner = virtual_addresses_.find(address);
    const std::string name = owner == virtual_addresses_.end() ? "" : owner->second.name;
    if (name.empty() && service.router.empty()) {
      findings_.warning(places.address, "address: no virtual router has " + address.text() +
                                            "; this service is forwarded by every director that its packets reach");
      return;
    }
    if (name == service.router) return;
    const VirtualRouter* of_first = site_.virtual_router(service.router);
    const VirtualRouter* of_this = site_.virtual_router(name);
    if (of_first != nullptr && of_this != nullptr && !of_first->group.empty() && of_first->group == of_this->group)
      return;
    const auto whose = [](const std::string& router) {
      return router.empty() ? std::string("belongs to no virtual router")
                            : "belongs to virtual router '" + router + "'";
    };
    findings_.error(places.address, "address: " + address.text() + " " + whose(name) + ", " + service.address.text() +
                                        " " + whose(service.router) + "; expected addresses that move together");
  }

  void ports_of_servers(const Service& service, const ServicePlaces& places) {
    const bool has_range = std::ranges::any_of(service.ports, [](const PortRange& r) { return r.first != r.last; });
    for (size_t i = 0; i < service.servers.size(); ++i) {
      if (service.servers[i].port == 0) continue;
      const ForwardMethod forward = service.servers[i].forward;
      if (!translates(forward))
        findings_.error(places.servers[i].port, "port: expected none (forward: " + std::string(word(forward)) +
                                                    " does not rewrite ports, and the service has several)");
      else if (has_range)
        findings_.error(places.servers[i].port,
                        "port: expected none, because the service has a range of ports, and an answer from one port "
                        "would not tell which of them it is for");
    }
  }

  void service(const Service& service, const ServicePlaces& places) {
    fronts(service, places);
    if (service.servers.empty())
      findings_.warning(places.name, service.name + ": no servers; every connection is answered as on_no_server says");
    std::map<std::pair<IpAddress, uint16_t>, Holder> seen;
    bool weights_differ = false;
    for (size_t i = 0; i < service.servers.size(); ++i) {
      server(service, service.servers[i], places.servers[i], seen);
      weights_differ = weights_differ || service.servers[i].weight != service.servers[0].weight;
    }
    const bool weightless = service.scheduler == Scheduler::kRoundRobin ||
                            service.scheduler == Scheduler::kLeastConnection ||
                            service.scheduler == Scheduler::kDestinationHash;
    if (weightless && weights_differ) {
      const bool is_hash = service.scheduler == Scheduler::kDestinationHash;
      const bool is_turns = service.scheduler == Scheduler::kRoundRobin;
      findings_.warning(places.scheduler, "scheduler: " + std::string(word(service.scheduler)) +
                                              " does not look at the weights, and the servers' differ" +
                                              (is_hash    ? ""
                                               : is_turns ? "; wrr does"
                                                          : "; wlc does"));
    }
    if (service.scheduler == Scheduler::kSourceHash) starving(service, places);
  }

  // sh gives each server as many buckets in a row as its weight says, and begins anew when all had theirs.
  void starving(const Service& service, const ServicePlaces& places) {
    const uint32_t buckets = service.scheduler_options.table_size == 0 ? 256 : service.scheduler_options.table_size;
    uint64_t needed = 0;
    for (const Server& server : service.servers) needed += std::max(server.weight, 1u);
    if (needed > buckets)
      findings_.warning(places.scheduler, "scheduler: sh has " + std::to_string(buckets) + " buckets for weights of " +
                                              std::to_string(needed) +
                                              " together, so the first servers get less than their share or nothing; "
                                              "smaller weights or a larger table_size help");
  }

  void server(const Service& service, const Server& server, const ServerPlaces& places,
              std::map<std::pair<IpAddress, uint16_t>, Holder>& seen) {
    if (is_known(server.address) && (server.port != 0 || !service.has_one_port())) {
      const auto [first, is_new] = seen.try_emplace({server.address, server.port}, Holder{server.name, places.address});
      if (!is_new)
        findings_.error(places.address, "address: " + server.address.text() +
                                            (server.port == 0 ? "" : " port " + std::to_string(server.port)) +
                                            " is also that of server '" + first->second.name + "', " +
                                            at_line(first->second.place));
    }
    if (is_known(server.address) &&
        (server.address == service.address ||
         std::ranges::find(service.other_addresses, server.address) != service.other_addresses.end()))
      findings_.error(places.address, "address: " + server.address.text() +
                                          " is the service's own address; expected the real server's");
    const bool crosses = server.forward == ForwardMethod::kTun || server.forward == ForwardMethod::kLocal;
    if (!crosses && is_known(server.address) && is_known(service.address) &&
        server.address.family != service.address.family)
      findings_.error(places.address, "address: expected " + family(service.address) +
                                          ", as the service's (forward: " + std::string(word(server.forward)) +
                                          " does not cross families; tun does), found " + server.address.text());
    if (!translates(server.forward) && server.port != 0 && service.port != 0 && service.has_one_port() &&
        server.port != service.port)
      findings_.error(places.port, "port: expected " + std::to_string(service.port) +
                                       ", the service's (forward: " + std::string(word(server.forward)) +
                                       " does not rewrite ports), found " + std::to_string(server.port));
  }

  const Site& site_;
  const SitePlaces& places_;
  Findings& findings_;
  std::map<IpAddress, Holder> peer_addresses_;
  std::map<std::pair<std::string, uint8_t>, Holder> ids_;
  std::map<uint8_t, std::string> virtual_macs_;         // by id
  std::map<std::string, const VirtualRouter*> groups_;  // by name: its first router
  std::map<IpAddress, Holder> virtual_addresses_;
  struct Taken {
    PortRange range;
    Holder holder;
  };
  std::map<std::pair<IpAddress, Protocol>, std::vector<Taken>> services_;
};

}  // namespace

void find_contradictions(const Draft& draft, Findings& findings) {
  Search(draft, findings).run();
  examine_methods(draft, findings);
}

}  // namespace tandem::config
