#include "checkers/io/probe.hpp"

#include <utility>

#include <boost/asio/this_coro.hpp>

#include "checkers/io/tls_stream.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::checkers {
namespace {

Awaitable<Outcome> over_tls(Connection& connection, const Target& target, const TrustStore* trust) {
  const auto tls = co_await secure(connection, target, trust);
  if (!tls) co_return tls.error();
  if (target.check->kind == CheckKind::kTls) co_return Outcome{};
  if (target.check->kind == CheckKind::kGrpc) {
    if (!(*tls)->agreed_on_http2())
      co_return connection.fail(Outcome::Reason::kTlsProtocol, "the server does not choose h2 by ALPN");
    co_return co_await ask_grpc(**tls, connection, target);
  }
  co_return co_await ask_http(**tls, connection, target);
}

// Once the connection stands. A coroutine's frame is held for as long as a silent server pleases, and there can be thousands:
// each kind has its own.
Awaitable<Outcome> ask(Connection& connection, const Target& target, const TrustStore* trust) {
  switch (target.check->kind) {
    case CheckKind::kHttps:
    case CheckKind::kTls:
      return over_tls(connection, target, trust);
    case CheckKind::kGrpc:
      return target.check->tls ? over_tls(connection, target, trust) : ask_grpc(connection, connection, target);
    default:
      return ask_in_turns(connection, target, trust);
  }
}

Awaitable<Outcome> by_connection(const Target& target, TimePoint deadline, const TrustStore* trust) {
  const auto executor = co_await boost::asio::this_coro::executor;
  Connection connection(executor, deadline);
  const auto connected = co_await connection.connect(target);
  Outcome outcome;
  if (!connected)
    outcome = connected.error();
  else
    outcome = co_await ask(connection, target, trust);
  if (outcome.ok()) outcome.warning = connection.warning();
  connection.drain();
  co_return outcome;
}

Awaitable<Outcome> read_file_now(const Target& target) {
  co_return read_file(target);
}

Awaitable<Outcome> by_its_kind(boost::asio::io_context& io, const Target& target, TimePoint deadline,
                               const TrustStore* trust) {
  switch (target.check->kind) {
    case CheckKind::kDns:
    case CheckKind::kUdp:
    case CheckKind::kPing:
      return ask_by_datagram(target, deadline);
    case CheckKind::kExec:
      return run_program(io, target, deadline);
    case CheckKind::kFile:
      return read_file_now(target);
    default:
      return by_connection(target, deadline, trust);
  }
}

}  // namespace

Awaitable<Result<std::unique_ptr<TlsStream>, Outcome>> secure(Connection& connection, const Target& target,
                                                              const TrustStore* trust) {
  connection.enter(Stage::kHandshake);
  const TlsContext* context = trust != nullptr ? trust->find(*target.check) : nullptr;
  if (context == nullptr) co_return Failure<Outcome>(connection.fail(Outcome::Reason::kTrustStore, "not loaded"));
  if (!context->usable()) co_return Failure<Outcome>(connection.fail(Outcome::Reason::kTrustStore, context->error()));
  auto tls = std::make_unique<TlsStream>(connection, *context, target);
  const auto secured = co_await tls->handshake();
  if (!secured) co_return Failure<Outcome>(secured.error());
  co_return tls;
}

Awaitable<Outcome> probe(boost::asio::io_context& io, Target target, TimePoint deadline,
                         std::shared_ptr<const TrustStore> trust) {
  const TimePoint begin = loop::monotonic_now();
  Outcome outcome = co_await by_its_kind(io, target, deadline, trust.get());
  outcome.took = loop::monotonic_now() - begin;
  co_return outcome;
}

}  // namespace tandem::checkers
