// TLS 1.3 between two directors, authenticated by the site's key and nothing else.
//
// The key is an external pre-shared key (RFC 8446, 2.2) with ephemeral Diffie-Hellman (psk_dhe_ke, 4.2.9), so that a key
// that leaks later opens nothing that was recorded before. There are no certificates, no tickets, no early data, and
// nothing older than TLS 1.3 to fall back to.
//
// The key itself never meets TLS: each connection's PSK is derived from it (HKDF-SHA256, RFC 5869) with the site and the
// names of both ends in their roles. A wrong key, another site with the same key file, or a director reached under another
// one's address all fail alike: the handshake's binder (4.2.11.2) does not verify. The PSK identity is the name of the
// director that connects.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace tandem::forwarding {

using PeerKey = std::array<std::byte, 32>;
using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

// What a director needs to know to prove itself and to recognise the others.
struct TlsIdentity {
  std::string site;
  std::string self;
  PeerKey key{};
  std::vector<std::string> accepted;  // names of the directors that may connect to this one
};

// The PSK of connections from director `client` to director `server`.
PeerKey derive_psk(const PeerKey& key, std::string_view site, std::string_view client, std::string_view server);

// A context both ends use; it keeps the identity. Throws boost::system::system_error when OpenSSL refuses a setting,
// which only a broken installation does.
boost::asio::ssl::context make_tls_context(TlsIdentity identity);

// Before the handshake of the end that connects: whom it means to reach.
void expect_server(TlsStream& stream, std::string_view server);

// After the handshake, and not before it succeeded: the director at the other end, proved by the PSK; empty when there is
// no such proof.
std::string proved_peer(TlsStream& stream);

}  // namespace tandem::forwarding
