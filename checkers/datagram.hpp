// What is asked without a connection, and what the replies mean: ICMP echo (RFC 792; RFC 4443, 4.1 and 4.2) and any other
// datagram. DNS has io/dns_answer.hpp, which needs a library.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "checkers/outcome.hpp"
#include "daemon/base/bytes.hpp"

namespace tandem::checkers {

// One echo request. A raw socket hears every echo reply that comes to this box, and of IPv4 with its IP header; the kernel's
// own echo sockets choose the identifier themselves and hand over what is theirs, without a header.
struct EchoQuestion {
  bool ipv4 = true;
  bool raw = false;
  uint16_t id = 0;
  uint16_t sequence = 0;
};

inline constexpr size_t kEchoBytes = 32;
// With the checksum where nobody else fills it in: raw IPv4.
std::array<char, kEchoBytes> request_of(const EchoQuestion& question);
bool is_answer(const EchoQuestion& question, std::span<const char> heard);

// The reply to a udp check: it must contain Check::answer.
Outcome judge_reply(const Check& check, std::string_view reply);

}  // namespace tandem::checkers
