#include "forwarding/endpoint_map.hpp"

#include <bit>

#include "daemon/base/assert.hpp"

namespace tandem::forwarding {

void EndpointMap::assign(const std::vector<std::pair<uint64_t, uint32_t>>& entries) {
  // At most half full: a chain is then about one and a half entries long.
  const size_t size = std::bit_ceil((entries.size() + 1) * 2);
  entries_.assign(size, {0, 0});
  mask_ = size - 1;
  for (const auto& [key, value] : entries) {
    TANDEM_ASSERT(key != 0 && value != 0);
    size_t i = tandem_mix(key) & mask_;
    while (entries_[i].first != 0 && entries_[i].first != key) i = (i + 1) & mask_;
    entries_[i] = {key, value};
  }
}

}  // namespace tandem::forwarding
