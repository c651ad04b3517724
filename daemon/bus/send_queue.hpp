// What waits to be sent on one line: bounded, and never with two frames of the same slot.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

namespace tandem::bus {

class SendQueue {
 public:
  explicit SendQueue(size_t most_bytes) : most_bytes_(most_bytes) {}

  // A waiting frame of the same slot is replaced by this one, at the end of the queue: what is said later arrives
  // later. Past the bound the oldest frame without a slot is dropped (an Event), and when all have one, the oldest.
  void push(std::shared_ptr<const std::string> frame, const std::string& slot);

  // Takes frames off the front, each with its length before it, until `most_bytes` are reached; at least one frame
  // when there is one.
  std::string take(size_t most_bytes);

  bool empty() const { return frames_.empty(); }
  size_t bytes() const { return bytes_; }
  uint64_t dropped() const { return dropped_; }

 private:
  struct Waiting {
    std::shared_ptr<const std::string> frame;
    std::string slot;
  };
  using Frames = std::map<uint64_t, Waiting>;  // by when it was said

  void remove(Frames::iterator at);
  void make_room();

  size_t most_bytes_;
  Frames frames_;
  std::set<uint64_t> said_once_;  // the frames without a slot
  std::unordered_map<std::string, uint64_t> slots_;
  uint64_t next_ = 0;
  size_t bytes_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace tandem::bus
