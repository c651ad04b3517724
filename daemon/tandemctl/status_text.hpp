// `tandemctl status`: the daemon's status, as /v1/status tells it, laid out for a person.
#pragma once

#include <expected>
#include <string>

#include <boost/json/value.hpp>

namespace tandem::ctl {

struct StatusStyle {
  bool colour = false;
  unsigned long long now_unix_ms = 0;
};

// Tolerates missing parts: a daemon of another version is shown as far as it is understood.
std::string status_text(const boost::json::value& status, const StatusStyle& style);

// `tandemctl why ROUTER`: where it stands, what it waits for, its last transitions and the counters that are not zero.
// Errors: a sentence, when there is no such router.
std::expected<std::string, std::string> why_text(const boost::json::value& status, const std::string& router,
                                                 const StatusStyle& style);

}  // namespace tandem::ctl
