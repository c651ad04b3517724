#include "forwarding/scheduler.hpp"

#include "daemon/base/assert.hpp"

namespace tandem::forwarding {

std::unique_ptr<Scheduler> make_scheduler(SchedulerKind kind) {
  switch (kind) {
    case SchedulerKind::kRoundRobin:
      return make_round_robin();
    case SchedulerKind::kWeightedRoundRobin:
      return make_weighted_round_robin();
    case SchedulerKind::kWeightedLeastConnection:
      return make_weighted_least_connection();
  }
  TANDEM_ASSERT(!"a scheduler that is not written");
}

}  // namespace tandem::forwarding
