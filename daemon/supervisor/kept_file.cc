#include "daemon/supervisor/kept_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>

#include "daemon/loop/fd.hpp"
#include "daemon/loop/process.hpp"

namespace tandem::supervisor {
namespace {

constexpr auto kTryAgainAfter = std::chrono::seconds(30);

std::unexpected<std::string> wrong(const std::filesystem::path& file) {
  return std::unexpected(file.string() + ": " + std::strerror(errno));
}

}  // namespace

std::expected<std::string, std::string> read_whole(const std::filesystem::path& file, size_t most_bytes) {
  const loop::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return errno == ENOENT ? std::expected<std::string, std::string>("") : wrong(file);
  std::string text;
  char piece[4096];
  for (;;) {
    const ssize_t got = ::read(fd.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return wrong(file);
    if (got == 0) return text;
    if (text.size() + static_cast<size_t>(got) > most_bytes)
      return std::unexpected(file.string() + ": it has more than " + std::to_string(most_bytes) + " bytes");
    text.append(piece, static_cast<size_t>(got));
  }
}

std::expected<void, std::string> write_whole(const std::filesystem::path& file, const std::string& text) {
  const std::filesystem::path beside = file.string() + ".new";
  {
    const loop::UniqueFd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (fd.get() < 0) return wrong(beside);
    for (size_t done = 0; done < text.size();) {
      const ssize_t put = ::write(fd.get(), text.data() + done, text.size() - done);
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return wrong(beside);
      done += static_cast<size_t>(put);
    }
    if (::fsync(fd.get()) != 0) return wrong(beside);
  }
  if (::rename(beside.c_str(), file.c_str()) != 0) return wrong(file);
  const loop::UniqueFd folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) ::fsync(folder.get());
  return {};
}

struct KeptFile::Shared {
  std::filesystem::path file;
  std::function<void(std::expected<void, std::string>)> done;  // in the writer's thread
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<std::string> next;
  bool writing = false, failing = false, ending = false;

  void run() {
    loop::set_thread_name("file writer");
    std::unique_lock lock(mutex);
    std::string last;
    for (;;) {
      const auto wanted = [this] { return next || ending; };
      const bool again = failing && !changed.wait_for(lock, kTryAgainAfter, wanted);
      if (!failing) changed.wait(lock, wanted);
      if (next)
        last = *std::exchange(next, std::nullopt);
      else if (!again)
        return;
      writing = true;
      lock.unlock();
      const auto result = write_whole(file, last);
      lock.lock();
      writing = false;
      changed.notify_all();
      if (result.has_value() == failing && !ending) done(result);
      failing = !result;
    }
  }
};

KeptFile::KeptFile(boost::asio::io_context& io, std::filesystem::path file,
                   std::function<void(const std::string& why)> failed, std::function<void()> kept)
    : shared_(std::make_shared<Shared>()) {
  shared_->file = std::move(file);
  shared_->done = [&io, failed = std::move(failed), kept = std::move(kept)](std::expected<void, std::string> result) {
    boost::asio::post(io, [failed, kept, result = std::move(result)] { result ? kept() : failed(result.error()); });
  };
  // Signals are for the loop's thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // Detached: one that waits for a dead disk must not hold up the end of the process.
  std::thread([shared = shared_] { shared->run(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

KeptFile::~KeptFile() {
  std::unique_lock lock(shared_->mutex);
  shared_->ending = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, std::chrono::seconds(1), [this] { return !shared_->writing && !shared_->next; });
}

void KeptFile::write(std::string text) {
  const std::lock_guard lock(shared_->mutex);
  shared_->next = std::move(text);
  shared_->changed.notify_all();
}

}  // namespace tandem::supervisor
