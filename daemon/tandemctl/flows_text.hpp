// What /v1/flows answers, laid out for a person.
#pragma once

#include <string>

#include <boost/json/value.hpp>

#include "daemon/tandemctl/status_text.hpp"

namespace tandem::ctl {

struct FlowCounts {
  unsigned long long matched = 0;
  unsigned long long killed = 0;
  bool complete = true;  // false: more are to be killed
};
FlowCounts flow_counts(const boost::json::value& answer);

// A table of the flows listed, and how many match in all.
std::string flows_text(const boost::json::value& answer, const StatusStyle& style);

}  // namespace tandem::ctl
