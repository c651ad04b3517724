// What systemd is told (sd_notify(3)). Without systemd every function does nothing.
#pragma once

#include <optional>
#include <string>

#include "daemon/base/time.hpp"

namespace tandem::supervisor {

void notify_ready(const std::string& status);
void notify_reloading();
void notify_stopping();
void notify_status(const std::string& status);
void notify_watchdog();

// How often notify_watchdog() is to be called: half of what the unit asks; none when it does not ask.
std::optional<Duration> watchdog_interval();

}  // namespace tandem::supervisor
