#include "forwarding/io/fast_events.hpp"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

namespace tandem::forwarding {

std::expected<std::unique_ptr<FastEvents>, std::string> FastEvents::open(int map) {
  std::unique_ptr<FastEvents> events(new FastEvents);
  errno = 0;
  events->ring_.reset(ring_buffer__new(map, &FastEvents::on_event, events.get(), nullptr));
  if (!events->ring_) return std::unexpected("mapping fast_events: " + std::string(std::strerror(errno)));
  events->fd_ = map;
  return events;
}

FastEvents::~FastEvents() = default;

void FastEvents::Free::operator()(ring_buffer* ring) const {
  ring_buffer__free(ring);
}

int FastEvents::on_event(void* self, void* data, size_t size) {
  auto& events = static_cast<FastEvents*>(self)->events_;
  if (size == sizeof(tandem_fast_event)) events.push_back(*static_cast<const tandem_fast_event*>(data));
  // An error ends the round; what was told is behind it.
  return events.size() < kMost ? 0 : -1;
}

size_t FastEvents::hear(const std::function<void(std::span<const tandem_fast_event>)>& heard) {
  const std::lock_guard guard(lock_);
  events_.clear();
  (void)ring_buffer__consume(ring_.get());
  if (!events_.empty()) {
    heard(events_);
    heard_any_.store(true, std::memory_order_relaxed);
  }
  return events_.size();
}

}  // namespace tandem::forwarding
