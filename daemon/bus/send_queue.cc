#include "daemon/bus/send_queue.hpp"

#include <utility>

#include "daemon/base/bytes.hpp"

namespace tandem::bus {

void SendQueue::remove(Frames::iterator at) {
  bytes_ -= at->second.frame->size();
  if (at->second.slot.empty()) {
    said_once_.erase(at->first);
  } else {
    slots_.erase(at->second.slot);
  }
  frames_.erase(at);
}

void SendQueue::make_room() {
  while (bytes_ > most_bytes_ && frames_.size() > 1) {
    remove(said_once_.empty() ? frames_.begin() : frames_.find(*said_once_.begin()));
    ++dropped_;
  }
}

void SendQueue::push(std::shared_ptr<const std::string> frame, const std::string& slot) {
  if (const auto old = slots_.find(slot); old != slots_.end()) remove(frames_.find(old->second));
  bytes_ += frame->size();
  if (slot.empty()) {
    said_once_.insert(next_);
  } else {
    slots_[slot] = next_;
  }
  frames_.emplace_hint(frames_.end(), next_++, Waiting{std::move(frame), slot});
  make_room();
}

std::string SendQueue::take(size_t most_bytes) {
  std::string out;
  while (!frames_.empty()) {
    const std::string& frame = *frames_.begin()->second.frame;
    if (!out.empty() && out.size() + sizeof(be32) + frame.size() > most_bytes) break;
    const be32 length = static_cast<uint32_t>(frame.size());
    out.append(reinterpret_cast<const char*>(&length), sizeof length).append(frame);
    remove(frames_.begin());
  }
  return out;
}

}  // namespace tandem::bus
