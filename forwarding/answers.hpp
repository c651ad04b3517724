// Packets we make ourselves, from the packet they answer: a TCP reset (RFC 9293, 3.5.2), SCTP's ABORT
// (RFC 9260, 8.4) and ICMP errors (RFC 792, RFC 1812 4.3.2; RFC 4443). All of them are rate-limited, so that nobody is flooded through
// us.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/base/time.hpp"
#include "forwarding/outputs.hpp"
#include "forwarding/packet.hpp"

namespace tandem::forwarding {

// Fed by the time handed in. Starts full.
class TokenBucket {
 public:
  TokenBucket(uint32_t per_second, uint32_t burst);
  bool take(TimePoint now);

 private:
  Duration cost_;      // of one token
  Duration capacity_;  // a full bucket
  Duration level_;
  std::optional<TimePoint> last_;
};

struct AnswerLimits {
  uint32_t resets_per_second = 10'000;
  uint32_t resets_burst = 2'000;
  uint32_t icmp_per_second = 1'000;
  uint32_t icmp_burst = 200;
};

// In the numbers of ICMP. Answers say the one of ICMPv6 that means the same to an IPv6 packet's sender.
struct IcmpError {
  uint8_t type = 0;
  uint8_t code = 0;
  uint16_t mtu = 0;  // of fragmentation needed
};
inline constexpr IcmpError kIcmpHostUnreachable{3, 1, 0};
inline constexpr IcmpError kIcmpPortUnreachable{3, 3, 0};
inline constexpr IcmpError kIcmpTimeExceeded{11, 0, 0};
inline constexpr IcmpError fragmentation_needed(uint16_t mtu) {
  return {3, 4, mtu};
}

class Answers {
 public:
  explicit Answers(const AnswerLimits& limits = {});

  // Each puts one packet into `outputs`, towards the packet's source, or says false: the limit was
  // reached, a rule forbids an answer, or there was no room.
  // A reset in the name of the packet's sender to its receiver. REQUIRES: TCP with known ports.
  bool reset_onward(const Packet& packet, TimePoint now, Outputs& outputs);
  bool reset(const Packet& packet, TimePoint now, Outputs& outputs);
  // RFC 9260, 8.4 (8): the answer to an SCTP packet that belongs to no association. REQUIRES: SCTP with known ports.
  bool abort(const Packet& packet, TimePoint now, Outputs& outputs);
  // `source` is who we say we are: the VIP.
  bool icmp(const Packet& packet, const IcmpError& error, const IpAddress& source, TimePoint now, Outputs& outputs);

 private:
  // `error` in the numbers of ICMPv6.
  bool icmp6(const Packet& packet, const IcmpError& error, const IpAddress& source, TimePoint now, Outputs& outputs);

  TokenBucket resets_;
  TokenBucket icmp_;
};

}  // namespace tandem::forwarding
