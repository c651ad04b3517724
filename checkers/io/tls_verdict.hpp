// What went wrong with TLS, in our words: OpenSSL's errors and its verification's findings become an Outcome's reason.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "checkers/outcome.hpp"

struct evp_pkey_st;
struct ssl_st;
struct x509_st;
struct x509_store_ctx_st;

namespace tandem::checkers {

// The first thing the verification of a certificate found, and what else the handshake brought up. Belongs to one SSL by
// attach_refusal().
struct Refusal {
  bool happened = false;
  Outcome::Reason reason = Outcome::Reason::kPassed;
  int64_t number = 0;
  std::string text;                         // printable
  bool wants_certificate = false;           // the server asked for ours, and there is none
  std::optional<int64_t> list_out_of_date;  // the revocation list that counted is, since so many seconds
};

void attach_refusal(ssl_st* ssl, Refusal* refusal);

// OpenSSL's verify callback: writes the Refusal down while the certificate is still at hand.
int remember_refusal(int good, x509_store_ctx_st* verification);

// OpenSSL's callback for a server that asks who we are, where no certificate of ours was loaded: none is given.
int remember_question(ssl_st* ssl, x509_st** certificate, evp_pkey_st** key);

// What people should know of a handshake that went well: the certificate that ends first of those that were verified, when it ends
// within `warn_before`, else a revocation list out of date.
Warning warning_of(const ssl_st* ssl, const Refusal& refusal, Duration warn_before);

// Whether it is an alert of the other side: they come as SSL_AD_REASON_OFFSET plus their number (RFC 8446, section 6.2).
bool is_alert(unsigned long error);

// Of an SSL call that failed for good: `error` is OpenSSL's queue's last (ERR_peek_last_error). REQUIRES: the Refusal, if
// one happened, was looked at before.
struct TlsFailure {
  Outcome::Reason reason;
  std::string text;
};
TlsFailure classify_tls_error(unsigned long error);

}  // namespace tandem::checkers
