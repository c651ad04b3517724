// What stands around a room in its own process.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "daemon/bus/room_link.hpp"
#include "daemon/supervisor/privileges.hpp"

namespace tandem::supervisor {

// A room the program has.
struct RoomEntry {
  std::string name;
  std::function<void(bus::RoomContext&)> run;
  Privileges privileges;
};

struct RoomArguments {
  std::filesystem::path run_directory;
  std::filesystem::path state_directory;
  int bus_fd = -1;
  int listen_fd = -1;
};

// Gives up what the room does not need, runs it, and returns the process's exit code.
int room_main(const RoomEntry& entry, const RoomArguments& arguments);

}  // namespace tandem::supervisor
