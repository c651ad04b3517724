// Being punctual: real-time scheduling and no page faults that wait for a disk.
#pragma once

#include <string>
#include <vector>

namespace tandem::vrrp {

// Above everything ordinary, below the kernel's interrupt threads (50).
inline constexpr int kLoopPriority = 20;
// The thread that changes addresses may be late, adverts may not.
inline constexpr int kHandsPriority = 10;

// SCHED_RR for the calling thread; threads it starts begin as ordinary ones. Returns what was refused, in words, with
// advice; empty when nothing was.
std::vector<std::string> become_real_time(int priority);

// Locks what is mapped now, and later pages as they are touched first. The same return.
std::vector<std::string> lock_memory();

}  // namespace tandem::vrrp
