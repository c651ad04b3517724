// Whom checks over TLS trust, and who they say they are: one TLS context for each set of files that the site names, made
// again at every reload so that a renewed file counts. Loading reads files; it is done off the loop.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "checkers/settings.hpp"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX; its headers stay out of who only asks

namespace tandem::checkers {

// What a context is made of. Without verification the first two are empty.
struct TlsFiles {
  explicit TlsFiles(const Check& check)
      : verify(check.verify), certificate(check.certificate), private_key(check.private_key) {
    if (verify) ca_file = check.ca_file, crl_file = check.crl_file;
  }
  std::string ca_file, crl_file;
  bool verify;
  std::string certificate, private_key;
  auto operator<=>(const TlsFiles&) const = default;
};

class TlsContext {
 public:
  explicit TlsContext(const TlsFiles& files);

  bool usable() const { return error_.empty(); }
  const std::string& error() const { return error_; }  // why it is not, in words
  ssl_ctx_st* native() const { return context_.get(); }

 private:
  std::shared_ptr<ssl_ctx_st> context_;
  std::string error_;
};

class TrustStore {
 public:
  // Loads what the checks among `checks` that speak TLS need.
  static std::shared_ptr<const TrustStore> load(const std::vector<std::shared_ptr<const Check>>& checks);

  // Null when the check was not among those loaded.
  const TlsContext* find(const Check& check) const;

  // Of every unusable one: its file and why.
  std::vector<std::pair<std::string, std::string>> complaints() const;

 private:
  std::map<TlsFiles, TlsContext> contexts_;
};

}  // namespace tandem::checkers
