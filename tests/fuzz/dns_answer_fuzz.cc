// Whatever answers a DNS question: the first byte chooses the type that was asked for and whether its data matter.
#include <cstddef>
#include <cstdint>
#include <span>

#include "checkers/io/dns_answer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tandem::checkers;
  if (size < 1) return 0;
  constexpr const char* kTypes[] = {"A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"};
  Check check{.kind = CheckKind::kDns, .name = "www.example", .record = kTypes[(data[0] & 0x7f) % 9]};
  if ((data[0] & 0x80) != 0) check.answer = "192.0.2.1";
  const Outcome outcome = judge_dns(check, std::span(reinterpret_cast<const char*>(data) + 1, size - 1));
  if (outcome.text.size() > kMaxText || outcome.text != printable(outcome.text)) __builtin_trap();
  return 0;
}
