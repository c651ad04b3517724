// Says the counters: of servers what changed, of the engine everything, once a second.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "daemon/bus/room_link.hpp"
#include "forwarding/io/forwarder.hpp"

namespace tandem::forwarding {

class StatsTeller {
 public:
  StatsTeller(bus::RoomLink& board, Forwarder& forwarder) : board_(board), forwarder_(forwarder) {}

  // Publishes ServerStats that differ from what was last said, and EngineStats; forgets servers that are gone.
  void tell();

 private:
  void tell_servers();
  void tell_engine();

  bus::RoomLink& board_;
  Forwarder& forwarder_;
  std::map<std::string, bus::ServerStats> said_;  // by key
};

}  // namespace tandem::forwarding
