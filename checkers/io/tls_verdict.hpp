// What went wrong with TLS, in our words: OpenSSL's errors and its verification's findings become an Outcome's reason.
#pragma once

#include <cstdint>
#include <string>

#include "checkers/outcome.hpp"

struct ssl_st;
struct x509_store_ctx_st;

namespace tandem::checkers {

// The first thing the verification of a certificate found. Belongs to one SSL by attach_refusal().
struct Refusal {
  bool happened = false;
  Outcome::Reason reason = Outcome::Reason::kPassed;
  int64_t number = 0;
  std::string text;  // printable
};

void attach_refusal(ssl_st* ssl, Refusal* refusal);

// OpenSSL's verify callback: writes the Refusal down while the certificate is still at hand.
int remember_refusal(int good, x509_store_ctx_st* verification);

// Of an SSL call that failed for good: `error` is OpenSSL's queue's last (ERR_peek_last_error). REQUIRES: the Refusal, if
// one happened, was looked at before.
struct TlsFailure {
  Outcome::Reason reason;
  std::string text;
};
TlsFailure classify_tls_error(unsigned long error);

}  // namespace tandem::checkers
