// The part of the checkbook that makes weights of verdicts: a server's stance, who serves, and what is said of it.
#include <algorithm>
#include <utility>

#include "checkers/checkbook.hpp"
#include "daemon/base/assert.hpp"

namespace tandem::checkers {

// What it would have, were it up: the operator's word, else the smallest that its checks say, else the configured weight.
uint32_t Checkbook::weight_of(const ServerState& server) const {
  if (server.override.kind == Override::Kind::kWeight) return server.override.weight;
  if (server.override.kind == Override::Kind::kDrain) return 0;
  std::optional<uint32_t> smallest;
  for (const AskId id : server.asks) {
    if (!asks_[id].said) continue;
    const uint32_t said = asks_[id].said->of(server.settings.weight);
    smallest = std::min(smallest.value_or(said), said);
  }
  return std::min(smallest.value_or(server.settings.weight), kMostWeight);
}

Stance Checkbook::stance_of(const ServerState& server, const Verdict& verdict) const {
  const bool disabled = server.override.kind == Override::Kind::kDisable;
  return {.up = verdict.up && !disabled,
          .known = verdict.known || disabled,
          .weight = weight_of(server),
          .configured = server.settings.weight,
          .group = server.settings.group,
          .sorry = server.settings.sorry};
}

void Checkbook::tally_in(ServerState& server) {
  server.service->tally.add(server.stance);
  server.service->overridden += server.override.kind != Override::Kind::kNone;
}

void Checkbook::tally_out(ServerState& server) {
  server.service->tally.remove(server.stance);
  server.service->overridden -= server.override.kind != Override::Kind::kNone;
}

void Checkbook::settle(Slot slot, const Moment& now) {
  ServerState& server = slots_[slot];
  const auto healths = healths_of(server);
  const Verdict verdict = verdict_of(*server.checks(), healths);
  if (verdict.up) release_passive(server);
  const Stance before = server.stance;
  tally_out(server);
  server.stance = stance_of(server, verdict);
  server.share = verdict.share;
  tally_in(server);
  const Stance& stance = server.stance;
  const bool turned_up = stance.up && !before.up;
  // The first failure of a new server is a turn as well.
  const bool turned_down = !stance.up && stance.known && (before.up || !before.known);
  if (turned_up || turned_down || stance.known != before.known) {
    server.reason = server.override.kind == Override::Kind::kDisable ? "disabled by the operator"
                                                                     : words_of(*server.checks(), healths, verdict);
    if (stance.up != before.up || turned_down) server.since_unix_ms = now.unix_ms;
  }
  if (turned_up) server.change = Health::Change::kUp;
  if (turned_down) server.change = Health::Change::kDown;
  if (turned_up && server.may_ramp) begin_ramp(slot, now);
  if (!stance.up) ramps_.drop(slot), server.ramp_since_unix_ms = 0;
  if (stance.known) server.may_ramp = true;
}

void Checkbook::begin_ramp(Slot slot, const Moment& now) {
  ServerState& server = slots_[slot];
  const Duration ramp = server.service->policy.slow_start;
  if (ramp == Duration::zero() || server.settings.sorry) return;
  server.ramp_since = now.at;
  server.ramp_since_unix_ms = now.unix_ms;
  ramps_.plan(slot, now.at + next_ramp_step(Duration::zero(), ramp));
}

uint32_t Checkbook::ramp_of(const ServerState& server, TimePoint now) const {
  const Duration ramp = server.service->policy.slow_start;
  if (server.ramp_since_unix_ms == 0 || ramp == Duration::zero()) return kWhole;
  return ramp_share(now - server.ramp_since, ramp);
}

void Checkbook::step_ramps(const Moment& now, Actions& actions) {
  while (const auto due = ramps_.take_due(now.at)) {
    ServerState& server = slots_[due->id];
    const Duration ramp = server.service->policy.slow_start;
    if (ramp == Duration::zero() || ramp_of(server, now.at) == kWhole)
      server.ramp_since_unix_ms = 0;
    else
      ramps_.plan(due->id, server.ramp_since + next_ramp_step(now.at - server.ramp_since, ramp));
    server.unsaid = true;
    publish_if_new(server, now.at, actions);
  }
}

void Checkbook::reweigh(const Moment& now, Actions& actions) {
  if (!reweigh_at_ || now.at < *reweigh_at_) return;
  reweigh_at_ = now.at + kReweighInterval;
  for (auto& [name, service] : services_) {
    if (!service->policy.by_latency) continue;
    uint32_t fastest = UINT32_MAX;
    for (const auto& [server_name, slot] : service->servers) {
      const ServerState& server = slots_[slot];
      if (server.stance.up && !server.stance.sorry && server.latency_us != 0)
        fastest = std::min(fastest, server.latency_us);
    }
    for (const auto& [server_name, slot] : service->servers) {
      ServerState& server = slots_[slot];
      const uint32_t share =
          server.latency_us == 0 || !server.stance.up ? kWhole : latency_share(fastest, server.latency_us);
      if (!moved_enough(server.by_latency, share)) continue;
      server.by_latency = share;
      publish_if_new(server, now.at, actions);
    }
  }
}

Checkbook::Effect Checkbook::effect_of(const ServerState& server, TimePoint now) const {
  const ServiceState& service = *server.service;
  const Stance& stance = server.stance;
  const bool serves = service.regime.serves(stance);
  if (!stance.up)
    return {.in_rotation = service.policy.inhibit && stance.known && serves, .up = false, .known = stance.known};
  Effect effect{.in_rotation = serves, .up = true, .known = stance.known};
  if (serves)
    effect.weight = weight_said(stance.weight, service.policy.hundredths, server.share, ramp_of(server, now),
                                service.policy.by_latency ? server.by_latency : kWhole);
  return effect;
}

void Checkbook::review(ServiceState& service, std::optional<Slot> slot, const Moment& now, Actions& actions) {
  const Regime before = service.regime;
  if (service.tally.unknown() == 0) service.settled = true;
  service.regime = regime_of(service.policy, service.tally, before.up, service.settled);
  if (service.regime.up != before.up) service.since_unix_ms = now.unix_ms;
  if (slot && service.regime.sorry == before.sorry && service.regime.groups == before.groups)
    publish_if_new(slots_[*slot], now.at, actions);
  else
    for (const auto& [name, each] : service.servers) publish_if_new(slots_[each], now.at, actions);
  summarize(service, before, actions);
}

void Checkbook::publish_if_new(ServerState& server, TimePoint now, Actions& actions) {
  if (server.change != Health::Change::kNone || !server.said || *server.said != effect_of(server, now))
    publish(server, now, actions);
}

void Checkbook::publish_counters(TimePoint now, Actions& actions) {
  pacer_.take_turns(now, [&](size_t slot) {
    ServerState& server = slots_[slot];
    if (server.service != nullptr && server.unsaid) publish(server, now, actions);
  });
}

void Checkbook::publish(ServerState& server, TimePoint now, Actions& actions) {
  const ServicePolicy& policy = server.service->policy;
  const Effect effect = effect_of(server, now);
  server.unsaid = false;
  server.said = effect;
  PublishServer said{.service = server.service->name,
                     .server = server.settings.name,
                     .health = {.up = effect.up,
                                .known = effect.known,
                                .reason = server.reason,
                                .since_unix_ms = server.since_unix_ms},
                     .weight = effect.weight,
                     .in_rotation = effect.in_rotation,
                     .dead = !effect.up && effect.known,
                     .configured_weight = server.settings.weight,
                     .share = server.share * ramp_of(server, now) * (policy.by_latency ? server.by_latency : kWhole) /
                              (kWhole * kWhole),
                     .sorry = server.settings.sorry,
                     .group = server.settings.group,
                     .hundredths = policy.hundredths,
                     .override = server.override,
                     .ramp_since_unix_ms = server.ramp_since_unix_ms,
                     .latency_us = server.latency_us,
                     .change = std::exchange(server.change, Health::Change::kNone)};
  said.checks.reserve(server.asks.size());
  for (const AskId id : server.asks) {
    const Ask& ask = asks_[id];
    const NamedCheck& named = check_of(ask);
    const HealthRecord& record = ask.health.record();
    said.health.attempts += record.attempts;
    said.health.failures += record.failures;
    if (ask.index == 0) said.health.last_duration_us = record.last_duration_us;
    said.checks.push_back({.name = named.name,
                           .kind = named.check->kind,
                           .health = record,
                           .said = ask.said,
                           .weight_when_down = named.check->weight_when_down});
  }
  actions.push_back(std::move(said));
}

void Checkbook::summarize(ServiceState& service, Regime before, Actions& actions) {
  PublishService summary{.service = service.name,
                         .regime = service.regime,
                         .quorum = quorum_of(service.policy.quorum, service.tally),
                         .of_servers = service.policy.quorum.of_servers,
                         .servers_up = static_cast<uint32_t>(service.tally.up()),
                         .servers_total = static_cast<uint32_t>(service.tally.servers()),
                         .servers_overridden = service.overridden,
                         .since_unix_ms = service.since_unix_ms,
                         .before = before};
  if (service.said) {
    const PublishService& said = *service.said;
    if (said.regime == summary.regime && said.quorum == summary.quorum && said.of_servers == summary.of_servers &&
        said.servers_up == summary.servers_up && said.servers_total == summary.servers_total &&
        said.servers_overridden == summary.servers_overridden)
      return;
  }
  service.said = summary;
  actions.push_back(std::move(summary));
}

}  // namespace tandem::checkers
