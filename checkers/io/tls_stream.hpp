// TLS over one connection, by OpenSSL on the connection's own descriptor. Asio's ssl::stream would hold 68 KB of buffers
// a connection; a thousand servers that accept and keep silent must not cost that.
#pragma once

#include <memory>

#include "checkers/io/connection.hpp"
#include "checkers/io/tls_verdict.hpp"
#include "checkers/io/trust_store.hpp"

namespace tandem::checkers {

class TlsStream final : public ByteStream {
 public:
  // REQUIRES: `context` is usable and, like `connection`, outlives the stream.
  TlsStream(Connection& connection, const TlsContext& context, const Target& target);
  ~TlsStream() override;

  // Handshake, and the certificate's verification where the context verifies: by the check's host name, else by the
  // server's address (RFC 9525: subjectAltName only).
  Awaitable<Result<void, Outcome>> handshake();
  // Whether the server chose h2, which a grpc check offers by ALPN (RFC 9113, section 3.2). REQUIRES: the handshake is done.
  bool agreed_on_http2() const;
  Awaitable<Result<void, Outcome>> write_all(std::string_view bytes) override;
  Awaitable<Result<size_t, Outcome>> read_some(std::span<char> into) override;

 private:
  // After a call of OpenSSL returned `result` <= 0: waits for what it waits for, or says why it failed for good.
  Awaitable<Result<void, Outcome>> wait_after(int result);
  Outcome failure(int result, int error);

  Connection& connection_;
  Duration warn_before_;
  Refusal refusal_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  bool established_ = false;
};

}  // namespace tandem::checkers
