#include "forwarding/io/plan.hpp"

namespace tandem::forwarding {
namespace {

tandem_method method_of(config::ForwardMethod method) {
  switch (method) {
    case config::ForwardMethod::kNat:
      return TANDEM_NAT;
    case config::ForwardMethod::kDr:
      return TANDEM_DR;
    case config::ForwardMethod::kTun:
      return TANDEM_TUN;
  }
  return TANDEM_NAT;
}

SchedulerKind scheduler_of(config::Scheduler scheduler) {
  switch (scheduler) {
    case config::Scheduler::kRoundRobin:
      return SchedulerKind::kRoundRobin;
    case config::Scheduler::kWeightedRoundRobin:
      return SchedulerKind::kWeightedRoundRobin;
    case config::Scheduler::kWeightedLeastConnection:
      return SchedulerKind::kWeightedLeastConnection;
  }
  return SchedulerKind::kWeightedLeastConnection;
}

}  // namespace

ServerStanding standing_of(const config::Service& service, const config::Server& server, const Knowledge& knowledge) {
  const auto found = knowledge.health.find(service.name + '/' + server.name);
  if (found == knowledge.health.end() || !found->second.known)
    return {.weight = service.check.type == config::CheckType::kNone ? server.weight : 0, .up = true};
  const bus::ServerHealth& health = found->second;
  return {.weight = health.up ? health.weight : 0, .up = health.up};
}

bool is_active(const config::Service& service, const Knowledge& knowledge) {
  if (service.router.empty()) return true;
  const auto found = knowledge.routers.find(service.router);
  return found != knowledge.routers.end() && found->second.state == bus::RouterState::kActive;
}

std::vector<ServiceSetting> settings_of(const config::Site& site, const Knowledge& knowledge,
                                        std::vector<std::string>* left_out) {
  std::vector<ServiceSetting> settings;
  for (const config::Service& service : site.services) {
    if (!service.address.is_v4()) {
      if (left_out != nullptr) left_out->push_back(service.name);
      continue;
    }
    ServiceSetting& setting = settings.emplace_back();
    setting.name = service.name;
    setting.vip = service.address.v4;
    setting.port = service.port;
    setting.protocol = static_cast<uint8_t>(service.protocol);
    setting.method = method_of(service.forward);
    setting.scheduler = scheduler_of(service.scheduler);
    setting.no_server =
        service.no_server == config::NoServerPolicy::kReject ? NoServerPolicy::kReject : NoServerPolicy::kDrop;
    setting.active = is_active(service, knowledge);
    for (const config::Server& server : service.servers) {
      if (!server.address.is_v4()) {
        if (left_out != nullptr) left_out->push_back(service.name + '/' + server.name);
        continue;
      }
      const ServerStanding standing = standing_of(service, server, knowledge);
      setting.servers.push_back({.name = server.name,
                                 .address = server.address.v4,
                                 .port = server.port,
                                 .weight = standing.weight,
                                 .up = standing.up});
    }
  }
  return settings;
}

SilenceRules silence_of(const std::vector<ServiceSetting>& settings) {
  SilenceRules rules;
  for (const ServiceSetting& service : settings) {
    rules.services.insert({service.protocol, service.vip, service.port});
    if (service.method != TANDEM_NAT) continue;
    for (const ServerSetting& server : service.servers)
      rules.nat_servers.insert({service.protocol, server.address, server.port});
  }
  return rules;
}

}  // namespace tandem::forwarding
