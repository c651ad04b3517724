// What the fast path's programs tell (fast_path.h), in the order in which they told it: the kernel's ring buffer, read by libbpf.
//
// Any thread may hear; they take turns. The descriptor becomes readable when the first event after an empty ring has come, and not again before
// the ring was emptied: who wants to hear many at once is in no hurry.
#pragma once

#include <atomic>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "forwarding/fast_path.h"

struct ring_buffer;

namespace tandem::forwarding {

class FastEvents {
 public:
  // At most so many at once; the packets of this thread wait meanwhile.
  static constexpr size_t kMost = 4096;

  // `map`: the ring's descriptor, which stays the caller's.
  static std::expected<std::unique_ptr<FastEvents>, std::string> open(int map);
  ~FastEvents();
  FastEvents(const FastEvents&) = delete;
  FastEvents& operator=(const FastEvents&) = delete;

  int fd() const { return fd_; }
  // Calls `heard` with all that has come, while nobody else hears any. Returns how many there were.
  size_t hear(const std::function<void(std::span<const tandem_fast_event>)>& heard);
  // Whether anything was heard since it was asked last, by whomever.
  bool take_heard() { return heard_any_.exchange(false, std::memory_order_relaxed); }

 private:
  FastEvents() = default;
  static int on_event(void* self, void* data, size_t size);

  struct Free {
    void operator()(ring_buffer* ring) const;
  };
  std::unique_ptr<ring_buffer, Free> ring_;
  int fd_ = -1;
  std::mutex lock_;
  std::vector<tandem_fast_event> events_;
  std::atomic<bool> heard_any_ = false;
};

}  // namespace tandem::forwarding
