// (protocol, address, port) -> a small number, for the per-packet lookups: linear probing in a
// power of two of 16-byte entries, made anew on every change of the services and then only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "daemon/base/address.hpp"
#include "forwarding/flow_table.h"

namespace tandem::forwarding {

// Never 0: bit 63 is set. An IPv4 endpoint's key is the endpoint; of an IPv6 endpoint it is 62 bits of a hash, so what is found
// by it is compared with what was looked for.
inline uint64_t endpoint_key(uint8_t protocol, const IpAddress& address, uint16_t port) {
  if (address.is_v4()) return (1ULL << 63) | (uint64_t{protocol} << 48) | (uint64_t{address.v4.value} << 16) | port;
  uint64_t words[2];
  std::memcpy(words, address.v6.bytes.data(), sizeof words);
  const uint64_t hash = tandem_mix(tandem_mix(words[0]) ^ words[1]);
  return (3ULL << 62) | tandem_mix(hash + ((uint64_t{protocol} << 16) | port));
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
