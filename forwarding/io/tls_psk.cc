#include "forwarding/io/tls_psk.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

#include <boost/asio/ssl/error.hpp>
#include <boost/system/system_error.hpp>

namespace tandem::forwarding {
namespace {

namespace ssl = boost::asio::ssl;

constexpr std::array<unsigned char, 2> kAes128GcmSha256{0x13, 0x01};  // RFC 8446, B.4

[[noreturn]] void throw_openssl(const char* what) {
  const auto code = static_cast<int>(ERR_get_error());
  throw boost::system::system_error(boost::system::error_code(code, boost::asio::error::get_ssl_category()), what);
}

void require(bool succeeded, const char* what) {
  if (!succeeded) throw_openssl(what);
}

template <class T>
void free_ex_data(void* /*parent*/, void* data, CRYPTO_EX_DATA* /*ex*/, int /*index*/, long /*argl*/, void* /*argp*/) {
  delete static_cast<T*>(data);
}

// The places OpenSSL keeps for us in its own objects; what lies there is freed with them.
int identity_index() {  // of SSL_CTX: TlsIdentity
  static const int kIndex = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_ex_data<TlsIdentity>);
  return kIndex;
}
int peer_index() {  // of SSL: std::string, the name of the other end
  static const int kIndex = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_ex_data<std::string>);
  return kIndex;
}

const TlsIdentity& identity_of(SSL* connection) {
  return *static_cast<const TlsIdentity*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), identity_index()));
}

const std::string* peer_of(SSL* connection) {
  return static_cast<const std::string*>(SSL_get_ex_data(connection, peer_index()));
}

void set_peer(SSL* connection, std::string_view name) {
  delete peer_of(connection);
  SSL_set_ex_data(connection, peer_index(), new std::string(name));
}

// An external PSK is, to OpenSSL, a session that never took place. nullptr when there is no memory for it.
SSL_SESSION* session_from(SSL* connection, const PeerKey& psk) {
  std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(SSL_SESSION_new(), SSL_SESSION_free);
  const SSL_CIPHER* cipher = SSL_CIPHER_find(connection, kAes128GcmSha256.data());
  const auto* secret = reinterpret_cast<const unsigned char*>(psk.data());
  if (!session || cipher == nullptr || SSL_SESSION_set1_master_key(session.get(), secret, psk.size()) != 1 ||
      SSL_SESSION_set_cipher(session.get(), cipher) != 1 ||
      SSL_SESSION_set_protocol_version(session.get(), TLS1_3_VERSION) != 1)
    return nullptr;
  return session.release();
}

SSL_SESSION* session_between(SSL* connection, std::string_view client, std::string_view server) {
  const TlsIdentity& identity = identity_of(connection);
  try {
    PeerKey psk = derive_psk(identity.key, identity.site, client, server);
    SSL_SESSION* session = session_from(connection, psk);
    OPENSSL_cleanse(psk.data(), psk.size());
    return session;
  } catch (const boost::system::system_error&) {
    return nullptr;  // no exception may cross OpenSSL's C frames; without a session the handshake fails
  }
}

// The end that connects offers its own name and the PSK of (itself, the one it means).
int use_session(SSL* connection, const EVP_MD* /*hash*/, const unsigned char** id, size_t* id_length,
                SSL_SESSION** session) {
  const std::string* server = peer_of(connection);
  if (server == nullptr) return 0;
  const std::string& self = identity_of(connection).self;
  *session = session_between(connection, self, *server);
  if (*session == nullptr) return 0;
  *id = reinterpret_cast<const unsigned char*>(self.data());
  *id_length = self.size();
  return 1;
}

// The end that accepts looks the name up. An unknown one leaves the handshake without a PSK, and as there is no
// certificate either, it fails.
int find_session(SSL* connection, const unsigned char* id, size_t id_length, SSL_SESSION** session) {
  *session = nullptr;
  const std::string_view name(reinterpret_cast<const char*>(id), id_length);
  const TlsIdentity& identity = identity_of(connection);
  if (std::ranges::find(identity.accepted, name) == identity.accepted.end()) return 1;
  *session = session_between(connection, name, identity.self);
  if (*session != nullptr) set_peer(connection, name);
  return *session != nullptr ? 1 : 0;
}

void append_counted(std::string& info, std::string_view part) {
  info.push_back(static_cast<char>(part.size()));  // names are short; the count keeps "ab"+"c" apart from "a"+"bc"
  info.append(part);
}

}  // namespace

PeerKey derive_psk(const PeerKey& key, std::string_view site, std::string_view client, std::string_view server) {
  std::string salt = "tandem peer link 1";
  std::string info;
  append_counted(info, site);
  append_counted(info, client);
  append_counted(info, server);
  PeerKey secret = key;
  std::string digest = "SHA256";

  std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
  require(kdf != nullptr, "HKDF");
  std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
  const std::array parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end(),
  };
  PeerKey psk;
  const bool derived = context != nullptr && EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(psk.data()),
                                                            psk.size(), parameters.data()) == 1;
  OPENSSL_cleanse(secret.data(), secret.size());
  require(derived, "HKDF");
  return psk;
}

ssl::context make_tls_context(TlsIdentity identity) {
  ssl::context context(ssl::context::tlsv13);
  SSL_CTX* ctx = context.native_handle();
  auto owned = std::make_unique<TlsIdentity>(std::move(identity));
  require(SSL_CTX_set_ex_data(ctx, identity_index(), owned.get()) == 1, "SSL_CTX_set_ex_data");
  static_cast<void>(owned.release());

  require(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1, "TLS 1.3");
  require(SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1, "TLS 1.3");
  // The PSK's hash has to be the suite's: one suite, so there is nothing to negotiate wrongly.
  require(SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") == 1, "TLS_AES_128_GCM_SHA256");
  require(SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1, "X25519:P-256");
  // psk_ke, without forward secrecy, is off unless allowed; said here because everything rests on it.
  SSL_CTX_clear_options(ctx, SSL_OP_ALLOW_NO_DHE_KEX);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  require(SSL_CTX_set_num_tickets(ctx, 0) == 1, "no tickets");
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  // A peer that speaks on for weeks must not hold 32 KB of idle buffers.
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_psk_use_session_callback(ctx, use_session);
  SSL_CTX_set_psk_find_session_callback(ctx, find_session);
  return context;
}

void expect_server(TlsStream& stream, std::string_view server) {
  set_peer(stream.native_handle(), server);
  // Should the other end show a certificate instead of the PSK: there is no authority that could have signed it.
  SSL_set_verify(stream.native_handle(), SSL_VERIFY_PEER, nullptr);
}

std::string proved_peer(TlsStream& stream) {
  SSL* connection = stream.native_handle();
  const std::string* peer = peer_of(connection);
  const bool by_psk = SSL_is_init_finished(connection) == 1 && SSL_session_reused(connection) == 1 &&
                      SSL_version(connection) == TLS1_3_VERSION;
  return by_psk && peer != nullptr ? *peer : std::string();
}

}  // namespace tandem::forwarding
