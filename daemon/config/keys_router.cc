// Rows of the key table: the site, its directors, the peer link, virtual routers.
#include <array>

#include "daemon/config/keys.hpp"

namespace tandem::config {
namespace {

using enum Section;
using enum Type;

}  // namespace

std::span<const Key> router_keys() {
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
    Key{.section = kSite, .name = "fast_path", .type = kChoice, .standard = "auto", .choices = fast_path_choices(),
        .meaning = "Established connections by nat and dr, of TCP and UDP, are forwarded inside of the kernel by two small eBPF "
                   "programs (on the tap and at the tc ingress hook), without a copy to the engine."},
    Key{.section = kSite, .name = "workers", .type = kInteger, .otherwise = "one a processor, at most 4", .low = 1, .high = 64,
        .meaning = "Threads that carry packets. All packets of a client's address go by one of them, in order; each has 8 MB "
                   "for frames of each interface."},
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
        .meaning = "The program and its first arguments. No shell is involved. Nobody but root and `user` may be able to change it."},
    Key{.section = kNotify, .name = "user", .type = kName, .otherwise = "tandemd's own",
        .meaning = "Whose rights it has."},
    Key{.section = kNotify, .name = "timeout", .type = kDuration, .standard = "30s", .low = ns(100ms), .high = ns(600s),
        .meaning = "When it is killed with all it started."},
    Key{.section = kNotify, .name = "attempts", .type = kInteger, .standard = "1", .low = 1, .high = 10,
        .also = "retry retries",
        .meaning = "How often it is tried when it does not end with exit code 0: after 1 s, 2 s, 4 s and so on, unless there is "
                   "something newer to tell."},
  };
  // clang-format on
  return kKeys;
}

}  // namespace tandem::config
