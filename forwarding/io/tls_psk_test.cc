#include "forwarding/io/tls_psk.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace tandem::forwarding {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

PeerKey key_of(int n) {
  PeerKey key;
  key.fill(static_cast<std::byte>(n));
  return key;
}

std::string hex(const PeerKey& key) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : key) {
    text += kDigits[std::to_integer<int>(byte) >> 4];
    text += kDigits[std::to_integer<int>(byte) & 15];
  }
  return text;
}

// Made with another implementation (Python's hmac): HKDF-SHA256, RFC 5869, salt "tandem peer link 1",
// info 04 "ams1" 05 "dir-a" 05 "dir-b", key 32 times 01.
TEST(DerivePsk, IsHkdfOfTheKeyTheSiteAndTheTwoNames) {
  EXPECT_EQ(hex(derive_psk(key_of(1), "ams1", "dir-a", "dir-b")),
            "c5f5cf4defe35ada1edc78c466d3cb8862b19a955a8ea81695e592c18ef07445");
}

TEST(DerivePsk, DiffersByKeySiteNamesAndRoles) {
  const auto psk = derive_psk(key_of(1), "ams1", "dir-a", "dir-b");
  EXPECT_NE(psk, derive_psk(key_of(2), "ams1", "dir-a", "dir-b"));
  EXPECT_NE(psk, derive_psk(key_of(1), "fra1", "dir-a", "dir-b"));
  EXPECT_NE(psk, derive_psk(key_of(1), "ams1", "dir-b", "dir-a"));
  EXPECT_NE(psk, derive_psk(key_of(1), "ams1d", "ir-a", "dir-b"));
}

// A handshake between two ends over loopback.
class Handshake : public ::testing::Test {
 protected:
  Handshake() {
    tcp::acceptor acceptor(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    client_socket_.connect(acceptor.local_endpoint());
    server_socket_ = acceptor.accept();
  }

  // Returns whether both ends found the handshake good.
  bool shake(const TlsIdentity& client, const TlsIdentity& server, const std::string& expected) {
    auto client_context = make_tls_context(client);
    auto server_context = make_tls_context(server);
    adjust_(client_context);
    client_ = std::make_unique<TlsStream>(std::move(client_socket_), client_context);
    server_ = std::make_unique<TlsStream>(std::move(server_socket_), server_context);
    expect_server(*client_, expected);
    std::optional<bool> client_good, server_good;
    client_->async_handshake(TlsStream::client, [&](const boost::system::error_code& e) {
      client_good = !e;
      if (e) client_->next_layer().close();
    });
    server_->async_handshake(TlsStream::server, [&](const boost::system::error_code& e) {
      server_good = !e;
      if (e) server_->next_layer().close();
    });
    io_.run_for(std::chrono::seconds(5));
    EXPECT_TRUE(server_good.has_value());
    return client_good.value_or(false) && server_good.value_or(false);
  }

  static TlsIdentity dir_a() { return {.site = "ams1", .self = "dir-a", .key = key_of(1), .accepted = {}}; }
  static TlsIdentity dir_b() { return {.site = "ams1", .self = "dir-b", .key = key_of(1), .accepted = {"dir-a"}}; }

  asio::io_context io_;
  tcp::socket client_socket_{io_};
  tcp::socket server_socket_{io_};
  std::unique_ptr<TlsStream> client_, server_;
  std::function<void(asio::ssl::context&)> adjust_ = [](asio::ssl::context&) {};
};

TEST_F(Handshake, ProvesBothEndsToEachOther) {
  ASSERT_TRUE(shake(dir_a(), dir_b(), "dir-b"));
  EXPECT_EQ(proved_peer(*client_), "dir-b");
  EXPECT_EQ(proved_peer(*server_), "dir-a");
  EXPECT_STREQ(SSL_get_version(client_->native_handle()), "TLSv1.3");
  EXPECT_STREQ(SSL_get_cipher(server_->native_handle()), "TLS_AES_128_GCM_SHA256");
}

TEST_F(Handshake, IsForwardSecret) {
  // psk_dhe_ke: a key was agreed on beside the PSK.
  ASSERT_TRUE(shake(dir_a(), dir_b(), "dir-b"));
  EXPECT_NE(SSL_get_negotiated_group(client_->native_handle()), NID_undef);
}

TEST_F(Handshake, TakesTheForwardSecretWayAlsoWhenTheOtherIsOffered) {
  // psk_ke, RFC 8446, 4.2.9
  adjust_ = [](asio::ssl::context& c) { SSL_CTX_set_options(c.native_handle(), SSL_OP_ALLOW_NO_DHE_KEX); };
  ASSERT_TRUE(shake(dir_a(), dir_b(), "dir-b"));
  EXPECT_NE(SSL_get_negotiated_group(server_->native_handle()), NID_undef);
}

TEST_F(Handshake, AnotherKeyFails) {
  TlsIdentity other = dir_a();
  other.key = key_of(2);
  EXPECT_FALSE(shake(other, dir_b(), "dir-b"));
  EXPECT_EQ(proved_peer(*client_), "");
}

TEST_F(Handshake, AnotherSiteFails) {
  TlsIdentity other = dir_a();
  other.site = "fra1";
  EXPECT_FALSE(shake(other, dir_b(), "dir-b"));
}

TEST_F(Handshake, ANameThatIsNotAcceptedFails) {
  TlsIdentity other = dir_a();
  other.self = "dir-0";
  EXPECT_FALSE(shake(other, dir_b(), "dir-b"));
}

TEST_F(Handshake, MeaningAnotherDirectorFails) {
  EXPECT_FALSE(shake(dir_a(), dir_b(), "dir-c"));
}

TEST_F(Handshake, AClientOfAnOlderTlsFails) {
  adjust_ = [](asio::ssl::context& c) {
    SSL_CTX_set_min_proto_version(c.native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(c.native_handle(), TLS1_2_VERSION);
  };
  EXPECT_FALSE(shake(dir_a(), dir_b(), "dir-b"));
}

TEST_F(Handshake, LeavesNothingToResumeBy) {
  ASSERT_TRUE(shake(dir_a(), dir_b(), "dir-b"));
  char byte = 'x';
  asio::write(*server_, asio::buffer(&byte, 1));
  asio::read(*client_, asio::buffer(&byte, 1));  // a ticket would have come before it
  EXPECT_FALSE(SSL_SESSION_has_ticket(SSL_get_session(client_->native_handle())));
}

}  // namespace
}  // namespace tandem::forwarding
