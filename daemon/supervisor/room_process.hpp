// A room's process, as the supervisor sees it: started from our own program, watched by a pidfd, talked to over a
// stream of frames.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "daemon/base/result.hpp"
#include "daemon/bus/frame_stream.hpp"

namespace tandem::supervisor {

// The descriptors a room finds open besides 0 to 2.
inline constexpr int kBusFd = 3;
inline constexpr int kRoomsLockFd = 4;
inline constexpr int kListenFd = 5;  // control only

struct RoomStart {
  std::string room;
  std::filesystem::path run_directory;
  std::filesystem::path state_directory;
  int rooms_lock = -1;
  int listen_fd = -1;  // -1: none
};

struct RoomHandlers {
  std::function<void(std::string_view frame)> on_frame;
  std::function<void(std::string why)> on_line_lost;  // only while the process lives
  std::function<void(std::string how)> on_end;        // the last call; all it said has been handed over
};

class RoomProcess {
 public:
  virtual ~RoomProcess() = default;

  // Executes /proc/self/exe (so an upgraded package changes nothing for a running daemon) as `--room NAME`. The error
  // is in words.
  static Result<std::shared_ptr<RoomProcess>, std::string> start(boost::asio::io_context& io, const RoomStart& start,
                                                                 RoomHandlers handlers);

  virtual pid_t pid() const = 0;
  virtual void send(std::shared_ptr<const std::string> frame, const std::string& slot) = 0;
  virtual void kill() = 0;  // SIGKILL; on_end follows
  // It was asked to end: from here on its end is the process's, with its exit code, and not that of its line.
  virtual void expect_end() = 0;
};

}  // namespace tandem::supervisor
