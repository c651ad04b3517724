// The site: what an operator wrote, after validation. A value of this type is always consistent:
// read_site() is the only maker, and it reports every contradiction instead of making one (see
// key_table.hpp for each key's rules).
//
// Names (of directors, routers, services, servers) are the identity of things: a reload compares by
// name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"

namespace tandem::config {

struct Director {
  std::string name;        // host name of the box, or what --director says
  uint8_t priority = 100;  // 1-254, of every virtual router that does not say otherwise
  IpAddress peer_address;  // where the peer link listens on this director
  bool operator==(const Director&) const = default;
};

struct PeerLink {
  std::string key_file;  // 64 hex digits; not readable by group or others
  uint16_t port = 8421;  // TCP
  bool operator==(const PeerLink&) const = default;
};

// An address that moves with its virtual router.
struct VirtualAddress {
  Prefix prefix;
  std::string interface;  // the router's own unless the entry names another (an inside gateway address)
  bool operator==(const VirtualAddress&) const = default;
};

struct Preempt {
  bool enabled = true;
  Duration delay = Duration::zero();  // 0-1000 s
  bool operator==(const Preempt&) const = default;
};

struct DirectorPriority {
  std::string director;
  uint8_t priority = 100;
  bool operator==(const DirectorPriority&) const = default;
};

// Where a router of a unicast list speaks from.
struct UnicastPeer {
  std::string name;                  // a director's, or any other of a foreign router
  std::vector<IpAddress> addresses;  // one of each family that is needed
  bool operator==(const UnicastPeer&) const = default;
};

// What the checksum of an IPv4 advertisement covers (RFC 9568, 5.2.8).
enum class Checksum : uint8_t { kAuto, kRfc9568, kRfc5798 };

// In the order of vrrp::Tracked::Kind.
enum class TrackedKind : uint8_t { kInterface, kScript, kFile, kProcess, kService, kRoute, kGateway };

struct Tracked {
  std::string name;
  TrackedKind kind = TrackedKind::kScript;
  std::string subject;     // interface, command line, file, process or service
  IpAddress address;       // route, gateway
  std::string user;        // script; empty: tandemd's own
  uint32_t processes = 1;  // at least so many
  int weight = 0;          // 0: without it the router is in fault
  uint32_t rise = 1, fall = 1;
  Duration interval = 1s, timeout = 1s;
  bool operator==(const Tracked&) const = default;
};

// A route that is there while the virtual router is active here.
struct VirtualRoute {
  std::string name;
  Prefix to;              // length 0: the default route
  IpAddress via, source;  // unspecified: none
  std::string interface;
  uint32_t metric = 0;
  uint32_t table = 254;
  bool operator==(const VirtualRoute&) const = default;
};

struct VirtualRule {
  std::string name;
  std::optional<Prefix> from, to;  // one of them at least
  std::string interface;           // of arrival
  uint32_t table = 254;
  uint32_t priority = 0;  // 0: the kernel chooses
  bool operator==(const VirtualRule&) const = default;
};

// Gratuitous ARP and unsolicited neighbour advertisements.
struct AnnounceRules {
  uint32_t count = 3;                   // frames of a burst
  Duration again_after = 5s;            // a second burst; 0: none
  Duration refresh = Duration::zero();  // and on and on; 0: never
  bool operator==(const AnnounceRules&) const = default;
};

// A program that is told of changes.
struct Notify {
  std::string script;  // the program and its first arguments
  std::string user;    // empty: tandemd's own
  Duration timeout = 30s;
  uint32_t attempts = 1;
  bool operator==(const Notify&) const = default;
};

struct VirtualRouter {
  std::string name;
  std::string interface;
  uint8_t id = 0;                            // VRID, 1-255
  Duration advert_interval = 1s;             // 10 ms - 40.95 s in steps of 10 ms (RFC 9568, 5.2.7)
  std::vector<DirectorPriority> priorities;  // where it differs from the director's own; 255 owns the addresses
  Preempt preempt;
  uint8_t version = 3;   // of VRRP: 2 or 3
  std::string password;  // version 2: 1-8 characters; empty: none
  Checksum checksum = Checksum::kAuto;
  bool cross_check = false;                        // asks the peer link before it takes over from silence
  bool accept = true;                              // the active director itself answers on its addresses
  Duration start_hold_down = 30s;                  // 0-10 min; a link that just came up may be deaf for so long
  std::vector<VirtualAddress> addresses;           // advertised in this order
  std::vector<VirtualAddress> excluded_addresses;  // move along without being advertised
  std::string group;                               // routers of one group move together; empty: none
  std::vector<UnicastPeer> unicast;                // empty: multicast
  uint8_t min_ttl = 255;                           // of what unicast peers send
  bool virtual_mac = false;                        // 00:00:5e:00:01:ID answers for the addresses, 02 for IPv6
  AnnounceRules announce;
  std::vector<VirtualRoute> routes;
  std::vector<VirtualRule> rules;
  std::vector<std::string> track_interfaces;  // their loss is a fault
  std::vector<Tracked> tracked;
  std::optional<Notify> notify;
  bool operator==(const VirtualRouter&) const = default;
};

enum class Protocol : uint8_t { kTcp = 6, kUdp = 17, kSctp = 132 };
enum class ForwardMethod : uint8_t { kNat, kDr, kTun, kFullnat, kLocal };
// Answers come back through the director, which may give packets another port.
inline bool translates(ForwardMethod method) {
  return method == ForwardMethod::kNat || method == ForwardMethod::kFullnat;
}
// In the order of forwarding's tandem_tunnel.
enum class TunnelType : uint8_t { kIpip, kGre, kGue };

struct Tunnel {
  TunnelType type = TunnelType::kIpip;
  uint16_t port = 6080;   // of gue
  bool checksum = false;  // of gre and gue
  bool operator==(const Tunnel&) const = default;
};

// In the order of forwarding::SchedulerKind.
enum class Scheduler : uint8_t {
  kRoundRobin,
  kWeightedRoundRobin,
  kLeastConnection,
  kWeightedLeastConnection,
  kShortestDelay,
  kNeverQueue,
  kSourceHash,
  kDestinationHash,
  kMaglev,
  kLocality,
  kLocalityReplicated,
  kFailover,
  kOverflow,
  kTwoChoices,
  kLeastLatency,
};
enum class NoServerPolicy : uint8_t { kReject, kDrop };  // reject: TCP reset, or ICMP port unreachable
// In the order of checkers::CheckKind.
enum class CheckType : uint8_t {
  kNone,
  kTcp,
  kHttp,
  kHttps,
  kTls,
  kSmtp,
  kDns,
  kPing,
  kUdp,
  kExec,
  kFile,
  kAgent,
  kMysql,
  kPgsql,
  kRedis,
  kGrpc,
};

struct StatusRange {
  uint16_t low = 200;
  uint16_t high = 299;
  bool operator==(const StatusRange&) const = default;
};

struct Check {
  CheckType type = CheckType::kTcp;
  Duration interval = 2s;
  Duration timeout = 2s;  // for the whole attempt: connect, handshake, request, answer
  uint32_t rise = 2;      // successes in a row that bring a server up (a new server: the first one does)
  uint32_t fall = 3;      // failures in a row that take it down
  std::optional<uint8_t>
      weight_when_down;  // per cent that is left of the weight; then it does not count for up or down
  uint16_t port = 0;     // 0: the server's own port
  Duration interval_while_changing = Duration::zero();  // 0: interval
  bool initially_up = false;
  IpAddress address;  // unspecified: the server's
  IpAddress source;   // unspecified: as the routes say
  std::string interface;
  uint32_t mark = 0;
  // http and https
  std::string method = "GET";
  std::vector<std::string> headers;           // "Name: value"
  std::string body, body_regex, body_sha256;  // at most one; empty: not looked at
  std::string path = "/";
  std::string host;  // Host header, SNI and certificate name; empty: the server's address
  std::vector<StatusRange> expect{StatusRange{}};
  // https
  std::string ca_file;                                       // empty: the system's store
  bool verify = true;                                        // also of tls, smtp and grpc
  std::string crl_file;                                      // empty: nobody asks whether a certificate was revoked
  std::string certificate;                                   // our own; empty: none
  std::string private_key;                                   // of it; empty: in the same file
  Duration warn_before_expiry = std::chrono::hours(7 * 24);  // 0: never
  std::string name;                                          // smtp: in EHLO; dns: asked for
  std::string record = "A";                                  // dns
  std::string answer;                                        // dns, udp
  std::string payload;                                       // udp, agent
  bool starttls = false;                                     // smtp
  std::string user, password, database;
  std::string command, file;  // exec, file
  std::string account;        // exec: whose rights the command has; empty: the checks' own
  std::string service;        // grpc
  bool tls = false;           // grpc
  bool operator==(const Check&) const = default;
};

struct NamedCheck {
  std::string name;  // "check" where there is one alone
  Check check;
  bool operator==(const NamedCheck&) const = default;
};

// All the checks of a server.
struct CheckSet {
  std::vector<NamedCheck> checks;  // empty: `check: none`
  uint32_t need = 0;               // so many of those that count must pass; 0: all
  bool single = true;              // written as `check`, not as `checks`
  bool operator==(const CheckSet&) const = default;
};

// A number, or per cent of the whole.
struct Amount {
  uint32_t value = 0;
  bool percent = false;
  bool operator==(const Amount&) const = default;
};
std::string text_of(const Amount& amount);  // "3", "50%"

enum class QuorumOf : uint8_t { kWeight, kServers };
enum class WeightFrom : uint8_t { kConfigured, kLatency };
enum class OnDown : uint8_t { kRemove, kInhibit };
enum class FlowsOnDown : uint8_t { kKeep, kReset, kReselect };

// When what real clients meet takes a server down.
struct PassiveChecks {
  uint8_t failures = 50;  // per cent of the connections opened within the window
  uint32_t minimum = 20;  // of failures
  uint32_t clients = 5;   // different ones among them
  Duration window = 10s;
  Duration hold = 30s;
  uint8_t most_down = 50;  // per cent of the servers
  bool operator==(const PassiveChecks&) const = default;
};

// Which servers get new connections, and which share of them.
struct ServingRules {
  Amount quorum{1};
  Amount hysteresis{0};
  QuorumOf quorum_of = QuorumOf::kWeight;
  uint32_t group_minimum = 1;
  WeightFrom weight_from = WeightFrom::kConfigured;
  Duration slow_start = Duration::zero();
  OnDown on_down = OnDown::kRemove;
  FlowsOnDown flows_on_down = FlowsOnDown::kKeep;
  std::optional<PassiveChecks> passive;
  bool operator==(const ServingRules&) const = default;
};

// How long a flow lives without a packet, by its state; the defaults are IPVS's.
struct FlowTimeouts {
  Duration established = std::chrono::minutes(15);
  Duration syn_sent = std::chrono::minutes(2);
  Duration syn_recv = std::chrono::minutes(1);
  Duration fin_wait = std::chrono::minutes(2);
  Duration time_wait = std::chrono::minutes(2);
  Duration close = 10s;
  Duration close_wait = std::chrono::minutes(1);
  Duration last_ack = 30s;
  Duration synack = std::chrono::minutes(2);
  Duration udp = std::chrono::minutes(5);
  bool operator==(const FlowTimeouts&) const = default;
};

// In the order of forwarding::OutOfState.
enum class OutOfState : uint8_t { kReset, kDrop, kAccept };

// New connections that are not taken; 0: no limit.
struct Limits {
  uint32_t connections = 0, per_second = 0;                // of the service
  uint32_t client_connections = 0, client_per_second = 0;  // of each client
  uint8_t ipv4_prefix = 32, ipv6_prefix = 64;              // clients that share so many bits are one
  bool operator==(const Limits&) const = default;
};

// Whether the kernel answers pings to the service's addresses.
enum class Ping : uint8_t { kUnsaid, kAlways, kUp, kNever };

// How the flows of a service are treated, whichever server they go to.
struct FlowRules {
  FlowTimeouts timeouts;
  OutOfState out_of_state = OutOfState::kReset;  // TCP that no flow knows
  Limits limits;
  Ping ping = Ping::kUnsaid;
  uint16_t clamp_mss = 0;  // 0: as the ends say
  bool operator==(const FlowRules&) const = default;
};

// What sh, mh, lblc and lblcr may be told.
struct SchedulerOptions {
  bool port = false;                             // sh, mh: the client's port is hashed as well
  bool fallback = false;                         // sh, mh: others serve the clients of a server that takes none
  bool keep_slots = false;                       // mh: a drained server keeps its part of the table
  uint32_t table_size = 0;                       // sh, mh; 0: the scheduler's own
  Duration expiration = std::chrono::hours(24);  // lblc, lblcr
  bool operator==(const SchedulerOptions&) const = default;
};

// Later connections of a client go where its first one went.
struct Persistence {
  Duration timeout = std::chrono::minutes(5);   // since the last new connection
  uint8_t ipv4_prefix = 32, ipv6_prefix = 128;  // clients that share so many bits are one
  bool keep_drained = false;
  bool operator==(const Persistence&) const = default;
};

struct Server {
  std::string name;
  IpAddress address;
  uint16_t port = 0;                            // equal to the service's for dr and tun; 0: the one the client came to
  uint32_t weight = 1;                          // 0-65535; 0 takes no new connections
  uint32_t upper_threshold = 0;                 // connections; 0: none
  uint32_t lower_threshold = 0;                 // 0: three quarters of the upper one
  uint8_t group = 1;                            // 1-16: the first serves, the others are spares
  bool sorry = false;                           // serves only while the quorum is not there
  std::optional<CheckSet> checks;               // whole, what it inherits included; none: the service's
  ForwardMethod forward = ForwardMethod::kNat;  // the service's unless it says another
  Tunnel tunnel;                                // likewise
  bool operator==(const Server&) const = default;
};

struct PortRange {
  uint16_t first = 0, last = 0;  // 1-65535; equal: one port
  bool is_any() const { return first == 1 && last == 65535; }
  bool operator==(const PortRange&) const = default;
};

std::string text_of(const PortRange& range);                // "80", "8000-8100", "any"
std::string text_of(const std::vector<PortRange>& ranges);  // "80,8000-8100"

// Different addresses in all `source_pool`s together; a flow table has room for so many.
inline constexpr size_t kMostSources = 1023;

struct Service {
  std::string name;
  IpAddress address;  // the VIP
  uint16_t port = 0;  // the first of `ports`
  std::vector<IpAddress> other_addresses;
  std::vector<PortRange> ports;  // all, in the file's order; every address has every one
  Protocol protocol = Protocol::kTcp;
  ForwardMethod forward = ForwardMethod::kNat;  // of servers that say nothing else
  Tunnel tunnel;                                // likewise
  Scheduler scheduler = Scheduler::kWeightedLeastConnection;
  SchedulerOptions scheduler_options;
  std::optional<Persistence> persistence;
  NoServerPolicy no_server = NoServerPolicy::kReject;
  bool one_packet = false;  // udp: every packet is placed by itself
  CheckSet checks;
  ServingRules serving;
  FlowRules flows;
  std::vector<IpAddress> source_pool;  // of servers behind fullnat, every one; at most kMostSources in all services
  std::vector<Server> servers;
  std::optional<Notify> notify;
  // The virtual router that owns the VIP; empty when none does, and then the service is always
  // forwarded here.
  std::string router;
  bool has_one_port() const { return ports.size() <= 1 && (ports.empty() || ports[0].first == ports[0].last); }
  bool operator==(const Service&) const = default;
};

// The socket that finished packets leave by. In the order of forwarding::SendBy.
enum class SendBy : uint8_t { kAuto, kAfXdp, kPacketSocket };

// Whether established flows are forwarded inside of the kernel.
enum class FastPathUse : uint8_t { kAuto, kOff };

struct Site {
  std::string name;
  SendBy send_by = SendBy::kAuto;
  FastPathUse fast_path = FastPathUse::kAuto;
  uint32_t workers = 0;  // threads that carry packets; 0: by the processors
  std::vector<Director> directors;
  std::optional<PeerLink> peer_link;
  std::vector<VirtualRouter> virtual_routers;
  std::vector<Service> services;
  bool operator==(const Site&) const = default;

  const Director* director(const std::string& director_name) const;
  const VirtualRouter* virtual_router(const std::string& router_name) const;
  const Service* service(const std::string& service_name) const;
  // The priority of `router_name` on `director_name`. REQUIRES: both exist.
  uint8_t priority_of(const std::string& router_name, const std::string& director_name) const;
};

}  // namespace tandem::config
