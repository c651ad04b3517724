#include "forwarding/outputs.hpp"

namespace tandem::forwarding {

std::optional<MutableBytes> Outputs::make_room(size_t size) {
  // Sixteen-byte steps keep headers of neighbouring packets apart and aligned alike.
  const size_t needed = (kHeadroom + size + 15) / 16 * 16;
  if (needed > kChunkBytes) return std::nullopt;
  if (chunk_ < chunks_.size() && used_ + needed > kChunkBytes) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    if (chunks_.size() == kMaxChunks) return std::nullopt;
    chunks_.push_back(std::make_unique<std::byte[]>(kChunkBytes));
    used_ = 0;
  }
  std::byte* begin = chunks_[chunk_].get() + used_ + kHeadroom;
  used_ += needed;
  return MutableBytes(begin, size);
}

void Outputs::clear() {
  packets_.clear();
  chunk_ = 0;
  used_ = 0;
}

}  // namespace tandem::forwarding
