#include "daemon/control/server.hpp"

#include <chrono>
#include <memory>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace tandem::control {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Stream = beast::basic_stream<asio::local::stream_protocol>;

namespace {

constexpr auto kPatience = std::chrono::seconds(30);
constexpr uint32_t kMostHeaderBytes = 8 << 10;
constexpr uint64_t kMostBodyBytes = 64 << 10;
constexpr size_t kMostConnections = 256;

struct Shop {
  Handler handler;
  size_t connections = 0;
};

asio::awaitable<void> converse(Stream stream, std::shared_ptr<Shop> shop) {
  struct Guest {  // counted however the conversation ends
    Shop& of;
    explicit Guest(Shop& s) : of(s) { ++of.connections; }
    ~Guest() { --of.connections; }
  } guest(*shop);
  beast::flat_buffer buffer;
  beast::error_code error;
  const auto token = [&error] { return asio::redirect_error(asio::use_awaitable, error); };
  for (bool keep = true; keep;) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(kMostHeaderBytes);
    parser.body_limit(kMostBodyBytes);
    stream.expires_after(kPatience);
    co_await http::async_read(stream, buffer, parser, token());
    if (error) co_return;
    const auto& request = parser.get();
    stream.expires_never();  // a reload takes the time it takes
    // Named, not a temporary: g++ 12 destroys a braced temporary of a co_await expression twice.
    Request asked;
    asked.method = request.method_string();
    asked.target = request.target();
    Answer answer = co_await shop->handler(std::move(asked));
    http::response<http::string_body> response;
    response.version(request.version());
    response.result(answer.status);
    response.set(http::field::server, "tandem");
    response.set(http::field::content_type, answer.content_type);
    response.body() = std::move(answer.body);
    response.keep_alive(keep = request.keep_alive());
    response.prepare_payload();
    stream.expires_after(kPatience);
    co_await http::async_write(stream, response, token());
    if (error) co_return;
  }
}

asio::awaitable<void> accept_all(asio::local::stream_protocol::acceptor acceptor, std::shared_ptr<Shop> shop) {
  asio::steady_timer pause(acceptor.get_executor());
  for (;;) {
    beast::error_code error;
    auto socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {  // out of descriptors: wait for some to be closed instead of asking at full speed
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    if (shop->connections >= kMostConnections) continue;  // closes it
    asio::co_spawn(acceptor.get_executor(), converse(Stream(std::move(socket)), shop), asio::detached);
  }
}

}  // namespace

void serve(asio::io_context& io, int listen_fd, Handler handler) {
  asio::local::stream_protocol::acceptor acceptor(io, asio::local::stream_protocol(), listen_fd);
  asio::co_spawn(io, accept_all(std::move(acceptor), std::make_shared<Shop>(std::move(handler))), asio::detached);
}

}  // namespace tandem::control
