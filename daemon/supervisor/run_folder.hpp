// The run folder's two locks: one daemon at a time, and none before the rooms of the last one have ended.
//
// tandemd.lock is held by the supervisor. rooms.lock is held by the rooms, which inherit it: after a supervisor was
// killed, its rooms may still be giving back their addresses, and a second set beside them would be two routers on one
// box. A lock of flock(2) ends with the last process that has it open.
#pragma once

#include <filesystem>
#include <string>

#include "daemon/base/result.hpp"
#include "daemon/base/time.hpp"
#include "daemon/loop/fd.hpp"

namespace tandem::supervisor {

struct RunFolder {
  loop::UniqueFd daemon_lock;
  loop::UniqueFd rooms_lock;
};

// Makes the folder when it is missing and takes both locks; waits up to `patience` for the second. The error is for the
// operator.
Result<RunFolder, std::string> take_run_folder(const std::filesystem::path& folder, Duration patience);

}  // namespace tandem::supervisor
