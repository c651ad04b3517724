#include "checkers/datagram.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "daemon/base/checksum.hpp"

namespace tandem::checkers {
namespace {

struct Echo {
  uint8_t type = 0;
  uint8_t code = 0;
  be16 checksum;
  be16 id;
  be16 sequence;
  std::array<char, 24> data{"tandem health check"};
};
static_assert(sizeof(Echo) == kEchoBytes && alignof(Echo) == 1);

constexpr uint8_t kRequest4 = 8, kReply4 = 0, kRequest6 = 128, kReply6 = 129;
constexpr size_t kLeastIpv4Header = 20;

}  // namespace

std::array<char, kEchoBytes> request_of(const EchoQuestion& question) {
  Echo echo{.type = question.ipv4 ? kRequest4 : kRequest6, .id = question.id, .sequence = question.sequence};
  if (question.raw && question.ipv4) echo.checksum = internet_checksum(bytes_of(echo));
  std::array<char, kEchoBytes> bytes;
  std::memcpy(bytes.data(), &echo, sizeof echo);
  return bytes;
}

bool is_answer(const EchoQuestion& question, std::span<const char> heard) {
  const Bytes bytes = std::as_bytes(heard);
  size_t at = 0;
  if (question.raw && question.ipv4) {
    if (bytes.empty()) return false;
    at = (std::to_integer<size_t>(bytes[0]) & 15) * 4;
    if (at < kLeastIpv4Header) return false;
  }
  const auto* reply = wire_at<Echo>(bytes, at);
  return reply != nullptr && reply->type == (question.ipv4 ? kReply4 : kReply6) && reply->code == 0 &&
         reply->sequence == question.sequence && (!question.raw || reply->id == question.id) &&
         reply->data == Echo{}.data;
}

Outcome judge_reply(const Check& check, std::string_view reply) {
  const bool as_wanted = check.answer.empty() || reply.find(check.answer) != std::string_view::npos;
  return {.reason = as_wanted ? Outcome::Reason::kPassed : Outcome::Reason::kRefusedByWord,
          .stage = Stage::kAnswer,
          .text = as_wanted ? "a reply of " + std::to_string(reply.size()) + " bytes" : printable(reply)};
}

}  // namespace tandem::checkers
