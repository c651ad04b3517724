// The vrrp room: reads the site from the board, runs one machine for each virtual router, and says how they stand.
#pragma once

#include "daemon/bus/room_link.hpp"

namespace tandem::vrrp {

// Runs until the board asks the room to stop (then every active router gives up with priority 0 and its addresses are
// taken away) or the room cannot work, which an Event says. Needs CAP_NET_RAW and CAP_NET_ADMIN; CAP_SYS_NICE and
// CAP_IPC_LOCK make it punctual.
void run_room(bus::RoomContext& context);

}  // namespace tandem::vrrp
