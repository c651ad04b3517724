#include "forwarding/io/engines.hpp"

namespace tandem::forwarding {

void Engines::use_fast_path(const FastPath* fast) {
  if (fast_ != nullptr) {
    closed_frames_ = fast_frames();
    for (size_t server = 1; server < TANDEM_FAST_SERVERS; ++server) {
      const auto slot = static_cast<uint16_t>(server);
      if (const ServerTraffic part = fast_->traffic(slot); part != ServerTraffic{}) closed_traffic_[slot] += part;
    }
  }
  fast_ = fast;
}

FastPath::Frames Engines::fast_frames() const {
  FastPath::Frames total = closed_frames_;
  if (fast_ == nullptr) return total;
  const FastPath::Frames part = fast_->frames();
  total.to_servers += part.to_servers, total.to_clients += part.to_clients;
  return total;
}

ServerTraffic Engines::fast_traffic(uint16_t server_slot) const {
  const auto closed = closed_traffic_.find(server_slot);
  ServerTraffic total = closed == closed_traffic_.end() ? ServerTraffic{} : closed->second;
  if (fast_ != nullptr) total += fast_->traffic(server_slot);
  return total;
}

uint64_t Engines::counted_fast(Counter counter) const {
  if (counter != Counter::kToServer && counter != Counter::kToClient && counter != Counter::kFrames) return 0;
  const FastPath::Frames frames = fast_frames();
  return (counter == Counter::kToClient ? 0 : frames.to_servers) +
         (counter == Counter::kToServer ? 0 : frames.to_clients);
}

}  // namespace tandem::forwarding
