#include "checkers/checkbook.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "daemon/base/assert.hpp"

namespace tandem::checkers {

Actions Checkbook::on(const Event& event, const Moment& now) {
  Actions actions = std::exchange(spare_, {});
  std::visit(
      [&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, Configure>) {
          configure(e, now, actions);
        } else if constexpr (std::is_same_v<E, Restored>) {
          restore(e);
        } else if constexpr (std::is_same_v<E, AttemptEnded>) {
          ended(e, now, actions);
        } else if constexpr (std::is_same_v<E, Overridden>) {
          overridden(e, now, actions);
        } else if constexpr (std::is_same_v<E, PassiveSeen>) {
          passive_seen(e, now, actions);
        }
      },
      event);
  step_ramps(now, actions);
  reweigh(now, actions);
  start_due(now.at, actions);
  publish_counters(now.at, actions);
  return actions;
}

void Checkbook::give_back(Actions actions) {
  constexpr size_t kMostKept = 256;  // a reload's tens of thousands are not kept for ever
  if (actions.capacity() > kMostKept) return;
  actions.clear();
  spare_ = std::move(actions);
}

std::optional<TimePoint> Checkbook::deadline() const {
  std::optional<TimePoint> earliest;
  const auto also = [&](std::optional<TimePoint> at) {
    if (at && (!earliest || *at < *earliest)) earliest = at;
  };
  // With every place taken the next attempt waits for an end, not for a time.
  if (throttle_.may_start()) also(schedule_.next());
  also(pacer_.next());
  also(ramps_.next());
  also(reweigh_at_);
  return earliest;
}

// An attempt's id carries the ask in its low half, so that its end finds it without a search; the high half makes it
// unique.
void Checkbook::start_due(TimePoint now, Actions& actions) {
  while (throttle_.may_start()) {
    const auto due = schedule_.take_due(now);
    if (!due) return;
    Ask& ask = asks_[due->id];
    const ServerState& server = slots_[ask.slot];
    TANDEM_ASSERT(server.service != nullptr && ask.attempt == 0);
    const auto& check = check_of(ask).check;
    ask.attempt = (++attempts_started_ << 32) | due->id;
    ask.started = now;
    actions.push_back(StartAttempt{
        .attempt = ask.attempt,
        .target = {.address = check->address.value_or(server.settings.address),
                   .port = check->port != 0 ? check->port : server.settings.port,
                   .check = check},
        .deadline = now + check->timeout,
        .name = check->account.empty() ? CheckName{}
                                       : CheckName{server.service->name, server.settings.name, check_of(ask).name},
    });
    if (const auto strain = throttle_.started(now, due->at, check->interval)) actions.push_back(*strain);
  }
}

void Checkbook::ended(const AttemptEnded& ended, const Moment& now, Actions& actions) {
  if (const auto strain = throttle_.ended(now.at, ended.outcome.reason)) actions.push_back(*strain);
  const auto id = static_cast<AskId>(ended.attempt);
  // Cancelled: its check is gone, and another may have its place by now.
  if (id >= asks_.size() || asks_[id].attempt != ended.attempt) return;

  Ask& ask = asks_[id];
  ask.attempt = 0;
  ServerState& server = slots_[ask.slot];
  const Check& check = *check_of(ask).check;
  const Outcome& outcome = ended.outcome;
  const bool was_known = ask.health.record().known;
  auto change = Health::Change::kNone;
  if (server.passively_down && outcome.ok() && server.passive->held(now.at))
    ask.health.on_while_held(outcome, check, now.unix_ms);
  else
    change = ask.health.on(outcome, check, now.unix_ms);
  const bool other_weight = outcome.ok() && std::exchange(ask.said, outcome.weight) != outcome.weight;
  if (outcome.ok() && std::exchange(ask.warned, outcome.warning.kind) != outcome.warning.kind)
    actions.push_back(WarnOfCheck{.service = server.service->name,
                                  .server = server.settings.name,
                                  .check = check_of(ask).name,
                                  .warning = outcome.warning});
  if (outcome.ok() && ask.index == 0) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(outcome.took).count();
    server.latency_us =
        smoothed_latency_us(server.latency_us, static_cast<uint32_t>(std::clamp<int64_t>(us, 0, 1 << 30)));
  }
  server.unsaid = true;
  if (change != Health::Change::kNone || other_weight || was_known != ask.health.record().known) {
    settle(ask.slot, now);
    server.said.reset();  // what a check found is told at once, also where it changes nothing for the server
    review(*server.service, ask.slot, now, actions);
  }
  plan_next(id, now.at, !outcome.says_nothing());
}

void Checkbook::plan_next(AskId id, TimePoint now, bool attempted) {
  Ask& ask = asks_[id];
  const Check& check = *check_of(ask).check;
  const bool hurries = ask.health.changing() && check.interval_while_changing > Duration::zero();
  const Duration interval = hurries ? check.interval_while_changing : check.interval;
  // What could not be attempted is not tried again at once: that would spin while the cause lasts.
  if (!attempted) return schedule_.plan(id, now + jitter_.around(interval));
  const bool first = !std::exchange(ask.attempted, true);
  const Duration wait = first ? jitter_.within(interval) : jitter_.around(interval);
  schedule_.plan(id, std::max(now, ask.started + wait));
}

std::vector<const Health*> Checkbook::healths_of(const ServerState& server) const {
  std::vector<const Health*> healths;
  healths.reserve(server.asks.size());
  for (const AskId id : server.asks) healths.push_back(&asks_[id].health);
  return healths;
}

}  // namespace tandem::checkers
