// Whatever comes back to a ping or udp check. The first byte chooses: bit 7 udp; else ICMP echo, bit 0 IPv4, bit 1 by a raw socket.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "checkers/datagram.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tandem::checkers;
  if (size < 1) return 0;
  const std::span<const char> heard(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 0x80) != 0) {
    const Check check{.kind = CheckKind::kUdp, .answer = (data[0] & 1) != 0 ? "pong" : ""};
    const Outcome outcome = judge_reply(check, {heard.data(), heard.size()});
    const bool has_it = std::string_view(heard.data(), heard.size()).find(check.answer) != std::string_view::npos;
    if (outcome.ok() != has_it || outcome.text.size() > kMaxText || outcome.text != printable(outcome.text))
      __builtin_trap();
    return 0;
  }
  const EchoQuestion question{.ipv4 = (data[0] & 1) != 0, .raw = (data[0] & 2) != 0, .id = 0x0102, .sequence = 0x0304};
  if (!is_answer(question, heard)) return 0;
  // What is taken for the answer has our sequence and our words in it, wherever they stand.
  const auto request = request_of(question);
  const std::string_view words(request.data() + 6, request.size() - 6);
  if (std::string_view(heard.data(), heard.size()).find(words) == std::string_view::npos) __builtin_trap();
  return 0;
}
