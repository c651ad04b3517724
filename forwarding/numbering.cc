#include "forwarding/numbering.hpp"

#include <cstring>

#include "daemon/base/assert.hpp"
#include "forwarding/recipe.hpp"

namespace tandem::forwarding {
namespace {

template <class Slot>
SlotUse use_of(const Slot& slot) {
  return static_cast<SlotUse>(slot.in_use);
}

template <class Slot>
void set_use(Slot& slot, SlotUse use) {
  slot.in_use = static_cast<uint8_t>(use);
}

template <class Slot>
std::string_view name_in(const Slot& slot) {
  return {slot.name, strnlen(slot.name, sizeof(slot.name))};
}

template <class Slot>
void set_name(Slot& slot, std::string_view name) {
  std::memset(slot.name, 0, sizeof(slot.name));
  std::memcpy(slot.name, name.data(), name.size());
}

// Everything that makes a service or a server the same one, as a key. A name holds no zero byte.
std::string identity(std::string_view name, uint32_t scope, const IpAddress& address, uint16_t port) {
  std::string key(name);
  key += '\0';
  key += std::to_string(scope) + ' ' + address.text() + ' ' + std::to_string(port);
  return key;
}
std::string server_identity(std::string_view name, uint16_t service, const IpAddress& address, uint16_t port,
                            uint8_t method) {
  return identity(name, service, address, port) + ' ' + std::to_string(method);
}
std::string identity_of(const tandem_service_slot& slot) {
  return identity(name_in(slot), slot.protocol, address_of(slot), slot.port);
}
std::string identity_of(const tandem_server_slot& slot) {
  return server_identity(name_in(slot), slot.service, address_of(slot), slot.port, slot.method);
}

bool is_good_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name.find('\0') == std::string_view::npos;
}

// Reads what an earlier process left. A slot of nonsense (a file another program wrote into) is
// freed: it cannot be told what its flows meant.
template <class Side>
void take_up(Side& side) {
  side.taken.assign(side.slots.size(), false);
  for (size_t i = side.slots.size() - 1; i > 0; --i) {
    auto& slot = side.slots[i];
    const auto number = static_cast<uint16_t>(i);
    if (use_of(slot) != SlotUse::kFree && (use_of(slot) > SlotUse::kFading || !is_good_name(name_in(slot)) ||
                                           !side.by_identity.emplace(identity_of(slot), number).second))
      slot = {};
    if (use_of(slot) == SlotUse::kFree) {
      side.free.push_back(number);
    } else if (use_of(slot) != SlotUse::kInUse) {
      set_use(slot, SlotUse::kRetired);
      side.given_back.push_back(number);
    }
  }
}

// The slot of this identity, else a free one.
template <class Side>
std::optional<uint16_t> slot_for(Side& side, std::string key) {
  uint16_t number = 0;
  if (const auto known = side.by_identity.find(key); known != side.by_identity.end()) {
    number = known->second;
  } else {
    if (side.free.empty()) return std::nullopt;
    number = side.free.back();
    side.free.pop_back();
    side.by_identity.emplace(std::move(key), number);
  }
  std::erase(side.given_back, number);
  side.taken[number] = true;
  return number;
}

template <class Side>
void retire(Side& side, uint16_t number) {
  TANDEM_ASSERT(number != 0 && number < side.slots.size());
  TANDEM_ASSERT(use_of(side.slots[number]) == SlotUse::kInUse);
  set_use(side.slots[number], SlotUse::kRetired);
  side.given_back.push_back(number);
  side.taken[number] = false;
}

template <class Side>
void retire_all_untaken(Side& side) {
  for (size_t i = 1; i < side.slots.size(); ++i)
    if (use_of(side.slots[i]) == SlotUse::kInUse && !side.taken[i]) retire(side, static_cast<uint16_t>(i));
}

template <class Side>
void fade(Side& side) {
  for (const uint16_t number : side.given_back) set_use(side.slots[number], SlotUse::kFading);
}

template <class Side, class IsNamed>
void free_unnamed(Side& side, IsNamed is_named) {
  std::erase_if(side.given_back, [&](uint16_t number) {
    auto& slot = side.slots[number];
    if (use_of(slot) != SlotUse::kFading || is_named(number)) return false;
    side.by_identity.erase(identity_of(slot));
    slot = {};
    side.free.push_back(number);
    return true;
  });
}

}  // namespace

Numbering::Numbering(std::span<tandem_service_slot, TANDEM_SERVICE_SLOTS> services,
                     std::span<tandem_server_slot, TANDEM_SERVER_SLOTS> servers)
    : services_{services, {}, {}, {}, {}}, servers_{servers, {}, {}, {}, {}} {
  take_up(services_);
  take_up(servers_);
}

std::optional<uint16_t> Numbering::take_service(std::string_view name, uint8_t protocol, const IpAddress& address,
                                                uint16_t port) {
  if (!is_good_name(name)) return std::nullopt;
  const auto number = slot_for(services_, identity(name, protocol, address, port));
  if (!number) return std::nullopt;
  tandem_service_slot& slot = services_.slots[*number];
  slot.protocol = protocol;
  slot.port = port;
  put_address(address, slot.address, slot.address6);
  set_name(slot, name);
  set_use(slot, SlotUse::kInUse);
  return number;
}

std::optional<uint16_t> Numbering::take_server(uint16_t service, std::string_view name, const IpAddress& address,
                                               uint16_t port, tandem_method method) {
  if (!is_good_name(name)) return std::nullopt;
  const auto number = slot_for(servers_, server_identity(name, service, address, port, method));
  if (!number) return std::nullopt;
  tandem_server_slot& slot = servers_.slots[*number];
  slot.service = service;
  slot.method = static_cast<uint8_t>(method);
  slot.port = port;
  put_address(address, slot.address, slot.address6);
  set_name(slot, name);
  set_use(slot, SlotUse::kInUse);
  return number;
}

void Numbering::set_timeouts(uint16_t service, const Timeouts& timeouts) {
  TANDEM_ASSERT(use_of(services_.slots[service]) == SlotUse::kInUse);
  for (uint8_t state = 0; state < kFlowStates; ++state) {
    const auto said = timeouts.said(static_cast<FlowState>(state));
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(said).count();
    __atomic_store_n(&services_.slots[service].timeouts_ms[state], static_cast<uint32_t>(ms), __ATOMIC_RELAXED);
  }
}

void Numbering::retire_service(uint16_t slot) {
  retire(services_, slot);
}
void Numbering::retire_server(uint16_t slot) {
  retire(servers_, slot);
}

void Numbering::retire_untaken() {
  retire_all_untaken(services_);
  retire_all_untaken(servers_);
}

void Numbering::sweep_begins() {
  fade(services_);
  fade(servers_);
}

void Numbering::sweep_ended(const std::vector<bool>& services_named, const std::vector<bool>& servers_named) {
  TANDEM_ASSERT(services_named.size() == services_.slots.size());
  TANDEM_ASSERT(servers_named.size() == servers_.slots.size());
  free_unnamed(servers_, [&](uint16_t number) { return servers_named[number]; });
  if (services_.given_back.empty()) return;
  // A server's identity holds its service's number, so that number waits for its servers'.
  std::vector<bool> held = services_named;
  for (const tandem_server_slot& slot : servers_.slots)
    if (use_of(slot) != SlotUse::kFree && slot.service < held.size()) held[slot.service] = true;
  free_unnamed(services_, [&](uint16_t number) { return held[number]; });
}

}  // namespace tandem::forwarding
