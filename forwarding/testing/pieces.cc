#include "forwarding/testing/pieces.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "daemon/base/checksum.hpp"

namespace tandem::forwarding::testing {
namespace {

bool is_six(const Frame& frame) {
  return static_cast<uint8_t>(frame.ip()[0]) >> 4 == 6;
}

struct Piece {
  size_t offset = 0;
  bool more = false;
  Bytes content;
};

Piece piece_of(const Frame& part) {
  const Bytes bytes = part.ip();
  if (!is_six(part)) {
    const auto& ip = *wire_at<Ipv4Header>(bytes);
    return {ip.fragment_offset(), ip.more_fragments(), bytes.subspan(ip.header_length())};
  }
  const auto& header = *wire_at<Ipv6Fragment>(bytes, sizeof(Ipv6Header));
  return {header.fragment_offset(), header.more_fragments(), bytes.subspan(sizeof(Ipv6Header) + sizeof(Ipv6Fragment))};
}

Frame write4(Bytes header, Bytes content, uint16_t flags_and_offset, uint16_t id) {
  std::vector<std::byte> bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), content.begin(), content.end());
  auto& ip = *wire_at<Ipv4Header>(MutableBytes(bytes));
  ip.total_length = static_cast<uint16_t>(bytes.size());
  ip.flags_and_offset = flags_and_offset;
  ip.id = id;
  ip.checksum = 0;
  ip.checksum = internet_checksum(Bytes(bytes).first(header.size()));
  return frame_of(bytes);
}

Frame write6(Bytes header, Bytes content, const Ipv6Fragment* fragment, uint8_t protocol) {
  std::vector<std::byte> bytes(header.begin(), header.end());
  if (fragment != nullptr) {
    const Bytes more = bytes_of(*fragment);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  bytes.insert(bytes.end(), content.begin(), content.end());
  auto& ip = *wire_at<Ipv6Header>(MutableBytes(bytes));
  ip.next_header = fragment != nullptr ? uint8_t{44} : protocol;
  ip.payload_length = static_cast<uint16_t>(bytes.size() - sizeof(Ipv6Header));
  return frame_of(bytes);
}

}  // namespace

std::vector<Frame> in_pieces(const Frame& whole, size_t size, uint32_t identification) {
  const Bytes bytes = whole.ip();
  const size_t header = is_six(whole) ? sizeof(Ipv6Header) : wire_at<Ipv4Header>(bytes)->header_length();
  const Bytes content = bytes.subspan(header);
  std::vector<Frame> parts;
  for (size_t at = 0; at < content.size(); at += size) {
    const bool more = at + size < content.size();
    const Bytes piece = content.subspan(at, more ? size : content.size() - at);
    if (!is_six(whole)) {
      const auto place = static_cast<uint16_t>(at / 8 | (more ? Ipv4Header::kMoreFragments : 0));
      parts.push_back(write4(bytes.first(header), piece, place, static_cast<uint16_t>(identification)));
      continue;
    }
    Ipv6Fragment fragment;
    fragment.next_header = wire_at<Ipv6Header>(bytes)->next_header;
    fragment.offset_and_flags = static_cast<uint16_t>(at | (more ? 1 : 0));
    fragment.id = identification;
    parts.push_back(write6(bytes.first(header), piece, &fragment, 0));
  }
  return parts;
}

std::optional<Frame> put_together(std::vector<Frame> parts) {
  if (parts.empty()) return std::nullopt;
  std::ranges::sort(parts, {}, [](const Frame& part) { return piece_of(part).offset; });
  std::vector<std::byte> content;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Piece piece = piece_of(parts[i]);
    if (piece.offset != content.size() || piece.more != (i + 1 < parts.size())) return std::nullopt;
    content.insert(content.end(), piece.content.begin(), piece.content.end());
  }
  const Bytes first = parts[0].ip();
  if (!is_six(parts[0])) {
    const auto& ip = *wire_at<Ipv4Header>(first);
    return write4(first.first(ip.header_length()), content, 0, ip.id);
  }
  return write6(first.first(sizeof(Ipv6Header)), content, nullptr,
                wire_at<Ipv6Fragment>(first, sizeof(Ipv6Header))->next_header);
}

}  // namespace tandem::forwarding::testing
