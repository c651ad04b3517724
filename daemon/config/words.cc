#include "daemon/config/words.hpp"

#include <array>
#include <utility>

#include "daemon/base/assert.hpp"

namespace tandem::config {
namespace {

using enum CheckType;
constexpr CheckTypeWord kCheckTypes[] = {{kTcp, "tcp"},     {kHttp, "http"},   {kHttps, "https"}, {kTls, "tls"},
                                         {kSmtp, "smtp"},   {kDns, "dns"},     {kPing, "ping"},   {kUdp, "udp"},
                                         {kExec, "exec"},   {kFile, "file"},   {kAgent, "agent"}, {kMysql, "mysql"},
                                         {kPgsql, "pgsql"}, {kRedis, "redis"}, {kGrpc, "grpc"}};

constexpr std::array kChecksums = {
    Choice{std::to_underlying(Checksum::kAuto), "auto",
           "as the last valid advertisement heard; before that with a pseudo-header", ""},
    Choice{std::to_underlying(Checksum::kRfc9568), "rfc9568", "the message alone (Cisco, Juniper)",
           "v3_checksum_as_v2"},
    Choice{std::to_underlying(Checksum::kRfc5798), "rfc5798", "with a pseudo-header (keepalived, FRR)", ""},
};

constexpr std::array kSendBys = {
    Choice{
        std::to_underlying(SendBy::kAuto), "auto",
        "by AF_XDP where the kernel has it and no shaper (a queueing discipline of the operator's) would be passed by",
        ""},
    Choice{std::to_underlying(SendBy::kAfXdp), "af_xdp", "by AF_XDP wherever it can be opened", "xdp"},
    Choice{std::to_underlying(SendBy::kPacketSocket), "packet_socket",
           "by AF_PACKET, through the queueing discipline and seen by tcpdump", "af_packet"},
};

constexpr std::array kFastPathUses = {
    Choice{std::to_underlying(FastPathUse::kAuto), "auto", "where the kernel takes them", "on yes true"},
    Choice{std::to_underlying(FastPathUse::kOff), "off", "every packet goes by the engine", "no false never none"},
};

constexpr std::array kProtocols = {
    Choice{std::to_underlying(Protocol::kTcp), "tcp", "connections with their states", ""},
    Choice{std::to_underlying(Protocol::kUdp), "udp", "a flow lives as long as it is used", ""},
    Choice{std::to_underlying(Protocol::kSctp), "sctp", "associations with their states, of one address at either end",
           ""},
};

constexpr std::array kForwards = {
    Choice{std::to_underlying(ForwardMethod::kNat), "nat",
           "addresses are rewritten; answers come back through the director", "masq masquerade"},
    Choice{std::to_underlying(ForwardMethod::kDr), "dr",
           "only the MAC changes; the server has the VIP and answers past the director", "gate gatewaying direct"},
    Choice{std::to_underlying(ForwardMethod::kTun), "tun",
           "carried in a tunnel; the server has the VIP and answers past the director", "ipip tunnel"},
    Choice{std::to_underlying(ForwardMethod::kFullnat), "fullnat",
           "as nat, and the server sees an address of `source_pool` instead of the client's: it needs no route back",
           "snat full_nat full-nat"},
    Choice{std::to_underlying(ForwardMethod::kLocal), "local",
           "this director is the server: a program of its own gets the packets as they came", "localnode localhost"},
};

constexpr std::array kTunnels = {
    Choice{std::to_underlying(TunnelType::kIpip), "ipip", "nothing: IP in IP, IPv6 in IPv6, or across",
           "ip6tnl sit ip-in-ip"},
    Choice{std::to_underlying(TunnelType::kGre), "gre", "a GRE header (RFC 2784)", "ip6gre"},
    Choice{std::to_underlying(TunnelType::kGue), "gue", "UDP and GUE, as Linux's fou devices take it off", "fou udp"},
};

constexpr std::array kSchedulers = {
    Choice{std::to_underlying(Scheduler::kRoundRobin), "rr", "in turn; weights do not count",
           "round_robin roundrobin round-robin"},
    Choice{std::to_underlying(Scheduler::kWeightedRoundRobin), "wrr", "in turn, by weight, smoothly spread",
           "weighted_round_robin"},
    Choice{std::to_underlying(Scheduler::kLeastConnection), "lc", "the fewest connections; weights do not count", ""},
    Choice{std::to_underlying(Scheduler::kWeightedLeastConnection), "wlc", "the fewest connections for its weight",
           "leastconn least_conn"},
    Choice{std::to_underlying(Scheduler::kShortestDelay), "sed",
           "the fewest active connections for its weight, the new one counted", "shortest_expected_delay"},
    Choice{std::to_underlying(Scheduler::kNeverQueue), "nq", "one without active connections, else as sed",
           "never_queue"},
    Choice{std::to_underlying(Scheduler::kSourceHash), "sh", "by a hash of the client's address",
           "source source_hash iphash ip_hash"},
    Choice{std::to_underlying(Scheduler::kDestinationHash), "dh",
           "by a hash of the address the client went to; weights do not count", "destination_hash"},
    Choice{
        std::to_underlying(Scheduler::kMaglev), "mh",
        "by Maglev's hash of the client's address: few clients move when a server goes, and all directors deal alike",
        "maglev consistent consistent_hash"},
    Choice{std::to_underlying(Scheduler::kLocality), "lblc",
           "the address the client went to stays with a server until that is overrun", ""},
    Choice{std::to_underlying(Scheduler::kLocalityReplicated), "lblcr",
           "the same with a set of servers for each address", ""},
    Choice{std::to_underlying(Scheduler::kFailover), "fo", "always the highest weight that takes connections",
           "failover first priority"},
    Choice{std::to_underlying(Scheduler::kOverflow), "ovf",
           "the highest weight that has no more active connections than its weight; nobody when all are full",
           "overflow"},
    Choice{std::to_underlying(Scheduler::kTwoChoices), "twos",
           "the less connected, for its weight, of two drawn at random by weight", "random p2c power_of_two"},
    Choice{std::to_underlying(Scheduler::kLeastLatency), "least_latency",
           "the least time its checks take, times active connections, for its weight", "latency leasttime least_time"},
};

constexpr std::array kNoServers = {
    Choice{std::to_underlying(NoServerPolicy::kReject), "reject",
           "TCP is reset, UDP answered with ICMP port unreachable", ""},
    Choice{std::to_underlying(NoServerPolicy::kDrop), "drop", "nothing is answered", ""},
};

std::string_view word_in(std::span<const Choice> choices, uint8_t value) {
  for (const Choice& choice : choices)
    if (choice.value == value) return choice.word;
  TANDEM_ASSERT(false && "a value that no word was given");
  return {};
}

constexpr std::array kQuorumOf = {
    Choice{std::to_underlying(QuorumOf::kWeight), "weight", "the weights of the servers that are up, as in keepalived",
           ""},
    Choice{std::to_underlying(QuorumOf::kServers), "servers", "the servers that are up and take connections", "count"},
};
constexpr std::array kWeightFrom = {
    Choice{std::to_underlying(WeightFrom::kConfigured), "configured", "the servers' own, or what their checks say",
           "static"},
    Choice{std::to_underlying(WeightFrom::kLatency), "latency",
           "these, and less the longer a server's first check takes", ""},
};
constexpr std::array kOnDown = {
    Choice{std::to_underlying(OnDown::kRemove), "remove", "schedulers deal as if it did not exist", "delete"},
    Choice{std::to_underlying(OnDown::kInhibit), "inhibit",
           "it keeps its place with weight 0, so that hashing schedulers move no other client",
           "inhibit_on_failure quiesce"},
};
constexpr std::array kFlowsOnDown = {
    Choice{std::to_underlying(FlowsOnDown::kKeep), "keep", "they go on to that server; UDP goes to another one",
           "none"},
    Choice{std::to_underlying(FlowsOnDown::kReset), "reset", "TCP is reset at both ends, UDP goes to another one",
           "reject expire_nodest_conn"},
    Choice{std::to_underlying(FlowsOnDown::kReselect), "reselect", "the next packet goes to another server",
           "redispatch"},
};
constexpr std::array kOutOfState = {
    Choice{std::to_underlying(OutOfState::kReset), "reset", "it is reset, as IPVS lets the director's own stack do",
           ""},
    Choice{std::to_underlying(OutOfState::kDrop), "drop", "nothing is answered", "ignore"},
    Choice{std::to_underlying(OutOfState::kAccept), "accept",
           "it goes to a server as if it were new (IPVS: sloppy_tcp); with a hashing scheduler to the one it was on",
           "sloppy sloppy_tcp"},
};
constexpr std::array kPings = {
    Choice{std::to_underlying(Ping::kAlways), "always", "always", "yes"},
    Choice{std::to_underlying(Ping::kUp), "up", "while a server takes new connections", "active selective"},
    Choice{std::to_underlying(Ping::kNever), "never", "never", "no"},
};
constexpr std::array kInitials = {
    Choice{0, "down", "takes no connections before its first success", ""},
    Choice{1, "up", "takes connections at once", ""},
};
constexpr std::array kDnsTypes = {
    Choice{0, "A", "an IPv4 address", ""},
    Choice{1, "AAAA", "an IPv6 address", ""},
    Choice{2, "CNAME", "another name", ""},
    Choice{3, "MX", "a mail server", ""},
    Choice{4, "NS", "a name server", ""},
    Choice{5, "PTR", "a name of an address", ""},
    Choice{6, "SOA", "the start of a zone", ""},
    Choice{7, "SRV", "a server of a service", ""},
    Choice{8, "TXT", "a text", ""},
};

}  // namespace

std::span<const Choice> checksum_choices() {
  return kChecksums;
}
std::span<const Choice> send_by_choices() {
  return kSendBys;
}
std::span<const Choice> fast_path_choices() {
  return kFastPathUses;
}
std::span<const Choice> protocol_choices() {
  return kProtocols;
}
std::span<const Choice> forward_choices() {
  return kForwards;
}
std::span<const Choice> tunnel_choices() {
  return kTunnels;
}
std::span<const Choice> scheduler_choices() {
  return kSchedulers;
}
std::span<const Choice> no_server_choices() {
  return kNoServers;
}

std::string_view word(Checksum checksum) {
  return word_in(kChecksums, std::to_underlying(checksum));
}
std::string_view word(SendBy send_by) {
  return word_in(kSendBys, std::to_underlying(send_by));
}
std::string_view word(FastPathUse use) {
  return word_in(kFastPathUses, std::to_underlying(use));
}
std::string_view word(Protocol protocol) {
  return word_in(kProtocols, std::to_underlying(protocol));
}
std::string_view word(ForwardMethod method) {
  return word_in(kForwards, std::to_underlying(method));
}
std::string_view word(TunnelType type) {
  return word_in(kTunnels, std::to_underlying(type));
}
std::string_view word(Scheduler scheduler) {
  return word_in(kSchedulers, std::to_underlying(scheduler));
}
std::string_view word(NoServerPolicy policy) {
  return word_in(kNoServers, std::to_underlying(policy));
}
std::span<const Choice> initial_choices() {
  return kInitials;
}
std::span<const Choice> dns_choices() {
  return kDnsTypes;
}
std::span<const CheckTypeWord> check_type_words() {
  return kCheckTypes;
}
std::span<const Choice> quorum_of_choices() {
  return kQuorumOf;
}
std::span<const Choice> weight_from_choices() {
  return kWeightFrom;
}
std::span<const Choice> on_down_choices() {
  return kOnDown;
}
std::span<const Choice> ping_choices() {
  return kPings;
}
std::span<const Choice> out_of_state_choices() {
  return kOutOfState;
}
std::span<const Choice> flows_on_down_choices() {
  return kFlowsOnDown;
}
std::string_view word(QuorumOf what) {
  return word_in(kQuorumOf, std::to_underlying(what));
}
std::string_view word(WeightFrom what) {
  return word_in(kWeightFrom, std::to_underlying(what));
}
std::string_view word(OnDown what) {
  return word_in(kOnDown, std::to_underlying(what));
}
std::string_view word(Ping what) {
  return what == Ping::kUnsaid ? "unsaid" : word_in(kPings, std::to_underlying(what));
}
std::string_view word(OutOfState what) {
  return word_in(kOutOfState, std::to_underlying(what));
}
std::string_view word(FlowsOnDown what) {
  return word_in(kFlowsOnDown, std::to_underlying(what));
}
std::string_view word(CheckType type) {
  for (const CheckTypeWord& each : kCheckTypes)
    if (each.type == type) return each.word;
  TANDEM_ASSERT(type == CheckType::kNone);
  return "none";
}

}  // namespace tandem::config
