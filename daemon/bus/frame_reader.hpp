// Frames out of a stream of bytes: a 4-byte big-endian length, then that many bytes.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/bytes.hpp"
#include "daemon/base/result.hpp"

namespace tandem::bus {

enum class FrameError : uint8_t { kTooLarge };

class FrameReader {
 public:
  explicit FrameReader(size_t most_frame_bytes) : most_frame_bytes_(most_frame_bytes) {}

  void add(std::string_view bytes) {
    // Memory grows with what arrived, not with what a length promised.
    if (taken_ > 0) {
      buffer_.erase(0, taken_);
      taken_ = 0;
    }
    buffer_.append(bytes);
  }

  // The next whole frame, none when it has not arrived yet. The view is good until the next add().
  Result<std::optional<std::string_view>, FrameError> next() {
    const std::string_view rest = std::string_view(buffer_).substr(taken_);
    if (rest.size() < sizeof(be32)) return std::nullopt;
    be32 length;
    std::memcpy(&length, rest.data(), sizeof length);
    if (length.value() > most_frame_bytes_) return Failure(FrameError::kTooLarge);
    if (rest.size() - sizeof length < length.value()) return std::nullopt;
    taken_ += sizeof length + length.value();
    return rest.substr(sizeof length, length.value());
  }

 private:
  size_t most_frame_bytes_;
  std::string buffer_;
  size_t taken_ = 0;  // bytes at the start of the buffer that were handed out
};

}  // namespace tandem::bus
