#include "forwarding/io/plan.hpp"

#include <algorithm>

#include "forwarding/decide.hpp"
#include "forwarding/flow_table.h"
#include "forwarding/recipe.hpp"

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
    case config::ForwardMethod::kFullnat:
      return TANDEM_FULLNAT;
    case config::ForwardMethod::kLocal:
      return TANDEM_LOCAL;
  }
  return TANDEM_NAT;
}

static_assert(static_cast<uint8_t>(config::TunnelType::kGre) == TANDEM_GRE &&
              static_cast<uint8_t>(config::TunnelType::kGue) == TANDEM_GUE);

TunnelSetting tunnel_of(const config::Tunnel& tunnel) {
  return {.type = static_cast<tandem_tunnel>(tunnel.type), .port = tunnel.port, .checksum = tunnel.checksum};
}

// The smallest that moves at most one other flow in a hundred when one of a hundred servers goes, and that Linux can be
// compiled with, has 32,749 slots; the next one moves half as many.
constexpr uint32_t kMaglevSize = 65521;

static_assert(static_cast<uint8_t>(config::Scheduler::kLeastLatency) ==
              static_cast<uint8_t>(SchedulerKind::kLeastLatency));

static_assert(static_cast<uint8_t>(config::FlowsOnDown::kReselect) == static_cast<uint8_t>(FlowsOnDown::kReselect));

SchedulerSetting scheduler_of(const config::Service& service) {
  const config::SchedulerOptions& options = service.scheduler_options;
  const bool standard = options.table_size == 0 && service.scheduler == config::Scheduler::kMaglev;
  return {.kind = static_cast<SchedulerKind>(service.scheduler),
          .port = options.port,
          .fallback = options.fallback,
          .keep_slots = options.keep_slots,
          .table_size = standard ? kMaglevSize : options.table_size,
          .expiration = options.expiration};
}

static_assert(static_cast<uint8_t>(config::Ping::kNever) == static_cast<uint8_t>(Ping::kNever));
static_assert(static_cast<uint8_t>(config::OutOfState::kAccept) == static_cast<uint8_t>(OutOfState::kAccept));

Timeouts timeouts_of(const config::FlowTimeouts& said) {
  Timeouts timeouts;
  timeouts.set(FlowState::kEstablished, said.established);
  timeouts.set(FlowState::kSynSent, said.syn_sent);
  timeouts.set(FlowState::kSynRecv, said.syn_recv);
  timeouts.set(FlowState::kFinWait, said.fin_wait);
  timeouts.set(FlowState::kTimeWait, said.time_wait);
  timeouts.set(FlowState::kClose, said.close);
  timeouts.set(FlowState::kCloseWait, said.close_wait);
  timeouts.set(FlowState::kLastAck, said.last_ack);
  timeouts.set(FlowState::kSynAck, said.synack);
  timeouts.set(FlowState::kUdpFlow, said.udp);
  return timeouts;
}

// Every address with every port. The first of each is what the service is known by.
void set_fronts(const config::Service& service, ServiceSetting& setting) {
  std::vector<config::PortRange> ports = service.ports;
  if (ports.empty()) ports.push_back({service.port, service.port});
  setting.vip = service.address;
  setting.port = ports[0].first;
  setting.last_port = ports[0].last == ports[0].first ? uint16_t{0} : ports[0].last;
  std::vector<IpAddress> addresses{service.address};
  addresses.insert(addresses.end(), service.other_addresses.begin(), service.other_addresses.end());
  for (const IpAddress& address : addresses)
    for (const config::PortRange& range : ports)
      if (address != service.address || range != ports[0])
        setting.other_fronts.push_back({address, range.first, range.last});
}

}  // namespace

ServerStanding standing_of(const config::Service& service, const config::Server& server, const Knowledge& knowledge) {
  const auto found = knowledge.health.find(service.name + '/' + server.name);
  if (found == knowledge.health.end()) {  // the checkers have not spoken yet
    const bool unchecked = (server.checks ? *server.checks : service.checks).checks.empty();
    return unchecked && !server.sorry ? ServerStanding{.weight = server.weight}
                                      : ServerStanding{.weight = 0, .in_rotation = false};
  }
  const bus::ServerHealth& health = found->second;
  return {.weight = health.in_rotation && health.up ? health.weight : 0,
          .up = !health.dead,
          .in_rotation = health.in_rotation};
}

bool is_active(const config::Service& service, const Knowledge& knowledge) {
  if (service.router.empty()) return true;
  const auto found = knowledge.routers.find(service.router);
  return found != knowledge.routers.end() && found->second.state == bus::RouterState::kActive;
}

std::vector<ServiceSetting> settings_of(const config::Site& site, const Knowledge& knowledge) {
  std::vector<ServiceSetting> settings;
  for (const config::Service& service : site.services) {
    ServiceSetting& setting = settings.emplace_back();
    setting.name = service.name;
    set_fronts(service, setting);
    setting.protocol = static_cast<uint8_t>(service.protocol);
    setting.method = method_of(service.forward);
    setting.scheduler = scheduler_of(service);
    setting.no_server =
        service.no_server == config::NoServerPolicy::kReject ? NoServerPolicy::kReject : NoServerPolicy::kDrop;
    if (service.persistence)
      setting.persistence = {.timeout = service.persistence->timeout,
                             .ipv4_prefix = service.persistence->ipv4_prefix,
                             .ipv6_prefix = service.persistence->ipv6_prefix,
                             .keep_drained = service.persistence->keep_drained};
    setting.flows_on_down = static_cast<FlowsOnDown>(service.serving.flows_on_down);
    setting.ping = static_cast<Ping>(service.flows.ping);
    setting.out_of_state = static_cast<OutOfState>(service.flows.out_of_state);
    setting.timeouts = timeouts_of(service.flows.timeouts);
    const config::Limits& limits = service.flows.limits;
    setting.limits = {.connections = limits.connections,
                      .per_second = limits.per_second,
                      .client_connections = limits.client_connections,
                      .client_per_second = limits.client_per_second,
                      .ipv4_prefix = limits.ipv4_prefix,
                      .ipv6_prefix = limits.ipv6_prefix};
    setting.clamp_mss = service.flows.clamp_mss;
    setting.watched = service.serving.passive.has_value();
    setting.one_packet = service.one_packet;
    static_assert(config::kMostSources == TANDEM_SOURCE_SLOTS - 1);
    setting.source_pool = service.source_pool;
    setting.active = is_active(service, knowledge);
    for (const config::Server& server : service.servers) {
      const ServerStanding standing = standing_of(service, server, knowledge);
      setting.servers.push_back({.name = server.name,
                                 .address = server.address,
                                 .port = server.port,
                                 .weight = standing.weight,
                                 .up = standing.up,
                                 .in_rotation = standing.in_rotation,
                                 .upper = server.upper_threshold,
                                 .lower = server.lower_threshold,
                                 .method = method_of(server.forward),
                                 .tunnel = tunnel_of(server.tunnel)});
    }
  }
  return settings;
}

bool has_local_servers(const std::vector<ServiceSetting>& settings) {
  return std::ranges::any_of(settings, [](const ServiceSetting& service) {
    return std::ranges::any_of(service.servers,
                               [&](const auto& server) { return service.method_of(server) == TANDEM_LOCAL; });
  });
}

SendBy send_by_of(const config::Site& site) {
  return static_cast<SendBy>(site.send_by);
}

bool may_take_fast_path(const config::Site& site) {
  return site.fast_path == config::FastPathUse::kAuto;
}

std::set<IpAddress> deaf_to_ping(const ServiceTable& services) {
  std::set<IpAddress> spoken_of, allowed;
  for (const Service* service : services.all_services()) {
    const Ping ping = service->setting.ping;
    if (ping == Ping::kUnsaid) continue;
    const bool up = std::ranges::any_of(service->rotation, [](const Server* server) { return server->weight > 0; });
    const bool allows = ping == Ping::kAlways || (ping == Ping::kUp && up);
    for (const Front& front : service->setting.fronts()) {
      spoken_of.insert(front.address);
      if (allows) allowed.insert(front.address);
    }
  }
  for (const IpAddress& address : allowed) spoken_of.erase(address);
  return spoken_of;
}

SilenceRules silence_of(const std::vector<ServiceSetting>& settings) {
  SilenceRules rules;
  for (const ServiceSetting& service : settings) {
    const std::vector<Front> fronts = service.fronts();
    for (const Front& front : fronts) {
      if (front.is_range())
        rules.service_ranges.insert({service.protocol, front.address, front.first_port, front.last_port});
      else
        rules.services.insert({service.protocol, front.address, front.first_port});
    }
    for (const IpAddress& address : service.source_pool) rules.sources.insert(address);
    const bool past_us = std::ranges::any_of(
        service.servers, [&](const auto& server) { return !sees_answers(service.method_of(server)); });
    for (const Front& front : fronts)
      if (service.protocol == kUdp && front.has(kIsakmp) && past_us) rules.isakmp.insert(front.address);
    for (const ServerSetting& server : service.servers) {
      if (service.method_of(server) != TANDEM_NAT) continue;
      if (server.port != 0) {
        rules.nat_servers.insert({service.protocol, server.address, server.port});
        continue;
      }
      for (const Front& front : fronts)
        rules.nat_server_ranges.insert({service.protocol, server.address, front.first_port, front.last_port});
    }
  }
  return rules;
}

}  // namespace tandem::forwarding
