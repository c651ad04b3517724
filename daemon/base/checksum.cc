#include "daemon/base/checksum.hpp"

namespace tandem {

void ChecksumSum::add(Bytes bytes) {
  size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    uint32_t word;
    std::memcpy(&word, bytes.data() + i, sizeof(word));
    sum_ += __builtin_bswap32(word);  // a 32-bit word is congruent to the sum of its halves modulo 0xffff
  }
  for (; i + 2 <= bytes.size(); i += 2) {
    sum_ += (std::to_integer<uint32_t>(bytes[i]) << 8) | std::to_integer<uint32_t>(bytes[i + 1]);
  }
  if (i < bytes.size()) sum_ += std::to_integer<uint32_t>(bytes[i]) << 8;
}

uint16_t ChecksumSum::folded() const {
  uint64_t sum = sum_;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

uint16_t internet_checksum(Bytes bytes) {
  ChecksumSum sum;
  sum.add(bytes);
  return sum.finish();
}

uint16_t checksum_update16(uint16_t checksum, uint16_t before, uint16_t after) {
  uint32_t sum = static_cast<uint16_t>(~checksum);
  sum += static_cast<uint16_t>(~before);
  sum += after;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

uint16_t checksum_update32(uint16_t checksum, uint32_t before, uint32_t after) {
  checksum = checksum_update16(checksum, static_cast<uint16_t>(before >> 16), static_cast<uint16_t>(after >> 16));
  return checksum_update16(checksum, static_cast<uint16_t>(before), static_cast<uint16_t>(after));
}

}  // namespace tandem
