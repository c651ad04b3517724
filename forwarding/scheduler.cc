#include "forwarding/scheduler.hpp"

#include "daemon/base/assert.hpp"
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {

std::string_view name_of(SchedulerKind kind) {
  switch (kind) {
    case SchedulerKind::kRoundRobin:
      return "rr";
    case SchedulerKind::kWeightedRoundRobin:
      return "wrr";
    case SchedulerKind::kLeastConnection:
      return "lc";
    case SchedulerKind::kWeightedLeastConnection:
      return "wlc";
    case SchedulerKind::kShortestDelay:
      return "sed";
    case SchedulerKind::kNeverQueue:
      return "nq";
    case SchedulerKind::kSourceHash:
      return "sh";
    case SchedulerKind::kDestinationHash:
      return "dh";
    case SchedulerKind::kMaglev:
      return "mh";
    case SchedulerKind::kLocality:
      return "lblc";
    case SchedulerKind::kLocalityReplicated:
      return "lblcr";
    case SchedulerKind::kFailover:
      return "fo";
    case SchedulerKind::kOverflow:
      return "ovf";
    case SchedulerKind::kTwoChoices:
      return "twos";
    case SchedulerKind::kLeastLatency:
      return "least_latency";
  }
  TANDEM_ASSERT(false && "a scheduler without a name");
  return {};
}

std::unique_ptr<Scheduler> make_scheduler(const SchedulerSetting& setting, uint64_t seed) {
  switch (setting.kind) {
    case SchedulerKind::kRoundRobin:
      return make_round_robin();
    case SchedulerKind::kWeightedRoundRobin:
      return make_weighted_round_robin();
    case SchedulerKind::kLeastConnection:
      return make_least_connection();
    case SchedulerKind::kWeightedLeastConnection:
      return make_weighted_least_connection();
    case SchedulerKind::kShortestDelay:
      return make_shortest_delay();
    case SchedulerKind::kNeverQueue:
      return make_never_queue();
    case SchedulerKind::kSourceHash:
      return make_source_hash(setting);
    case SchedulerKind::kDestinationHash:
      return make_destination_hash();
    case SchedulerKind::kMaglev:
      return make_maglev(setting);
    case SchedulerKind::kLocality:
      return make_locality(setting);
    case SchedulerKind::kLocalityReplicated:
      return make_locality_replicated(setting);
    case SchedulerKind::kFailover:
      return make_failover();
    case SchedulerKind::kOverflow:
      return make_overflow();
    case SchedulerKind::kTwoChoices:
      return make_two_choices(seed);
    case SchedulerKind::kLeastLatency:
      return make_least_latency();
  }
  TANDEM_ASSERT(false && "a scheduler that is not written");
  return {};
}

}  // namespace tandem::forwarding
