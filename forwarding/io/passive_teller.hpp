// Tells the checkers how real clients fared: for each server of a watched service, once a second, and only of seconds in which
// something failed. So a server that is well costs no message, and the share of failures is one of bad seconds, which is
// what the checkers' rule wants to know.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "daemon/bus/room_link.hpp"
#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

class PassiveTeller {
 public:
  // At most so many messages at once; whoever had no turn adds up until the next second.
  static constexpr size_t kMostAtOnce = 500;

  explicit PassiveTeller(bus::RoomLink& board) : board_(board) {}

  void tell(ServiceTable& services);

 private:
  bus::RoomLink& board_;
  std::unordered_map<uint16_t, uint64_t> connections_;  // by server's number: as of the second before
  size_t begin_ = 0;                                    // whose turn is first
};

}  // namespace tandem::forwarding
