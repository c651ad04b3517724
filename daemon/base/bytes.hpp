// Bytes as they are on the wire. be16 and be32 have alignment 1, so a wire format is a struct of
// them that can be laid over any byte; the compiler turns value() into one load and a byte swap.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace tandem {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

// An unsigned number in network byte order (big-endian), alignment 1.
template <class T>
class BigEndian {
 public:
  constexpr BigEndian() = default;
  constexpr BigEndian(T value) { store(value); }  // NOLINT: assignment from a host number is the point of the type

  constexpr T value() const {
    T number = 0;
    for (const uint8_t byte : bytes_) number = static_cast<T>((number << 8) | byte);
    return number;
  }
  constexpr operator T() const { return value(); }  // NOLINT: reads as the number it is

 private:
  constexpr void store(T value) {
    for (size_t i = sizeof(T); i-- > 0; value = static_cast<T>(value >> 8)) bytes_[i] = static_cast<uint8_t>(value);
  }
  std::array<uint8_t, sizeof(T)> bytes_{};
};

using be16 = BigEndian<uint16_t>;
using be32 = BigEndian<uint32_t>;
using be64 = BigEndian<uint64_t>;

static_assert(sizeof(be32) == 4 && alignof(be32) == 1);

// The wire struct at `offset`, or nullptr when the bytes end before it does.
// REQUIRES: Wire is trivially copyable and has alignment 1.
template <class Wire>
const Wire* wire_at(Bytes bytes, size_t offset = 0) {
  static_assert(std::is_trivially_copyable_v<Wire> && alignof(Wire) == 1);
  if (offset > bytes.size() || bytes.size() - offset < sizeof(Wire)) return nullptr;
  return reinterpret_cast<const Wire*>(bytes.data() + offset);
}

template <class Wire>
Wire* wire_at(MutableBytes bytes, size_t offset = 0) {
  return const_cast<Wire*>(wire_at<Wire>(Bytes(bytes), offset));
}

// The bytes of a trivially copyable wire struct.
template <class Wire>
Bytes bytes_of(const Wire& wire) {
  static_assert(std::is_trivially_copyable_v<Wire>);
  return std::as_bytes(std::span(&wire, 1));
}

}  // namespace tandem
