// The control room: keeps the view of everything said on the bus and serves it to operators. Holds no power over the other
// rooms but the words of the bus.
#pragma once

#include "daemon/bus/room_link.hpp"

namespace tandem::control {

void run_room(bus::RoomContext& context);

}  // namespace tandem::control
