#include "daemon/supervisor/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>

#include "daemon/loop/clock.hpp"

namespace tandem::supervisor {

namespace {

loop::UniqueFd open_lock(const std::filesystem::path& path) {
  return loop::UniqueFd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
}

std::string failure(const std::filesystem::path& path) {
  return path.string() + ": " + std::generic_category().message(errno);
}

std::string holder_of(int fd) {
  char text[32] = {};
  const ssize_t bytes = pread(fd, text, sizeof text - 1, 0);
  return bytes > 0 ? " (process " + std::string(text, static_cast<size_t>(bytes)) + ")" : "";
}

}  // namespace

Result<RunFolder, std::string> take_run_folder(const std::filesystem::path& folder, Duration patience) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Failure(folder.string() + ": " + error.message());

  const auto daemon_path = folder / "tandemd.lock";
  RunFolder taken;
  taken.daemon_lock = open_lock(daemon_path);
  if (!taken.daemon_lock) return Failure(failure(daemon_path));
  if (flock(taken.daemon_lock.get(), LOCK_EX | LOCK_NB) != 0)
    return Failure("tandemd already runs on " + folder.string() + holder_of(taken.daemon_lock.get()) +
                   "; stop it first, or give this one another --run-dir");
  const std::string pid = std::to_string(getpid());
  if (ftruncate(taken.daemon_lock.get(), 0) != 0 || pwrite(taken.daemon_lock.get(), pid.data(), pid.size(), 0) < 0)
    return Failure(failure(daemon_path));

  const auto rooms_path = folder / "rooms.lock";
  taken.rooms_lock = open_lock(rooms_path);
  if (!taken.rooms_lock) return Failure(failure(rooms_path));
  const TimePoint give_up = loop::monotonic_now() + patience;
  while (flock(taken.rooms_lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (loop::monotonic_now() >= give_up)
      return Failure("processes of an earlier tandemd still run on " + folder.string() + " and do not end; `fuser -v " +
                     rooms_path.string() + "` names them");
    std::this_thread::sleep_for(5ms);  // before the loop: nothing waits for us yet
  }
  return taken;
}

}  // namespace tandem::supervisor
