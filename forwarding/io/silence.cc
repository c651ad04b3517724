#include "forwarding/io/silence.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/base/assert.hpp"
#include "daemon/netlink/nft.hpp"

namespace tandem::forwarding {
namespace {

// -500: before every chain an operator is likely to have there, so that nothing else sees this traffic in part.
constexpr const char* kHook = "type filter hook ingress";
constexpr int kPriority = -500;

std::string ports_of(const Endpoint& e) {
  return std::to_string(e.port);
}
std::string ports_of(const EndpointRange& e) {
  const std::string first = std::to_string(e.first_port);
  return e.first_port == e.last_port ? first : first + "-" + std::to_string(e.last_port);
}

bool is_v4(const IpAddress& address) {
  return address.is_v4();
}
template <class E>
bool is_v4(const E& e) {
  return e.address.is_v4();
}

std::string as_tuple(const IpAddress& address) {
  return address.text();
}
template <class E>
std::string as_tuple(const E& e) {
  return std::to_string(e.protocol) + " . " + e.address.text() + " . " + ports_of(e);
}

std::string number_of(const IpAddress& address) {
  if (address.is_v4()) return std::to_string(address.v4.value);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "0x";
  for (const uint8_t byte : address.v6.bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// For the sets that are matched against raw bytes of a quoted header, whose parts are plain numbers.
template <class E>
std::string as_numbers(const E& e) {
  return std::to_string(e.protocol) + " . " + number_of(e.address) + " . " + ports_of(e);
}

// Without overlaps, which nftables would refuse.
std::set<EndpointRange> merged(const std::set<EndpointRange>& ranges) {
  std::set<EndpointRange> result;
  std::optional<EndpointRange> open;
  for (const EndpointRange& range : ranges) {  // by protocol, address, first port
    const bool joins = open && open->protocol == range.protocol && open->address == range.address &&
                       range.first_port <= open->last_port + 1;
    if (joins) {
      open->last_port = std::max(open->last_port, range.last_port);
      continue;
    }
    if (open) result.insert(*open);
    open = range;
  }
  if (open) result.insert(*open);
  return result;
}

template <class E>
std::vector<E> only_in_first(const std::set<E>& first, const std::set<E>& second) {
  std::vector<E> result;
  std::ranges::set_difference(first, second, std::back_inserter(result));
  return result;
}

// Every set is there once for each family; the one of IPv6 has a 6 behind its name.
template <class E>
void change_elements(std::string& commands, const char* verb, const std::string& set_name,
                     const std::vector<E>& endpoints, std::string (*text)(const E&)) {
  for (const bool v4 : {true, false}) {
    std::string elements;
    for (const E& e : endpoints)
      if (is_v4(e) == v4) elements += text(e) + ", ";
    if (!elements.empty())
      commands += std::string(verb) + " element netdev tandem " + set_name + (v4 ? "" : "6") + " { " + elements + "}\n";
  }
}

// A name is put in quotes; the few names a kernel allows that would end the quotes are not served.
bool can_be_quoted(const std::string& name) {
  return !name.empty() && name.find_first_of("\"\\\n*") == std::string::npos;
}

// Of which family there are endpoints of a kind: where there are none, no rule asks for them. A packet that is nobody's, or an
// answer of a server, would pay for every one of them, and most sites have few kinds. Pings are asked for always: what is deaf
// changes while services come and go, and a rule more or less means another table.
struct Kinds {
  Kinds(const SilenceRules& rules, bool v4) {
    const auto of_family = [v4](const auto& set) {
      return std::ranges::any_of(set, [v4](const auto& each) { return is_v4(each) == v4; });
    };
    services = of_family(rules.services);
    service_ranges = of_family(rules.service_ranges);
    sources = of_family(rules.sources);
    isakmp = of_family(rules.isakmp);
    nat_servers = of_family(rules.nat_servers);
    nat_server_ranges = of_family(rules.nat_server_ranges);
  }
  bool operator==(const Kinds&) const = default;

  bool services, service_ranges, sources, isakmp, nat_servers, nat_server_ranges;
};

bool same_kinds(const SilenceRules& one, const SilenceRules& other) {
  return Kinds(one, true) == Kinds(other, true) && Kinds(one, false) == Kinds(other, false);
}

// What the rules of one family call things.
struct FamilyWords {
  std::string ip, suffix;  // of sets and chains
  std::string later_part;
  std::string echo, errors;
  std::string quoted;  // protocol, destination and destination port of the packet that an ICMP error quotes
};
const FamilyWords kWords4{.ip = "ip",
                          .suffix = "",
                          .later_part = "ip frag-off & 0x1fff != 0 ip saddr . ip daddr . ip protocol . ip id",
                          .echo = "icmp type echo-request",
                          .errors = "icmp type { destination-unreachable, time-exceeded, parameter-problem }",
                          .quoted = "@th,136,8 . @th,192,32 . @th,240,16"};
const FamilyWords kWords6{
    .ip = "ip6",
    .suffix = "6",
    .later_part = "frag frag-off != 0 ip6 saddr . ip6 daddr . frag id",
    .echo = "icmpv6 type echo-request",
    .errors = "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }",
    .quoted = "@th,112,8 . @th,256,128 . @th,400,16"};

std::string what_is_taken(const SilenceRules& rules, bool v4) {
  const Kinds kinds(rules, v4);
  const FamilyWords& w = v4 ? kWords4 : kWords6;
  std::string chain = "  chain taken" + std::string(v4 ? "4" : "6") + " {\n";
  const auto rule = [&](bool wanted, const std::string& match, const char* set, const std::string& more) {
    if (wanted) chain += "    " + match + " @" + set + w.suffix + " " + more + "\n";
  };
  const std::string to = "meta l4proto . " + w.ip + " daddr . th dport";
  const std::string from = "meta l4proto . " + w.ip + " saddr . th sport";
  const std::string ours = "goto ours" + w.suffix;
  rule(kinds.services, to, "services", ours);
  rule(kinds.service_ranges, to, "service_ranges", ours);
  rule(kinds.sources, w.ip + " daddr", "sources", "meta l4proto { tcp, udp, sctp } " + ours);
  rule(kinds.isakmp, w.ip + " daddr", "isakmp", "meta l4proto { ah, esp } drop");
  // Later parts of a datagram have no ports: they are known by what their first part was. One that comes before it passes, and waits
  // in the kernel for a first part that will not come.
  rule(true, w.later_part, "parts", "drop");
  rule(true, w.echo + " " + w.ip + " daddr", "deaf_to_ping", "drop");
  if (kinds.nat_servers || kinds.nat_server_ranges) chain += "    fib daddr type local accept\n";
  rule(kinds.nat_servers, from, "nat_servers", ours);
  rule(kinds.nat_server_ranges, from, "nat_server_ranges", ours);
  rule(kinds.nat_servers, w.errors + " " + w.quoted, "nat_server_errors", "drop");
  rule(kinds.nat_server_ranges, w.errors + " " + w.quoted, "nat_server_error_ranges", "drop");
  return chain + "  }\n";
}

}  // namespace

std::string silence_changes(const SilenceRules& before, const SilenceRules& after) {
  TANDEM_ASSERT(before.interfaces == after.interfaces);
  std::string commands;
  const auto change = [&](const char* verb, const SilenceRules& from, const SilenceRules& to) {
    const auto services = only_in_first(from.services, to.services);
    change_elements<Endpoint>(commands, verb, "services", services, as_tuple);
    const auto servers = only_in_first(from.nat_servers, to.nat_servers);
    change_elements<Endpoint>(commands, verb, "nat_servers", servers, as_tuple);
    change_elements<Endpoint>(commands, verb, "nat_server_errors", servers, as_numbers);
    change_elements<IpAddress>(commands, verb, "sources", only_in_first(from.sources, to.sources), as_tuple);
    change_elements<IpAddress>(commands, verb, "isakmp", only_in_first(from.isakmp, to.isakmp), as_tuple);
    change_elements<IpAddress>(commands, verb, "deaf_to_ping", only_in_first(from.deaf_to_ping, to.deaf_to_ping),
                               as_tuple);
    const auto service_ranges = only_in_first(merged(from.service_ranges), merged(to.service_ranges));
    change_elements<EndpointRange>(commands, verb, "service_ranges", service_ranges, as_tuple);
    const auto server_ranges = only_in_first(merged(from.nat_server_ranges), merged(to.nat_server_ranges));
    change_elements<EndpointRange>(commands, verb, "nat_server_ranges", server_ranges, as_tuple);
    change_elements<EndpointRange>(commands, verb, "nat_server_error_ranges", server_ranges, as_numbers);
  };
  change("delete", before, after);
  change("add", after, before);
  return commands;
}

std::string silence_table(const SilenceRules& rules) {
  // Adding before deleting makes the deletion succeed when there is no such table yet.
  std::string commands =
      "add table netdev tandem\n"
      "delete table netdev tandem\n"
      "table netdev tandem {\n"
      "  comment \"Made by tandemd: traffic its forwarding takes, which the kernel must neither answer nor "
      "forward\"\n"
      "  set services { type inet_proto . ipv4_addr . inet_service; }\n"
      "  set service_ranges { type inet_proto . ipv4_addr . inet_service; flags interval; }\n"
      "  set sources { type ipv4_addr; }\n"
      "  set isakmp { type ipv4_addr; }\n"
      "  set deaf_to_ping { type ipv4_addr; }\n"
      "  set nat_servers { type inet_proto . ipv4_addr . inet_service; }\n"
      "  set nat_server_ranges { type inet_proto . ipv4_addr . inet_service; flags interval; }\n"
      // Protocol, destination and destination port of the packet that an ICMP error quotes.
      "  set nat_server_errors { typeof @th,136,8 . @th,192,32 . @th,240,16; }\n"
      "  set nat_server_error_ranges { typeof @th,136,8 . @th,192,32 . @th,240,16; flags interval; }\n"
      "  set parts { typeof ip saddr . ip daddr . ip protocol . ip id; size 65536; flags dynamic,timeout; timeout 2s; "
      "gc-interval 1s; }\n"
      "  set sources6 { type ipv6_addr; }\n"
      "  set isakmp6 { type ipv6_addr; }\n"
      "  set deaf_to_ping6 { type ipv6_addr; }\n"
      "  set services6 { type inet_proto . ipv6_addr . inet_service; }\n"
      "  set service_ranges6 { type inet_proto . ipv6_addr . inet_service; flags interval; }\n"
      "  set nat_servers6 { type inet_proto . ipv6_addr . inet_service; }\n"
      "  set nat_server_ranges6 { type inet_proto . ipv6_addr . inet_service; flags interval; }\n"
      "  set nat_server_errors6 { typeof @th,112,8 . @th,256,128 . @th,400,16; }\n"
      "  set nat_server_error_ranges6 { typeof @th,112,8 . @th,256,128 . @th,400,16; flags interval; }\n"
      "  set parts6 { typeof ip6 saddr . ip6 daddr . frag id; size 65536; flags dynamic,timeout; timeout 2s; "
      "gc-interval 1s; }\n"
      "  chain ours {\n"
      "    ip frag-off & 0x3fff == 0x2000 update @parts { ip saddr . ip daddr . ip protocol . ip id }\n"
      "    drop\n"
      "  }\n"
      "  chain ours6 {\n"
      "    frag frag-off 0 frag more-fragments 1 update @parts6 { ip6 saddr . ip6 daddr . frag id }\n"
      "    drop\n"
      "  }\n";
  commands += what_is_taken(rules, true) + what_is_taken(rules, false);
  commands +=
      "  chain prioritized {\n"
      "    @ll,128,16 0x0800 goto taken4\n"
      "    @ll,128,16 0x86dd goto taken6\n"
      "  }\n"
      "  chain taken {\n"
      // A VLAN's frame passes here first with its tag, which nft puts back before it looks; it is the VLAN interface's
      // business, whose own tap has not seen it yet.
      "    @ll,96,16 0x0800 goto taken4\n"
      "    @ll,96,16 0x86dd goto taken6\n"
      // A tag of priority alone is no VLAN's, and the frame this interface's.
      "    @ll,96,16 { 0x8100, 0x88a8 } @ll,112,16 & 0x0fff == 0 goto prioritized\n"
      "  }\n";
  // A chain for each interface, because a kernel before 6.4 cannot change the list of a chain's devices, and lists only 256.
  size_t number = 0;
  for (const auto& [name, index] : rules.interfaces) {
    if (!can_be_quoted(name)) continue;
    commands += "  chain from_" + std::to_string(++number) + " { " + kHook + " device \"" + name + "\" priority " +
                std::to_string(kPriority) + "; policy accept; jump taken; }\n";
  }
  commands += "}\n";
  SilenceRules nothing;
  nothing.interfaces = rules.interfaces;
  return commands + silence_changes(nothing, rules);
}

void SilenceRules::add(const SilenceRules& more) {
  services.insert(more.services.begin(), more.services.end());
  nat_servers.insert(more.nat_servers.begin(), more.nat_servers.end());
  sources.insert(more.sources.begin(), more.sources.end());
  isakmp.insert(more.isakmp.begin(), more.isakmp.end());
  service_ranges.insert(more.service_ranges.begin(), more.service_ranges.end());
  nat_server_ranges.insert(more.nat_server_ranges.begin(), more.nat_server_ranges.end());
  deaf_to_ping.insert(more.deaf_to_ping.begin(), more.deaf_to_ping.end());
}

std::set<IpAddress> SilenceRules::taken_to() const {
  std::set<IpAddress> found;
  for (const Endpoint& each : services) found.insert(each.address);
  for (const EndpointRange& each : service_ranges) found.insert(each.address);
  found.insert(sources.begin(), sources.end());
  return found;
}

std::set<IpAddress> SilenceRules::taken_from() const {
  std::set<IpAddress> found;
  for (const Endpoint& each : nat_servers) found.insert(each.address);
  for (const EndpointRange& each : nat_server_ranges) found.insert(each.address);
  return found;
}

Silence::Silence() : nft_(std::make_unique<netlink::Nft>()) {}
Silence::~Silence() = default;

Silence::Outcome Silence::run(const std::string& commands) {
  return nft_->run(commands);
}

Silence::Outcome Silence::apply(const SilenceRules& rules) {
  if (standing_ && standing_->interfaces == rules.interfaces && same_kinds(*standing_, rules)) {
    const std::string changes = silence_changes(*standing_, rules);
    if (changes.empty() || run(changes).has_value()) {
      *standing_ = rules;
      return {};
    }
    // Somebody changed the table under us; below it is made afresh.
  }
  Outcome outcome = run(silence_table(rules));
  if (outcome)
    standing_ = std::make_unique<SilenceRules>(rules);
  else
    standing_.reset();
  return outcome;
}

Silence::Outcome Silence::remove() {
  standing_.reset();
  return run("add table netdev tandem\ndelete table netdev tandem\n");
}

Silence::Outcome Silence::remove_leftovers() {
  return Silence().remove();
}

}  // namespace tandem::forwarding
