#include "daemon/supervisor/notify.hpp"

#include <systemd/sd-daemon.h>

#include "daemon/loop/clock.hpp"

namespace tandem::supervisor {

void notify_ready(const std::string& status) {
  sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void notify_reloading() {
  // Type=notify-reload (systemd 253) compares the time with the one of its signal; older ones ignore it.
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(loop::monotonic_now().time_since_epoch());
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count())).c_str());
}

void notify_stopping() {
  sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

void notify_status(const std::string& status) {
  sd_notify(0, ("STATUS=" + status).c_str());
}

void notify_watchdog() {
  sd_notify(0, "WATCHDOG=1");
}

std::optional<Duration> watchdog_interval() {
  uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::microseconds(microseconds / 2);
}

}  // namespace tandem::supervisor
