#include "daemon/config/draft_flows.hpp"

#include <string>
#include <utility>

#include "daemon/config/words.hpp"

namespace tandem::config {
namespace {

void read_timeouts(const Entry& entry, Findings& findings, Protocol protocol, FlowTimeouts& timeouts) {
  Fields fields(findings, Section::kTimeouts, *entry.value, entry.key_place);
  for (const auto& [name, member] : {std::pair("established", &timeouts.established),
                                     {"syn_sent", &timeouts.syn_sent},
                                     {"syn_recv", &timeouts.syn_recv},
                                     {"fin_wait", &timeouts.fin_wait},
                                     {"time_wait", &timeouts.time_wait},
                                     {"close", &timeouts.close},
                                     {"close_wait", &timeouts.close_wait},
                                     {"last_ack", &timeouts.last_ack},
                                     {"synack", &timeouts.synack},
                                     {"udp", &timeouts.udp}}) {
    take(*member, fields.time(name));
    const bool of_udp = member == &timeouts.udp;
    if (fields.entry(name) != nullptr && of_udp != (protocol == Protocol::kUdp))
      fields.error(name, "has no effect with protocol: " + std::string(word(protocol)));
  }
}

void read_limits(const Entry& entry, Findings& findings, Limits& limits) {
  Fields fields(findings, Section::kLimits, *entry.value, entry.key_place);
  take(limits.connections, fields.integer("connections"));
  take(limits.per_second, fields.integer("per_second"));
  take(limits.client_connections, fields.integer("client_connections"));
  take(limits.client_per_second, fields.integer("client_per_second"));
  take(limits.ipv4_prefix, fields.integer("ipv4_prefix"));
  take(limits.ipv6_prefix, fields.integer("ipv6_prefix"));
  const bool of_clients = limits.client_connections != 0 || limits.client_per_second != 0;
  for (const char* name : {"ipv4_prefix", "ipv6_prefix"})
    if (fields.entry(name) != nullptr && !of_clients)
      fields.error(name, "has no effect without client_connections or client_per_second");
  if (limits.connections != 0 && limits.client_connections > limits.connections)
    fields.error("client_connections", "expected at most connections, " + std::to_string(limits.connections) +
                                           ", found " + std::to_string(limits.client_connections));
  if (limits.per_second != 0 && limits.client_per_second > limits.per_second)
    fields.error("client_per_second", "expected at most per_second, " + std::to_string(limits.per_second) + ", found " +
                                          std::to_string(limits.client_per_second));
}

}  // namespace

void read_flow_rules(Fields& fields, Service& service) {
  FlowRules& rules = service.flows;
  if (const Entry* timeouts = fields.entry("timeouts"))
    read_timeouts(*timeouts, fields.findings(), service.protocol, rules.timeouts);
  if (const Entry* limits = fields.entry("limits")) read_limits(*limits, fields.findings(), rules.limits);
  take(rules.ping, fields.choice<Ping>("ping"));
  take(rules.out_of_state, fields.choice<OutOfState>("out_of_state"));
  take(rules.clamp_mss, fields.integer("clamp_mss"));
  if (service.protocol == Protocol::kTcp) return;
  for (const char* name : {"out_of_state", "clamp_mss"})
    if (fields.entry(name) != nullptr)
      fields.error(name, "has no effect with protocol: " + std::string(word(service.protocol)));
}

}  // namespace tandem::config
