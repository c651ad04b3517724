// The http check over TLS: quick_probes.cc has the plain one.
#include <array>

#include "checkers/io/http_answer.hpp"
#include "checkers/io/probe.hpp"

namespace tandem::checkers {

Awaitable<Outcome> ask_http(ByteStream& stream, Connection& connection, const Target& target) {
  const Check& check = *target.check;
  connection.enter(Stage::kRequest);
  const std::string request = http_request_of(check, target.address, target.port);
  const auto sent = co_await stream.write_all(request);
  if (!sent) co_return sent.error();
  const auto answer = HttpAnswer::to(check);
  std::array<char, 2048> bytes;
  for (;;) {
    connection.enter(answer->stage());
    const auto size = co_await stream.read_some(bytes);
    if (!size) {
      if (size.error().reason != Outcome::Reason::kClosed) co_return size.error();
      co_return answer->end(size.error());
    }
    if (const auto verdict = answer->feed({bytes.data(), *size})) co_return *verdict;
  }
}

}  // namespace tandem::checkers
