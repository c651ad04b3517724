#include "forwarding/sync/names.hpp"

#include <cstring>

#include "forwarding/numbering.hpp"

namespace tandem::forwarding::sync {
namespace {

std::string name_of(const char (&name)[64]) {
  return {name, strnlen(name, sizeof name)};
}

}  // namespace

Names names_in(const FlowTable& table) {
  constexpr auto kInUse = static_cast<uint8_t>(SlotUse::kInUse);
  Names names;
  const auto services = table.service_slots();
  for (size_t i = 1; i < services.size(); ++i) {
    const tandem_service_slot& slot = services[i];
    if (slot.in_use != kInUse || slot.name[0] == '\0') continue;
    names.services.push_back({.number = static_cast<uint16_t>(i),
                              .protocol = slot.protocol,
                              .port = slot.port,
                              .address = address_of(slot),
                              .name = name_of(slot.name)});
  }
  const auto servers = table.server_slots();
  for (size_t i = 1; i < servers.size(); ++i) {
    const tandem_server_slot& slot = servers[i];
    if (slot.in_use != kInUse || slot.name[0] == '\0') continue;
    names.servers.push_back({.number = static_cast<uint16_t>(i),
                             .service = slot.service,
                             .port = slot.port,
                             .address = address_of(slot),
                             .name = name_of(slot.name)});
  }
  return names;
}

}  // namespace tandem::forwarding::sync
