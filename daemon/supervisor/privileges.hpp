// What a room may do on this machine: its user and its capabilities, everything else given up for good.
#pragma once

#include <sys/capability.h>

#include <string>
#include <vector>

#include "daemon/base/result.hpp"

namespace tandem::supervisor {

struct Privileges {
  // Kept, as far as this process has them. All others leave the bounding set, too.
  std::vector<cap_value_t> capabilities;
  // A room that needs no file of root's runs as user tandem (or nobody, where there is none).
  bool own_user = false;
  // A room that hears strangers is refused the kernel's powerful calls, whatever its rights (syscall_filter.hpp).
  bool filter_calls = false;
};

// Gives up everything but `privileges` and the way back (no_new_privs). The error is in words; the room must not go on
// after it. Of a process that is not root, the user stays what it is.
// REQUIRES: called before any other thread is started.
Result<void, std::string> drop_privileges(const Privileges& privileges);

}  // namespace tandem::supervisor
