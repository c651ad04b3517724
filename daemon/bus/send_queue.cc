#include "daemon/bus/send_queue.hpp"

#include <algorithm>
#include <utility>

#include "daemon/base/bytes.hpp"

namespace tandem::bus {

void SendQueue::remove(Place place) {
  bytes_ -= place->frame->size();
  if (!place->slot.empty()) slots_.erase(place->slot);
  frames_.erase(place);
}

void SendQueue::make_room() {
  while (bytes_ > most_bytes_ && frames_.size() > 1) {
    const auto once = std::ranges::find_if(frames_, [](const Waiting& waiting) { return waiting.slot.empty(); });
    remove(once != frames_.end() ? once : frames_.begin());
    ++dropped_;
  }
}

void SendQueue::push(std::shared_ptr<const std::string> frame, const std::string& slot) {
  if (!slot.empty())
    if (const auto old = slots_.find(slot); old != slots_.end()) remove(old->second);
  bytes_ += frame->size();
  frames_.push_back({std::move(frame), slot});
  if (!slot.empty()) slots_[slot] = std::prev(frames_.end());
  make_room();
}

std::string SendQueue::take(size_t most_bytes) {
  std::string out;
  while (!frames_.empty()) {
    const std::string& frame = *frames_.front().frame;
    if (!out.empty() && out.size() + sizeof(be32) + frame.size() > most_bytes) break;
    const be32 length = static_cast<uint32_t>(frame.size());
    out.append(reinterpret_cast<const char*>(&length), sizeof length).append(frame);
    remove(frames_.begin());
  }
  return out;
}

}  // namespace tandem::bus
