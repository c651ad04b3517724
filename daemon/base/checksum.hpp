// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
#pragma once

#include <cstdint>

#include "daemon/base/bytes.hpp"

namespace tandem {

// A one's complement sum under way: add() pieces, then finish(). Every piece but the last must have
// an even length.
class ChecksumSum {
 public:
  void add(Bytes bytes);
  void add16(uint16_t value) { sum_ += value; }
  void add32(uint32_t value) { sum_ += (value >> 16) + (value & 0xffff); }

  // The folded sum, not complemented, host order. A pseudo-header's sum left for hardware to
  // complete is this.
  uint16_t folded() const;
  // The checksum as it goes into the header, host order.
  uint16_t finish() const { return static_cast<uint16_t>(~folded()); }

 private:
  uint64_t sum_ = 0;
};

// The checksum over `bytes`, host order.
uint16_t internet_checksum(Bytes bytes);

// RFC 1624 equation 3: the checksum after a 16-bit (32-bit) word it covers changed from `before` to
// `after`. Host order.
uint16_t checksum_update16(uint16_t checksum, uint16_t before, uint16_t after);
uint16_t checksum_update32(uint16_t checksum, uint32_t before, uint32_t after);

}  // namespace tandem
