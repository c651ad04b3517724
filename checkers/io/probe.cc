#include "checkers/io/probe.hpp"

#include <utility>

#include <boost/asio/this_coro.hpp>

#include "checkers/io/tls_stream.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::checkers {
namespace {

Awaitable<Outcome> attempt(Connection& connection, const Target& target, const TrustStore* trust) {
  const auto connected = co_await connection.connect(target.address, target.port);
  if (!connected) co_return connected.error();
  switch (target.check->kind) {
    case CheckKind::kNone:
    case CheckKind::kTcp:
      co_return Outcome{};
    case CheckKind::kHttp:
      co_return co_await ask_http(connection, connection, target);
    case CheckKind::kHttps:
      break;
  }
  connection.enter(Stage::kHandshake);
  const TlsContext* context = trust != nullptr ? trust->find(*target.check) : nullptr;
  if (context == nullptr) co_return connection.fail(Outcome::Reason::kTrustStore, "not loaded");
  if (!context->usable()) co_return connection.fail(Outcome::Reason::kTrustStore, context->error());
  TlsStream tls(connection, *context, target);
  const auto secured = co_await tls.handshake();
  if (!secured) co_return secured.error();
  co_return co_await ask_http(tls, connection, target);
}

}  // namespace

Awaitable<Outcome> probe(Target target, TimePoint deadline, std::shared_ptr<const TrustStore> trust) {
  const TimePoint begin = loop::monotonic_now();
  const auto executor = co_await boost::asio::this_coro::executor;
  Connection connection(executor, deadline);
  Outcome outcome = co_await attempt(connection, target, trust.get());
  connection.drain();
  outcome.took = loop::monotonic_now() - begin;
  co_return outcome;
}

}  // namespace tandem::checkers
