#include "daemon/base/crc32c.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <string_view>
#include <vector>

namespace tandem {
namespace {

Bytes bytes_of_text(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// RFC 3720, B.4, and the check value of every catalogue of CRCs.
TEST(Crc32c, IsWhatTheStandardsSay) {
  EXPECT_EQ(crc32c(bytes_of_text("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0})), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0xff})), 0x62a8ab43u);
  std::vector<uint8_t> rising(32);
  std::iota(rising.begin(), rising.end(), uint8_t{0});
  EXPECT_EQ(crc32c(std::as_bytes(std::span(rising))), 0x46dd794eu);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, IsTheSameWhereverAPieceIsCutOff) {
  std::vector<std::byte> bytes(100);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37 + 11);
  for (size_t field = 0; field + 4 <= bytes.size(); ++field) {
    std::vector<std::byte> zeroed = bytes;
    for (size_t i = 0; i < 4; ++i) zeroed[field + i] = std::byte{0};
    EXPECT_EQ(crc32c_without(bytes, field), crc32c(zeroed)) << field;
  }
}

}  // namespace
}  // namespace tandem
