// The core's words as messages of the board, and the board's as the core's.
#pragma once

#include "checkers/events.hpp"
#include "daemon/bus/room_link.hpp"

namespace tandem::checkers {

void publish(bus::RoomLink& board, const PublishServer& said);
void publish(bus::RoomLink& board, const PublishService& said);
void publish(bus::RoomLink& board, const SparedServer& said);
void publish(bus::RoomLink& board, const WarnOfCheck& said);
void publish(bus::RoomLink& board, const ForgetServer& gone);
void publish(bus::RoomLink& board, const ForgetService& gone);
void publish(bus::RoomLink& board, const Strain& strain);

Restored::Server restored(const bus::ServerHealth& message);
Restored::Service restored(const bus::ServiceHealth& message);
Overridden overridden(const bus::Override& message);
PassiveSeen seen(const bus::PassiveHealth& message);

}  // namespace tandem::checkers
