#include "daemon/supervisor/control_socket.hpp"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace tandem::supervisor {

namespace {

std::string failure(const std::filesystem::path& path) {
  return path.string() + ": " + std::generic_category().message(errno);
}

}  // namespace

Result<loop::UniqueFd, std::string> make_control_socket(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path)
    return Failure(text + ": a socket's path has at most " + std::to_string(sizeof address.sun_path - 1) +
                   " bytes; choose a shorter --run-dir");
  std::memcpy(address.sun_path, text.data(), text.size());
  if (unlink(text.c_str()) != 0 && errno != ENOENT) return Failure(failure(path));

  loop::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Failure(failure(path));
  // Never open to more than 0660 allows, not even for a moment.
  const mode_t before = umask(0117);
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  umask(before);
  if (bound != 0) return Failure(failure(path));
  if (const group* ours = getgrnam("tandem"); ours != nullptr && geteuid() == 0)
    if (chown(text.c_str(), 0, ours->gr_gid) != 0) return Failure(failure(path));
  if (listen(fd.get(), 128) != 0) return Failure(failure(path));
  return fd;
}

}  // namespace tandem::supervisor
