// One attempt: from nothing to a verdict, by the deadline, whatever the server does.
#pragma once

#include <memory>

#include "checkers/io/connection.hpp"
#include "checkers/io/trust_store.hpp"
#include "checkers/outcome.hpp"

namespace tandem::checkers {

// Asks `target` what its check asks. Bounded in bytes as in time: a header of 16 KB, a TLS handshake of 1 MB. `trust`
// must hold the check's trust; without it the outcome is kTrustStore. Cancelling it through Asio's slot ends it with
// an exception (operation_aborted).
Awaitable<Outcome> probe(Target target, TimePoint deadline, std::shared_ptr<const TrustStore> trust);

// The request and the answer's header, over a stream that is ready for it.
Awaitable<Outcome> ask_http(ByteStream& stream, Connection& connection, const Target& target);

}  // namespace tandem::checkers
