#include "forwarding/mss.hpp"

#include "daemon/base/checksum.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

// RFC 9293, 3.1.
constexpr uint8_t kEndOfOptions = 0;
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kMss = 2;
constexpr size_t kMssLength = 4;

// Offset of the option's value in the packet; 0 when there is none.
size_t find_mss(const Packet& packet) {
  size_t at = packet.header_length + sizeof(TcpHeader);
  const auto byte = [&packet](size_t offset) { return static_cast<uint8_t>(packet.bytes[offset]); };
  while (at < packet.payload_offset) {
    if (byte(at) == kEndOfOptions) return 0;
    if (byte(at) == kNoOperation) {
      ++at;
      continue;
    }
    if (at + 1 >= packet.payload_offset) return 0;
    const size_t length = byte(at + 1);
    if (length < 2 || at + length > packet.payload_offset) return 0;
    if (byte(at) == kMss) return length == kMssLength ? at + 2 : 0;
    at += length;
  }
  return 0;
}

}  // namespace

bool clamp_mss(Packet& packet, uint16_t most) {
  if (packet.protocol != kTcp || (packet.tcp_flags & kSyn) == 0) return false;
  const size_t at = find_mss(packet);
  if (at == 0) return false;
  be16& value = *wire_at<be16>(packet.bytes, at);
  if (value <= most) return false;
  if (!packet.offload.checksum_unfilled) {
    be16& checksum = *wire_at<be16>(packet.bytes, packet.header_length + offsetof(TcpHeader, checksum));
    // The value may stand at an odd place; a sum of 16-bit words then sees its bytes the other way round (RFC 1071, 2(B)).
    const bool odd = (at - packet.header_length) % 2 != 0;
    const auto as_summed = [odd](uint16_t word) {
      return odd ? static_cast<uint16_t>((word << 8) | (word >> 8)) : word;
    };
    checksum = checksum_update16(checksum, as_summed(value), as_summed(most));
  }
  value = most;
  return true;
}

}  // namespace tandem::forwarding
