#include "daemon/supervisor/log_writer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#include "daemon/loop/clock.hpp"
#include "daemon/loop/process.hpp"

namespace tandem::supervisor {

namespace {

constexpr size_t kMostQueuedBytes = 4u << 20;

void write_all(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t bytes = write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) return;  // nobody reads any more
    done += static_cast<size_t>(bytes);
  }
}

}  // namespace

struct LogWriter::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> lines;
  size_t bytes = 0;
  uint64_t lost = 0;
  bool ending = false;
  bool ended = false;

  void run() {
    loop::set_thread_name("log");
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return ending || !lines.empty(); });
      if (lines.empty()) break;
      std::string batch;
      for (const auto& line : lines) batch += line;
      lines.clear();
      bytes = 0;
      lock.unlock();
      write_all(batch);
      lock.lock();
    }
    ended = true;
    changed.notify_all();
  }
};

LogStyle LogWriter::style_of_stderr() {
  // systemd.exec(5): device and inode of the stream that is connected to the journal.
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return LogStyle::kTerminal;
  const std::string ours = std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
  return ours == stream ? LogStyle::kJournal : LogStyle::kTerminal;
}

LogWriter::LogWriter() : shared_(std::make_shared<Shared>()), style_(style_of_stderr()) {
  // Signals are for the loop's thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([shared = shared_] { shared->run(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogWriter::~LogWriter() {
  std::unique_lock lock(shared_->mutex);
  shared_->ending = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, 1s, [this] { return shared_->ended; });
}

void LogWriter::queue(std::string line) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->bytes + line.size() > kMostQueuedBytes) {
    ++shared_->lost;
    return;
  }
  if (shared_->lost > 0) {
    const bus::Event event{.severity = bus::Severity::kWarning,
                           .id = "LOG_LINES_LOST",
                           .room = "supervisor",
                           .text = std::to_string(shared_->lost) + " lines were lost because stderr took none",
                           .unix_ms = loop::unix_ms_now()};
    shared_->lost = 0;
    shared_->lines.push_back(log_line(event, style_));
    shared_->bytes += shared_->lines.back().size();
  }
  shared_->bytes += line.size();
  shared_->lines.push_back(std::move(line));
  shared_->changed.notify_all();
}

void LogWriter::write(const bus::Event& event) {
  uint32_t held_back = 0;
  const bool admitted = limit_.admit(event.id, loop::monotonic_now(), held_back);
  if (held_back > 0) {
    bus::Event note = event;
    note.text = std::to_string(held_back) + " more of these were held back";
    queue(log_line(note, style_));
  }
  if (admitted) queue(log_line(event, style_));
}

}  // namespace tandem::supervisor
