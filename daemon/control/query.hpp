// The part of a request's target behind the '?': names and values, percent-decoded; and the questions made of them.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/bus/messages.hpp"

namespace tandem::control {

struct Query {
  std::string path;                           // "/v1/flows"
  std::map<std::string, std::string> values;  // "client" -> "192.0.2.0/24"
};

// Nothing when a name stands twice or is empty, an escape is no two hex digits, or a character is not printable ASCII.
std::optional<Query> parse_query(std::string_view target);

struct QueryRefusal {
  unsigned status = 400;
  std::string why;
};

// GET /v1/flows?client=&client_port=&virtual_address=&virtual_port=&protocol=&service=&server=&state=&limit= lists, POST kills
// what matches; a kill without any condition must say all=1. GET /v1/trace?client=&client_port=&service= explains.
// REQUIRES: one of these paths.
std::expected<std::variant<bus::FlowQuestion, bus::TraceRequest>, QueryRefusal> question_of(const Query& query,
                                                                                            std::string_view method);

}  // namespace tandem::control
