#include "checkers/io/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "daemon/base/assert.hpp"
#include "daemon/loop/fd.hpp"

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

// More than the largest handshake (a chain of 512 KB) and a header need; endless session tickets end here.
constexpr uint64_t kMaxBytes = uint64_t{1} << 20;

constexpr std::array<unsigned char, 3> kHttp2{2, 'h', '2'};  // as ALPN writes it: the length before the name

void name_peer(SSL* ssl, const Target& target) {
  const std::string& host = target.check->host;
  const auto literal = host.empty() ? std::optional(target.address) : IpAddress::parse(host);
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  if (literal) {  // an address is never sent as SNI (RFC 6066, section 3)
    X509_VERIFY_PARAM_set1_ip_asc(parameters, literal->text().c_str());
    return;
  }
  // SSL_set_tlsext_host_name() without the C cast that the macro hides.
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
  X509_VERIFY_PARAM_set_hostflags(parameters,
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  SSL_set1_host(ssl, host.c_str());
}

}  // namespace

TlsStream::TlsStream(Connection& connection, const TlsContext& context, const Target& target)
    : connection_(connection),
      warn_before_(target.check->verify ? target.check->warn_before_expiry : Duration::zero()),
      ssl_(SSL_new(context.native()), SSL_free) {
  TANDEM_ASSERT(ssl_ != nullptr);
  loop::set_nonblocking(connection.descriptor());
  SSL_set_fd(ssl_.get(), connection.descriptor());
  attach_refusal(ssl_.get(), &refusal_);
  name_peer(ssl_.get(), target);
  if (target.check->kind == CheckKind::kGrpc) SSL_set_alpn_protos(ssl_.get(), kHttp2.data(), kHttp2.size());
}

TlsStream::~TlsStream() {
  // Says close_notify, so that the server sees an orderly end; its own is not waited for.
  if (established_) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

Awaitable<Result<void, Outcome>> TlsStream::handshake() {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_connect(ssl_.get());
    if (result == 1) break;
    const auto waited = co_await wait_after(result);
    if (!waited) co_return Failure<Outcome>(waited.error());
  }
  established_ = true;
  connection_.warn(warning_of(ssl_.get(), refusal_, warn_before_));
  co_return Result<void, Outcome>{};
}

bool TlsStream::agreed_on_http2() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return std::ranges::equal(std::span(name, size), std::span(kHttp2).subspan(1));
}

Awaitable<Result<void, Outcome>> TlsStream::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    ERR_clear_error();
    const int result = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (result > 0) {
      bytes.remove_prefix(static_cast<size_t>(result));
      continue;
    }
    const auto waited = co_await wait_after(result);
    if (!waited) co_return Failure<Outcome>(waited.error());
  }
  co_return Result<void, Outcome>{};
}

Awaitable<Result<size_t, Outcome>> TlsStream::read_some(std::span<char> into) {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
    if (result > 0) co_return static_cast<size_t>(result);
    const auto waited = co_await wait_after(result);
    if (!waited) co_return Failure<Outcome>(waited.error());
  }
}

Awaitable<Result<void, Outcome>> TlsStream::wait_after(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    if (BIO_number_read(SSL_get_rbio(ssl_.get())) > kMaxBytes)
      co_return Failure<Outcome>(connection_.fail(Reason::kTlsTooMuch));
    const auto direction =
        error == SSL_ERROR_WANT_READ ? Connection::Socket::wait_read : Connection::Socket::wait_write;
    co_return co_await connection_.wait(direction);
  }
  established_ = false;  // OpenSSL forbids SSL_shutdown after a fatal error
  co_return Failure<Outcome>(failure(result, error));
}

Outcome TlsStream::failure(int result, int error) {
  const int cause = errno;
  if (refusal_.happened) return connection_.fail(refusal_.reason, refusal_.text, refusal_.number);
  if (error == SSL_ERROR_ZERO_RETURN) return connection_.fail(Reason::kClosed);
  if (error == SSL_ERROR_SYSCALL) {
    if (result == 0 || cause == 0) return connection_.fail(Reason::kClosed);
    return connection_.fail(boost::system::error_code(cause, boost::system::system_category()));
  }
  const unsigned long last = ERR_peek_last_error();
  const TlsFailure failure = classify_tls_error(last);
  if (is_alert(last) && refusal_.wants_certificate)
    return connection_.fail(Reason::kTlsAlert, "it wants a client certificate");
  return connection_.fail(failure.reason, failure.text);
}

}  // namespace tandem::checkers
