// Which number a service or a server has. Flows name them by number, in a table that outlives the
// process, so a number must mean the same thing over reloads and restarts, and must not come to
// mean another thing while any flow still says it.
//
// The numbers stand in the mapping beside the flows (tandem_service_slot, tandem_server_slot). The
// same name, address, port and protocol get the same number again; anything else is something new. A server by another method is
// another server: its connections cannot go on, and are ended like those of one that is gone.
// A number given back is retired, and free only after a whole sweep that began later has met no
// flow that names it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/base/address.hpp"
#include "forwarding/flow_table.h"
#include "forwarding/recipe.hpp"
#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {

// tandem_service_slot::in_use and tandem_server_slot::in_use.
enum class SlotUse : uint8_t {
  kFree = 0,
  kInUse = 1,
  kRetired = 2,  // given back; flows may name it
  kFading = 3,   // as kRetired, and a sweep that began after that is under way
};

inline constexpr size_t kMaxNameBytes = 63;

// The address a slot stands for.
template <class Slot>
IpAddress address_of(const Slot& slot) {
  const IpAddress six = address_in(true, 0, slot.address6);
  return six == IpAddress(Ipv6Address{}) ? IpAddress(Ipv4Address{slot.address}) : six;
}

class Numbering {
 public:
  Numbering(std::span<tandem_service_slot, TANDEM_SERVICE_SLOTS> services,
            std::span<tandem_server_slot, TANDEM_SERVER_SLOTS> servers);

  // The number of this service or server, its old one where it had one. Nothing when all numbers
  // are taken or the name is empty or longer than kMaxNameBytes.
  std::optional<uint16_t> take_service(std::string_view name, uint8_t protocol, const IpAddress& address,
                                       uint16_t port);
  std::optional<uint16_t> take_server(uint16_t service, std::string_view name, const IpAddress& address, uint16_t port,
                                      tandem_method method = TANDEM_NAT);
  // What its flows' lives last from now on. REQUIRES: taken.
  void set_timeouts(uint16_t service, const Timeouts& timeouts);
  void retire_service(uint16_t slot);
  void retire_server(uint16_t slot);
  // Retires every number in use that was not taken since the construction: what an earlier process
  // knew and the configuration does not have any more.
  void retire_untaken();
  bool is_retired_server(uint16_t slot) const {
    return servers_.slots[slot].in_use > static_cast<uint8_t>(SlotUse::kInUse);
  }

  // A sweep over the table, and which numbers its flows named.
  void sweep_begins();
  void sweep_ended(const std::vector<bool>& services_named, const std::vector<bool>& servers_named);

 private:
  template <class Slots>
  struct Side {
    Slots slots;
    std::unordered_map<std::string, uint16_t> by_identity;  // in use, retired or fading
    std::vector<uint16_t> free;                             // lowest last
    std::vector<uint16_t> given_back;                       // retired or fading
    std::vector<bool> taken;
  };
  using Services = Side<std::span<tandem_service_slot, TANDEM_SERVICE_SLOTS>>;
  using Servers = Side<std::span<tandem_server_slot, TANDEM_SERVER_SLOTS>>;

  Services services_;
  Servers servers_;
};

}  // namespace tandem::forwarding
