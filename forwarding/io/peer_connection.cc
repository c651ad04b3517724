#include "forwarding/io/peer_connection.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "daemon/loop/spawn.hpp"

namespace tandem::forwarding {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// What the smallest MTU of IPv6 carries (RFC 8200, 5), less the headers of IPv6 and TCP. A path between two directors that
// carries less than both believe, and drops what is larger without a word, would stop the link with the first full segment;
// larger segments would gain nothing, as the kernel hands 64 KB at a time to the device either way. Set before it connects, it
// binds both ends (the one announces it, and clamps what it is told).
constexpr int kMostSegment = 1280 - 60;

void set_options(asio::ip::tcp::socket& socket) {
  const auto set = [fd = socket.native_handle()](int option, int value) {
    // A kernel without one of these still carries the link: only less promptly.
    static_cast<void>(setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value));
  };
  set(TCP_NODELAY, 1);
  set(TCP_USER_TIMEOUT, 1000);
  set(TCP_MAXSEG, kMostSegment);
  // What waits in the kernel is old by the time it leaves; what waits in the flow table is told as it stands then.
  set(TCP_NOTSENT_LOWAT, 128 * 1024);
}

std::string handshake_failure(const error_code& error) {
  return "the TLS handshake failed (" + error.message() +
         "): do both directors have the same key file, the same site name and each other's names?";
}

}  // namespace

PeerConnection::PeerConnection(asio::io_context& io, std::shared_ptr<asio::ssl::context> context)
    : context_(std::move(context)), stream_(io, *context_) {}

PeerConnection::PeerConnection(Tcp::socket socket, std::shared_ptr<asio::ssl::context> context)
    : context_(std::move(context)), stream_(std::move(socket), *context_) {
  set_options(stream_.next_layer());
}

asio::awaitable<std::string> PeerConnection::connect(Tcp::endpoint local, Tcp::endpoint remote, std::string peer) {
  const auto self = shared_from_this();
  auto& socket = stream_.next_layer();
  error_code error;
  socket.open(remote.protocol(), error);
  // From the address the peer knows us by, or it takes us for a stranger.
  if (!error) socket.bind({local.address(), 0}, error);
  if (error) co_return "cannot use the address " + local.address().to_string() + ": " + error.message();
  set_options(socket);
  co_await socket.async_connect(remote, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return "cannot connect: " + error.message();
  expect_server(stream_, peer);
  co_await stream_.async_handshake(TlsStream::client, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return handshake_failure(error);
  if (proved_peer(stream_) != peer) co_return "the other end did not prove to be " + peer;
  co_return std::string();
}

asio::awaitable<std::string> PeerConnection::accept(std::string& why) {
  const auto self = shared_from_this();
  error_code error;
  co_await stream_.async_handshake(TlsStream::server, asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    why = handshake_failure(error);
    co_return std::string();
  }
  std::string peer = proved_peer(stream_);
  if (peer.empty()) why = "the handshake proved nothing";
  co_return peer;
}

void PeerConnection::run(Handlers handlers) {
  handlers_ = std::move(handlers);
  loop::spawn(stream_.get_executor(), "peer link", receive());
}

asio::awaitable<void> PeerConnection::receive() {
  const auto self = shared_from_this();
  while (!closed_) {
    const MutableBytes space = splitter_.space();
    error_code error;
    const size_t count = co_await stream_.async_read_some(asio::buffer(space.data(), space.size()),
                                                          asio::redirect_error(asio::use_awaitable, error));
    if (closed_) break;
    if (error) {
      lost(error);
      break;
    }
    splitter_.received(count);
    while (!closed_) {
      const auto raw = splitter_.next();
      if (!raw) {
        handlers_.on_broken(raw.error());
        co_return;
      }
      if (!*raw) break;
      handlers_.on_frame((*raw)->type, (*raw)->body);
    }
  }
}

void PeerConnection::write() {
  asio::async_write(stream_, asio::buffer(piece_), [self = shared_from_this()](const error_code& error, size_t) {
    if (self->closed_) return;
    if (error) return self->lost(error);
    self->handlers_.on_written();
  });
}

void PeerConnection::lost(const error_code& error) {
  // Reading and writing may both find the end; it is told once.
  if (closed_) return;
  const bool ended = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
  const auto on_lost = handlers_.on_lost;
  close();
  on_lost(ended ? "the peer closed the connection" : "the connection was lost: " + error.message());
}

void PeerConnection::close() {
  closed_ = true;
  // No TLS goodbye: it could wait for a peer that is gone, and a frame that is cut off is never taken for a whole one.
  error_code ignored;
  stream_.next_layer().close(ignored);
}

}  // namespace tandem::forwarding
