#include "daemon/supervisor/status_line.hpp"

#include "daemon/bus/describe.hpp"

namespace tandem::supervisor {

namespace {
constexpr size_t kMostRoutersNamed = 8;
}

void StatusLine::hear(const bus::Message& message) {
  if (const auto* state = std::get_if<bus::InstanceState>(&message)) {
    routers_[state->router] = state->state;
  } else if (const auto* health = std::get_if<bus::ServiceHealth>(&message)) {
    services_[health->service] = *health;
  } else if (const auto* forget = std::get_if<bus::Forget>(&message)) {
    if (forget->kind == bus::InstanceState::kKind) routers_.erase(forget->of_key);
    if (forget->kind == bus::ServiceHealth::kKind) services_.erase(forget->of_key);
  }
}

std::string StatusLine::text(const std::vector<std::string>& rooms_not_ready) const {
  std::string line = director_ + ":";
  size_t named = 0;
  for (const auto& [router, state] : routers_) {
    if (++named > kMostRoutersNamed) break;
    line += (named == 1 ? " " : ", ") + router + ' ' + std::string(bus::word_of(state));
  }
  if (routers_.size() > kMostRoutersNamed)
    line += " and " + std::to_string(routers_.size() - kMostRoutersNamed) + " more";
  if (routers_.empty()) line += " no virtual router yet";
  uint64_t up = 0, total = 0;
  for (const auto& [name, health] : services_) up += health.servers_up, total += health.servers_total;
  line += "; " + std::to_string(up) + " of " + std::to_string(total) + " servers up";
  for (size_t i = 0; i < rooms_not_ready.size(); ++i) line += (i == 0 ? "; waiting for " : ", ") + rooms_not_ready[i];
  return line;
}

}  // namespace tandem::supervisor
