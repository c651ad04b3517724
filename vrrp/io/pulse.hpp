// The room's last sign of life, where its next life can read it: a page shared through the run directory (a tmpfs), so
// a heartbeat is a store and not a system call. It tells a restarted room whether its peers can still believe it is
// active.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "daemon/base/time.hpp"

namespace tandem::vrrp {

class Pulse {
 public:
  // Opens or makes the file. One that cannot be opened makes a pulse that remembers nothing.
  explicit Pulse(const std::filesystem::path& file);
  ~Pulse();
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;

  // How long the last life has been over; nothing when no believable one is known. Of this boot: the clock is the
  // monotonic one.
  std::optional<Duration> silence(TimePoint now) const;
  void beat(TimePoint now);

 private:
  std::atomic<int64_t>* last_ = nullptr;
};

}  // namespace tandem::vrrp
