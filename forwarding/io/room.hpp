// The forwarding room: wires the forwarder and the peer link to the message board.
#pragma once

#include "daemon/bus/room_link.hpp"

namespace tandem::forwarding {

// Returns when the room was asked to stop and has put its things in order. Throws std::runtime_error when it cannot begin (no
// permission, no room for the flow file).
void run_room(bus::RoomContext& context);

}  // namespace tandem::forwarding
