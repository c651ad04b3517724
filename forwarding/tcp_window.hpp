// Whether a segment that ends a connection can be one of its own.
//
// IPVS believes every RST and FIN that carries a client's address and ports: who can guess these (a port in 28,000) moves a stranger's
// flow to CLOSE, and ten seconds later the director has forgotten a connection that lives. Here a RST or FIN moves a flow's
// state only when its sequence number lies near what that side has sent; a blind forger hits that once in 16,384 tries. The segment is
// forwarded either way: whether to believe it is the receiver's to decide (RFC 5961, 3.2), and a true one that was
// not believed costs no more than a flow that lives until its timeout.
//
// Remembered are, per flow, the next sequence number of each side, each 32 bits, and not with every packet: only when it has
// gone on by kStep, so that a busy flow dirties its cache line once in 32 KB. What only the client's half is seen of
// (direct routing, tunnels) says the server's by its acknowledgments.
#pragma once

#include <cstdint>

#include "forwarding/flow_table.h"

namespace tandem::forwarding {

// The next sequence number of each side as last remembered; 0: nothing is known (a number that happens to be 0 is kept as 1).
struct SeenSequences {
  uint32_t client = 0;
  uint32_t server = 0;
  bool operator==(const SeenSequences&) const = default;
};

struct TcpSegment {
  uint32_t sequence = 0;
  uint32_t acknowledgment = 0;  // means something when flags has kAck
  uint32_t payload = 0;         // bytes
  uint8_t flags = 0;            // TcpFlags
  bool from_client = true;
};

namespace tcp_window {
inline constexpr uint32_t kStep = TANDEM_SEQUENCE_STEP;  // the fast path's too
inline constexpr uint32_t kTolerance = 128 * 1024;       // before and after what is remembered
inline constexpr uint32_t kLeap = TANDEM_SEQUENCE_LEAP;  // what is further ahead is nobody's next segment
}  // namespace tcp_window

// Whether the segment may move its flow's state. Always true without RST and FIN, and while nothing is known.
bool may_end(const SeenSequences& seen, const TcpSegment& segment);

// What is to be remembered after the segment; equal to `seen` when nothing is to be written. A SYN on a connection that is known
// changes nothing, or a forged one would prepare the way for a forged reset: whoever places a flow anew begins with {}.
SeenSequences remember(const SeenSequences& seen, const TcpSegment& segment);

}  // namespace tandem::forwarding
