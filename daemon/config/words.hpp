// The words of the site file's choices: one table each, from which values are read, shown and explained.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/config/site.hpp"

namespace tandem::config {

struct Choice {
  uint8_t value;  // of the enumeration
  std::string_view word;
  std::string_view meaning;
  std::string_view also;  // what the same thing is called elsewhere, blanks between: for "did you mean"
};

std::span<const Choice> checksum_choices();
std::span<const Choice> send_by_choices();
std::span<const Choice> fast_path_choices();
std::span<const Choice> protocol_choices();
std::span<const Choice> forward_choices();
std::span<const Choice> tunnel_choices();
std::span<const Choice> scheduler_choices();
std::span<const Choice> no_server_choices();
std::span<const Choice> initial_choices();
std::span<const Choice> dns_choices();
std::span<const Choice> quorum_of_choices();
std::span<const Choice> weight_from_choices();
std::span<const Choice> on_down_choices();
std::span<const Choice> flows_on_down_choices();
std::span<const Choice> out_of_state_choices();
std::span<const Choice> ping_choices();

// The types of checks that a key of `check` names, in the manual's order.
struct CheckTypeWord {
  CheckType type;
  std::string_view word;
};
std::span<const CheckTypeWord> check_type_words();

// As it is written in the site file: "tcp", "dr", "wlc", "reject", "https".
std::string_view word(Checksum checksum);
std::string_view word(SendBy send_by);
std::string_view word(FastPathUse use);
std::string_view word(Protocol protocol);
std::string_view word(ForwardMethod method);
std::string_view word(TunnelType type);
std::string_view word(Scheduler scheduler);
std::string_view word(NoServerPolicy policy);
std::string_view word(CheckType type);
std::string_view word(QuorumOf what);
std::string_view word(WeightFrom what);
std::string_view word(OnDown what);
std::string_view word(FlowsOnDown what);
std::string_view word(OutOfState what);
std::string_view word(Ping what);

}  // namespace tandem::config
