// The kernel's hashes, bit for bit: who balances by hash must land on the server IPVS lands on.
#pragma once

#include <bit>
#include <cstdint>

#include "daemon/base/address.hpp"

namespace tandem::forwarding {

// An address as a number. IPv6: its four words combined by XOR, as every scheduler of IPVS does.
inline uint32_t fold(const IpAddress& address) {
  if (address.is_v4()) return address.v4.value;
  uint32_t folded = 0;
  for (size_t word = 0; word < 16; word += 4) {
    const auto& b = address.v6.bytes;
    folded ^=
        uint32_t{b[word]} << 24 | uint32_t{b[word + 1]} << 16 | uint32_t{b[word + 2]} << 8 | uint32_t{b[word + 3]};
  }
  return folded;
}

// include/linux/hash.h: the upper `bits` (1-32) of a multiplication by the golden ratio.
constexpr uint32_t hash_32(uint32_t value, unsigned bits) {
  return (value * 0x61C88647u) >> (32 - bits);
}

// hsiphash() of a 32-bit number on a 64-bit little-endian kernel: SipHash-1-3 of its four bytes, the lower half of the result
// (lib/siphash.c; Aumasson and Bernstein, "SipHash: a fast short-input PRF", with one and three rounds). Both halves of the
// key are `key`, as ip_vs_mh has them.
constexpr uint32_t hsiphash_32(uint32_t value, uint64_t key) {
  uint64_t v0 = 0x736f6d6570736575u ^ key;
  uint64_t v1 = 0x646f72616e646f6du ^ key;
  uint64_t v2 = 0x6c7967656e657261u ^ key;
  uint64_t v3 = 0x7465646279746573u ^ key;
  const auto round = [&] {
    v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
  };
  const uint64_t last_block = uint64_t{4} << 56 | value;  // the length in bytes, and what is left of the message
  v3 ^= last_block;
  round();
  v0 ^= last_block;
  v2 ^= 0xff;
  round(), round(), round();
  return static_cast<uint32_t>(v0 ^ v1 ^ v2 ^ v3);
}

}  // namespace tandem::forwarding
