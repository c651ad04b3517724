// What does not go together with a forwarding method.
//
// The sources of fullnat: a server knows its connections by the source it sees, so a source must be where the VIP is, now and
// after every takeover, and nobody else may use it.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "daemon/base/address_traits.hpp"
#include "daemon/config/draft.hpp"
#include "daemon/config/words.hpp"

namespace tandem::config {
namespace {

class Examination {
 public:
  Examination(const Draft& draft, Findings& findings) : site_(draft.site), places_(draft.places), findings_(findings) {
    for (const VirtualRouter& router : site_.virtual_routers)
      for (const auto* list : {&router.addresses, &router.excluded_addresses})
        for (const VirtualAddress& address : *list) routers_.try_emplace(address.prefix.address, &router);
    for (const Director& director : site_.directors) used_.try_emplace(director.peer_address, "a peer_address");
    for (const Service& service : site_.services) {
      used_.try_emplace(service.address, "the address of service '" + service.name + "'");
      for (const IpAddress& other : service.other_addresses)
        used_.try_emplace(other, "an address of service '" + service.name + "'");
      for (const Server& server : service.servers)
        used_.try_emplace(server.address, "the address of server '" + server.name + "'");
    }
  }

  void run() {
    for (size_t i = 0; i < site_.services.size(); ++i) {
      const Service& service = site_.services[i];
      one_packet(service, places_.services[i]);
      local(service, places_.services[i]);
      const auto by_fullnat = [](const Server& server) { return server.forward == ForwardMethod::kFullnat; };
      const bool wanted =
          service.forward == ForwardMethod::kFullnat || std::ranges::any_of(service.servers, by_fullnat);
      if (wanted)
        sources_of(service, places_.services[i]);
      else if (!service.source_pool.empty())
        error(places_.services[i].source_pool, "source_pool: has no effect; expected forward: fullnat");
    }
  }

 private:
  void error(Place place, const std::string& text) { findings_.error(place, text); }

  // No flow is kept, so what an answer is an answer of must follow from who sent it.
  void one_packet(const Service& service, const ServicePlaces& places) {
    if (!service.one_packet) return;
    if (service.protocol != Protocol::kUdp)
      error(places.one_packet, "one_packet: expected protocol: udp, found " + std::string(word(service.protocol)));
    for (const Server& server : service.servers) {
      if (server.forward == ForwardMethod::kFullnat) {
        error(places.one_packet,
              "one_packet: has no sources without flows; expected another method than fullnat for "
              "server '" +
                  server.name + "'");
        return;
      }
      if (server.forward == ForwardMethod::kNat && (!service.has_one_port() || !service.other_addresses.empty())) {
        error(places.one_packet, "one_packet: expected one address and one port, because an answer of server '" +
                                     server.name + "' (forward: nat) would not tell which of them it is for");
        return;
      }
    }
  }

  // The program answers from the VIP, so the VIP must be this box's to use.
  void local(const Service& service, const ServicePlaces& places) {
    const VirtualRouter* router = site_.virtual_router(service.router);
    for (size_t i = 0; i < service.servers.size(); ++i) {
      const IpAddress& address = service.servers[i].address;
      if (service.servers[i].forward != ForwardMethod::kLocal && is_loopback(address))
        error(places.servers[i].address, "address: expected an address that servers have, found " + address.text() +
                                             "; a loopback address never leaves its box (only forward: local has one)");
      if (service.servers[i].forward == ForwardMethod::kLocal && router != nullptr && !router->accept)
        error(places.servers[i].forward, "forward: local needs the address of the service, and virtual router '" +
                                             router->name + "' has accept: false");
    }
  }

  void sources_of(const Service& service, const ServicePlaces& places) {
    if (service.source_pool.empty()) {
      if (places.source_pool == places.name)  // a wrong one has been reported
        error(places.name,
              service.name + ": source_pool is missing; forward: fullnat needs addresses that servers can answer to");
      return;
    }
    if (std::ranges::any_of(service.ports, [](const PortRange& r) { return r.first != r.last; }))
      error(places.port,
            "port: forward: fullnat wants single ports, because an answer from one port would not tell which "
            "of a range it is for");
    std::set<IpAddress> seen;
    Objections errors, warnings;
    for (const IpAddress& address : service.source_pool) {
      const auto other_use = used_.find(address);
      if (!seen.insert(address).second)
        errors.add(address, "stands here a second time");
      else if (other_use != used_.end())
        errors.add(address, "is " + other_use->second + "; expected addresses that are used for nothing else");
      else
        moves_along(service, address, errors, warnings);
    }
    for (const std::string& text : errors.texts()) error(places.source_pool, text);
    for (const std::string& text : warnings.texts()) findings_.warning(places.source_pool, text);
    families(service, places, seen);
    sources_.insert(seen.begin(), seen.end());
    if (sources_.size() > kMostSources && !told_of_many_) {
      told_of_many_ = true;
      error(places.source_pool,
            "source_pool: expected at most " + std::to_string(kMostSources) + " addresses in all services, found more");
    }
  }

  // What is wrong with addresses of one pool. A range is likely to be wrong as a whole, which is said once.
  class Objections {
   public:
    void add(const IpAddress& address, const std::string& what) {
      ++all_.try_emplace(what, Those{address}).first->second.count;
    }
    std::vector<std::string> texts() const {
      std::vector<std::string> texts;
      for (const auto& [what, those] : all_) {
        const std::string others = those.count > 1 ? " (and " + std::to_string(those.count - 1) + " more)" : "";
        texts.push_back("source_pool: " + those.first.text() + others + " " + what);
      }
      return texts;
    }

   private:
    struct Those {
      IpAddress first;
      size_t count = 0;
    };
    std::map<std::string, Those> all_;
  };

  void moves_along(const Service& service, const IpAddress& address, Objections& errors, Objections& warnings) const {
    const auto found = routers_.find(address);
    const VirtualRouter* of_this = found == routers_.end() ? nullptr : found->second;
    const VirtualRouter* of_vip = site_.virtual_router(service.router);
    if (of_this == of_vip) {
      if (of_vip == nullptr)
        warnings.add(address, "is no virtual router's; each director needs its own, and connections do not outlive it");
      return;
    }
    if (of_this != nullptr && of_vip != nullptr && !of_vip->group.empty() && of_vip->group == of_this->group) return;
    const auto whose = [](const VirtualRouter* router) {
      return router == nullptr ? std::string("belongs to no virtual router")
                               : "belongs to virtual router '" + router->name + "'";
    };
    errors.add(address, whose(of_this) + ", " + service.address.text() + " " + whose(of_vip) +
                            "; expected addresses that move with it");
  }

  // Nothing is translated from one family to the other.
  void families(const Service& service, const ServicePlaces& places, const std::set<IpAddress>& pool) {
    const auto has = [&](const IpAddress& like) {
      return std::ranges::any_of(pool, [&](const IpAddress& each) { return each.family == like.family; });
    };
    if (service.address != IpAddress() && !has(service.address))
      error(places.source_pool, "source_pool: expected an address of the family of " + service.address.text());
    for (const IpAddress& other : service.other_addresses)
      if (!has(other)) error(places.source_pool, "source_pool: expected an address of the family of " + other.text());
  }

  const Site& site_;
  const SitePlaces& places_;
  Findings& findings_;
  std::map<IpAddress, const VirtualRouter*> routers_;
  std::map<IpAddress, std::string> used_;
  std::set<IpAddress> sources_;  // of all services
  bool told_of_many_ = false;
};

}  // namespace

void examine_methods(const Draft& draft, Findings& findings) {
  Examination(draft, findings).run();
}

}  // namespace tandem::config
