// The rows of the key table: section, name, type, what holds without it, range, other names, meaning.
#include <array>

#include "daemon/config/key_table.hpp"

namespace tandem::config {
namespace {

using enum Section;
using enum Type;

constexpr int64_t ns(Duration duration) {
  return duration.count();
}

// clang-format off
// The keys of every check that can speak TLS.
constexpr Key ca_file(Section section) {
  return {.section = section, .name = "ca_file", .type = kFile, .otherwise = "the system's store", .also = "ca cafile",
          .meaning = "PEM certificates of the authorities that are believed."};
}
constexpr Key verify(Section section) {
  return {.section = section, .name = "verify", .type = kBoolean, .standard = "true",
          .meaning = "Whether the certificate must be good. `false` takes any."};
}
constexpr Key crl_file(Section section) {
  return {.section = section, .name = "crl_file", .type = kFile, .otherwise = "nobody is asked", .also = "crl",
          .meaning = "PEM revocation lists of the server certificates' issuers. One that is out of date still counts, with a warning."};
}
constexpr Key certificate(Section section) {
  return {.section = section, .name = "certificate", .type = kFile, .otherwise = "none", .also = "client_certificate crt cert",
          .meaning = "What the check shows to a server that asks who it is: PEM, its issuers after it."};
}
constexpr Key private_key(Section section) {
  return {.section = section, .name = "key", .type = kFile, .otherwise = "in the file of `certificate`", .also = "private_key",
          .meaning = "Its key. Checks run as user tandem, who must be able to read it: `chgrp tandem`, `chmod 640`."};
}
constexpr Key warn_before_expiry(Section section) {
  return {.section = section, .name = "warn_before_expiry", .type = kDuration, .standard = "168h", .low = 0,
          .high = ns(std::chrono::hours(24 * 366)), .step = ns(1s), .also = "expiry_warning",
          .meaning = "How long before its end a certificate is warned of (`CHECK_CERTIFICATE_WARNING`, `tandemctl why`); the "
                     "server stays up. `0s` is never."};
}
// clang-format on

}  // namespace

std::span<const Key> keys() {
  // clang-format off
  static const std::array kKeys = {
    // The site.
    Key{.section = kSite, .name = "site", .type = kName, .required = true, .also = "name",
        .meaning = "The site's name, for people."},
    Key{.section = kSite, .name = "directors", .type = kNamedMaps, .required = true, .low = 1, .high = 255,
        .inside = kDirector, .also = "nodes", .meaning = "The boxes that run tandemd, by host name."},
    Key{.section = kSite, .name = "peer_link", .type = kMap, .otherwise = "no connection sync", .inside = kPeerLink,
        .meaning = "The connection between the directors."},
    Key{.section = kSite, .name = "send_by", .type = kChoice, .standard = "auto", .choices = send_by_choices(),
        .meaning = "The socket by which finished packets leave. AF_XDP costs half as much, passes no queueing discipline, and "
                   "what it sends tcpdump does not see on this box."},
    Key{.section = kSite, .name = "virtual_routers", .type = kNamedMaps, .otherwise = "none", .low = 0, .high = 4095,
        .inside = kVirtualRouter, .also = "vrrp vrrp_instance",
        .meaning = "Addresses that move between the directors, by name."},
    Key{.section = kSite, .name = "services", .type = kNamedMaps, .otherwise = "none", .low = 0, .high = 4095,
        .inside = kService, .also = "virtual_server virtual_services",
        .meaning = "What is forwarded to real servers, by name."},

    Key{.section = kDirector, .name = "priority", .type = kInteger, .standard = "100", .low = 1, .high = 254,
        .meaning = "The highest one that works is active. Holds for every virtual router that does not say otherwise."},
    Key{.section = kDirector, .name = "peer_address", .type = kAddress, .otherwise = "required with peer_link",
        .meaning = "Where this director listens for the peer link: an address of its own that does not move."},

    Key{.section = kPeerLink, .name = "key_file", .type = kFile, .required = true,
        .meaning = "64 hex digits, the same on every director, readable by its owner alone: `openssl rand -hex 32`."},
    Key{.section = kPeerLink, .name = "port", .type = kInteger, .standard = "8421", .low = 1, .high = 65535,
        .meaning = "The TCP port the directors listen on for each other."},

    // Virtual routers.
    Key{.section = kVirtualRouter, .name = "interface", .type = kInterface, .required = true,
        .meaning = "Where advertisements are sent and heard, and where the addresses live."},
    Key{.section = kVirtualRouter, .name = "id", .type = kInteger, .required = true, .low = 1, .high = 255,
        .also = "vrid virtual_router_id", .meaning = "The VRID, unique among all routers of the network segment."},
    Key{.section = kVirtualRouter, .name = "addresses", .type = kVirtualAddresses, .required = true, .low = 1,
        .high = 255, .inside = kVirtualAddress, .also = "virtual_ipaddress vips",
        .meaning = "The addresses that move, in the order they are advertised."},
    Key{.section = kVirtualRouter, .name = "advert_interval", .type = kDuration, .standard = "1s", .low = ns(10ms),
        .high = ns(40950ms), .step = ns(10ms), .also = "advert_int interval",
        .meaning = "The time between advertisements. A backup takes over after a little more than three of them."},
    Key{.section = kVirtualRouter, .name = "priorities", .type = kPriorities, .otherwise = "the directors' own",
        .low = 1, .high = 255, .also = "priority",
        .meaning = "Priorities of directors in this virtual router: `{ dir-a: 100, dir-b: 150 }`. 255 is the owner, "
                   "which has the addresses configured on its interface anyway and waits for nobody."},
    Key{.section = kVirtualRouter, .name = "preempt", .type = kBooleanOrMap, .standard = "true", .inside = kPreempt,
        .also = "nopreempt",
        .meaning = "Whether a director with more priority takes over from an active one with less."},
    Key{.section = kVirtualRouter, .name = "excluded_addresses", .type = kVirtualAddresses, .otherwise = "none",
        .low = 1, .high = 4095, .inside = kVirtualAddress, .also = "virtual_ipaddress_excluded",
        .meaning = "Addresses that move along without being advertised: more than 255, or what the other router does not "
                   "know."},
    Key{.section = kVirtualRouter, .name = "group", .type = kName, .otherwise = "none",
        .also = "vrrp_sync_group sync_group",
        .meaning = "Virtual routers of one group are one election: they are active on the same director, always."},
    Key{.section = kVirtualRouter, .name = "unicast", .type = kUnicast, .otherwise = "multicast", .low = 2, .high = 64,
        .also = "unicast_peer unicast_src_ip",
        .meaning = "For links without multicast: the address of every router that takes part, by its name. Adverts of "
                   "others are refused. Every director needs one; names that are no director's are foreign routers."},
    Key{.section = kVirtualRouter, .name = "min_ttl", .type = kInteger, .standard = "255", .low = 1, .high = 255,
        .also = "unicast_ttl", .meaning = "With unicast: what comes with a lower TTL is refused. 255 is a neighbour on the "
                                          "link itself; keepalived sends IPv6 unicast with 64."},
    Key{.section = kVirtualRouter, .name = "cross_check", .type = kBoolean, .standard = "false",
        .meaning = "Whether a director that hears nobody asks the others by the peer link before it takes over, and stays "
                   "backup if one says that it is active: a link that loses packets one way makes no second active one. "
                   "Not for sites whose peer link may live on while the clients' link is dead."},
    Key{.section = kVirtualRouter, .name = "accept", .type = kBoolean, .standard = "true",
        .also = "no_accept accept_mode strict_mode",
        .meaning = "Whether the active director itself answers what comes to the addresses and no service takes: ping, or a "
                   "daemon that runs on it. Services, ARP and neighbour discovery work either way."},
    Key{.section = kVirtualRouter, .name = "start_hold_down", .type = kDuration, .standard = "30s", .low = 0,
        .high = ns(600s), .also = "vrrp_startup_delay startup_delay",
        .meaning = "A link that just came up may be deaf (spanning tree, a bond): nobody is given up for silent for so "
                   "long, or until the first frame from another station is heard."},
    Key{.section = kVirtualRouter, .name = "version", .type = kInteger, .standard = "3", .low = 2, .high = 3,
        .also = "vrrp_version", .meaning = "Of VRRP. 2 is for neighbours that know nothing else: whole seconds, the same "
                                           "advert_interval everywhere."},
    Key{.section = kVirtualRouter, .name = "password", .type = kPassword, .otherwise = "none",
        .also = "auth_pass authentication", .meaning = "Version 2's simple password. Everybody on the link can read it: it "
                                                       "keeps mistakes out, not attackers."},
    Key{.section = kVirtualRouter, .name = "checksum", .type = kChoice, .standard = "auto",
        .choices = checksum_choices(), .also = "v3_checksum_as_v2 checksum-with-ipv4-pseudoheader",
        .meaning = "What the checksum of IPv4 advertisements covers. Both forms are accepted."},
    Key{.section = kVirtualRouter, .name = "virtual_mac", .type = kBoolean, .standard = "false",
        .also = "use_vmac vmac", .meaning = "Whether the addresses have a MAC address of their own that moves along "
                                            "(00:00:5e:00:01:ID, IPv6 00:00:5e:00:02:ID): hosts notice nothing of a change. "
                                            "All directors must agree. It lives on a device vrrp4-ID or vrrp6-ID; "
                                            "arp_ignore and arp_announce of the interface are set."},
    Key{.section = kVirtualRouter, .name = "announce", .type = kMap, .otherwise = "as its keys say", .inside = kAnnounce,
        .also = "garp", .meaning = "How hosts are told that the addresses have moved."},
    Key{.section = kVirtualRouter, .name = "routes", .type = kNamedMaps, .otherwise = "none", .low = 0, .high = 1000,
        .inside = kRoute, .also = "virtual_routes", .meaning = "Routes that move along, by name."},
    Key{.section = kVirtualRouter, .name = "rules", .type = kNamedMaps, .otherwise = "none", .low = 0, .high = 1000,
        .inside = kRule, .also = "virtual_rules", .meaning = "Policy rules that move along, by name."},
    Key{.section = kVirtualRouter, .name = "notify", .type = kMap, .otherwise = "nobody is told", .inside = kNotify,
        .also = "notify_master notify_backup notify_fault notify_stop", .meaning = "A program that is told of every change of its state."},
    Key{.section = kVirtualRouter, .name = "track", .type = kMap, .otherwise = "only its own interface",
        .inside = kTrack, .also = "track_interface", .meaning = "What else must be well."},

    Key{.section = kVirtualAddress, .name = "address", .type = kPrefix, .required = true,
        .meaning = "The address with the length of its network part, 10.0.1.1/24."},
    Key{.section = kVirtualAddress, .name = "interface", .type = kInterface, .otherwise = "the virtual router's",
        .also = "dev", .meaning = "Another interface for this address: an inside gateway that moves along."},

    Key{.section = kPreempt, .name = "delay", .type = kDuration, .standard = "0s", .low = 0, .high = ns(1000s),
        .also = "preempt_delay",
        .meaning = "How long a director waits before it takes over from one with less priority."},

    Key{.section = kTrack, .name = "interfaces", .type = kInterfaces, .otherwise = "none", .low = 1, .high = 64,
        .also = "interface", .meaning = "When one of these loses its link, this director gives up the router."},
    Key{.section = kTrack, .name = "checks", .type = kNamedMaps, .otherwise = "none", .low = 0, .high = 64,
        .inside = kTracked, .also = "track_script track_file track_process scripts files processes",
        .meaning = "Other things, each with its weight, by name."},

    Key{.section = kTracked, .name = "interface", .type = kInterface, .otherwise = "another kind",
        .meaning = "It is up and has a carrier."},
    Key{.section = kTracked, .name = "script", .type = kCommand, .otherwise = "another kind", .also = "command exec",
        .meaning = "It ends with exit code 0. No shell is involved. Nobody but root may be able to change it."},
    Key{.section = kTracked, .name = "file", .type = kFile, .otherwise = "another kind",
        .meaning = "It can be read, and the whole number in it, times `weight`, is added to the priority."},
    Key{.section = kTracked, .name = "process", .type = kName, .otherwise = "another kind",
        .meaning = "A process of that name runs."},
    Key{.section = kTracked, .name = "service", .type = kName, .otherwise = "another kind",
        .meaning = "This site's service of that name has a server that takes connections."},
    Key{.section = kTracked, .name = "route", .type = kAddress, .otherwise = "another kind",
        .meaning = "The kernel has a route to this address."},
    Key{.section = kTracked, .name = "gateway", .type = kAddress, .otherwise = "another kind",
        .meaning = "This address answers ICMP echo (ping)."},
    Key{.section = kTracked, .name = "weight", .type = kInteger, .standard = "0", .low = -253, .high = 253,
        .meaning = "0: while it is not well this director is in fault. Above 0: added to the priority while it is well. Below "
                   "0: added while it is not. The priority stays within 1 and 254."},
    Key{.section = kTracked, .name = "rise", .type = kInteger, .standard = "1", .low = 1, .high = 1000,
        .meaning = "Good looks in a row after which it is well."},
    Key{.section = kTracked, .name = "fall", .type = kInteger, .standard = "1", .low = 1, .high = 1000,
        .meaning = "Bad looks in a row after which it is not. Before the first look everything counts as well."},
    Key{.section = kTracked, .name = "interval", .type = kDuration, .standard = "1s", .low = ns(100ms), .high = ns(3600s),
        .meaning = "The time between looks."},
    Key{.section = kTracked, .name = "timeout", .type = kDuration, .standard = "1s", .low = ns(10ms), .high = ns(3600s),
        .meaning = "When a script is killed with all it started, and when a gateway has not answered."},
    Key{.section = kTracked, .name = "user", .type = kName, .otherwise = "tandemd's own",
        .meaning = "Whose rights a script has."},
    Key{.section = kTracked, .name = "processes", .type = kInteger, .standard = "1", .low = 1, .high = 100000,
        .also = "quorum", .meaning = "How many processes of the name there must be at least."},

    Key{.section = kAnnounce, .name = "count", .type = kInteger, .standard = "3", .low = 1, .high = 100,
        .also = "garp_master_repeat", .meaning = "Frames for each address, at once."},
    Key{.section = kAnnounce, .name = "again_after", .type = kDuration, .standard = "5s", .low = 0, .high = ns(3600s),
        .also = "garp_master_delay", .meaning = "When it is said a second time; 0s: it is not."},
    Key{.section = kAnnounce, .name = "refresh", .type = kDuration, .standard = "0s", .low = 0, .high = ns(86400s),
        .also = "garp_master_refresh", .meaning = "How often it is said from then on; 0s: not at all."},

    Key{.section = kRoute, .name = "to", .type = kNetwork, .required = true, .meaning = "The destination; `default` is IPv4's."},
    Key{.section = kRoute, .name = "via", .type = kGateway, .otherwise = "on the link", .also = "gateway",
        .meaning = "The gateway."},
    Key{.section = kRoute, .name = "interface", .type = kInterface, .otherwise = "the one that reaches `via`", .also = "dev",
        .meaning = "Out of this interface."},
    Key{.section = kRoute, .name = "source", .type = kGateway, .otherwise = "the kernel's choice", .also = "src",
        .meaning = "The address the director itself speaks from on this route."},
    Key{.section = kRoute, .name = "metric", .type = kInteger, .standard = "0", .low = 0, .high = 4294967295,
        .meaning = "Lower ones win; 0: the kernel's default."},
    Key{.section = kRoute, .name = "table", .type = kInteger, .standard = "254", .low = 1, .high = 4294967295,
        .meaning = "254 is the main table."},
    Key{.section = kRule, .name = "from", .type = kNetwork, .otherwise = "any", .meaning = "The packets' source."},
    Key{.section = kRule, .name = "to", .type = kNetwork, .otherwise = "any", .meaning = "The packets' destination."},
    Key{.section = kRule, .name = "interface", .type = kInterface, .otherwise = "any", .also = "iif dev",
        .meaning = "Where they come in."},
    Key{.section = kRule, .name = "table", .type = kInteger, .standard = "254", .low = 1, .high = 4294967295, .also = "lookup",
        .meaning = "The table that is looked at."},
    Key{.section = kRule, .name = "priority", .type = kInteger, .standard = "0", .low = 0, .high = 4294967295,
        .also = "preference", .meaning = "Lower ones are asked first; 0: the kernel chooses."},

    // Services.

    Key{.section = kNotify, .name = "script", .type = kCommand, .required = true, .also = "command exec",
        .meaning = "The program and its first arguments. No shell is involved. Nobody but root may be able to change it."},
    Key{.section = kNotify, .name = "user", .type = kName, .otherwise = "tandemd's own",
        .meaning = "Whose rights it has."},
    Key{.section = kNotify, .name = "timeout", .type = kDuration, .standard = "30s", .low = ns(100ms), .high = ns(600s),
        .meaning = "When it is killed with all it started."},
    Key{.section = kNotify, .name = "attempts", .type = kInteger, .standard = "1", .low = 1, .high = 10,
        .also = "retry retries",
        .meaning = "How often it is tried when it does not end with exit code 0: after 1 s, 2 s, 4 s and so on, unless there is "
                   "something newer to tell."},

    Key{.section = kService, .name = "address", .type = kAddresses, .required = true, .low = 1, .high = 32,
        .also = "ip vip fwmark",
        .meaning = "The VIP, or several that are one service: they share servers, scheduler and persistence. The virtual router "
                   "that has it decides which director forwards; several must move together."},
    Key{.section = kService, .name = "port", .type = kPorts, .required = true, .low = 1, .high = 32,
        .meaning = "The port clients connect to, or several, at every address. A single port takes precedence over `any` of "
                   "another service. With more than one port servers have the port their client came to, unless they name "
                   "their own."},
    Key{.section = kService, .name = "protocol", .type = kChoice, .standard = "tcp", .choices = protocol_choices(),
        .meaning = "What is forwarded."},
    Key{.section = kService, .name = "forward", .type = kChoice, .standard = "nat", .choices = forward_choices(),
        .also = "lb_kind lvs_method method", .meaning = "How packets reach the servers."},
    Key{.section = kService, .name = "scheduler", .type = kChoice, .standard = "wlc", .choices = scheduler_choices(),
        .also = "lb_algo lvs_sched balance", .meaning = "Which server a new connection goes to."},
    Key{.section = kService, .name = "scheduler_options", .type = kMap, .otherwise = "as its keys say",
        .inside = kSchedulerOptions, .also = "sh-port sh-fallback mh-port mh-fallback flag-1 flag-2 sched_flags",
        .meaning = "What some schedulers may be told."},
    Key{.section = kService, .name = "persistence", .type = kOptionalMap, .otherwise = "none", .inside = kPersistence,
        .also = "persistence_timeout persistent sticky affinity stick",
        .meaning = "Keeps clients with their servers."},
    Key{.section = kService, .name = "on_no_server", .type = kChoice, .standard = "reject",
        .choices = no_server_choices(), .meaning = "What a client gets when no server is up."},
    Key{.section = kService, .name = "check", .type = kNoneOrMap,
        .otherwise = "`{ tcp: {} }` for tcp, `none` for udp", .inside = kCheck, .also = "health_check healthcheck",
        .meaning = "How the servers are checked."},
    Key{.section = kService, .name = "checks", .type = kNamedChecks, .otherwise = "`check` alone", .low = 1, .high = 16,
        .inside = kCheck, .meaning = "Several checks for each server, by name, instead of `check`."},
    Key{.section = kService, .name = "need", .type = kNeed, .standard = "all", .low = 1, .high = 16,
        .also = "require checks_needed", .meaning = "How many of `checks` must pass for a server to be up; those with "
                   "`weight_when_down` do not count."},
    Key{.section = kService, .name = "quorum", .type = kAmount, .standard = "1", .low = 1, .high = 4294901760,
        .meaning = "What the service needs to be up: routers that track it follow, and sorry servers stand in. A share is one "
                   "of all servers, rounded up. Below it, without a sorry server, the servers that are left go on serving."},
    Key{.section = kService, .name = "quorum_of", .type = kChoice, .standard = "weight", .choices = quorum_of_choices(),
        .meaning = "What is counted. The weights are the configured ones, the operator's or those that checks say; slow start "
                   "and latency do not matter, sorry servers never count."},
    Key{.section = kService, .name = "hysteresis", .type = kAmount, .standard = "0", .low = 0, .high = 4294901760,
        .meaning = "The service goes down below `quorum` - `hysteresis` and comes up from `quorum` + `hysteresis` on. A share "
                   "is rounded down."},
    Key{.section = kService, .name = "group_minimum", .type = kInteger, .standard = "1", .low = 1, .high = 65535,
        .also = "min_active_members priority_group_activation spare_below",
        .meaning = "Servers of group 2 serve as well while group 1 has fewer that take connections than this, then those of "
                   "group 3, and so on."},
    Key{.section = kService, .name = "weight", .type = kChoice, .standard = "configured", .choices = weight_from_choices(),
        .meaning = "Where weights come from. The fastest server has all of its weight, one that takes longer (fastest + 1 ms) / "
                   "(its own + 1 ms) of it, at least a tenth."},
    Key{.section = kService, .name = "slow_start", .type = kDuration, .standard = "0s", .low = 0, .high = ns(24h),
        .step = ns(1ms), .also = "slowstart slow_ramp warmup",
        .meaning = "How long the weight of a server that came back (or was added) grows, in ten steps. Not at the daemon's start."},
    Key{.section = kService, .name = "on_down", .type = kChoice, .standard = "remove", .choices = on_down_choices(),
        .also = "inhibit_on_failure quiescent", .meaning = "What becomes of a server that is down, for new connections."},
    Key{.section = kService, .name = "action_on_down", .type = kChoice, .standard = "keep",
        .choices = flows_on_down_choices(), .also = "service_down_action action_on_service_down on-marked-down",
        .meaning = "What becomes of the connections of a server that goes down."},
    Key{.section = kService, .name = "passive", .type = kOptionalMap, .otherwise = "none", .inside = kPassive,
        .also = "outlier_detection observe", .meaning = "Whether real clients' failures take a server down."},
    Key{.section = kService, .name = "notify", .type = kMap, .otherwise = "nobody is told", .inside = kNotify,
        .also = "quorum_up quorum_down notify_up notify_down",
        .meaning = "A program that is told when the service or one of its servers goes down or comes up."},
    Key{.section = kService, .name = "servers", .type = kNamedMaps, .otherwise = "none", .low = 0, .high = 65535,
        .inside = kServer, .also = "real_server real_servers backends", .meaning = "The real servers, by name."},

    Key{.section = kSchedulerOptions, .name = "port", .type = kBoolean, .standard = "false", .also = "sh-port mh-port",
        .meaning = "sh, mh: whether the client's port is hashed with its address, so that one client's connections are "
                   "spread."},
    Key{.section = kSchedulerOptions, .name = "fallback", .type = kBoolean, .standard = "false",
        .also = "sh-fallback mh-fallback",
        .meaning = "sh, mh: whether other servers take the clients of one that is drained or overloaded; otherwise these "
                   "clients are refused. A server that is down has no clients in any case."},
    Key{.section = kSchedulerOptions, .name = "keep_slots", .type = kBoolean, .standard = "false",
        .meaning = "mh: whether a drained server (weight 0) keeps its part of the table, as in IPVS: with `fallback` no other "
                   "client moves, without it the server's are refused. Otherwise its part is dealt to the others."},
    Key{.section = kSchedulerOptions, .name = "table_size", .type = kInteger, .otherwise = "65521 for mh, 256 for sh",
        .low = 16, .high = 1048576,
        .meaning = "mh: 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 65537 or 131071; IPVS as Debian compiles it has "
                   "4093. sh: a power of two; IPVS has 256."},
    Key{.section = kSchedulerOptions, .name = "expiration", .type = kDuration, .standard = "24h", .low = ns(1s),
        .high = ns(8760h), .also = "lblc_expiration lblcr_expiration",
        .meaning = "lblc: when an address nobody goes to is forgotten. lblcr: also when a set that does not change loses its "
                   "most connected server."},

    Key{.section = kPersistence, .name = "timeout", .type = kDuration, .standard = "5m", .low = ns(1s), .high = ns(744h),
        .also = "persistence_timeout", .meaning = "How long after its last new connection a client without any is remembered."},
    Key{.section = kPersistence, .name = "ipv4_prefix", .type = kInteger, .standard = "32", .low = 1, .high = 32,
        .also = "persistence_granularity netmask",
        .meaning = "Clients that share so many leading bits of their address are one client: 24 for networks that change "
                   "addresses behind a translator."},
    Key{.section = kPersistence, .name = "ipv6_prefix", .type = kInteger, .standard = "128", .low = 1, .high = 128,
        .meaning = "The same for IPv6; 64 is one customer's network."},
    Key{.section = kPersistence, .name = "keep_drained", .type = kBoolean, .standard = "false",
        .also = "expire_quiescent_template",
        .meaning = "Whether a drained server (weight 0) still gets new connections of the clients it has. A dead one never "
                   "does."},

    Key{.section = kPassive, .name = "failures", .type = kPercent, .standard = "50%", .low = 1, .high = 100,
        .meaning = "The share of the connections opened within the window that must have failed: not answered, or reset before "
                   "they stood."},
    Key{.section = kPassive, .name = "minimum", .type = kInteger, .standard = "20", .low = 1, .high = 1000000,
        .meaning = "So many must have failed."},
    Key{.section = kPassive, .name = "clients", .type = kInteger, .standard = "5", .low = 1, .high = 40,
        .meaning = "By so many different clients (estimated), so that one alone cannot take a server down."},
    Key{.section = kPassive, .name = "window", .type = kDuration, .standard = "10s", .low = ns(2s), .high = ns(600s),
        .step = ns(1ms), .meaning = "What is looked at: between half of it and all."},
    Key{.section = kPassive, .name = "hold", .type = kDuration, .standard = "30s", .low = ns(1s), .high = ns(3600s),
        .step = ns(1ms), .meaning = "How long a server stays down at least, whatever its checks say."},
    Key{.section = kPassive, .name = "most_down", .type = kPercent, .standard = "50%", .low = 1, .high = 100,
        .also = "max_ejection_percent",
        .meaning = "The most of the servers that may be down for this at once; and never so many that the quorum goes."},

    Key{.section = kCheck, .name = "tcp", .type = kOptionalMap, .inside = kTcpCheck, .also = "TCP_CHECK connect",
        .meaning = "Connect, nothing else."},
    Key{.section = kCheck, .name = "http", .type = kOptionalMap, .inside = kHttpCheck, .also = "HTTP_GET",
        .meaning = "Ask by HTTP."},
    Key{.section = kCheck, .name = "https", .type = kOptionalMap, .inside = kHttpsCheck, .also = "SSL_GET ssl",
        .meaning = "Ask by HTTPS."},
    Key{.section = kCheck, .name = "tls", .type = kOptionalMap, .inside = kTlsCheck, .meaning = "The TLS handshake alone."},
    Key{.section = kCheck, .name = "smtp", .type = kOptionalMap, .inside = kSmtpCheck, .also = "SMTP_CHECK",
        .meaning = "Greet by SMTP."},
    Key{.section = kCheck, .name = "dns", .type = kMap, .inside = kDnsCheck, .also = "DNS_CHECK",
        .meaning = "Ask for a name."},
    Key{.section = kCheck, .name = "ping", .type = kOptionalMap, .inside = kPingCheck, .also = "PING_CHECK icmp",
        .meaning = "ICMP echo."},
    Key{.section = kCheck, .name = "udp", .type = kOptionalMap, .inside = kUdpCheck, .also = "UDP_CHECK",
        .meaning = "Send a datagram and wait for a reply."},
    Key{.section = kCheck, .name = "exec", .type = kMap, .inside = kExecCheck, .also = "MISC_CHECK misc script",
        .meaning = "Ask a program."},
    Key{.section = kCheck, .name = "file", .type = kMap, .inside = kFileCheck, .also = "FILE_CHECK",
        .meaning = "Ask a file."},
    Key{.section = kCheck, .name = "agent", .type = kMap, .inside = kAgentCheck, .also = "agent-check agent_check",
        .meaning = "Ask the server's agent."},
    Key{.section = kCheck, .name = "mysql", .type = kOptionalMap, .inside = kMysqlCheck, .also = "mysql-check mariadb",
        .meaning = "Log in to MySQL or MariaDB."},
    Key{.section = kCheck, .name = "pgsql", .type = kOptionalMap, .inside = kPgsqlCheck, .also = "pgsql-check postgres postgresql",
        .meaning = "Knock at PostgreSQL."},
    Key{.section = kCheck, .name = "redis", .type = kOptionalMap, .inside = kRedisCheck, .also = "redis-check valkey",
        .meaning = "Ping Redis."},
    Key{.section = kCheck, .name = "grpc", .type = kOptionalMap, .inside = kGrpcCheck, .also = "grpc_health",
        .meaning = "Ask by gRPC's health protocol."},
    Key{.section = kCheck, .name = "interval", .type = kDuration, .standard = "2s", .low = ns(50ms),
        .high = ns(3600s), .step = ns(1ms), .also = "delay_loop",
        .meaning = "From the start of one attempt to the start of the next."},
    Key{.section = kCheck, .name = "interval_while_changing", .type = kDuration, .otherwise = "the interval",
        .low = ns(50ms), .high = ns(3600s), .step = ns(1ms), .also = "fastinter delay_before_retry",
        .meaning = "The interval while the last results contradict the server's state: what is changing is known sooner."},
    Key{.section = kCheck, .name = "initial", .type = kChoice, .standard = "down", .choices = initial_choices(),
        .also = "alpha init_state", .meaning = "What a new server is before its first answer."},
    Key{.section = kCheck, .name = "timeout", .type = kDuration, .standard = "2s", .low = ns(10ms), .high = ns(600s),
        .step = ns(1ms), .also = "connect_timeout",
        .meaning = "For the whole attempt: connection, handshake, request and answer."},
    Key{.section = kCheck, .name = "rise", .type = kInteger, .standard = "2", .low = 1, .high = 1000,
        .meaning = "Successes in a row that bring a server up; a new server's first one does."},
    Key{.section = kCheck, .name = "fall", .type = kInteger, .standard = "3", .low = 1, .high = 1000,
        .also = "retry", .meaning = "Failures in a row that take a server down."},
    Key{.section = kCheck, .name = "weight_when_down", .type = kPercent, .otherwise = "the check counts", .low = 0, .high = 99,
        .meaning = "The check does not take the server down: while it fails, the server keeps this share of its weight."},
    Key{.section = kCheck, .name = "port", .type = kInteger, .otherwise = "the server's", .low = 1, .high = 65535,
        .also = "connect_port", .meaning = "Where the check connects to, if not where clients are sent."},
    Key{.section = kCheck, .name = "address", .type = kGateway, .otherwise = "the server's", .also = "connect_ip addr",
        .meaning = "Where the check connects to, if not where clients are sent."},
    Key{.section = kCheck, .name = "source", .type = kGateway, .otherwise = "as the routes say", .also = "bindto",
        .meaning = "The address that the check comes from."},
    Key{.section = kCheck, .name = "interface", .type = kInterface, .otherwise = "as the routes say", .also = "bind_if",
        .meaning = "The interface that the check leaves by."},
    Key{.section = kCheck, .name = "mark", .type = kInteger, .standard = "0", .low = 0, .high = 4294967295,
        .also = "fwmark", .meaning = "The mark of the check's packets, for policy rules; 0 is none."},

    Key{.section = kHttpCheck, .name = "path", .type = kUrlPath, .standard = "/", .also = "url uri",
        .meaning = "What is asked for."},
    Key{.section = kHttpCheck, .name = "host", .type = kHost, .otherwise = "the server's address",
        .also = "virtualhost hostname", .meaning = "The Host header."},
    Key{.section = kHttpCheck, .name = "expect", .type = kStatuses, .standard = "200-299",
        .also = "status status_code codes", .meaning = "The statuses of a server that is well."},

    Key{.section = kHttpCheck, .name = "method", .type = kText, .standard = "GET",
        .meaning = "GET, HEAD, OPTIONS or what else the server wants."},
    Key{.section = kHttpCheck, .name = "headers", .type = kTexts, .otherwise = "none", .low = 1, .high = 32,
        .also = "http_header", .meaning = "More header lines, each as `Name: value`."},
    Key{.section = kHttpCheck, .name = "body", .type = kText, .otherwise = "not looked at", .also = "string contains",
        .meaning = "The body must contain this; its first 1 MB is looked at."},
    Key{.section = kHttpCheck, .name = "body_regex", .type = kText, .otherwise = "not looked at", .also = "regex rstring",
        .meaning = "The body must match this Perl-compatible regular expression somewhere."},
    Key{.section = kHttpCheck, .name = "body_sha256", .type = kText, .otherwise = "not looked at", .also = "digest",
        .meaning = "The SHA-256 of the body, 64 hex digits."},

    Key{.section = kHttpsCheck, .name = "path", .type = kUrlPath, .standard = "/", .also = "url uri",
        .meaning = "What is asked for."},
    Key{.section = kHttpsCheck, .name = "host", .type = kHost, .otherwise = "the server's address",
        .also = "virtualhost hostname sni server_name",
        .meaning = "The Host header, the name asked for by SNI, and the name the certificate must be for."},
    Key{.section = kHttpsCheck, .name = "expect", .type = kStatuses, .standard = "200-299",
        .also = "status status_code codes", .meaning = "The statuses of a server that is well."},
    ca_file(kHttpsCheck), verify(kHttpsCheck), crl_file(kHttpsCheck), certificate(kHttpsCheck), private_key(kHttpsCheck), warn_before_expiry(kHttpsCheck),
    Key{.section = kHttpsCheck, .name = "method", .type = kText, .standard = "GET",
        .meaning = "GET, HEAD, OPTIONS or what else the server wants."},
    Key{.section = kHttpsCheck, .name = "headers", .type = kTexts, .otherwise = "none", .low = 1, .high = 32,
        .also = "http_header", .meaning = "More header lines, each as `Name: value`."},
    Key{.section = kHttpsCheck, .name = "body", .type = kText, .otherwise = "not looked at", .also = "string contains",
        .meaning = "The body must contain this; its first 1 MB is looked at."},
    Key{.section = kHttpsCheck, .name = "body_regex", .type = kText, .otherwise = "not looked at", .also = "regex rstring",
        .meaning = "The body must match this Perl-compatible regular expression somewhere."},
    Key{.section = kHttpsCheck, .name = "body_sha256", .type = kText, .otherwise = "not looked at", .also = "digest",
        .meaning = "The SHA-256 of the body, 64 hex digits."},

    Key{.section = kTlsCheck, .name = "host", .type = kHost, .otherwise = "the server's address", .also = "sni server_name",
        .meaning = "The name asked for by SNI, and the name the certificate must be for."},
    ca_file(kTlsCheck), verify(kTlsCheck), crl_file(kTlsCheck), certificate(kTlsCheck), private_key(kTlsCheck), warn_before_expiry(kTlsCheck),

    Key{.section = kSmtpCheck, .name = "name", .type = kHost, .standard = "tandem.invalid", .also = "helo_name",
        .meaning = "The name in EHLO."},
    Key{.section = kSmtpCheck, .name = "starttls", .type = kBoolean, .standard = "false",
        .meaning = "Whether TLS must begin after EHLO; `host`, `ca_file` and `verify` are for its certificate."},
    Key{.section = kSmtpCheck, .name = "host", .type = kHost, .otherwise = "the server's address", .also = "sni server_name",
        .meaning = "The name asked for by SNI, and the name the certificate must be for."},
    ca_file(kSmtpCheck), verify(kSmtpCheck), crl_file(kSmtpCheck), certificate(kSmtpCheck), private_key(kSmtpCheck), warn_before_expiry(kSmtpCheck),

    Key{.section = kDnsCheck, .name = "name", .type = kHost, .required = true, .meaning = "The name asked for."},
    Key{.section = kDnsCheck, .name = "type", .type = kChoice, .standard = "A", .choices = dns_choices(),
        .meaning = "The type of the record."},
    Key{.section = kDnsCheck, .name = "answer", .type = kText, .otherwise = "any",
        .meaning = "The data that one of the records must have, as a zone file has it."},

    Key{.section = kUdpCheck, .name = "payload", .type = kText, .otherwise = "an empty datagram", .also = "send",
        .meaning = "What is sent; in double quotes, YAML's escapes make any byte."},
    Key{.section = kUdpCheck, .name = "answer", .type = kText, .otherwise = "any reply", .also = "require_reply reply",
        .meaning = "What the reply must contain."},

    Key{.section = kExecCheck, .name = "command", .type = kCommand, .required = true, .also = "misc_path path",
        .meaning = "The program and its arguments. It must belong to root and be writable by nobody else."},

    Key{.section = kFileCheck, .name = "path", .type = kFile, .required = true, .also = "file", .meaning = "The file."},

    Key{.section = kAgentCheck, .name = "send", .type = kText, .otherwise = "nothing", .also = "agent-send",
        .meaning = "What is said to the agent first."},

    Key{.section = kMysqlCheck, .name = "user", .type = kText, .otherwise = "none", .also = "username",
        .meaning = "Who logs in."},
    Key{.section = kMysqlCheck, .name = "password", .type = kText, .otherwise = "none", .meaning = "For mysql_native_password; the log-in proves it without showing it."},

    Key{.section = kPgsqlCheck, .name = "user", .type = kText, .otherwise = "none", .also = "username",
        .meaning = "Who logs in."},
    Key{.section = kPgsqlCheck, .name = "database", .type = kText, .otherwise = "the user's",
        .also = "dbname", .meaning = "Which one is asked for."},

    Key{.section = kRedisCheck, .name = "user", .type = kText, .otherwise = "none", .also = "username",
        .meaning = "Who logs in."},
    Key{.section = kRedisCheck, .name = "password", .type = kText, .otherwise = "none", .meaning = "Sent with AUTH, readable on the wire."},

    Key{.section = kGrpcCheck, .name = "service", .type = kText, .otherwise = "the server as a whole",
        .also = "service_name", .meaning = "The service asked about, as in `shop.v1.Cart`."},
    Key{.section = kGrpcCheck, .name = "tls", .type = kBoolean, .standard = "false", .also = "ssl",
        .meaning = "Whether it is asked over TLS, with `h2` by ALPN; `ca_file` and `verify` are for its certificate."},
    Key{.section = kGrpcCheck, .name = "host", .type = kHost, .otherwise = "the server's address",
        .also = "authority sni server_name",
        .meaning = "The authority of the call, and with TLS the name asked for by SNI and the one the certificate must be for."},
    ca_file(kGrpcCheck), verify(kGrpcCheck), crl_file(kGrpcCheck), certificate(kGrpcCheck), private_key(kGrpcCheck), warn_before_expiry(kGrpcCheck),

    Key{.section = kServer, .name = "address", .type = kAddress, .required = true, .also = "ip rip",
        .meaning = "The RIP."},
    Key{.section = kServer, .name = "port", .type = kInteger, .otherwise = "the service's", .low = 1, .high = 65535,
        .meaning = "Where connections are sent. With `forward: dr` or `tun` it must be the service's."},
    Key{.section = kServer, .name = "check", .type = kNoneOrMap, .otherwise = "the service's", .inside = kCheck,
        .meaning = "What differs from the service's check; a type takes the place of the service's."},
    Key{.section = kServer, .name = "checks", .type = kNamedChecks, .otherwise = "the service's", .low = 1, .high = 16,
        .inside = kCheck,
        .meaning = "What differs from the service's `checks`: one of the same name is changed as by `check`, a new name is one "
                   "more, `none` leaves one out."},
    Key{.section = kServer, .name = "need", .type = kNeed, .otherwise = "the service's", .low = 1, .high = 16,
        .meaning = "How many of its checks must pass."},
    Key{.section = kServer, .name = "group", .type = kInteger, .standard = "1", .low = 1, .high = 16,
        .also = "priority_group tier", .meaning = "1 serves; the others are spares, the lowest number first (`group_minimum`)."},
    Key{.section = kServer, .name = "sorry", .type = kBoolean, .standard = "false", .also = "sorry_server backup",
        .meaning = "A server that gets new connections only while the quorum is not there, and then it alone."},
    Key{.section = kServer, .name = "weight", .type = kInteger, .standard = "1", .low = 0, .high = 65535,
        .meaning = "Its share of new connections; 0 takes none and keeps those it has."},
    Key{.section = kServer, .name = "upper_threshold", .type = kInteger, .standard = "0", .low = 0, .high = 2147483647,
        .also = "uthreshold u_threshold max_connections maxconn",
        .meaning = "Connections, active and inactive, from which on the server takes no new ones; 0: no limit."},
    Key{.section = kServer, .name = "lower_threshold", .type = kInteger, .standard = "0", .low = 0, .high = 2147483647,
        .also = "lthreshold l_threshold",
        .meaning = "Connections below which it takes new ones again; 0: three quarters of `upper_threshold`."},
  };
  // clang-format on
  return kKeys;
}

}  // namespace tandem::config
