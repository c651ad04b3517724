#include "daemon/supervisor/room_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/bus/codec.hpp"
#include "daemon/loop/fd.hpp"
#include "daemon/loop/process.hpp"
#include "daemon/loop/spawn_plan.hpp"

namespace tandem::supervisor {

namespace asio = boost::asio;

namespace {

constexpr auto kHangUpGrace = std::chrono::milliseconds(500);
constexpr size_t kMostQueuedBytes = 256u << 20;  // a site file and everything retained, twice

std::string words_of(int error) {
  return std::generic_category().message(error);
}

// Out of the way of the numbers the child's descriptors get.
loop::UniqueFd moved_up(int fd) {
  return loop::UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 16));
}

Result<pid_t, std::string> spawn(const RoomStart& start, int bus_end) {
  std::vector<std::string> words{"tandemd",
                                 "--room",
                                 start.room,
                                 "--run-dir",
                                 start.run_directory.string(),
                                 "--state-dir",
                                 start.state_directory.string(),
                                 "--bus-fd",
                                 std::to_string(kBusFd)};
  if (start.listen_fd >= 0) words.insert(words.end(), {"--listen-fd", std::to_string(kListenFd)});
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const auto bus = moved_up(bus_end);
  const auto lock = moved_up(start.rooms_lock);
  const auto listen = start.listen_fd >= 0 ? moved_up(start.listen_fd) : loop::UniqueFd();
  if (!bus || !lock || (start.listen_fd >= 0 && !listen)) return Failure(words_of(errno));
  loop::SpawnPlan plan;
  posix_spawn_file_actions_adddup2(&plan.files, bus.get(), kBusFd);
  posix_spawn_file_actions_adddup2(&plan.files, lock.get(), kRoomsLockFd);
  if (listen) posix_spawn_file_actions_adddup2(&plan.files, listen.get(), kListenFd);
  posix_spawn_file_actions_addclosefrom_np(&plan.files, listen ? kListenFd + 1 : kListenFd);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/proc/self/exe", &plan.files, &plan.attributes, arguments.data(), environ);
  if (error != 0) return Failure(words_of(error));
  return pid;
}

class Process final : public RoomProcess, public std::enable_shared_from_this<Process> {
 public:
  Process(asio::io_context& io, pid_t pid, int pidfd, int bus_fd, RoomHandlers handlers)
      : pid_(pid),
        pidfd_(io, pidfd),
        grace_(io),
        line_(bus::FrameStream::make(io, bus_fd, {bus::kMostBytesFromRoom, kMostQueuedBytes})),
        handlers_(std::move(handlers)) {}

  void watch() {
    line_->start([self = shared_from_this()](std::string_view frame) { self->handlers_.on_frame(frame); },
                 [self = shared_from_this()](bus::FrameStream::End end) { self->line_ended(end); });
    wait_for_end();
  }

  pid_t pid() const override { return pid_; }

  void send(std::shared_ptr<const std::string> frame, const std::string& slot) override {
    line_->send(std::move(frame), slot);
  }

  void expect_end() override { end_expected_ = true; }

  void kill() override {
    if (!how_.empty()) return;
    ::kill(pid_, SIGKILL);  // not reaped yet, so the number is still its own
  }

 private:
  void wait_for_end() {
    pidfd_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (error) return;
                        if (loop::has_ended(self->pid_))
                          self->process_ended();
                        else
                          self->wait_for_end();
                      });
  }

  void line_ended(bus::FrameStream::End end) {
    line_over_ = true;
    if (!how_.empty()) return finish();
    if (end == bus::FrameStream::End::kFrameTooLarge) return handlers_.on_line_lost("sent a frame larger than allowed");
    // It dies, most likely. Nothing that it could do any more is worth waiting for; what it had open may outlive it a while.
    if (loop::has_ended(pid_)) return process_ended();
    if (const loop::Dying state = loop::is_dying(pid_); state.dying && !end_expected_) {
      ::kill(pid_, SIGKILL);
      how_ = state.how.empty() ? "hanging up" : state.how;
      return finish();
    }
    // Or its end is told in a moment.
    grace_.expires_after(kHangUpGrace);
    grace_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->how_.empty()) self->handlers_.on_line_lost("hung up");
    });
  }

  // The kernel closes a process's descriptors before it tells of its end, so what it said last is in the socket and the
  // end of the line behind it.
  void process_ended() {
    int status = 0;
    waitpid(pid_, &status, 0);
    if (!handlers_.on_end) return;  // was told when the line ended
    how_ = loop::describe_exit(status);
    grace_.cancel();
    if (line_over_) finish();
  }

  void finish() {
    const auto run = std::exchange(handlers_, {});
    run.on_end(how_);
  }

  pid_t pid_;
  asio::posix::stream_descriptor pidfd_;
  asio::steady_timer grace_;
  std::shared_ptr<bus::FrameStream> line_;
  RoomHandlers handlers_;
  std::string how_;  // empty while the process lives
  bool line_over_ = false;
  bool end_expected_ = false;
};

}  // namespace

Result<std::shared_ptr<RoomProcess>, std::string> RoomProcess::start(asio::io_context& io, const RoomStart& start,
                                                                     RoomHandlers handlers) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return Failure(words_of(errno));
  loop::UniqueFd ours(ends[0]);
  const loop::UniqueFd theirs(ends[1]);
  const auto pid = spawn(start, theirs.get());
  if (!pid) return Failure(pid.error());
  auto pidfd = loop::open_pidfd(*pid);
  if (!pidfd) {
    const int error = errno;
    ::kill(*pid, SIGKILL);
    waitpid(*pid, nullptr, 0);
    return Failure("pidfd_open: " + words_of(error));
  }
  auto process = std::make_shared<Process>(io, *pid, pidfd.release(), ours.release(), std::move(handlers));
  process->watch();
  return process;
}

}  // namespace tandem::supervisor
