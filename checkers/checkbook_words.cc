// The part of the checkbook that hears what others say of a server: an operator, and through forwarding its clients.
#include <utility>

#include "checkers/checkbook.hpp"

namespace tandem::checkers {

std::optional<Checkbook::Slot> Checkbook::find(const std::string& service, const std::string& server) const {
  const auto of_service = services_.find(service);
  if (of_service == services_.end()) return std::nullopt;
  const auto found = of_service->second->servers.find(server);
  return found == of_service->second->servers.end() ? std::nullopt : std::optional(found->second);
}

void Checkbook::overridden(const Overridden& word, const Moment& now, Actions& actions) {
  const std::string key = key_of(word.service, word.server);
  if (word.override.kind == Override::Kind::kNone)
    overrides_.erase(key);
  else
    overrides_.insert_or_assign(key, word.override);
  const auto slot = find(word.service, word.server);
  if (!slot) return;
  ServerState& server = slots_[*slot];
  if (server.override == word.override) return;
  tally_out(server);
  server.override = word.override;
  tally_in(server);
  settle(*slot, now);
  server.said.reset();  // the word itself is to be seen
  review(*server.service, slot, now, actions);
}

void Checkbook::passive_seen(const PassiveSeen& seen, const Moment& now, Actions& actions) {
  const auto slot = find(seen.service, seen.server);
  if (!slot) return;
  ServerState& server = slots_[*slot];
  const PassiveRule& rule = server.service->policy.passive;
  if (!rule.on || !server.stance.up || server.asks.empty() || server.settings.sorry) return;
  if (!server.passive) server.passive = std::make_unique<PassiveWindow>();
  const auto why = server.passive->on(seen.report, rule, now.at);
  if (!why) return;
  if (!may_take_down(server)) {
    server.passive->clear();
    actions.push_back(SparedServer{.service = seen.service, .server = seen.server, .reason = *why});
    return;
  }
  const Duration hold = server.passive->hold(rule, now.at);
  server.passively_down = true;
  ++server.service->passively_down;
  for (const AskId id : server.asks)
    if (!check_of(asks_[id]).check->weight_when_down)
      asks_[id].health.take_down("clients: " + *why + "; held for " + text_of(hold), now.unix_ms);
  settle(*slot, now);
  review(*server.service, slot, now, actions);
}

// Not so many that clients are worse off than with servers that fail some of them.
bool Checkbook::may_take_down(const ServerState& server) const {
  const ServiceState& service = *server.service;
  if ((service.passively_down + 1) * uint64_t{100} > service.tally.servers() * service.policy.passive.most_down)
    return false;
  Tally without = service.tally;
  Stance down = server.stance;
  without.remove(down);
  down.up = false;
  down.known = true;
  without.add(down);
  return quorum_of(service.policy.quorum, without).holds(true);
}

void Checkbook::release_passive(ServerState& server) {
  if (std::exchange(server.passively_down, false)) --server.service->passively_down;
}

}  // namespace tandem::checkers
