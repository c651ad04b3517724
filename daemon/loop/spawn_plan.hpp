// posix_spawn's two descriptions of a child, freed with this.
#pragma once

#include <spawn.h>

namespace tandem::loop {

// A child in a process group of its own (Ctrl-C in a terminal is not for it), with every signal at its default and none
// blocked. What else it needs is added to `files` and `attributes`.
struct SpawnPlan {
  SpawnPlan();
  ~SpawnPlan();
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // At ordinary priority, whatever ours is.
  void run_at_ordinary_priority();

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

}  // namespace tandem::loop
