// The part of the checkbook that takes a new configuration, and what a restarted room remembers.
#include <algorithm>
#include <utility>

#include "checkers/checkbook.hpp"
#include "daemon/base/assert.hpp"

namespace tandem::checkers {
namespace {

std::string key_of(const std::string& service, const std::string& server) {
  return service + '/' + server;
}

}  // namespace

void Checkbook::restore(const Restored& restored) {
  TANDEM_ASSERT(generation_ == 0);
  for (const auto& server : restored.servers)
    restored_servers_.insert_or_assign(key_of(server.service, server.server), server);
  for (const auto& service : restored.services) restored_services_.insert_or_assign(service.service, service);
}

void Checkbook::configure(const Configure& configure, const Moment& now, Actions& actions) {
  ++generation_;
  std::vector<Slot> added;
  for (const ServiceSettings& settings : configure.services) configure_service(settings, now, actions, added);
  remove_unseen(actions);
  for (auto& [name, service] : services_) summarize(*service, now, actions);
  plan_first(added, now.at);
  forget_unclaimed(actions);
  pacer_.resize(used_slots_ == 0 ? 0 : slots_.size(), now.at);
}

void Checkbook::configure_service(const ServiceSettings& settings, const Moment& now, Actions& actions,
                                  std::vector<Slot>& added) {
  TANDEM_ASSERT(settings.check != nullptr);
  auto& place = services_[settings.name];
  if (!place) {
    place = std::make_unique<ServiceState>();
    place->name = settings.name;
    place->check = settings.check;
    place->since_unix_ms = now.unix_ms;
    if (const auto known = restored_services_.find(settings.name); known != restored_services_.end()) {
      const Restored::Service& was = known->second;
      place->up = was.up;
      place->since_unix_ms = was.since_unix_ms;
      place->said = PublishService{.service = was.service,
                                   .up = was.up,
                                   .servers_up = was.servers_up,
                                   .servers_total = was.servers_total,
                                   .since_unix_ms = was.since_unix_ms};
      restored_services_.erase(known);
    }
  }
  ServiceState& service = *place;
  service.seen = generation_;
  const auto before = std::exchange(service.check, settings.check);

  for (const ServerSettings& wanted : settings.servers) {
    const auto found = service.servers.find(wanted.name);
    if (found != service.servers.end() && (slots_[found->second].settings.address != wanted.address ||
                                           slots_[found->second].settings.port != wanted.port)) {
      remove_server(found->second, actions);  // and the new one's first word replaces its last
    } else if (found != service.servers.end()) {
      keep_server(found->second, wanted, before, now, actions, added);
      continue;
    }
    add_server(service, wanted, now, actions, added);
  }
}

void Checkbook::keep_server(Slot slot, const ServerSettings& wanted, const std::shared_ptr<const Check>& of_service,
                            const Moment& now, Actions& actions, std::vector<Slot>& added) {
  ServerState& server = slots_[slot];
  const std::shared_ptr<const Check> former = server.settings.check ? server.settings.check : of_service;
  server.seen = generation_;
  const uint32_t weight = server.weight();
  count_out(server);
  server.settings = wanted;
  const bool edited = *former != *server.check();
  if (edited) {
    server.said.reset();
    const bool was_checked = former->kind != CheckKind::kNone;
    const bool is_checked = server.check()->kind != CheckKind::kNone;
    server.health.check_changed();
    drop_attempts(slot, actions);  // its answer would be to the former question
    if (was_checked && !is_checked) {
      server.health = Health::unchecked(now.unix_ms);
      server.unsaid = true;
    } else if (!was_checked && is_checked) {
      server.health.begin_checking();
      server.attempted = false;
      server.unsaid = true;
      added.push_back(slot);
    } else if (is_checked) {
      schedule_.plan(slot, now.at + jitter_.within(server.check()->interval));
    }
  }
  count_in(server);
  if (server.weight() != weight || (edited && server.unsaid)) publish(server, Health::Change::kNone, actions);
}

void Checkbook::add_server(ServiceState& service, const ServerSettings& settings, const Moment& now, Actions& actions,
                           std::vector<Slot>& added) {
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

  const bool checked = server.check()->kind != CheckKind::kNone;
  bool said = false;
  const auto known = restored_servers_.find(key_of(service.name, settings.name));
  if (!checked) {
    server.health = Health::unchecked(now.unix_ms);
  } else if (known != restored_servers_.end()) {
    server.health = Health(known->second.health);
    said = known->second.weight == server.weight();
  } else {
    server.health = Health::fresh(now.unix_ms, server.check()->initially_up);
  }
  if (known != restored_servers_.end()) restored_servers_.erase(known);
  count_in(server);
  if (!said) publish(server, Health::Change::kNone, actions);
  if (checked) added.push_back(slot);
}

void Checkbook::drop_attempts(Slot slot, Actions& actions) {
  schedule_.drop(slot);
  if (const AttemptId attempt = std::exchange(slots_[slot].attempt, 0)) actions.push_back(CancelAttempt{attempt});
}

void Checkbook::remove_server(Slot slot, Actions& actions) {
  ServerState& server = slots_[slot];
  drop_attempts(slot, actions);
  count_out(server);
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
void Checkbook::plan_first(const std::vector<Slot>& added, TimePoint now) {
  const Duration gentle = std::chrono::milliseconds(1) * added.size();
  for (const Slot slot : added) {
    const Duration interval = slots_[slot].check()->interval;
    schedule_.plan(slot, now + jitter_.within(std::min(interval, gentle)));
  }
}

// What the board still remembers of servers that went while the room was down.
void Checkbook::forget_unclaimed(Actions& actions) {
  for (const auto& [key, server] : std::exchange(restored_servers_, {}))
    actions.push_back(ForgetServer{server.service, server.server});
  for (const auto& [name, service] : std::exchange(restored_services_, {})) actions.push_back(ForgetService{name});
}

}  // namespace tandem::checkers
