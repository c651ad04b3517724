#include "daemon/config/draft.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "daemon/config/draft_flows.hpp"
#include "daemon/config/draft_serving.hpp"
#include "daemon/config/fields.hpp"

namespace tandem::config {
namespace {

constexpr size_t kMostServers = 65535;  // of all services: the flow table names a server by 16 bits, 0 is none

Place value_place(const Entry& entry) {
  return entry.value->place;
}

class DraftReader {
 public:
  explicit DraftReader(Findings& findings) : findings_(findings) {}

  Draft read(const Node& root) {
    Fields fields(findings_, Section::kSite, root, {});
    if (!fields.is_map()) return std::move(draft_);
    take(draft_.site.name, fields.text("site"));
    for (const Entry* entry : fields.named("directors")) read_director(*entry);
    if (const Entry* entry = fields.entry("peer_link")) read_peer_link(*entry);
    take(draft_.site.send_by, fields.choice<SendBy>("send_by"));
    take(draft_.site.fast_path, fields.choice<FastPathUse>("fast_path"));
    take(draft_.site.workers, fields.integer("workers"));
    for (const Entry* entry : fields.named("virtual_routers")) read_router(*entry);
    for (const Entry* entry : fields.named("services")) read_service(*entry);
    return std::move(draft_);
  }

 private:
  void read_director(const Entry& entry) {
    Fields fields(findings_, Section::kDirector, *entry.value, entry.key_place);
    Director& director = draft_.site.directors.emplace_back();
    director.name = entry.key;
    take(director.priority, fields.integer("priority"));
    take(director.peer_address, fields.address("peer_address"));
    draft_.places.directors.push_back({entry.key_place, fields.place_of("priority"), fields.place_of("peer_address")});
  }

  void read_peer_link(const Entry& entry) {
    Fields fields(findings_, Section::kPeerLink, *entry.value, entry.key_place);
    PeerLink& link = draft_.site.peer_link.emplace();
    take(link.key_file, fields.text("key_file"));
    take(link.port, fields.integer("port"));
    draft_.places.peer_link = entry.key_place;
    if (!link.key_file.empty()) draft_.files.push_back({"key_file", link.key_file, fields.place_of("key_file")});
  }

  void read_router(const Entry& entry) {
    Fields fields(findings_, Section::kVirtualRouter, *entry.value, entry.key_place);
    VirtualRouter& router = draft_.site.virtual_routers.emplace_back();
    RouterPlaces& places = draft_.places.virtual_routers.emplace_back();
    router.name = entry.key;
    take(router.interface, fields.text("interface"));
    take(router.id, fields.integer("id"));
    take(router.advert_interval, fields.time("advert_interval"));
    take(router.cross_check, fields.boolean("cross_check"));
    places.cross_check = fields.place_of("cross_check");
    take(router.accept, fields.boolean("accept"));
    places.accept = fields.place_of("accept");
    take(router.start_hold_down, fields.time("start_hold_down"));
    take(router.version, fields.integer("version"));
    take(router.password, fields.text("password"));
    places.version = fields.place_of("version");
    places.password = fields.place_of("password");
    places.advert_interval = fields.place_of("advert_interval");
    take(router.checksum, fields.choice<Checksum>("checksum"));
    places.name = entry.key_place;
    places.id = fields.place_of("id");
    places.preempt = fields.place_of("preempt");
    read_preempt(fields, router.preempt);
    for (const Entry* priority : fields.named("priorities")) {
      const auto value = parse_integer(key(Section::kVirtualRouter, "priorities"), *priority->value);
      if (!value) findings_.error(value_place(*priority), priority->key + ": " + value.error());
      router.priorities.push_back({priority->key, static_cast<uint8_t>(value.value_or(0))});
      places.priorities.push_back(priority->key_place);
    }
    for (const Entry* address : fields.listed("addresses")) {
      router.addresses.push_back(read_virtual_address(*address, router.interface));
      places.addresses.push_back(value_place(*address));
    }
    for (const Entry* address : fields.listed("excluded_addresses")) {
      router.excluded_addresses.push_back(read_virtual_address(*address, router.interface));
      places.excluded_addresses.push_back(value_place(*address));
    }
    take(router.group, fields.text("group"));
    places.group = fields.place_of("group");
    for (const Entry* peer : fields.named("unicast")) read_unicast_peer(*peer, router);
    places.unicast = fields.place_of("unicast");
    take(router.min_ttl, fields.integer("min_ttl"));
    places.min_ttl = fields.place_of("min_ttl");
    for (const Entry* route : fields.named("routes")) read_route(*route, router.routes.emplace_back());
    for (const Entry* rule : fields.named("rules")) read_rule(*rule, router.rules.emplace_back());
    take(router.virtual_mac, fields.boolean("virtual_mac"));
    places.virtual_mac = fields.place_of("virtual_mac");
    if (const Entry* announce = fields.entry("announce")) read_announce(*announce, router.announce);
    if (const Entry* notify = fields.entry("notify")) read_notify(*notify, router.notify.emplace());
    if (const Entry* track = fields.entry("track")) read_track(*track, router, places);
  }

  void read_unicast_peer(const Entry& entry, VirtualRouter& router) {
    UnicastPeer& peer = router.unicast.emplace_back();
    peer.name = entry.key;
    const Key& row = key(Section::kVirtualRouter, "unicast");
    const auto read = [&](const Node& node) {
      const auto address = parse_unicast_address(row, node);
      if (address)
        peer.addresses.push_back(*address);
      else
        findings_.error(node.place, entry.key + ": " + address.error());
    };
    if (entry.value->kind == Node::Kind::kList)
      for (const Entry& each : entry.value->entries) read(*each.value);
    else
      read(*entry.value);
  }

  void read_preempt(Fields& fields, Preempt& preempt) {
    const Entry* const entry = fields.entry("preempt");
    if (entry && entry->value->kind == Node::Kind::kMap) {
      Fields inner(findings_, Section::kPreempt, *entry->value, entry->key_place);
      take(preempt.delay, inner.time("delay"));
    } else {
      take(preempt.enabled, fields.boolean("preempt"));
    }
  }

  VirtualAddress read_virtual_address(const Entry& entry, const std::string& its_router_interface) {
    VirtualAddress address{{}, its_router_interface};
    if (entry.value->kind == Node::Kind::kMap) {
      Fields fields(findings_, Section::kVirtualAddress, *entry.value, value_place(entry));
      take(address.prefix, fields.prefix("address"));
      take(address.interface, fields.text("interface"));
    } else {
      const auto prefix = parse_prefix(key(Section::kVirtualAddress, "address"), *entry.value);
      if (prefix)
        address.prefix = *prefix;
      else
        findings_.error(value_place(entry), "addresses: " + prefix.error());
    }
    return address;
  }

  void read_track(const Entry& entry, VirtualRouter& router, RouterPlaces& places) {
    Fields fields(findings_, Section::kTrack, *entry.value, entry.key_place);
    for (const Entry* interface : fields.listed("interfaces")) {
      const auto name = parse_text(key(Section::kVirtualRouter, "interface"), *interface->value);
      if (!name) findings_.error(value_place(*interface), "interfaces: " + name.error());
      router.track_interfaces.push_back(name.value_or(""));
      places.track_interfaces.push_back(value_place(*interface));
    }
    for (const Entry* thing : fields.named("checks")) {
      read_tracked(*thing, router.tracked.emplace_back());
      places.tracked.push_back(thing->key_place);
    }
  }

  void read_tracked(const Entry& entry, Tracked& thing) {
    Fields fields(findings_, Section::kTracked, *entry.value, entry.key_place);
    thing.name = entry.key;
    int kinds = 0;
    const auto is = [&](std::string_view word, TrackedKind kind) {
      if (!fields.entry(word)) return false;
      thing.kind = kind;
      ++kinds;
      return true;
    };
    for (const auto& [word, kind] : {std::pair("interface", TrackedKind::kInterface),
                                     {"script", TrackedKind::kScript},
                                     {"file", TrackedKind::kFile},
                                     {"process", TrackedKind::kProcess},
                                     {"service", TrackedKind::kService}})
      if (is(word, kind)) take(thing.subject, fields.text(word));
    for (const auto& [word, kind] : {std::pair("route", TrackedKind::kRoute), {"gateway", TrackedKind::kGateway}})
      if (is(word, kind)) take(thing.address, fields.address(word));
    if (kinds != 1)
      findings_.error(entry.key_place,
                      entry.key +
                          ": expected exactly one of interface, script, file, process, service, route and "
                          "gateway, found " +
                          (kinds == 0 ? std::string("none of them") : std::to_string(kinds)));
    take(thing.weight, fields.integer("weight"));
    take(thing.rise, fields.integer("rise"));
    take(thing.fall, fields.integer("fall"));
    take(thing.interval, fields.time("interval"));
    take(thing.timeout, fields.time("timeout"));
    take(thing.user, fields.text("user"));
    if (thing.kind == TrackedKind::kScript) name_script(fields, thing.subject, thing.user);
    take(thing.processes, fields.integer("processes"));
  }

  // What must be looked up on this box: the program of a command line, and who runs it.
  void name_script(const Fields& fields, const std::string& command, const std::string& user) {
    if (!command.empty())
      draft_.files.push_back({"script", command.substr(0, command.find(' ')), fields.place_of("script"), user});
    if (!user.empty()) draft_.files.push_back({"user", user, fields.place_of("user")});
  }

  void read_notify(const Entry& entry, Notify& notify) {
    Fields fields(findings_, Section::kNotify, *entry.value, entry.key_place);
    take(notify.script, fields.text("script"));
    take(notify.user, fields.text("user"));
    name_script(fields, notify.script, notify.user);
    take(notify.timeout, fields.time("timeout"));
    take(notify.attempts, fields.integer("attempts"));
  }

  void read_route(const Entry& entry, VirtualRoute& route) {
    Fields fields(findings_, Section::kRoute, *entry.value, entry.key_place);
    route.name = entry.key;
    take(route.to, fields.network("to"));
    take(route.via, fields.gateway("via"));
    take(route.interface, fields.text("interface"));
    take(route.source, fields.gateway("source"));
    take(route.metric, fields.integer("metric"));
    take(route.table, fields.integer("table"));
    for (const auto& [word, address] : {std::pair("via", route.via), {"source", route.source}})
      if (address != IpAddress() && address.family != route.to.address.family)
        fields.error(word, "expected an address of the same family as `to`");
    if (route.via == IpAddress() && route.interface.empty())
      findings_.error(entry.key_place, entry.key + ": expected via, interface or both");
  }

  void read_rule(const Entry& entry, VirtualRule& rule) {
    Fields fields(findings_, Section::kRule, *entry.value, entry.key_place);
    rule.name = entry.key;
    rule.from = fields.network("from");
    rule.to = fields.network("to");
    take(rule.interface, fields.text("interface"));
    take(rule.table, fields.integer("table"));
    take(rule.priority, fields.integer("priority"));
    if (!fields.entry("from") && !fields.entry("to"))
      findings_.error(entry.key_place, entry.key + ": expected from, to or both");
    if (rule.from && rule.to && rule.from->address.family != rule.to->address.family)
      fields.error("to", "expected a network of the same family as `from`");
  }

  void read_announce(const Entry& entry, AnnounceRules& rules) {
    Fields fields(findings_, Section::kAnnounce, *entry.value, entry.key_place);
    take(rules.count, fields.integer("count"));
    take(rules.again_after, fields.time("again_after"));
    take(rules.refresh, fields.time("refresh"));
  }

  void read_service(const Entry& entry) {
    Fields fields(findings_, Section::kService, *entry.value, entry.key_place);
    Service& service = draft_.site.services.emplace_back();
    ServicePlaces& places = draft_.places.services.emplace_back();
    service.name = entry.key;
    if (const auto addresses = fields.addresses("address")) {
      service.address = addresses->front();
      service.other_addresses.assign(addresses->begin() + 1, addresses->end());
    }
    if (auto ports = fields.ports("port")) {
      service.ports = std::move(*ports);
      service.port = service.ports[0].first;
    }
    take(service.protocol, fields.choice<Protocol>("protocol"));
    take(service.forward, fields.choice<ForwardMethod>("forward"));
    if (const Entry* tunnel = fields.entry("tunnel")) read_tunnel(*tunnel, service.tunnel);
    take(service.scheduler, fields.choice<Scheduler>("scheduler"));
    if (const Entry* options = fields.entry("scheduler_options")) read_scheduler_options(*options, service);
    if (const Entry* persistence = fields.entry("persistence"))
      read_persistence(*persistence, service.persistence.emplace());
    take(service.no_server, fields.choice<NoServerPolicy>("on_no_server"));
    take(service.one_packet, fields.boolean("one_packet"));
    places = {entry.key_place,
              fields.place_of("address"),
              fields.place_of("port"),
              fields.place_of("scheduler"),
              {},
              fields.place_of("source_pool"),
              fields.place_of("one_packet")};
    take(service.source_pool, fields.address_ranges("source_pool"));
    read_checks(fields, service, draft_.files);
    read_serving(fields, service.serving);
    read_flow_rules(fields, service);
    if (const Entry* notify = fields.entry("notify")) read_notify(*notify, service.notify.emplace());
    for (const Entry* server : fields.named("servers")) {
      if (servers_ == kMostServers) {
        findings_.error(server->key_place, "more than " + std::to_string(kMostServers) + " servers in all services");
        ++servers_;
      }
      if (servers_ > kMostServers) break;
      ++servers_;
      read_server(*server, service, places);
    }
    examine_serving(fields, service);
    const auto in_tunnel = [](const Server& server) { return server.forward == ForwardMethod::kTun; };
    if (fields.entry("tunnel") != nullptr && service.forward != ForwardMethod::kTun &&
        std::ranges::none_of(service.servers, in_tunnel))
      fields.error("tunnel", "has no effect with forward: " + std::string(word(service.forward)));
  }

  // Servers without a port of their own are asked on the first one of the service; of every port there is no first.
  void needs_port(const Service& service, const Server& server, const Fields& fields, const ServicePlaces& places) {
    if (!service.ports[0].is_any() || fields.entry("port") != nullptr) return;
    for (const NamedCheck& named : (server.checks ? *server.checks : service.checks).checks) {
      const CheckType type = named.check.type;
      const bool needs_none = type == CheckType::kPing || type == CheckType::kExec || type == CheckType::kFile;
      if (named.check.port != 0 || needs_none) continue;
      findings_.error(places.name, service.name + ": " + server.name +
                                       " cannot be checked: expected a port in `check`, because the service has every "
                                       "port and the server none of its own");
      return;
    }
  }

  void read_tunnel(const Entry& entry, Tunnel& tunnel) {
    Fields fields(findings_, Section::kTunnel, *entry.value, entry.key_place);
    take(tunnel.type, fields.choice<TunnelType>("type"));
    take(tunnel.port, fields.integer("port"));
    take(tunnel.checksum, fields.boolean("checksum"));
    for (const auto& [name, useful] :
         {std::pair("port", tunnel.type == TunnelType::kGue), {"checksum", tunnel.type != TunnelType::kIpip}})
      if (fields.entry(name) != nullptr && !useful)
        fields.error(name, "has no effect with type: " + std::string(word(tunnel.type)));
  }

  void read_scheduler_options(const Entry& entry, Service& service) {
    Fields fields(findings_, Section::kSchedulerOptions, *entry.value, entry.key_place);
    SchedulerOptions& options = service.scheduler_options;
    const Scheduler scheduler = service.scheduler;
    const bool hashes = scheduler == Scheduler::kSourceHash || scheduler == Scheduler::kMaglev;
    const bool remembers = scheduler == Scheduler::kLocality || scheduler == Scheduler::kLocalityReplicated;
    for (const auto& [name, useful] : {std::pair("port", hashes),
                                       {"fallback", hashes},
                                       {"keep_slots", scheduler == Scheduler::kMaglev},
                                       {"table_size", hashes},
                                       {"expiration", remembers}})
      if (fields.entry(name) != nullptr && !useful)
        fields.error(name, "has no effect with scheduler: " + std::string(word(scheduler)));
    take(options.port, fields.boolean("port"));
    take(options.fallback, fields.boolean("fallback"));
    take(options.keep_slots, fields.boolean("keep_slots"));
    take(options.table_size, fields.integer("table_size"));
    take(options.expiration, fields.time("expiration"));
    if (options.table_size != 0 && hashes && !is_table_size(scheduler, options.table_size))
      fields.error("table_size", scheduler == Scheduler::kMaglev
                                     ? "expected 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 65537 or 131071"
                                     : "expected a power of two from 16 to 1048576");
  }

  void read_persistence(const Entry& entry, Persistence& persistence) {
    Fields fields(findings_, Section::kPersistence, *entry.value, entry.key_place);
    take(persistence.timeout, fields.time("timeout"));
    take(persistence.ipv4_prefix, fields.integer("ipv4_prefix"));
    take(persistence.ipv6_prefix, fields.integer("ipv6_prefix"));
    take(persistence.keep_drained, fields.boolean("keep_drained"));
  }

  static bool is_table_size(Scheduler scheduler, uint32_t size) {
    if (scheduler == Scheduler::kSourceHash) return std::has_single_bit(size);
    constexpr uint32_t kPrimes[] = {251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 65537, 131071};
    return std::ranges::find(kPrimes, size) != std::end(kPrimes);
  }

  void read_server(const Entry& entry, Service& service, ServicePlaces& places) {
    Fields fields(findings_, Section::kServer, *entry.value, entry.key_place);
    Server& server = service.servers.emplace_back();
    server.name = entry.key;
    take(server.address, fields.address("address"));
    server.port = fields.entry("port") || !service.has_one_port() ? 0 : service.port;
    take(server.port, fields.integer("port"));
    server.forward = service.forward;
    take(server.forward, fields.choice<ForwardMethod>("forward"));
    server.tunnel = service.tunnel;
    if (const Entry* tunnel = fields.entry("tunnel")) {
      server.tunnel = {};
      read_tunnel(*tunnel, server.tunnel);
      if (server.forward != ForwardMethod::kTun)
        fields.error("tunnel", "has no effect with forward: " + std::string(word(server.forward)));
    }
    take(server.weight, fields.integer("weight"));
    take(server.upper_threshold, fields.integer("upper_threshold"));
    take(server.lower_threshold, fields.integer("lower_threshold"));
    if (server.lower_threshold != 0 && server.lower_threshold > server.upper_threshold)
      fields.error("lower_threshold", "expected at most upper_threshold, " + std::to_string(server.upper_threshold) +
                                          ", found " + std::to_string(server.lower_threshold));
    take(server.group, fields.integer("group"));
    take(server.sorry, fields.boolean("sorry"));
    read_own_checks(fields, service, server, draft_.files);
    if (server.port == 0 && !service.has_one_port()) needs_port(service, server, fields, places);
    places.servers.push_back({entry.key_place, fields.place_of("address"), fields.place_of("port"),
                              fields.place_of("weight"), fields.place_of("forward")});
  }

  Findings& findings_;
  Draft draft_;
  size_t servers_ = 0;
};

}  // namespace

Draft read_draft(const Node& root, Findings& findings) {
  return DraftReader(findings).read(root);
}

}  // namespace tandem::config
