// What is decided for a client's next packets, and why, without deciding it: nothing is changed by asking.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

struct TraceQuestion {
  IpAddress client;
  uint16_t client_port = 0;  // 0: not said
  std::string service;       // empty: every one
  // With no port said: the client's flows, found by a FlowSearch.
  std::vector<Flow> flows;
};

// At most kMostTraceLines lines, a service's first line without indentation.
inline constexpr size_t kMostTraceLines = 400;
// REQUIRES: called where services are changed, so that they do not change meanwhile.
std::vector<std::string> trace(const FlowTable& flows, ServiceTable& services, const TraceQuestion& question,
                               TimePoint now);

}  // namespace tandem::forwarding
