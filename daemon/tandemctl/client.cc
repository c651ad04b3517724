#include "daemon/tandemctl/client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>

namespace tandem::ctl {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

constexpr size_t kMostAnswerBytes = 256u << 20;  // 65,535 servers with their reasons are some 30 MB

// One request and its answer, in three steps that share a deadline.
class Exchange {
 public:
  Exchange(const std::string& method, const std::string& target) {
    request_.method_string(method);
    request_.target(target);
    request_.version(11);
    request_.set(http::field::host, "tandem");
    request_.set(http::field::connection, "close");
    request_.content_length(0);
    parser_.body_limit(kMostAnswerBytes);
  }

  void run(const std::string& path, std::chrono::seconds patience) {
    stream_.expires_after(patience);
    stream_.async_connect(asio::local::stream_protocol::endpoint(path), [this](beast::error_code error) {
      if (failed(error)) return;
      http::async_write(stream_, request_, [this](beast::error_code wrong, size_t) {
        if (failed(wrong)) return;
        http::async_read(stream_, buffer_, parser_, [this](beast::error_code bad, size_t) { failed(bad); });
      });
    });
    io_.run();
  }

  beast::error_code error() const { return error_; }
  const http::response<http::string_body>& answer() const { return parser_.get(); }

 private:
  bool failed(beast::error_code error) {
    error_ = error;
    return static_cast<bool>(error);
  }

  asio::io_context io_;
  beast::basic_stream<asio::local::stream_protocol> stream_{io_};
  http::request<http::empty_body> request_;
  http::response_parser<http::string_body> parser_;
  beast::flat_buffer buffer_;
  beast::error_code error_;
};

}  // namespace

std::expected<boost::json::value, std::string> ask(const std::string& socket_path, const std::string& method,
                                                   const std::string& target, std::chrono::seconds patience) {
  if (socket_path.size() > 107) return std::unexpected("the socket's path is longer than 107 bytes: " + socket_path);
  Exchange exchange(method, target);
  exchange.run(socket_path, patience);
  if (const auto error = exchange.error()) {
    if (error == asio::error::access_denied) {
      return std::unexpected("no permission for " + socket_path + " (be root, or in the group tandem)");
    }
    if (error == boost::system::errc::no_such_file_or_directory || error == asio::error::connection_refused) {
      return std::unexpected("tandemd does not run here: nothing listens on " + socket_path);
    }
    if (error == beast::error::timeout) {
      return std::unexpected("tandemd did not answer within " + std::to_string(patience.count()) + " s");
    }
    return std::unexpected(socket_path + ": " + error.message());
  }
  beast::error_code error;
  auto value = boost::json::parse(exchange.answer().body(), error);
  if (error) return std::unexpected("tandemd answered something that is not JSON: " + error.message());
  return value;
}

}  // namespace tandem::ctl
