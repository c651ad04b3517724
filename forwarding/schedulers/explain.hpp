// Why a scheduler picks whom it picks, in words, for `tandemctl trace`.
#pragma once

#include <string>

#include "forwarding/scheduler.hpp"

namespace tandem::forwarding {

// "least of (active*256 + inactive)/weight: 3*256+1 over 10". `picked` is what pick() of a copy gave, or nullptr.
std::string explain(const SchedulerSetting& setting, const ServerList& servers, const NewFlow& flow,
                    const Server* picked);

}  // namespace tandem::forwarding
