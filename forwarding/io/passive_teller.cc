#include "forwarding/io/passive_teller.hpp"

#include <vector>

namespace tandem::forwarding {

void PassiveTeller::tell(ServiceTable& services) {
  std::vector<Server*> watched;
  for (const Service* service : services.all_services())
    if (service->setting.watched) watched.insert(watched.end(), service->servers.begin(), service->servers.end());
  if (watched.empty()) {
    connections_.clear();
    return;
  }
  size_t said = 0, looked = 0;
  for (; looked < watched.size(); ++looked) {
    Server& server = *watched[(begin_ + looked) % watched.size()];
    const uint64_t ever = server.connections.load(std::memory_order_relaxed);
    const bool failed =
        server.unanswered.load(std::memory_order_relaxed) != 0 || server.refused.load(std::memory_order_relaxed) != 0;
    if (failed && said == kMostAtOnce) break;
    uint64_t& before = connections_.try_emplace(server.slot, ever).first->second;
    const uint64_t opened = ever >= before ? ever - before : ever;  // another server has this number now
    before = ever;
    if (!failed) continue;
    ++said;
    bus::PassiveHealth message;
    message.service = server.service_name;
    message.server = server.name;
    message.opened = opened;
    message.unanswered = server.unanswered.exchange(0, std::memory_order_relaxed);
    message.resets = server.refused.exchange(0, std::memory_order_relaxed);
    message.client_marks = server.failed_clients.exchange(0, std::memory_order_relaxed);
    board_.publish(std::move(message));
  }
  begin_ = (begin_ + looked) % watched.size();
}

}  // namespace tandem::forwarding
