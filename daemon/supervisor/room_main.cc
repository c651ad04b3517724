#include "daemon/supervisor/room_main.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <exception>

#include <boost/asio/io_context.hpp>

#include "daemon/loop/fd.hpp"
#include "daemon/loop/process.hpp"
#include "daemon/loop/spawn.hpp"

namespace tandem::supervisor {

namespace {

// One second more than the supervisor gives.
constexpr unsigned kAloneSeconds = 6;

// The supervisor is gone. The end of the line says so, too, and the room ends in order; but one whose loop is stuck does
// not hear it, and must not stay behind. The next SIGALRM, the alarm's, has its default effect: the end.
void supervisor_is_gone(int) {
  alarm(kAloneSeconds);
}

void arrange_signals() {
  for (const int number : {SIGINT, SIGHUP, SIGPIPE}) std::signal(number, SIG_IGN);
  struct sigaction action{};
  action.sa_handler = supervisor_is_gone;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGALRM, &action, nullptr);
}

// One descriptor for each check under way is more than the 1024 that programs with select() are given.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int room_main(const RoomEntry& entry, const RoomArguments& arguments) {
  loop::set_thread_name("tandem-" + entry.name);
  arrange_signals();
  raise_descriptor_limit();
  if (!loop::set_close_on_exec(arguments.bus_fd, true)) loop::crash(entry.name, "it has no line to the supervisor");
  if (const auto dropped = drop_privileges(entry.privileges); !dropped) loop::crash(entry.name, dropped.error());
  // After the change of user, which would clear it.
  prctl(PR_SET_PDEATHSIG, SIGALRM, 0, 0, 0);
  try {
    boost::asio::io_context io(1);
    bus::RoomLink link(io, arguments.bus_fd, entry.name);
    bus::RoomContext context{.io = io,
                             .bus = link,
                             .run_directory = arguments.run_directory,
                             .state_directory = arguments.state_directory,
                             .listen_fd = arguments.listen_fd};
    entry.run(context);
  } catch (const std::exception& error) {
    loop::crash(entry.name, error.what());
  }
  return 0;
}

}  // namespace tandem::supervisor
