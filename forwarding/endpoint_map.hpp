// (protocol, address, port) -> a small number, for the per-packet lookups: linear probing in a
// power of two of 16-byte entries, made anew on every change of the services and then only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "daemon/base/address.hpp"
#include "forwarding/flow_table.h"

namespace tandem::forwarding {

// Never 0: bit 63 is set.
inline uint64_t endpoint_key(uint8_t protocol, Ipv4Address address, uint16_t port) {
  return (1ULL << 63) | (uint64_t{protocol} << 48) | (uint64_t{address.value} << 16) | port;
}

class EndpointMap {
 public:
  // The last of several values with one key wins. REQUIRES: no value is 0.
  void assign(const std::vector<std::pair<uint64_t, uint32_t>>& entries);

  // 0 when there is none.
  uint32_t find(uint64_t key) const {
    for (size_t i = tandem_mix(key) & mask_;; i = (i + 1) & mask_) {
      if (entries_[i].first == key) return entries_[i].second;
      if (entries_[i].first == 0) return 0;
    }
  }

 private:
  std::vector<std::pair<uint64_t, uint32_t>> entries_ = std::vector<std::pair<uint64_t, uint32_t>>(2);
  size_t mask_ = 1;
};

}  // namespace tandem::forwarding
