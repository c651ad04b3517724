#include "daemon/base/crc32c.hpp"

#include <array>

#include "daemon/base/assert.hpp"

namespace tandem {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // bits reversed
constexpr size_t kAtOnce = 8;
using Tables = std::array<std::array<uint32_t, 256>, kAtOnce>;

// Table n tells what a byte does that is followed by n others.
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t n = 1; n < kAtOnce; ++n)
    for (size_t byte = 0; byte < 256; ++byte)
      tables[n][byte] = tables[n - 1][byte] >> 8 ^ tables[0][tables[n - 1][byte] & 0xff];
  return tables;
}
constexpr Tables kTables = make_tables();

uint32_t add(uint32_t crc, Bytes bytes) {
  while (bytes.size() >= kAtOnce) {
    uint32_t next = 0;
    for (size_t i = 0; i < kAtOnce; ++i) {
      const auto byte = static_cast<uint8_t>(bytes[i]);
      const auto carried = i < 4 ? static_cast<uint8_t>(crc >> (8 * i)) : uint8_t{0};
      next ^= kTables[kAtOnce - 1 - i][byte ^ carried];
    }
    crc = next;
    bytes = bytes.subspan(kAtOnce);
  }
  for (const std::byte byte : bytes) crc = crc >> 8 ^ kTables[0][(crc ^ static_cast<uint8_t>(byte)) & 0xff];
  return crc;
}

// The product of two polynomials, bits reversed (the highest one is 1), modulo the CRC's own.
constexpr uint32_t product(uint32_t a, uint32_t b) {
  uint32_t sum = 0;
  for (uint32_t bit = uint32_t{1} << 31; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) sum ^= b;
    b = b >> 1 ^ (b & 1 ? kPolynomial : 0);
  }
  return sum;
}

// Power n is what 2^n zero bytes multiply by.
constexpr auto kPowers = [] {
  std::array<uint32_t, 64> powers{};
  powers[0] = uint32_t{1} << (31 - 8);
  for (size_t n = 1; n < powers.size(); ++n) powers[n] = product(powers[n - 1], powers[n - 1]);
  return powers;
}();

}  // namespace

uint32_t crc32c(Bytes bytes) {
  return ~add(~uint32_t{0}, bytes);
}

uint32_t crc32c_without(Bytes bytes, size_t field) {
  TANDEM_ASSERT(field + 4 <= bytes.size());
  constexpr std::array<std::byte, 4> kZeros{};
  const uint32_t before = add(~uint32_t{0}, bytes.first(field));
  return ~add(add(before, kZeros), bytes.subspan(field + 4));
}

uint32_t crc32c_difference(Bytes difference, size_t following) {
  uint32_t crc = add(0, difference);
  for (size_t n = 0; following != 0; ++n, following >>= 1)
    if ((following & 1) != 0) crc = product(kPowers[n], crc);
  return crc;
}

}  // namespace tandem
