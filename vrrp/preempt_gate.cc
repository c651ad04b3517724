#include "vrrp/preempt_gate.hpp"

#include <algorithm>

namespace tandem::vrrp {

bool PreemptGate::waits_for_link() const {
  return std::ranges::none_of(peers_, [](const auto& entry) { return entry.second.connected; });
}

std::optional<std::string> PreemptGate::held(TimePoint now) const {
  if (maintenance_) return "this director is in maintenance";
  if (!peer_link_) return std::nullopt;
  for (const auto& [name, peer] : peers_)
    if (peer.connected && !peer.in_step) return "the connection table is not in step with " + name + " yet";
  if (waits_for_link() && now < patience_ends_) return "waiting for the peer link";
  return std::nullopt;
}

std::vector<std::string> PreemptGate::peers_in_step() const {
  std::vector<std::string> names;
  for (const auto& [name, peer] : peers_)
    if (peer.connected && peer.in_step) names.push_back(name);
  return names;
}

std::optional<TimePoint> PreemptGate::deadline(TimePoint now) const {
  if (!peer_link_ || !waits_for_link() || now >= patience_ends_) return std::nullopt;
  return patience_ends_;
}

}  // namespace tandem::vrrp
