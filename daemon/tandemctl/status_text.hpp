// `tandemctl status`: the daemon's status, as /v1/status tells it, laid out for a person.
#pragma once

#include <expected>
#include <string>

#include <boost/json/value.hpp>

#include "daemon/tandemctl/table.hpp"

namespace tandem::ctl {

struct StatusStyle {
  bool colour = false;
  unsigned long long now_unix_ms = 0;
};

// Tolerates missing parts: a daemon of another version is shown as far as it is understood.
std::string status_text(const boost::json::value& status, const StatusStyle& style);

// `tandemctl why NAME`. A virtual router: where it stands, what it waits for, its last transitions and the counters that are
// not zero. A service: its quorum, who gets new connections and what would change that. A server (by its name, or
// SERVICE/SERVER): its checks and how their last attempts ended, and what makes its weight.
// Errors: a sentence, when nothing has that name.
std::expected<std::string, std::string> why_text(const boost::json::value& status, const std::string& name,
                                                 const StatusStyle& style);

Tone tone_of_state(const std::string& router_state);

}  // namespace tandem::ctl
