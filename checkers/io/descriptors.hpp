// How many attempts the process's file descriptors allow.
#pragma once

#include <cstdint>

namespace tandem::checkers {

// Raises the soft limit of open files as far as the room can use it, and returns how many attempts fit under what it got
// (RLIMIT_NOFILE). At least 1.
uint32_t attempts_allowed();

}  // namespace tandem::checkers
