// One attempt: from nothing to a verdict, by the deadline, whatever the server does.
#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include "checkers/io/connection.hpp"
#include "checkers/io/trust_store.hpp"
#include "checkers/outcome.hpp"
#include "daemon/loop/script.hpp"

namespace tandem::checkers {

class TlsStream;

// Asks `target` what its check asks, unless QuickProbes makes it. Bounded in bytes as in time: a header of 16 KB, a TLS handshake of 1 MB. `trust`
// must hold the check's trust; without it the outcome is kTrustStore. Cancelling it through Asio's slot ends it with
// an exception (operation_aborted).
Awaitable<Outcome> probe(boost::asio::io_context& io, Target target, TimePoint deadline,
                         std::shared_ptr<const TrustStore> trust);

// The request and the answer's header, over a stream that is ready for it.
Awaitable<Outcome> ask_http(ByteStream& stream, Connection& connection, const Target& target);

// TLS over a connection, as the check wants it verified.
Awaitable<Result<std::unique_ptr<TlsStream>, Outcome>> secure(Connection& connection, const Target& target,
                                                              const TrustStore* trust);

// dialog_probe.cc: a conversation (dialog.hpp) over a connection that stands.
Awaitable<Outcome> ask_in_turns(Connection& connection, const Target& target, const TrustStore* trust);
// grpc_probe.cc: one call by HTTP/2 over a stream that is ready for it.
Awaitable<Outcome> ask_grpc(ByteStream& stream, Connection& connection, const Target& target);
// datagram_probe.cc: kDns, kUdp, kPing.
Awaitable<Outcome> ask_by_datagram(const Target& target, TimePoint deadline);
// local_probe.cc: kExec, kFile.
Awaitable<Outcome> run_program(boost::asio::io_context& io, const Target& target, TimePoint deadline);
Outcome read_file(const Target& target);
// What a program's end says of the server: keepalived's MISC_DYNAMIC.
Outcome judge_program(const loop::ScriptResult& result);

}  // namespace tandem::checkers
