// The configuration's choices as the site file spells them.
#pragma once

#include <string_view>

#include "daemon/config/site.hpp"

namespace tandem::control {

constexpr std::string_view word(config::Protocol protocol) {
  return protocol == config::Protocol::kTcp ? "tcp" : "udp";
}

constexpr std::string_view word(config::ForwardMethod method) {
  switch (method) {
    case config::ForwardMethod::kNat:
      return "nat";
    case config::ForwardMethod::kDr:
      return "dr";
    case config::ForwardMethod::kTun:
      return "tun";
  }
  return "";
}

constexpr std::string_view word(config::Scheduler scheduler) {
  switch (scheduler) {
    case config::Scheduler::kRoundRobin:
      return "rr";
    case config::Scheduler::kWeightedRoundRobin:
      return "wrr";
    case config::Scheduler::kWeightedLeastConnection:
      return "wlc";
  }
  return "";
}

}  // namespace tandem::control
