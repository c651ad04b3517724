// Echoes and datagrams: what is the answer to a question, and what only looks like one.
#include "checkers/datagram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "daemon/base/checksum.hpp"

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

// What an honest host answers: the request with another type.
std::vector<char> answer_to(const EchoQuestion& question, size_t header = 0) {
  const auto request = request_of(question);
  std::vector<char> answer(header, '\0');
  if (header > 0) answer[0] = static_cast<char>(0x40 | header / 4);
  answer.insert(answer.end(), request.begin(), request.end());
  answer[header] = question.ipv4 ? '\0' : '\x81';
  return answer;
}

TEST(Echo, OfTheSameSequenceAndDataIsTheAnswer) {
  for (const bool ipv4 : {true, false}) {
    const EchoQuestion question{.ipv4 = ipv4, .id = 0x1234, .sequence = 0x5678};
    auto heard = answer_to(question);
    EXPECT_TRUE(is_answer(question, heard));
    heard[4] ^= 1;
    EXPECT_TRUE(is_answer(question, heard)) << "the kernel's own socket has an identifier of its own";
    for (const size_t place : {0U, 1U, 6U, 7U, 8U, 31U}) {
      auto other = answer_to(question);
      other[place] ^= 1;
      EXPECT_FALSE(is_answer(question, other)) << place;
    }
    const auto request = request_of(question);
    EXPECT_FALSE(is_answer(question, request)) << "our own question, as lo hands it back";
  }
}

TEST(Echo, OfARawSocketHasItsIdentifierAndInIpv4AHeader) {
  const EchoQuestion four{.ipv4 = true, .raw = true, .id = 7, .sequence = 9};
  for (const size_t header : {20U, 24U, 60U}) EXPECT_TRUE(is_answer(four, answer_to(four, header))) << header;
  EXPECT_FALSE(is_answer(four, answer_to(four, 16))) << "no IPv4 header is as short";
  EXPECT_FALSE(is_answer(four, answer_to(four)));
  auto others = answer_to(four, 20);
  others[25] ^= 1;
  EXPECT_FALSE(is_answer(four, others)) << "another program's ping";
  const EchoQuestion six{.ipv4 = false, .raw = true, .id = 7, .sequence = 9};
  EXPECT_TRUE(is_answer(six, answer_to(six)));
}

TEST(Echo, ThatIsCutOffIsNoAnswer) {
  for (const bool raw : {true, false}) {
    const EchoQuestion question{.raw = raw, .id = 7, .sequence = 9};
    const auto whole = answer_to(question, raw ? 60 : 0);
    for (size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(is_answer(question, std::span(whole).first(size))) << size;
  }
}

TEST(Echo, OfARawIpv4SocketCarriesItsChecksum) {
  const auto request = request_of({.ipv4 = true, .raw = true, .id = 0xbeef, .sequence = 0xffff});
  EXPECT_EQ(internet_checksum(std::as_bytes(std::span(request))), 0);
}

TEST(Reply, MustContainWhatIsWanted) {
  Check check{.kind = CheckKind::kUdp};
  EXPECT_EQ(words(judge_reply(check, ""), check), "a reply of 0 bytes");
  check.answer = "ok";
  EXPECT_TRUE(judge_reply(check, "it is ok.").ok());
  const Outcome other = judge_reply(check, "o\0k\xff");
  EXPECT_EQ(other.reason, Reason::kRefusedByWord);
  EXPECT_EQ(judge_reply(check, std::string(70'000, 'x')).text.size(), kMaxText);
}

}  // namespace
}  // namespace tandem::checkers
