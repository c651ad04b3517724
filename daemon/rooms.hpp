// The rooms of the house: their functions and what each may do on the machine.
#pragma once

#include <vector>

#include "daemon/supervisor/room_main.hpp"

namespace tandem {

// In the order in which they end: vrrp first, so that the peer takes over while this box still forwards.
std::vector<supervisor::RoomEntry> all_rooms();

}  // namespace tandem
