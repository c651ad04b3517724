#include "forwarding/schedulers/explain.hpp"

#include <algorithm>

#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

std::string text(int64_t number) {
  return std::to_string(number);
}

std::string load_words(const Server& server) {
  return text(active_of(server)) + " active and " + text(server.inactive.load()) + " inactive connections";
}

std::string with_weight(const Server& server) {
  return load_words(server) + ", weight " + text(server.weight);
}

std::string hashed(const SchedulerSetting& setting, const NewFlow& flow) {
  return setting.port ? flow.client.text() + " and port " + text(flow.client_port) : flow.client.text();
}

std::string why_nobody(const SchedulerSetting& setting, const ServerList& servers) {
  if (servers.empty()) return "no server is up";
  if (std::ranges::none_of(servers, [](const Server* server) { return server->weight > 0; }))
    return "every server that is up has weight 0";
  if (std::ranges::none_of(servers, [](const Server* server) { return server->takes_new_flows(); }))
    return "every server is drained or over its upper threshold";
  switch (setting.kind) {
    case SchedulerKind::kSourceHash:
    case SchedulerKind::kMaglev:
      return "the server it is hashed to is drained or over its threshold, and fallback is off";
    case SchedulerKind::kDestinationHash:
      return "the server it is hashed to is drained or over its threshold";
    case SchedulerKind::kOverflow:
      return "every server has more active connections than its weight";
    default:
      return "no server takes new connections";
  }
}

}  // namespace

std::string explain(const SchedulerSetting& setting, const ServerList& servers, const NewFlow& flow,
                    const Server* picked) {
  if (picked == nullptr) return why_nobody(setting, servers);
  const Server& server = *picked;
  switch (setting.kind) {
    case SchedulerKind::kRoundRobin:
      return "its turn";
    case SchedulerKind::kWeightedRoundRobin:
      return "its turn, weight " + text(server.weight);
    case SchedulerKind::kLeastConnection:
      return "the fewest connections: " + load_words(server);
    case SchedulerKind::kWeightedLeastConnection:
      return "the fewest connections for its weight: " + with_weight(server);
    case SchedulerKind::kShortestDelay:
      return "the fewest active connections for its weight, the new one counted: " + with_weight(server);
    case SchedulerKind::kNeverQueue:
      return active_of(server) == 0 ? "it is idle"
                                    : "nobody is idle, and it has the fewest active ones: " + with_weight(server);
    case SchedulerKind::kSourceHash:
    case SchedulerKind::kMaglev:
      return "by the hash of " + hashed(setting, flow);
    case SchedulerKind::kDestinationHash:
      return "by the hash of " + flow.destination.text();
    case SchedulerKind::kLocality:
      return "it has " + flow.destination.text() + ", or gets it as the least connected: " + with_weight(server);
    case SchedulerKind::kLocalityReplicated:
      return "the least connected of those that have " + flow.destination.text() + ": " + with_weight(server);
    case SchedulerKind::kFailover:
      return "the highest weight, " + text(server.weight);
    case SchedulerKind::kOverflow:
      return "the highest weight with room: " + with_weight(server);
    case SchedulerKind::kTwoChoices:
      return "the less connected of two drawn: " + with_weight(server);
    case SchedulerKind::kLeastLatency:
      return "checks take " + text(server.latency_us.load()) + " us: " + with_weight(server);
  }
  return {};
}

}  // namespace tandem::forwarding
