// A small file that is written whole, in a thread of its own: the supervisor has rooms to keep while a disk takes its time.
#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

namespace tandem::supervisor {

// The whole text; empty when there is no such file. Errors: words, also when it has more than `most_bytes`.
std::expected<std::string, std::string> read_whole(const std::filesystem::path& file, size_t most_bytes);

// Written beside it, synced, and renamed over it: whoever reads finds the old text or the new one. Errors: words.
std::expected<void, std::string> write_whole(const std::filesystem::path& file, const std::string& text);

class KeptFile {
 public:
  // `failed` is called on `io` when a text could not be written, once until one could (then `kept`).
  // REQUIRES: `io` lives until the end of the process.
  KeptFile(boost::asio::io_context& io, std::filesystem::path file, std::function<void(const std::string& why)> failed,
           std::function<void()> kept);
  // Waits for the last text, for a second at most.
  ~KeptFile();

  // Of texts that come faster than the disk only the last is written. What failed is tried again every 30 s.
  void write(std::string text);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace tandem::supervisor
