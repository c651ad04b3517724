#include "daemon/config/draft_flows.hpp"

#include <string>
#include <utility>

#include "daemon/config/words.hpp"

namespace tandem::config {
namespace {

template <class Member, class Value>
void take(Member& member, const std::optional<Value>& value) {
  if (value) member = static_cast<Member>(*value);
}

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

}  // namespace

void read_flow_rules(Fields& fields, Service& service) {
  FlowRules& rules = service.flows;
  if (const Entry* timeouts = fields.entry("timeouts"))
    read_timeouts(*timeouts, fields.findings(), service.protocol, rules.timeouts);
  take(rules.out_of_state, fields.choice<OutOfState>("out_of_state"));
  take(rules.clamp_mss, fields.integer("clamp_mss"));
  if (service.protocol == Protocol::kTcp) return;
  for (const char* name : {"out_of_state", "clamp_mss"})
    if (fields.entry(name) != nullptr)
      fields.error(name, "has no effect with protocol: " + std::string(word(service.protocol)));
}

}  // namespace tandem::config
