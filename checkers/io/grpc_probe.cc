// The grpc check: a GrpcCall over a stream that is ready for it, under the
// attempt's deadline and bounds.
#include <array>
#include <string>

#include "checkers/io/grpc_call.hpp"
#include "checkers/io/probe.hpp"

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

constexpr size_t kMostBytes = size_t{64} << 10;  // of everything the server says in one attempt
constexpr size_t kReadSize = 2048;

}  // namespace

Awaitable<Outcome> ask_grpc(ByteStream& stream, Connection& connection, const Target& target) {
  GrpcCall call(target);
  connection.enter(Stage::kRequest);
  std::array<char, kReadSize> piece;
  size_t total = 0;
  for (;;) {
    const std::string words = call.outcome() ? call.goodbye() : call.to_send();
    if (!words.empty()) {
      const auto sent = co_await stream.write_all(words);
      if (!sent && !call.outcome()) co_return sent.error();
    }
    if (call.outcome()) co_return connection.fail(call.outcome()->reason, call.outcome()->text);
    if (total > kMostBytes) co_return connection.fail(Reason::kMalformed, "it says more than it should");
    connection.enter(Stage::kAnswer);
    const auto size = co_await stream.read_some(piece);
    if (!size) co_return size.error();
    total += *size;
    call.hear({piece.data(), *size});
  }
}

}  // namespace tandem::checkers
