// One TCP and TLS connection between two directors: made, proved, then frames in and pieces out.
//
// close() ends it from either side of any wait: no handler is called afterwards, and a coroutine that is under way ends
// by itself. What the connection means is not known here.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "forwarding/io/tls_psk.hpp"
#include "forwarding/sync/protocol.hpp"

namespace tandem::forwarding {

class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
 public:
  using Tcp = boost::asio::ip::tcp;

  struct Handlers {
    std::function<void(uint8_t type, Bytes body)> on_frame;
    std::function<void(sync::FrameError)> on_broken;  // nothing follows
    std::function<void(std::string why)> on_lost;     // nothing follows
    std::function<void()> on_written;
  };

  // The connection keeps the context, which a reload may replace.
  PeerConnection(boost::asio::io_context& io, std::shared_ptr<boost::asio::ssl::context> context);
  // One that was accepted.
  PeerConnection(Tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> context);

  // Connects from `local`'s address and proves that `peer` is at the other end. Empty: it is; otherwise why not, in words.
  boost::asio::awaitable<std::string> connect(Tcp::endpoint local, Tcp::endpoint remote, std::string peer);
  // The other end's part of it. The name of the director that connected; empty: `why` says what was wrong.
  boost::asio::awaitable<std::string> accept(std::string& why);

  // Starts to receive. REQUIRES: connect() or accept() succeeded.
  void run(Handlers handlers);
  // The buffer for the next piece. REQUIRES: no write is under way.
  sync::Buffer& piece() { return piece_; }
  // Writes the piece; on_written follows. REQUIRES: as piece().
  void write();

  void close();
  bool closed() const { return closed_; }

 private:
  boost::asio::awaitable<void> receive();
  void lost(const boost::system::error_code& error);

  std::shared_ptr<boost::asio::ssl::context> context_;
  TlsStream stream_;
  sync::FrameSplitter splitter_;
  sync::Buffer piece_;
  Handlers handlers_;
  bool closed_ = false;
};

}  // namespace tandem::forwarding
