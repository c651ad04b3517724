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

// Opened by hand before OpenSSL does it: its words for a missing or forbidden file are not for people. Empty: it can be read.
std::string unreadable(const std::string& path) {
  if (FILE* file = std::fopen(path.c_str(), "re")) {
    std::fclose(file);
    return {};
  }
  const int cause = errno;
  return path + ": " + std::strerror(cause) +
         (cause == EACCES ? " (checks run as a user of their own; make the file readable for it)" : "");
}

std::string load_trust(SSL_CTX* context, const std::string& ca_file) {
  if (ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
    return "the system's certificates: " + openssl_error();
  }
  if (const std::string why = unreadable(ca_file); !why.empty()) return why;
  ERR_clear_error();
  if (SSL_CTX_load_verify_file(context, ca_file.c_str()) == 1) return {};
  return ca_file + " holds no certificate in PEM: " + openssl_error();
}

// The server's own certificate is looked up, those of its issuers are not: whoever gives the list of one authority need not
// have the ones of all above it.
std::string load_revoked(SSL_CTX* context, const std::string& crl_file) {
  if (crl_file.empty()) return {};
  if (const std::string why = unreadable(crl_file); !why.empty()) return why;
  ERR_clear_error();
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  X509_LOOKUP* const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (lookup == nullptr || X509_load_crl_file(lookup, crl_file.c_str(), X509_FILETYPE_PEM) < 1)
    return crl_file + " holds no revocation list in PEM: " + openssl_error();
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

std::string load_own(SSL_CTX* context, const TlsFiles& files) {
  if (files.certificate.empty()) return {};
  const std::string& key = files.private_key.empty() ? files.certificate : files.private_key;
  for (const std::string& file : {files.certificate, key})
    if (const std::string why = unreadable(file); !why.empty()) return why;
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    return files.certificate + " holds no certificate in PEM that can be used: " + openssl_error();
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1) return {};
  return key + " holds no key of " + files.certificate + ": " + openssl_error();
}

// A key with a passphrase would be asked for at the terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

}  // namespace

TlsContext::TlsContext(const TlsFiles& files) : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
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

  SSL_CTX_set_client_cert_cb(context, remember_question);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  error_ = load_own(context, files);
  if (!files.verify) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    const auto usual = SSL_CTX_get_security_callback(context);
    SSL_CTX_set0_security_ex_data(context, reinterpret_cast<void*>(usual));
    SSL_CTX_set_security_callback(context, ignore_certificate_strength);
    return;
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, remember_refusal);
  if (error_.empty()) error_ = load_trust(context, files.ca_file);
  if (error_.empty()) error_ = load_revoked(context, files.crl_file);
}

std::shared_ptr<const TrustStore> TrustStore::load(const std::vector<std::shared_ptr<const Check>>& checks) {
  auto store = std::make_shared<TrustStore>();
  for (const auto& check : checks) {
    if (!speaks_tls(*check)) continue;
    const TlsFiles files(*check);
    store->contexts_.try_emplace(files, files);
  }
  return store;
}

const TlsContext* TrustStore::find(const Check& check) const {
  const auto found = contexts_.find(TlsFiles(check));
  return found == contexts_.end() ? nullptr : &found->second;
}

std::vector<std::pair<std::string, std::string>> TrustStore::complaints() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [files, context] : contexts_)
    if (!context.usable()) all.emplace_back(files.ca_file.empty() ? files.certificate : files.ca_file, context.error());
  return all;
}

}  // namespace tandem::checkers
