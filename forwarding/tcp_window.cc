#include "forwarding/tcp_window.hpp"

#include "forwarding/packet.hpp"

namespace tandem::forwarding {
namespace {

using namespace tcp_window;

bool is_near(uint32_t remembered, uint32_t number) {
  const auto distance = static_cast<int32_t>(number - remembered);
  return distance >= -static_cast<int32_t>(kTolerance) && distance <= static_cast<int32_t>(kTolerance);
}

uint32_t known(uint32_t number) {
  return number == 0 ? 1 : number;
}

// One side goes on to `next`.
void go_on(uint32_t& remembered, uint32_t next) {
  if (remembered == 0) {
    remembered = known(next);
    return;
  }
  const auto distance = static_cast<int32_t>(next - remembered);
  if (distance >= static_cast<int32_t>(kStep) && distance <= static_cast<int32_t>(kLeap)) remembered = known(next);
}

}  // namespace

bool may_end(const SeenSequences& seen, const TcpSegment& segment) {
  if ((segment.flags & (kRst | kFin)) == 0) return true;
  const uint32_t own = segment.from_client ? seen.client : seen.server;
  const uint32_t others = segment.from_client ? seen.server : seen.client;
  if (own != 0) return is_near(own, segment.sequence);
  // The refusal of a SYN has the sequence number 0; it is known by what it acknowledges (RFC 9293, 3.10.7.1).
  if (others != 0 && (segment.flags & kAck) != 0) return is_near(others, segment.acknowledgment);
  return true;
}

SeenSequences remember(const SeenSequences& seen, const TcpSegment& segment) {
  SeenSequences after = seen;
  uint32_t& own = segment.from_client ? after.client : after.server;
  uint32_t& others = segment.from_client ? after.server : after.client;
  if ((segment.flags & kRst) != 0) return after;  // says nothing that was sent
  const uint32_t next = segment.sequence + segment.payload + ((segment.flags & kSyn) != 0 ? 1 : 0) +
                        ((segment.flags & kFin) != 0 ? 1 : 0);
  go_on(own, next);
  if ((segment.flags & kAck) != 0) go_on(others, segment.acknowledgment);
  return after;
}

}  // namespace tandem::forwarding
