// Rows of the key table: services and their servers.
#include <array>

#include "daemon/config/keys.hpp"

namespace tandem::config {
namespace {

using enum Section;
using enum Type;

constexpr Key timeout(std::string_view name, std::string_view standard, std::string_view meaning,
                      std::string_view also = {}) {
  return {.section = kTimeouts,
          .name = name,
          .type = kDuration,
          .standard = standard,
          .low = ns(1s),
          .high = ns(744h),
          .also = also,
          .meaning = meaning};
}

}  // namespace

std::span<const Key> service_keys() {
  // clang-format off
  static const std::array kKeys = {
    Key{.section = kService, .name = "address", .type = kAddresses, .required = true, .low = 1, .high = 32,
        .also = "ip vip fwmark",
        .meaning = "The VIP, or several of one family that are one service: they share servers, scheduler and persistence. The "
                   "virtual router that has it decides which director forwards; several must move together."},
    Key{.section = kService, .name = "port", .type = kPorts, .required = true, .low = 1, .high = 32,
        .meaning = "The port clients connect to, or several, at every address. A single port takes precedence over `any` of "
                   "another service. With more than one port servers have the port their client came to, unless they name "
                   "their own."},
    Key{.section = kService, .name = "protocol", .type = kChoice, .standard = "tcp", .choices = protocol_choices(),
        .meaning = "What is forwarded."},
    Key{.section = kService, .name = "forward", .type = kChoice, .standard = "nat", .choices = forward_choices(),
        .also = "lb_kind lvs_method method", .meaning = "How packets reach the servers that say nothing else."},
    Key{.section = kService, .name = "tunnel", .type = kOptionalMap, .otherwise = "ipip", .inside = kTunnel,
        .also = "tun_type tun-type lvs_tun", .meaning = "How `forward: tun` wraps packets."},
    Key{.section = kService, .name = "source_pool", .type = kAddressRanges, .otherwise = "none", .low = 1, .high = 32,
        .also = "laddr local_address snat_pool source",
        .meaning = "fullnat: the addresses that its servers see as clients. They are used for nothing else and move with the "
                   "VIP: the same virtual router has them among its addresses. Each serves 64,512 connections at a time for "
                   "every server. A network's first and last address are among them. All services together have 1,023."},
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
    Key{.section = kService, .name = "one_packet", .type = kBoolean, .standard = "false", .also = "ops one-packet",
        .meaning = "udp: whether every packet is placed by itself and no flow kept, for questions of one packet and answers of "
                   "one. With `forward: nat` the service has one address and port."},
    Key{.section = kService, .name = "check", .type = kNoneOrMap,
        .otherwise = "`{ tcp: {} }` for tcp, `none` for udp and sctp", .inside = kCheck, .also = "health_check healthcheck",
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
    Key{.section = kService, .name = "timeouts", .type = kMap, .otherwise = "as its keys say", .inside = kTimeouts,
        .also = "lvs_timeouts timeout", .meaning = "How long flows are remembered."},
    Key{.section = kService, .name = "limits", .type = kMap, .otherwise = "none", .inside = kLimits,
        .also = "limit rate_limit maxconn max_connections connection_limit",
        .meaning = "How many new connections are taken."},
    Key{.section = kService, .name = "out_of_state", .type = kChoice, .standard = "reset",
        .choices = out_of_state_choices(), .also = "sloppy_tcp",
        .meaning = "What becomes of TCP in the midst of a connection that no flow is known of. In the first 5 s after a "
                   "takeover `reset` says nothing either: the peer's record may be on its way."},
    Key{.section = kService, .name = "ping", .type = kChoice, .otherwise = "as other services of the address say; else always",
        .choices = ping_choices(), .also = "icmp_echo icmp ping_reply",
        .meaning = "When the director answers pings to the service's addresses, while it has them. Where services of one address "
                   "say different things, one that allows it suffices; `accept: false` of the router holds in any case."},
    Key{.section = kService, .name = "clamp_mss", .type = kInteger, .otherwise = "as the ends say", .low = 500,
        .high = 65495, .also = "mss mss_clamp tcp_mss adv_mss",
        .meaning = "The most that the maximum segment size may be in SYNs that pass here, for ways whose MTU the ends do not "
                   "learn: the client's SYN, which bounds what servers send, and with `nat` the server's as well. What clients "
                   "send through a tunnel is bounded by the server's own SYN (`advmss` of its route)."},
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

    Key{.section = kTunnel, .name = "type", .type = kChoice, .standard = "ipip", .choices = tunnel_choices(),
        .also = "tun-type encap encapsulation", .meaning = "What stands between the outer header and the packet."},
    Key{.section = kTunnel, .name = "port", .type = kInteger, .standard = "6080", .low = 1, .high = 65535,
        .also = "tun-port", .meaning = "gue: the port the server's kernel listens on."},
    Key{.section = kTunnel, .name = "checksum", .type = kBoolean, .standard = "false", .also = "tun-csum tun-nocsum csum",
        .meaning = "gre, gue: whether the checksum of GRE, or of the UDP around GUE, is filled. Without it a server needs "
                   "`udp6zerocsumrx` for GUE in IPv6."},

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

    timeout("established", "15m", "A connection is open.", "tcp tcp_timeout"),
    timeout("syn_sent", "2m", "The server's SYN was seen first."),
    timeout("syn_recv", "1m", "The client's SYN was seen, not yet its ACK (nor, with `nat`, the server's answer)."),
    timeout("fin_wait", "2m", "The server has closed, the client not yet; with `dr` and `tun`: the client has closed.",
            "tcpfin tcp_fin fin"),
    timeout("time_wait", "2m", "Both have closed."),
    timeout("close", "10s", "It was reset."),
    timeout("close_wait", "1m", "The client has closed, the server not yet."),
    timeout("last_ack", "30s", "The last acknowledgment is due."),
    timeout("synack", "2m", "A SYN was answered by one."),
    timeout("udp", "5m", "Between two datagrams of one client port.", "udp_timeout"),

    Key{.section = kLimits, .name = "connections", .type = kInteger, .otherwise = "any number", .low = 1,
        .high = 4294967295, .also = "maxconn max_connections", .meaning = "Of the service at a time."},
    Key{.section = kLimits, .name = "per_second", .type = kInteger, .otherwise = "any number", .low = 1, .high = 1000000000,
        .also = "rate new_per_second rate_limit maxconnrate",
        .meaning = "New ones of the service, with a second's worth at once after a pause."},
    Key{.section = kLimits, .name = "client_connections", .type = kInteger, .otherwise = "any number", .low = 1,
        .high = 1000000, .also = "per_client connections_per_client", .meaning = "Of one client at a time."},
    Key{.section = kLimits, .name = "client_per_second", .type = kInteger, .otherwise = "any number", .low = 1,
        .high = 1000000000, .also = "client_rate rate_per_client", .meaning = "New ones of one client, likewise."},
    Key{.section = kLimits, .name = "ipv4_prefix", .type = kInteger, .standard = "32", .low = 1, .high = 32,
        .also = "netmask", .meaning = "Clients that share so many leading bits of their address are one client."},
    Key{.section = kLimits, .name = "ipv6_prefix", .type = kInteger, .standard = "64", .low = 1, .high = 128,
        .meaning = "The same for IPv6, where one customer has a network of 64 bits."},
  };
  // clang-format on
  return kKeys;
}

std::span<const Key> server_keys() {
  // clang-format off
  static const std::array kKeys = {
    Key{.section = kServer, .name = "address", .type = kAddress, .required = true, .also = "ip rip",
        .meaning = "The RIP, of the service's family; with `forward: tun` of either. With `forward: local` only the checks ask "
                   "it: 127.0.0.1 or ::1 for a program that listens on every address."},
    Key{.section = kServer, .name = "port", .type = kInteger, .otherwise = "the service's", .low = 1, .high = 65535,
        .meaning = "Where connections are sent. With `forward: dr`, `tun` or `local` it must be the service's."},
    Key{.section = kServer, .name = "forward", .type = kChoice, .otherwise = "the service's", .choices = forward_choices(),
        .also = "lb_kind lvs_method method",
        .meaning = "How packets reach this server. Another method is another server: a reload that changes it ends its "
                   "connections."},
    Key{.section = kServer, .name = "tunnel", .type = kOptionalMap, .otherwise = "the service's", .inside = kTunnel,
        .also = "tun_type tun-type", .meaning = "How packets to this server are wrapped."},
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
