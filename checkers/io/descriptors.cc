#include "checkers/io/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace tandem::checkers {
namespace {

// For the board's socket, epoll, the files being read. Also the size of the spare room in which EMFILE cannot happen.
constexpr rlim_t kReserved = 64;
// 16,384 attempts that all hang cost some 50 MB by tcp and http; more at once helps nobody.
constexpr rlim_t kMost = 16384;

}  // namespace

uint32_t attempts_allowed() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  if (limit.rlim_cur < kMost + kReserved && limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = std::min(limit.rlim_max, kMost + kReserved);
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  const rlim_t reserved = std::min(kReserved, limit.rlim_cur / 2);
  return static_cast<uint32_t>(std::clamp<rlim_t>(limit.rlim_cur - reserved, 1, kMost));
}

}  // namespace tandem::checkers
