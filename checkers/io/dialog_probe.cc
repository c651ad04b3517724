// Carries a dialog: what it says goes out, what comes in is fed to it, until it has a verdict.
#include <openssl/sha.h>

#include <array>
#include <memory>
#include <string>

#include "checkers/dialog.hpp"
#include "checkers/io/probe.hpp"
#include "checkers/io/tls_stream.hpp"

namespace tandem::checkers {
namespace {

std::string sha1(std::string_view bytes) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

Awaitable<Outcome> ask_in_turns(Connection& connection, const Target& target, const TrustStore* trust) {
  const std::unique_ptr<Dialog> dialog = make_dialog(*target.check, sha1);
  std::unique_ptr<TlsStream> tls;
  ByteStream* stream = &connection;
  const std::string opening = dialog->opening();
  connection.enter(opening.empty() ? Stage::kGreeting : Stage::kRequest);
  if (!opening.empty()) {
    const auto sent = co_await stream->write_all(opening);
    if (!sent) co_return sent.error();
  }
  std::string received;
  size_t total = 0;
  std::array<char, 2048> piece;
  for (;;) {
    connection.enter(opening.empty() && total == 0 ? Stage::kGreeting : Stage::kAnswer);
    const auto size = co_await stream->read_some(piece);
    const bool closed = !size && size.error().reason == Outcome::Reason::kClosed;
    if (!size && !closed) co_return size.error();
    if (size) received.append(piece.data(), *size);
    total += size ? *size : 0;
    for (bool more = true; more;) {
      Dialog::Step step = dialog->feed(received, closed);
      if (!step.send.empty()) {
        const auto sent = co_await stream->write_all(step.send);
        // A goodbye that nobody takes changes nothing of the verdict.
        if (!sent && !step.outcome) co_return sent.error();
      }
      if (step.outcome) {
        Outcome verdict = connection.fail(step.outcome->reason, step.outcome->text, step.outcome->number);
        verdict.weight = step.outcome->weight;
        co_return verdict;
      }
      received.erase(0, step.consumed);
      if (step.start_tls) {
        Result<std::unique_ptr<TlsStream>, Outcome> secured = co_await secure(connection, target, trust);
        if (!secured) co_return secured.error();
        tls = std::move(*secured);
        stream = tls.get();
        const std::string words = dialog->after_tls();
        const auto sent = co_await stream->write_all(words);
        if (!sent) co_return sent.error();
        break;
      }
      more = step.consumed > 0 && !received.empty();
    }
    if (closed) co_return connection.fail(Outcome::Reason::kClosed);
    if (total > kMostDialogBytes) co_return connection.fail(Outcome::Reason::kMalformed, "it says more than it should");
  }
}

}  // namespace tandem::checkers
