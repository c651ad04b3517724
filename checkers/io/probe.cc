#include "checkers/io/probe.hpp"

#include <utility>

#include <boost/asio/this_coro.hpp>

#include "checkers/io/tls_stream.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::checkers {
namespace {

Awaitable<Outcome> attempt(Connection& connection, const Target& target, const TrustStore* trust) {
  const auto connected = co_await connection.connect(target);
  if (!connected) co_return connected.error();
  switch (target.check->kind) {
    case CheckKind::kHttp:
      co_return co_await ask_http(connection, connection, target);
    case CheckKind::kHttps:
    case CheckKind::kTls:
      break;
    case CheckKind::kSmtp:
    case CheckKind::kAgent:
    case CheckKind::kMysql:
    case CheckKind::kPgsql:
    case CheckKind::kRedis:
      co_return co_await ask_in_turns(connection, target, trust);
    default:
      co_return Outcome{};
  }
  const auto tls = co_await secure(connection, target, trust);
  if (!tls) co_return tls.error();
  if (target.check->kind == CheckKind::kTls) co_return Outcome{};
  co_return co_await ask_http(**tls, connection, target);
}

Awaitable<Outcome> by_connection(const Target& target, TimePoint deadline, const TrustStore* trust) {
  const auto executor = co_await boost::asio::this_coro::executor;
  Connection connection(executor, deadline);
  Outcome outcome = co_await attempt(connection, target, trust);
  connection.drain();
  co_return outcome;
}

Awaitable<Outcome> by_its_kind(boost::asio::io_context& io, const Target& target, TimePoint deadline,
                               const TrustStore* trust) {
  switch (target.check->kind) {
    case CheckKind::kDns:
    case CheckKind::kUdp:
    case CheckKind::kPing:
      co_return co_await ask_by_datagram(target, deadline);
    case CheckKind::kExec:
      co_return co_await run_program(io, target, deadline);
    case CheckKind::kFile:
      co_return read_file(target);
    default:
      co_return co_await by_connection(target, deadline, trust);
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
