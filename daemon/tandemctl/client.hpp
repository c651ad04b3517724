// A request to the daemon: HTTP over its control socket.
#pragma once

#include <chrono>
#include <expected>
#include <string>

#include <boost/json/value.hpp>

namespace tandem::ctl {

// The answer's JSON, or why there is none, in words.
std::expected<boost::json::value, std::string> ask(const std::string& socket_path, const std::string& method,
                                                   const std::string& target, std::chrono::seconds patience);

}  // namespace tandem::ctl
