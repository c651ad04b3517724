// The part of the checkbook that takes a new configuration, and what a restarted room remembers.
#include <algorithm>
#include <tuple>
#include <utility>

#include "checkers/checkbook.hpp"
#include "daemon/base/assert.hpp"

namespace tandem::checkers {
namespace {

std::optional<size_t> index_of(const CheckSet& set, const std::string& name) {
  for (size_t i = 0; i < set.checks.size(); ++i)
    if (set.checks[i].name == name) return i;
  return std::nullopt;
}

}  // namespace

std::string key_of(const std::string& service, const std::string& server) {
  return service + '/' + server;
}

void Checkbook::restore(const Restored& restored) {
  TANDEM_ASSERT(generation_ == 0);
  for (const auto& server : restored.servers)
    restored_servers_.insert_or_assign(key_of(server.service, server.server), server);
  for (const auto& service : restored.services) restored_services_.insert_or_assign(service.service, service);
}

void Checkbook::configure(const Configure& configure, const Moment& now, Actions& actions) {
  ++generation_;
  std::vector<AskId> added;
  bool by_latency = false;
  for (const ServiceSettings& settings : configure.services) {
    configure_service(settings, now, actions, added);
    by_latency = by_latency || settings.policy.by_latency;
  }
  remove_unseen(actions);
  for (auto& [name, service] : services_) review(*service, std::nullopt, now, actions);
  plan_first(added, now.at);
  forget_unclaimed(actions);
  pacer_.resize(used_slots_ == 0 ? 0 : slots_.size(), now.at);
  if (!by_latency)
    reweigh_at_.reset();
  else if (!reweigh_at_)
    reweigh_at_ = now.at + kReweighInterval;
}

void Checkbook::configure_service(const ServiceSettings& settings, const Moment& now, Actions& actions,
                                  std::vector<AskId>& added) {
  TANDEM_ASSERT(settings.checks != nullptr);
  auto& place = services_[settings.name];
  if (!place) {
    place = std::make_unique<ServiceState>();
    begin_service(*place, settings, now);
  }
  ServiceState& service = *place;
  service.seen = generation_;
  const auto before = std::exchange(service.checks, settings.checks);
  service.policy = settings.policy;

  for (const ServerSettings& wanted : settings.servers) {
    const auto found = service.servers.find(wanted.name);
    if (found != service.servers.end() && (slots_[found->second].settings.address != wanted.address ||
                                           slots_[found->second].settings.port != wanted.port)) {
      remove_server(found->second, actions);  // and the new one's first word replaces its last
    } else if (found != service.servers.end()) {
      const auto& own = slots_[found->second].settings.checks;
      keep_server(found->second, wanted, own ? own : before, now, actions, added);
      continue;
    }
    add_server(service, wanted, now, added);
  }
}

void Checkbook::begin_service(ServiceState& service, const ServiceSettings& settings, const Moment& now) {
  service.name = settings.name;
  service.checks = settings.checks;
  service.since_unix_ms = now.unix_ms;
  const auto known = restored_services_.find(settings.name);
  if (known == restored_services_.end()) return;
  const Restored::Service& was = known->second;
  service.regime = was.regime;
  service.settled = true;
  service.since_unix_ms = was.since_unix_ms;
  service.said = PublishService{.service = was.service,
                                .regime = was.regime,
                                .quorum = was.quorum,
                                .of_servers = was.of_servers,
                                .servers_up = was.servers_up,
                                .servers_total = was.servers_total,
                                .servers_overridden = was.servers_overridden,
                                .since_unix_ms = was.since_unix_ms,
                                .before = was.regime};
  restored_services_.erase(known);
}

void Checkbook::add_server(ServiceState& service, const ServerSettings& settings, const Moment& now,
                           std::vector<AskId>& added) {
  Slot slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<Slot>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  ++used_slots_;
  service.servers.insert_or_assign(settings.name, slot);
  ServerState& server = slots_[slot];
  server = ServerState{};
  server.service = &service;
  server.settings = settings;
  server.seen = generation_;
  server.since_unix_ms = now.unix_ms;
  server.may_ramp = generation_ > 1;
  const std::string key = key_of(service.name, settings.name);
  if (const auto spoken = overrides_.find(key); spoken != overrides_.end()) server.override = spoken->second;
  for (const NamedCheck& named : server.checks()->checks) {
    server.asks.push_back(take_ask(slot, Health::fresh(now.unix_ms, named.check->initially_up)));
    asks_[server.asks.back()].index = static_cast<uint32_t>(server.asks.size() - 1);
    added.push_back(server.asks.back());
  }
  const auto known = restored_servers_.find(key);
  const bool is_known = known != restored_servers_.end();
  if (is_known) begin_as_remembered(server, known->second, now);

  // What it begins with is no turn, and no cause to grow slowly.
  const auto healths = healths_of(server);
  const Verdict verdict = verdict_of(*server.checks(), healths);
  server.share = verdict.share;
  server.stance = stance_of(server, verdict);
  if (!is_known || server.stance.up != known->second.health.up) {
    server.reason = server.override.kind == Override::Kind::kDisable ? "disabled by the operator"
                    : is_known || healths.empty()                    ? words_of(*server.checks(), healths, verdict)
                                                                     : "waiting for its first check";
    server.since_unix_ms = now.unix_ms;
  }
  tally_in(server);
  if (server.stance.known) server.may_ramp = true;
  if (is_known) restored_servers_.erase(known);
}

void Checkbook::begin_as_remembered(ServerState& server, const Restored::Server& was, const Moment& now) {
  const CheckSet& set = *server.checks();
  for (const AskId id : server.asks) {
    const std::string& name = set.checks[asks_[id].index].name;
    const auto of_check = std::ranges::find(was.checks, name, &Restored::Server::OfCheck::name);
    if (of_check == was.checks.end()) {
      HealthRecord record = asks_[id].health.record();
      if (was.health.known) record.up = was.health.up, record.known = !was.checks.empty();
      asks_[id].health = Health(std::move(record));
      continue;
    }
    asks_[id].health = Health(of_check->health);
    asks_[id].said = of_check->said;
  }
  server.reason = was.health.reason;
  server.since_unix_ms = was.health.since_unix_ms;
  server.latency_us = was.latency_us;
  server.said =
      Effect{.weight = was.weight, .in_rotation = was.in_rotation, .up = was.health.up, .known = was.health.known};
  const Duration ramp = server.service->policy.slow_start;
  const auto since = std::chrono::milliseconds(now.unix_ms - std::min(now.unix_ms, was.ramp_since_unix_ms));
  if (was.ramp_since_unix_ms == 0 || since >= ramp) return;
  server.ramp_since_unix_ms = was.ramp_since_unix_ms;
  server.ramp_since = now.at - since;
  ramps_.plan(static_cast<Slot>(&server - slots_.data()), server.ramp_since + next_ramp_step(since, ramp));
}

void Checkbook::keep_server(Slot slot, const ServerSettings& wanted, const std::shared_ptr<const CheckSet>& former_set,
                            const Moment& now, Actions& actions, std::vector<AskId>& added) {
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the settings may hold the last reference
  const auto former = former_set;
  ServerState& server = slots_[slot];
  const Verdict stood = verdict_of(*former, healths_of(server));
  const auto seen = [](const ServerSettings& s) { return std::tuple(s.weight, s.group, s.sorry, s.checks != nullptr); };
  if (seen(server.settings) != seen(wanted)) server.said.reset();
  server.seen = generation_;
  server.settings = wanted;
  const CheckSet& set = *server.checks();
  const std::vector<AskId> kept = std::exchange(server.asks, {});
  const bool was_checked = !kept.empty();
  std::vector<bool> claimed(kept.size(), false);
  for (size_t i = 0; i < set.checks.size(); ++i) {
    const Check& check = *set.checks[i].check;
    const auto at = index_of(*former, set.checks[i].name);
    if (!at) {
      // Not asked so far: it begins as its server stands, and where nothing was asked its first answer decides.
      HealthRecord record = Health::fresh(now.unix_ms, check.initially_up).record();
      if (stood.known) record.up = stood.up, record.known = was_checked;
      const AskId id = take_ask(slot, Health(std::move(record)));
      added.push_back(id);
      server.asks.push_back(id);
      server.unsaid = true;
    } else {
      const AskId id = kept[*at];
      claimed[*at] = true;
      server.asks.push_back(id);
      if (*former->checks[*at].check != check) {
        asks_[id].said.reset();
        asks_[id].health.check_changed();
        drop_attempts(id, actions);  // its answer would be to the former question
        schedule_.plan(id, now.at + jitter_.within(check.interval));
        if (i == 0) server.latency_us = 0, server.by_latency = kWhole;
      }
    }
    asks_[server.asks.back()].index = static_cast<uint32_t>(i);
  }
  for (size_t i = 0; i < kept.size(); ++i)
    if (!claimed[i]) give_back(kept[i], actions);
  settle(slot, now);
  if (was_checked && server.asks.empty()) server.reason = words_of(set, {}, {});
  if (was_checked == server.asks.empty()) server.said.reset();
  // A ramp that is over by the new time ends now.
  if (server.ramp_since_unix_ms != 0) ramps_.plan(slot, now.at);
}

Checkbook::AskId Checkbook::take_ask(Slot slot, Health health) {
  AskId id = 0;
  if (free_asks_.empty()) {
    id = static_cast<AskId>(asks_.size());
    asks_.emplace_back();
  } else {
    id = free_asks_.back();
    free_asks_.pop_back();
  }
  asks_[id] = Ask{};
  asks_[id].slot = slot;
  asks_[id].health = std::move(health);
  return id;
}

void Checkbook::give_back(AskId id, Actions& actions) {
  drop_attempts(id, actions);
  asks_[id] = Ask{};
  free_asks_.push_back(id);
}

void Checkbook::drop_attempts(AskId id, Actions& actions) {
  schedule_.drop(id);
  if (const AttemptId attempt = std::exchange(asks_[id].attempt, 0)) actions.push_back(CancelAttempt{attempt});
}

void Checkbook::remove_server(Slot slot, Actions& actions) {
  ServerState& server = slots_[slot];
  for (const AskId id : server.asks) give_back(id, actions);
  ramps_.drop(slot);
  release_passive(server);
  tally_out(server);
  server.service->servers.erase(server.settings.name);
  server = ServerState{};
  free_slots_.push_back(slot);
  --used_slots_;
}

void Checkbook::remove_unseen(Actions& actions) {
  for (Slot slot = 0; slot < slots_.size(); ++slot)
    if (slots_[slot].service != nullptr && slots_[slot].seen != generation_) {
      actions.push_back(ForgetServer{slots_[slot].service->name, slots_[slot].settings.name});
      remove_server(slot, actions);
    }
  for (auto it = services_.begin(); it != services_.end();) {
    if (it->second->seen == generation_) {
      ++it;
      continue;
    }
    actions.push_back(ForgetService{it->first});
    it = services_.erase(it);
  }
}

// Everybody's first attempt within one interval; a few servers need not wait for that long, a
// thousand a second hurts nobody.
void Checkbook::plan_first(const std::vector<AskId>& added, TimePoint now) {
  const Duration gentle = std::chrono::milliseconds(1) * added.size();
  for (const AskId id : added)
    schedule_.plan(id, now + jitter_.within(std::min(check_of(asks_[id]).check->interval, gentle)));
}

// What the board still remembers of servers that went while the room was down.
void Checkbook::forget_unclaimed(Actions& actions) {
  for (const auto& [key, server] : std::exchange(restored_servers_, {}))
    actions.push_back(ForgetServer{server.service, server.server});
  for (const auto& [name, service] : std::exchange(restored_services_, {})) actions.push_back(ForgetService{name});
}

}  // namespace tandem::checkers
