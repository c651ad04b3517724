// What a server says of itself in HAProxy's agent-check protocol: one line of words, "up 75%", "drain", "maint # updates".
//
// HAProxy 2.6 configuration manual, agent-check: words are separated by blanks, tabs or commas; the line ends at the first
// line break; what follows '#' is a description. "ready" ends "drain" and "maint", "maxconn:" is HAProxy's own and ignored.
#pragma once

#include <optional>
#include <string_view>

#include "checkers/outcome.hpp"

namespace tandem::checkers {

// The verdict of such a line: up with or without a weight ("drain" is a weight of 0), or kRefusedByWord with the line as its
// text; kMalformed when no word of it is known. An empty line is "up" where `empty_is_up` (a file that only has to be there).
Outcome agent_verdict(std::string_view line, bool empty_is_up = false);

}  // namespace tandem::checkers
