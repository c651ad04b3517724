// The checkers room: asks every real server whether it is well and tells the others.
#pragma once

#include "daemon/bus/room_link.hpp"

namespace tandem::checkers {

// Runs until the supervisor asks the room to stop. Needs no capability and no particular user; a ca_file must be
// readable for the user it runs as.
void run_room(bus::RoomContext& context);

}  // namespace tandem::checkers
