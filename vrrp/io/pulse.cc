#include "vrrp/io/pulse.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/loop/fd.hpp"

namespace tandem::vrrp {
namespace {

using Cell = std::atomic<int64_t>;
static_assert(Cell::is_always_lock_free && sizeof(Cell) == sizeof(int64_t));

}  // namespace

Pulse::Pulse(const std::filesystem::path& file) {
  const loop::UniqueFd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || ftruncate(fd.get(), sizeof(Cell)) != 0) return;
  void* page = mmap(nullptr, sizeof(Cell), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (page != MAP_FAILED) last_ = static_cast<Cell*>(page);
}

Pulse::~Pulse() {
  if (last_ != nullptr) munmap(last_, sizeof(Cell));
}

std::optional<Duration> Pulse::silence(TimePoint now) const {
  if (last_ == nullptr) return std::nullopt;
  const TimePoint last{Duration(last_->load(std::memory_order_relaxed))};
  // Zero is a fresh file; the future is another boot's clock.
  if (last == TimePoint{} || last > now) return std::nullopt;
  return now - last;
}

void Pulse::beat(TimePoint now) {
  if (last_ != nullptr) last_->store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

}  // namespace tandem::vrrp
