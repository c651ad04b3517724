// The supervisor: reads the site, keeps the rooms, passes their messages on, writes their events down.
//
// One thread runs it all; nothing in it blocks (the log and the site reader have threads of their own). What to do is
// decided by RoomKeeper, ReloadDesk and bus::Board; here it is done.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "daemon/supervisor/room_main.hpp"

namespace tandem::supervisor {

struct SupervisorOptions {
  std::string config = "/etc/tandem/tandem.yaml";
  std::filesystem::path run_directory = "/run/tandem";
  std::filesystem::path state_directory = "/var/lib/tandem";
  std::string director;  // empty: by host name
  // Takes away what a room that was killed may have left in the kernel. Called after the last room has ended, when not
  // all of them ended in order.
  std::function<void()> clean_up;
  // The named room cannot be kept alive: what it holds is given up in its place. May be called from the loop.
  std::function<void(const std::string& room)> abandon;
};

// Runs until SIGTERM or SIGINT. `rooms` are given in the order in which they are to end. Returns the exit code: 0 after an
// orderly stop; 1 when it could not start (stderr says why) or a room had to be killed.
int run_supervisor(const SupervisorOptions& options, const std::vector<RoomEntry>& rooms);

}  // namespace tandem::supervisor
