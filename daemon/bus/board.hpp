// The message board: the one place where rooms hear of each other.
//
// It keeps the last message of every retained kind and key, and knows which room listens to which kind. A message put
// up becomes deliveries: which frame goes to which room. A room that comes (back) and says its subscriptions is handed
// everything retained of them, so it stands where it stood. What a dead room said stays up: its work goes on in the
// other rooms until it is back to correct it.
//
// Pure: frames are made here, once for all listeners, but sent by the supervisor's shell. Rooms are known by name. What
// a room may say is in speakers.hpp; what it says beyond that, or more than kMostRetainedBytes of, is refused.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/bus/codec.hpp"
#include "daemon/bus/speakers.hpp"

namespace tandem::bus {

struct Delivery {
  std::string room;
  std::shared_ptr<const std::string> frame;  // JSON
  std::string slot;                          // as slot_of(): a waiting frame of the same slot is out of date
};

enum class BoardError : uint8_t { kNotItsWord, kInAnotherName, kFull, kTooLarge };

std::string_view describe(BoardError error);

class Board {
 public:
  // The most that one room may have retained, in bytes of frames: four times what 65,535 servers need.
  static constexpr size_t kMostRetainedBytes = 128u << 20;

  explicit Board(size_t most_retained_bytes = kMostRetainedBytes) : most_retained_bytes_(most_retained_bytes) {}

  // Replaces the subscriptions of `room` and hands it what is retained of them, in a fixed order (the order of kinds
  // in Message, then of keys), and CaughtUp last. Kinds it may not hear are left out and counted.
  std::vector<Delivery> subscribe(const std::string& room, const Subscribe& subscribe);

  // The room is gone: nothing more is delivered to it. What it said stays.
  void leave(const std::string& room);

  // `room` says `message`: who is to be told. The speaker itself hears what it says only after a restart, by
  // subscribing to it.
  Result<std::vector<Delivery>, BoardError> publish(const std::string& room, const Message& message);

  size_t retained() const { return retained_.size(); }
  // Messages and subscriptions refused so far, of all rooms.
  uint64_t refused() const { return refused_; }

 private:
  struct Retained {
    std::shared_ptr<const std::string> frame;
    std::string speaker;
    std::string slot;
  };
  using Place = std::pair<size_t, std::string>;  // the kind's index in Message, the key

  Result<void, BoardError> keep(const std::string& room, const Message& message,
                                const std::shared_ptr<const std::string>& frame);
  void forget(const Forget& forget);
  Failure<BoardError> refuse(BoardError why);

  size_t most_retained_bytes_;
  std::map<Place, Retained> retained_;
  std::map<std::string, size_t> retained_bytes_;  // by speaker
  std::map<std::string, std::set<std::string, std::less<>>> subscriptions_;
  uint64_t refused_ = 0;
};

}  // namespace tandem::bus
