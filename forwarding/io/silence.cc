#include "forwarding/io/silence.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "daemon/base/assert.hpp"
#include "daemon/netlink/nft.hpp"

namespace tandem::forwarding {
namespace {

// -500: before every chain an operator is likely to have there, so that nothing else sees this traffic in part.
constexpr const char* kHook = "type filter hook ingress";
constexpr int kPriority = -500;

std::string as_tuple(const Endpoint& e) {
  return std::to_string(e.protocol) + " . " + e.address.text() + " . " + std::to_string(e.port);
}

// For the set that is matched against raw bytes of a quoted header, whose parts are plain numbers.
std::string as_numbers(const Endpoint& e) {
  return std::to_string(e.protocol) + " . " + std::to_string(e.address.value) + " . " + std::to_string(e.port);
}

std::string ports_of(const EndpointRange& e) {
  const std::string first = std::to_string(e.first_port);
  return e.first_port == e.last_port ? first : first + "-" + std::to_string(e.last_port);
}
std::string as_tuple(const EndpointRange& e) {
  return std::to_string(e.protocol) + " . " + e.address.text() + " . " + ports_of(e);
}
std::string as_numbers(const EndpointRange& e) {
  return std::to_string(e.protocol) + " . " + std::to_string(e.address.value) + " . " + ports_of(e);
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

template <class E>
void change_elements(std::string& commands, const char* verb, const std::string& set_name,
                     const std::vector<E>& endpoints, std::string (*text)(const E&)) {
  if (endpoints.empty()) return;
  commands += std::string(verb) + " element netdev tandem " + set_name + " { ";
  for (const E& e : endpoints) commands += text(e) + ", ";
  commands += "}\n";
}

// A name is put in quotes; the few names a kernel allows that would end the quotes are not served.
bool can_be_quoted(const std::string& name) {
  return !name.empty() && name.find_first_of("\"\\\n*") == std::string::npos;
}

}  // namespace

std::string silence_changes(const SilenceRules& before, const SilenceRules& after) {
  TANDEM_ASSERT(before.interfaces == after.interfaces);
  std::string commands;
  const auto change = [&](const char* verb, const SilenceRules& from, const SilenceRules& to) {
    change_elements<Endpoint>(commands, verb, "services", only_in_first(from.services, to.services), as_tuple);
    const auto servers = only_in_first(from.nat_servers, to.nat_servers);
    change_elements<Endpoint>(commands, verb, "nat_servers", servers, as_tuple);
    change_elements<Endpoint>(commands, verb, "nat_server_errors", servers, as_numbers);
    change_elements<Ipv4Address>(commands, verb, "sources", only_in_first(from.sources, to.sources),
                                 [](const Ipv4Address& address) { return address.text(); });
    change_elements<Ipv4Address>(commands, verb, "isakmp", only_in_first(from.isakmp, to.isakmp),
                                 [](const Ipv4Address& address) { return address.text(); });
    change_elements<EndpointRange>(commands, verb, "service_ranges",
                                   only_in_first(merged(from.service_ranges), merged(to.service_ranges)), as_tuple);
    const auto ranges = only_in_first(merged(from.nat_server_ranges), merged(to.nat_server_ranges));
    change_elements<EndpointRange>(commands, verb, "nat_server_ranges", ranges, as_tuple);
    change_elements<EndpointRange>(commands, verb, "nat_server_error_ranges", ranges, as_numbers);
  };
  const auto change_deaf = [&](const char* verb, const SilenceRules& from, const SilenceRules& to) {
    for (const IpAddress& address : only_in_first(from.deaf_to_ping, to.deaf_to_ping))
      commands += std::string(verb) + " element netdev tandem deaf_to_ping" + (address.is_v4() ? "" : "6") + " { " +
                  address.text() + ", }\n";
  };
  change_deaf("delete", before, after);
  change_deaf("add", after, before);
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
      "  set nat_server_ranges { type inet_proto . ipv4_addr . inet_service; flags interval; }\n"
      "  set nat_server_error_ranges { typeof @th,136,8 . @th,192,32 . @th,240,16; flags interval; }\n"
      "  set sources { type ipv4_addr; }\n"
      "  set isakmp { type ipv4_addr; }\n"
      "  set nat_servers { type inet_proto . ipv4_addr . inet_service; }\n"
      // Protocol, destination and destination port of the IPv4 packet that an ICMP error quotes.
      "  set nat_server_errors { typeof @th,136,8 . @th,192,32 . @th,240,16; }\n"
      "  set deaf_to_ping { type ipv4_addr; }\n"
      "  set deaf_to_ping6 { type ipv6_addr; }\n"
      "  set parts { typeof ip saddr . ip daddr . ip protocol . ip id; size 65536; flags dynamic,timeout; timeout 2s; "
      "gc-interval 1s; }\n"
      "  chain ours {\n"
      "    ip frag-off & 0x3fff == 0x2000 update @parts { ip saddr . ip daddr . ip protocol . ip id }\n"
      "    drop\n"
      "  }\n"
      "  chain taken {\n"
      "    icmpv6 type echo-request ip6 daddr @deaf_to_ping6 drop\n"
      // A VLAN's frame passes here first with its tag, which nft puts back before it looks; it is the VLAN interface's
      // business, whose own tap has not seen it yet.
      "    @ll,96,16 != 0x0800 accept\n"
      "    meta l4proto . ip daddr . th dport @services goto ours\n"
      "    meta l4proto . ip daddr . th dport @service_ranges goto ours\n"
      "    ip daddr @sources meta l4proto { tcp, udp, sctp } goto ours\n"
      "    ip daddr @isakmp meta l4proto { ah, esp } drop\n"
      // Later parts of a datagram have no ports: they are known by what their first part was. One that comes before it passes, and waits
      // in the kernel for a first part that will not come.
      "    ip frag-off & 0x1fff != 0 ip saddr . ip daddr . ip protocol . ip id @parts drop\n"
      "    icmp type echo-request ip daddr @deaf_to_ping drop\n"
      "    fib daddr type local accept\n"
      "    meta l4proto . ip saddr . th sport @nat_servers goto ours\n"
      "    meta l4proto . ip saddr . th sport @nat_server_ranges goto ours\n"
      "    icmp type { destination-unreachable, time-exceeded, parameter-problem } "
      "@th,136,8 . @th,192,32 . @th,240,16 @nat_server_errors drop\n"
      "    icmp type { destination-unreachable, time-exceeded, parameter-problem } "
      "@th,136,8 . @th,192,32 . @th,240,16 @nat_server_error_ranges drop\n"
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
  for (const Ipv4Address& source : sources) found.insert(source);
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
  if (standing_ && standing_->interfaces == rules.interfaces) {
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
