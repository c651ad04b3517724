// What the checkers say of servers and services, in words: shared by `status` and `why`.
#pragma once

#include <string>

#include <boost/json/value.hpp>

#include "daemon/tandemctl/status_text.hpp"
#include "daemon/tandemctl/table.hpp"

namespace tandem::ctl {

// Of a ServerHealth: "up", "drained", "standby" (well, but not in use: a spare, a sorry server, or one whose place a sorry
// server has), "disabled", "down", "unknown".
Cell state_cell(const boost::json::value& server);

// The weight as the operator counts it: "10", or "0.3" while there is only a share of it.
Cell weight_cell(const boost::json::value& server);

// What makes the weight another than the configured one, and why it is not in use: "set to 5 by the operator 3 min ago".
// Empty when nothing does.
std::string serving_words(const boost::json::value& server, const StatusStyle& style);

// Of a ServiceHealth: "down: weight up 3 of 10, quorum 5; the sorry server has the new connections". Empty when there is
// nothing to say but that a server is up.
std::string service_words(const boost::json::value& service, const StatusStyle& style);

}  // namespace tandem::ctl
