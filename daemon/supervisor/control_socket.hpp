// The operators' socket. The supervisor makes it and hands it to the control room, so that it is there from the start,
// answers again after the room was restarted, and needs no right the room does not have.
#pragma once

#include <filesystem>
#include <string>

#include "daemon/base/result.hpp"
#include "daemon/loop/fd.hpp"

namespace tandem::supervisor {

// Listens on `path`, mode 0660, group tandem when there is one. A socket that is there already is replaced.
// REQUIRES: the run folder's lock is held, so it is nobody's. The error is for the operator.
Result<loop::UniqueFd, std::string> make_control_socket(const std::filesystem::path& path);

}  // namespace tandem::supervisor
