#include "checkers/checkbook.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "daemon/base/assert.hpp"

namespace tandem::checkers {

Actions Checkbook::on(const Event& event, const Moment& now) {
  Actions actions;
  std::visit(
      [&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, Configure>) {
          configure(e, now, actions);
        } else if constexpr (std::is_same_v<E, Restored>) {
          restore(e);
        } else if constexpr (std::is_same_v<E, AttemptEnded>) {
          ended(e, now, actions);
        }
      },
      event);
  start_due(now.at, actions);
  publish_counters(now.at, actions);
  return actions;
}

std::optional<TimePoint> Checkbook::deadline() const {
  // With every place taken the next attempt waits for an end, not for a time.
  const auto attempt = throttle_.may_start() ? schedule_.next() : std::nullopt;
  const auto counters = pacer_.next();
  if (attempt && counters) return std::min(*attempt, *counters);
  return attempt ? attempt : counters;
}

// An attempt's id carries the slot in its low half, so that its end finds the server without a
// search; the high half makes it unique.
void Checkbook::start_due(TimePoint now, Actions& actions) {
  while (throttle_.may_start()) {
    const auto due = schedule_.take_due(now);
    if (!due) return;
    ServerState& server = slots_[due->id];
    TANDEM_ASSERT(server.service != nullptr && server.attempt == 0);
    const auto& check = server.check();
    server.attempt = (++attempts_started_ << 32) | due->id;
    server.started = now;
    actions.push_back(StartAttempt{
        .attempt = server.attempt,
        .target = {.address = check->address.value_or(server.settings.address),
                   .port = check->port != 0 ? check->port : server.settings.port,
                   .check = check},
        .deadline = now + check->timeout,
    });
    if (const auto strain = throttle_.started(now, due->at, check->interval)) actions.push_back(*strain);
  }
}

void Checkbook::ended(const AttemptEnded& ended, const Moment& now, Actions& actions) {
  if (const auto strain = throttle_.ended(now.at, ended.outcome.reason)) actions.push_back(*strain);
  const auto slot = static_cast<Slot>(ended.attempt);
  // Cancelled: its server is gone, and another may have its slot by now.
  if (slot >= slots_.size() || slots_[slot].attempt != ended.attempt) return;

  ServerState& server = slots_[slot];
  server.attempt = 0;
  const uint32_t weight = server.weight();
  count_out(server);
  const auto change = server.health.on(ended.outcome, *server.check(), now.unix_ms);
  if (ended.outcome.ok()) server.said = ended.outcome.weight;
  count_in(server);
  server.unsaid = true;
  if (change != Health::Change::kNone || server.weight() != weight) {
    publish(server, change, actions);
    summarize(*server.service, now, actions);
  }
  plan_next(slot, now.at, !ended.outcome.says_nothing());
}

void Checkbook::plan_next(Slot slot, TimePoint now, bool attempted) {
  ServerState& server = slots_[slot];
  const Check& check = *server.check();
  const bool hurries = server.health.changing() && check.interval_while_changing > Duration::zero();
  const Duration interval = hurries ? check.interval_while_changing : check.interval;
  // What could not be attempted is not tried again at once: that would spin while the cause lasts.
  if (!attempted) return schedule_.plan(slot, now + jitter_.around(interval));
  const bool first = !std::exchange(server.attempted, true);
  const Duration wait = first ? jitter_.within(interval) : jitter_.around(interval);
  schedule_.plan(slot, std::max(now, server.started + wait));
}

void Checkbook::publish_counters(TimePoint now, Actions& actions) {
  pacer_.take_turns(now, [&](size_t slot) {
    ServerState& server = slots_[slot];
    if (server.service != nullptr && server.unsaid) publish(server, Health::Change::kNone, actions);
  });
}

void Checkbook::publish(ServerState& server, Health::Change change, Actions& actions) {
  server.unsaid = false;
  actions.push_back(PublishServer{.service = server.service->name,
                                  .server = server.settings.name,
                                  .health = server.health.record(),
                                  .weight = server.weight(),
                                  .change = change});
}

void Checkbook::summarize(ServiceState& service, const Moment& now, Actions& actions) {
  const bool up = service.servers_taking > 0;
  const bool turned = up != service.up;
  if (turned) service.since_unix_ms = now.unix_ms;
  service.up = up;
  const PublishService summary{.service = service.name,
                               .up = up,
                               .servers_up = service.servers_up,
                               .servers_total = static_cast<uint32_t>(service.servers.size()),
                               .since_unix_ms = service.since_unix_ms,
                               .turned = turned};
  if (service.said && service.said->up == up && service.said->servers_up == summary.servers_up &&
      service.said->servers_total == summary.servers_total)
    return;
  service.said = summary;
  actions.push_back(summary);
}

void Checkbook::count_out(const ServerState& server) {
  server.service->servers_up -= server.health.up();
  server.service->servers_taking -= server.takes();
}

void Checkbook::count_in(const ServerState& server) {
  server.service->servers_up += server.health.up();
  server.service->servers_taking += server.takes();
}

}  // namespace tandem::checkers
