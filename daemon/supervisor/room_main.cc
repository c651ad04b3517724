#include "daemon/supervisor/room_main.hpp"

#include <fcntl.h>
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
// not hear it, and must not stay behind. SIGALRM has its default effect: the end.
// The kernel says this once for each thread of the supervisor that was still there to inherit its children, so the first
// time counts, and it is not SIGALRM itself: a second one would end a room that is about to say its last words.
void supervisor_is_gone(int) {
  static volatile sig_atomic_t known = 0;
  if (known != 0) return;
  known = 1;
  alarm(kAloneSeconds);
}

void arrange_signals() {
  for (const int number : {SIGINT, SIGHUP, SIGPIPE}) std::signal(number, SIG_IGN);
  struct sigaction action{};
  action.sa_handler = supervisor_is_gone;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR2, &action, nullptr);
}

// One descriptor for each check under way is more than the 1024 that programs with select() are given.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// A process that dies closes its descriptors from the highest number down, and the supervisor, which sees the end of the
// line, need not wait for the others: closing a packet socket takes its time.
int moved_to_the_top(int fd) {
  constexpr rlim_t kHigh = 1000;  // above what rooms that have packet sockets open
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= kHigh) return fd;
  const int top = fcntl(fd, F_DUPFD_CLOEXEC, static_cast<int>(kHigh));
  if (top < 0) return fd;
  close(fd);
  return top;
}

}  // namespace

int room_main(const RoomEntry& entry, const RoomArguments& arguments) {
  loop::set_thread_name("tandem-" + entry.name);
  arrange_signals();
  raise_descriptor_limit();
  if (!loop::set_close_on_exec(arguments.bus_fd, true)) loop::crash(entry.name, "it has no line to the supervisor");
  if (const auto dropped = drop_privileges(entry.privileges); !dropped) loop::crash(entry.name, dropped.error());
  // After the change of user, which would clear it.
  prctl(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0);
  try {
    boost::asio::io_context io(1);
    bus::RoomLink link(io, moved_to_the_top(arguments.bus_fd), entry.name);
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
