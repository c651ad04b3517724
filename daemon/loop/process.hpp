// Processes and threads: their names and their ends.
#pragma once

#include <sys/types.h>

#include <string>

#include "daemon/loop/fd.hpp"

namespace tandem::loop {

// The name `ps -L` and `top -H` show for the calling thread; cut to 15 bytes. For the main thread
// it is the process's name.
void set_thread_name(const std::string& name);

// A descriptor that becomes readable when the process ends; empty with errno set on failure.
// Close-on-exec.
//
// Asio may call a descriptor readable that is not: a new one gets the place of one that was destroyed while its last event
// was still waiting. So whoever is told asks has_ended(), and waits again when it has not.
UniqueFd open_pidfd(pid_t pid);

// Whether a child has ended; it still has to be waited for.
bool has_ended(pid_t pid);

// Whether a child is past its last instruction, though it may take the kernel a while to close what it had open, and only
// then has it ended: a packet socket waits for every processor (a third of a second on a loaded box). `how` it ended is in
// words once that is known.
struct Dying {
  bool dying = false;
  std::string how;
};
Dying is_dying(pid_t pid);

// "exit code 3", "signal 9 (Killed)", of a status by waitpid.
std::string describe_exit(int wait_status);

}  // namespace tandem::loop
