// tandemd: the supervisor, and, started by it with --room, one of its rooms.
#include <algorithm>
#include <iostream>

#include <CLI/CLI.hpp>

#include "daemon/after_crash.hpp"
#include "daemon/rooms.hpp"
#include "daemon/supervisor/supervisor.hpp"

namespace {

constexpr int kUsageError = 2;

int run_room(const std::string& name, const tandem::supervisor::RoomArguments& arguments) {
  const auto rooms = tandem::all_rooms();
  const auto room = std::ranges::find(rooms, name, &tandem::supervisor::RoomEntry::name);
  if (room == rooms.end() || arguments.bus_fd < 0) {
    std::cerr << "tandemd: --room is for the supervisor alone\n";
    return kUsageError;
  }
  return tandem::supervisor::room_main(*room, arguments);
}

}  // namespace

int main(int argc, char** argv) {
  tandem::supervisor::SupervisorOptions options;
  options.abandon = [&options](const std::string& name) { tandem::give_up_room(name, options.run_directory); };
  options.clean_up = [&options] { tandem::clean_up_after_crash(options.run_directory); };
  tandem::supervisor::RoomArguments room_arguments;
  std::string room;
  bool after_crash = false;

  CLI::App app{"Tandem's daemon: a load balancer on two boxes that does not go down.", "tandemd"};
  std::string run_directory = options.run_directory, state_directory = options.state_directory;
  app.add_option("--config", options.config, "The site file")->capture_default_str();
  app.add_option("--run-dir", run_directory, "Control socket and flow table")->capture_default_str();
  app.add_option("--state-dir", state_directory, "What outlives a boot")->capture_default_str();
  app.add_option("--director", options.director, "Which of the site's directors this box is (default: its host name)");
  app.add_flag("--after-crash", after_crash,
               "Say priority 0 for a killed daemon, take away the addresses and filters it left behind, and end");
  app.set_version_flag("--version", "tandemd " TANDEM_VERSION);
  // The supervisor's words to its rooms; not for people.
  app.add_option("--room", room)->group("");
  app.add_option("--bus-fd", room_arguments.bus_fd)->group("");
  app.add_option("--listen-fd", room_arguments.listen_fd)->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }

  if (after_crash) return tandem::clean_up_after_crash(run_directory) ? 0 : 1;
  if (!room.empty()) {
    room_arguments.run_directory = run_directory;
    room_arguments.state_directory = state_directory;
    return run_room(room, room_arguments);
  }
  options.run_directory = run_directory;
  options.state_directory = state_directory;
  return tandem::supervisor::run_supervisor(options, tandem::all_rooms());
}
