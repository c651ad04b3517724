// Writes log lines to stderr from a thread of its own: a terminal that was stopped with Ctrl-S, or a journal that
// hangs, must not stop the supervisor. The queue is bounded; what does not fit is counted and said later.
#pragma once

#include <memory>
#include <string>

#include "daemon/bus/messages.hpp"
#include "daemon/supervisor/log_line.hpp"

namespace tandem::supervisor {

class LogWriter {
 public:
  LogWriter();
  // Gives what is queued one second to be written.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Never blocks. REQUIRES: one calling thread.
  void write(const bus::Event& event);

  // How stderr wants its lines: journald's way when it is the journal (JOURNAL_STREAM).
  static LogStyle style_of_stderr();

 private:
  void queue(std::string line);

  struct Shared;
  std::shared_ptr<Shared> shared_;  // outlives us in the thread when it is stuck in write()
  LogStyle style_;
  LogLimit limit_;
};

}  // namespace tandem::supervisor
