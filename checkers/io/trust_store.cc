#include "checkers/io/trust_store.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "checkers/io/tls_verdict.hpp"

namespace tandem::checkers {
namespace {

// A certificate with 10,000 names has 300 KB; OpenSSL's own limit of 100 KB would refuse it.
constexpr long kMaxCertificateChain = 512L << 10;

// With verification off a weak certificate is as good as any (keepalived's SSL_GET goes by the same rule). The strength
// of the session itself is judged as ever.
int ignore_certificate_strength(const SSL* ssl, const SSL_CTX* context, int operation, int bits, int nid, void* other,
                                void* usual) {
  switch (operation & ~SSL_SECOP_PEER) {
    case SSL_SECOP_EE_KEY:
    case SSL_SECOP_CA_KEY:
    case SSL_SECOP_CA_MD:
      return 1;
    default:
      break;
  }
  using Callback = int (*)(const SSL*, const SSL_CTX*, int, int, int, void*, void*);
  return reinterpret_cast<Callback>(usual)(ssl, context, operation, bits, nid, other, nullptr);
}

std::string openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown error";
}

std::string load_trust(SSL_CTX* context, const std::string& ca_file) {
  if (ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
    return "the system's certificates: " + openssl_error();
  }
  // Opened by hand first: OpenSSL's words for a missing or forbidden file are not for people.
  if (FILE* file = std::fopen(ca_file.c_str(), "re")) {
    std::fclose(file);
  } else {
    const int cause = errno;
    return ca_file + ": " + std::strerror(cause) +
           (cause == EACCES ? " (checks run as a user of their own; make the file readable for it)" : "");
  }
  ERR_clear_error();
  if (SSL_CTX_load_verify_file(context, ca_file.c_str()) == 1) return {};
  return ca_file + " holds no certificate in PEM: " + openssl_error();
}

}  // namespace

TlsContext::TlsContext(const std::string& ca_file, bool verify)
    : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), verify_(verify) {
  SSL_CTX* context = context_.get();
  if (context == nullptr) {
    error_ = "OpenSSL: " + openssl_error();
    return;
  }
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_security_level(context, 2);  // said, because distributions differ in their default
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(context, kMaxCertificateChain);
  // Buffers are given back between records, and SSL_read returns after every record: what a server sends besides data
  // is then counted by us and not read without end inside of one call.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);

  if (!verify) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    const auto usual = SSL_CTX_get_security_callback(context);
    SSL_CTX_set0_security_ex_data(context, reinterpret_cast<void*>(usual));
    SSL_CTX_set_security_callback(context, ignore_certificate_strength);
    return;
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, remember_refusal);
  error_ = load_trust(context, ca_file);
}

std::shared_ptr<const TrustStore> TrustStore::load(const std::vector<std::shared_ptr<const Check>>& checks) {
  auto store = std::make_shared<TrustStore>();
  for (const auto& check : checks) {
    if (!speaks_tls(*check)) continue;
    const std::string& file = check->verify ? check->ca_file : std::string();
    store->contexts_.try_emplace({file, check->verify}, file, check->verify);
  }
  return store;
}

const TlsContext* TrustStore::find(const Check& check) const {
  const auto found = contexts_.find({check.verify ? check.ca_file : std::string(), check.verify});
  return found == contexts_.end() ? nullptr : &found->second;
}

std::vector<std::pair<std::string, std::string>> TrustStore::complaints() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [key, context] : contexts_)
    if (!context.usable()) all.emplace_back(key.first, context.error());
  return all;
}

}  // namespace tandem::checkers
