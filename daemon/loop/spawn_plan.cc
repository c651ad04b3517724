#include "daemon/loop/spawn_plan.hpp"

#include <sched.h>
#include <signal.h>

namespace tandem::loop {

SpawnPlan::SpawnPlan() {
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t set;
  sigfillset(&set);
  posix_spawnattr_setsigdefault(&attributes, &set);
  sigemptyset(&set);
  posix_spawnattr_setsigmask(&attributes, &set);
}

SpawnPlan::~SpawnPlan() {
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
}

void SpawnPlan::run_at_ordinary_priority() {
  short flags = 0;
  posix_spawnattr_getflags(&attributes, &flags);
  posix_spawnattr_setflags(&attributes, static_cast<short>(flags | POSIX_SPAWN_SETSCHEDULER));
  posix_spawnattr_setschedpolicy(&attributes, SCHED_OTHER);
  const sched_param ordinary{};
  posix_spawnattr_setschedparam(&attributes, &ordinary);
}

}  // namespace tandem::loop
