// Two peer links in one process, over loopback, with real TLS. Bounded in time; no sleeping.
#include "forwarding/io/peer_link.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <functional>
#include <map>

#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include "daemon/loop/clock.hpp"
#include "forwarding/io/tls_psk.hpp"
#include "forwarding/sync/test_table.hpp"

namespace tandem::forwarding {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using sync::test_names;
using sync::TestTable;

PeerKey key_of(int n) {
  PeerKey key;
  key.fill(static_cast<std::byte>(n));
  return key;
}

// A port nobody listens on just now. The acceptor is closed again, so somebody else could take it: unlikely within a test.
uint16_t free_port(asio::io_context& io, const std::string& address) {
  return tcp::acceptor(io, tcp::endpoint(asio::ip::make_address(address), 0)).local_endpoint().port();
}

struct End {
  End(asio::io_context& io, uint16_t first_number)
      : offset(first_number),
        link(
            io, *table,
            {.names = [this] { return names; },
             .on_status = [this](const bus::SyncStatus& s) { status[s.peer] = s; },
             .on_forgotten = [this](const std::string& peer) { status.erase(peer); },
             .on_event = [this](bus::Severity, std::string id, std::string,
                                std::string text) { events.push_back(id + ": " + text); },
             .on_peer_routers = [this](const std::string&, const std::vector<sync::RouterReport>& r) { routers = r; }}),
        names(test_names(first_number)) {}

  void packet(uint32_t client, uint16_t port, FlowState state = FlowState::kEstablished) {
    table.packet(client, port, static_cast<uint16_t>(offset + 1), static_cast<uint16_t>(offset + 11), state,
                 loop::monotonic_now());
  }
  bool has_event(const std::string& id) const {
    return std::ranges::any_of(events, [&](const std::string& e) { return e.starts_with(id + ":"); });
  }

  TestTable table;
  uint16_t offset;
  std::map<std::string, bus::SyncStatus> status;
  std::vector<std::string> events;
  std::vector<sync::RouterReport> routers;
  PeerLink link;
  sync::Names names;
};

class PeerLinkOverLoopback : public ::testing::Test {
 protected:
  PeerLinkOverLoopback() : port_(free_port(io_, "127.0.0.1")) {
    settings_a_ = {.site = "ams1",
                   .self = "dir-a",
                   .key = key_of(1),
                   .listen = {asio::ip::make_address("127.0.0.1"), 1},
                   .peers = {{.name = "dir-b", .endpoint = {asio::ip::make_address("127.0.0.1"), port_}}},
                   .digest = "d1"};
    settings_b_ = {.site = "ams1",
                   .self = "dir-b",
                   .key = key_of(1),
                   .listen = {asio::ip::make_address("127.0.0.1"), port_},
                   .peers = {{.name = "dir-a", .endpoint = {asio::ip::make_address("127.0.0.1"), 1}}},
                   .digest = "d1"};
  }

  // Runs the loop until `done`, at most for `time`. Returns whether it was.
  bool run_until(const std::function<bool()>& done, std::chrono::milliseconds time = std::chrono::seconds(5)) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!done()) {
      if (std::chrono::steady_clock::now() >= end) return false;
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  void start() {
    b_.link.configure(settings_b_);
    a_.link.configure(settings_a_);
  }
  void start_b() {
    b_.link.configure(settings_b_);
    ASSERT_TRUE(run_until([&] { return b_.link.listening_port() == port_; }));
  }
  bool in_step() { return a_.status["dir-b"].in_step && b_.status["dir-a"].in_step; }
  // What b says when the two do not find together: never connected, whatever is tried.
  void expect_refused() {
    start();
    ASSERT_TRUE(run_until([&] { return a_.status["dir-b"].reason.find("handshake") != std::string::npos; }));
    EXPECT_FALSE(run_until([&] { return a_.status["dir-b"].connected || b_.status["dir-a"].connected; },
                           std::chrono::milliseconds(400)));
    EXPECT_TRUE(b_.has_event("PEER_REFUSED"));
  }

  asio::io_context io_;
  uint16_t port_;
  End a_{io_, 0};
  End b_{io_, 40};
  PeerLinkSettings settings_a_;
  PeerLinkSettings settings_b_;
};

TEST_F(PeerLinkOverLoopback, TwoDirectorsWithOneKeyComeIntoStep) {
  for (uint16_t port = 1; port <= 100; ++port) {
    a_.packet(1, port);
    b_.packet(2, port);
  }
  start();
  ASSERT_TRUE(run_until([&] { return in_step(); }));
  EXPECT_EQ(a_.table.count(), 200U);
  EXPECT_EQ(b_.table.count(), 200U);
  EXPECT_TRUE(a_.has_event("PEER_CONNECTED"));
  EXPECT_TRUE(b_.has_event("PEER_IN_STEP"));
}

TEST_F(PeerLinkOverLoopback, ANewFlowIsKnownOverThereSoon) {
  start();
  ASSERT_TRUE(run_until([&] { return in_step(); }));
  const auto before = std::chrono::steady_clock::now();
  b_.packet(7, 7);
  ASSERT_TRUE(run_until([&] { return a_.table.find(7, 7, 1).has_value(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));  // 5 ms and what a busy machine adds
}

TEST_F(PeerLinkOverLoopback, RouterStatesAreHeard) {
  start();
  a_.link.set_router_states({{.name = "web", .state = 2, .priority = 150}});
  EXPECT_TRUE(run_until([&] { return b_.routers.size() == 1 && b_.routers[0].name == "web"; }));
}

TEST_F(PeerLinkOverLoopback, AnotherKeyIsRefused) {
  settings_a_.key = key_of(2);
  expect_refused();
}

TEST_F(PeerLinkOverLoopback, AnotherSiteWithTheSameKeyIsRefused) {
  settings_a_.site = "fra1";
  expect_refused();
}

TEST_F(PeerLinkOverLoopback, ADirectorTheSiteDoesNotHaveIsRefused) {
  settings_a_.self = "dir-0";
  expect_refused();
}

TEST_F(PeerLinkOverLoopback, ADirectorReachedUnderAnothersNameIsRefused) {
  settings_a_.peers[0].name = "dir-c";  // at dir-b's address
  start();
  ASSERT_TRUE(run_until([&] { return a_.status["dir-c"].reason.find("handshake") != std::string::npos; }));
  EXPECT_FALSE(a_.status["dir-c"].connected);
}

TEST_F(PeerLinkOverLoopback, GarbageSilenceAndAnOldTlsDoNotKeepThePeerOut) {
  start_b();
  const tcp::endpoint where(asio::ip::make_address("127.0.0.1"), port_);
  // More silent ones than handshakes are let be under way, one that talks garbage, one that speaks at most TLS 1.2.
  std::vector<std::unique_ptr<tcp::socket>> silent;
  for (int i = 0; i < 20; ++i) {
    silent.push_back(std::make_unique<tcp::socket>(io_));
    silent.back()->connect(where);
    run_until([] { return false; }, std::chrono::milliseconds(5));
  }
  tcp::socket garbage(io_);
  garbage.connect(where);
  asio::write(garbage, asio::buffer("GET / HTTP/1.1\r\nHost: tandem\r\n\r\n", 32));

  asio::ssl::context old_context(asio::ssl::context::tls_client);
  SSL_CTX_set_max_proto_version(old_context.native_handle(), TLS1_2_VERSION);
  TlsStream old_client(io_, old_context);
  old_client.next_layer().connect(where);
  std::optional<boost::system::error_code> old_result;
  old_client.async_handshake(TlsStream::client, [&](const boost::system::error_code& e) { old_result = e; });
  ASSERT_TRUE(run_until([&] { return old_result.has_value(); }));
  EXPECT_TRUE(*old_result) << "a TLS 1.2 client got in";

  // And one with the newest TLS, but without the key.
  asio::ssl::context keyless_context(asio::ssl::context::tlsv13_client);
  TlsStream keyless(io_, keyless_context);
  keyless.next_layer().connect(where);
  std::optional<boost::system::error_code> keyless_result;
  keyless.async_handshake(TlsStream::client, [&](const boost::system::error_code& e) { keyless_result = e; });
  ASSERT_TRUE(run_until([&] { return keyless_result.has_value(); }));
  EXPECT_TRUE(*keyless_result) << "a client without the key got in";

  a_.link.configure(settings_a_);
  EXPECT_TRUE(run_until([&] { return in_step(); }, std::chrono::seconds(5)));
}

TEST_F(PeerLinkOverLoopback, ASilentStrangerIsLetGoAfterThreeSeconds) {
  start_b();
  tcp::socket silent(io_);
  silent.connect({asio::ip::make_address("127.0.0.1"), port_});
  std::array<char, 1> byte;
  bool ended = false;
  silent.async_read_some(asio::buffer(byte), [&](const boost::system::error_code& e, size_t) { ended = bool(e); });
  EXPECT_FALSE(run_until([&] { return ended; }, std::chrono::milliseconds(2500)));
  EXPECT_TRUE(run_until([&] { return ended; }, std::chrono::milliseconds(2500)));
}

TEST_F(PeerLinkOverLoopback, AnAddressThatIsNoPeersIsClosedAtOnce) {
  start_b();
  tcp::socket stranger(io_);
  stranger.open(tcp::v4());
  stranger.bind({asio::ip::make_address("127.0.0.2"), 0});
  stranger.connect({asio::ip::make_address("127.0.0.1"), port_});
  std::array<char, 1> byte;
  bool ended = false;
  stranger.async_read_some(asio::buffer(byte), [&](const boost::system::error_code& e, size_t) { ended = bool(e); });
  EXPECT_TRUE(run_until([&] { return ended; }, std::chrono::seconds(1)));
}

TEST_F(PeerLinkOverLoopback, APeerThatIsStartedAnewComesIntoStepAgain) {
  for (uint16_t port = 1; port <= 50; ++port) a_.packet(1, port);
  start();
  ASSERT_TRUE(run_until([&] { return in_step(); }));
  b_.link.stop();
  ASSERT_TRUE(run_until([&] { return !a_.status["dir-b"].connected; }));
  EXPECT_TRUE(a_.has_event("PEER_LOST"));
  b_.status.clear();
  b_.table->scan(0, b_.table->slots(), [&](const Flow& flow) { b_.table->remove(flow); });
  b_.link.configure(settings_b_);
  ASSERT_TRUE(run_until([&] { return in_step(); }));
  EXPECT_EQ(b_.table.count(), 50U);
}

TEST_F(PeerLinkOverLoopback, AReloadThatChangesOnlyTheFileKeepsTheConnection) {
  start();
  ASSERT_TRUE(run_until([&] { return in_step(); }));
  settings_b_.digest = "d2";
  b_.link.configure(settings_b_);
  EXPECT_TRUE(run_until([&] { return a_.has_event("PEER_CONFIG_DIFFERS"); }));
  EXPECT_THAT(a_.status["dir-b"].reason, ::testing::HasSubstr("another configuration"));
  EXPECT_TRUE(in_step());
  EXPECT_FALSE(a_.has_event("PEER_LOST"));
}

TEST_F(PeerLinkOverLoopback, AReloadThatRemovesThePeerEndsItAndForgetsIt) {
  start();
  ASSERT_TRUE(run_until([&] { return in_step(); }));
  settings_b_.peers.clear();
  b_.link.configure(settings_b_);
  EXPECT_TRUE(b_.status.empty());
  EXPECT_EQ(b_.link.listening_port(), 0);
  EXPECT_TRUE(run_until([&] { return !a_.status["dir-b"].connected; }));
}

TEST_F(PeerLinkOverLoopback, FlowsOfAServerThatIsNotKnownYetComeWithTheReload) {
  b_.names.servers.pop_back();
  b_.names.servers.erase(b_.names.servers.begin());  // service1/web1, which packet() uses
  a_.packet(1, 1);
  start();
  ASSERT_TRUE(run_until([&] { return in_step() && b_.status["dir-a"].flows_refused == 1; }));
  EXPECT_EQ(b_.table.count(), 0U);
  b_.names = test_names(40);
  b_.link.names_changed();
  EXPECT_TRUE(run_until([&] { return b_.table.count() == 1; }));
}

}  // namespace
}  // namespace tandem::forwarding
