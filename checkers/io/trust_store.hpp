// Whom https checks trust: one TLS context for each (ca_file, verify) of the site, made again at every reload so that a
// renewed file counts. Loading reads files; it is done off the loop.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "checkers/settings.hpp"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX; its headers stay out of who only asks

namespace tandem::checkers {

class TlsContext {
 public:
  TlsContext(const std::string& ca_file, bool verify);

  bool usable() const { return error_.empty(); }
  const std::string& error() const { return error_; }  // why it is not, in words
  ssl_ctx_st* native() const { return context_.get(); }
  bool verifies() const { return verify_; }

 private:
  std::shared_ptr<ssl_ctx_st> context_;
  bool verify_;
  std::string error_;
};

class TrustStore {
 public:
  // Loads what the https checks among `checks` need.
  static std::shared_ptr<const TrustStore> load(const std::vector<std::shared_ptr<const Check>>& checks);

  // Null when the check was not among those loaded.
  const TlsContext* find(const Check& check) const;

  // Of every unusable one: its ca_file and why.
  std::vector<std::pair<std::string, std::string>> complaints() const;

 private:
  std::map<std::pair<std::string, bool>, TlsContext> contexts_;
};

}  // namespace tandem::checkers
