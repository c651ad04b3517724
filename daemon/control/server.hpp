// The operator's socket: HTTP/1.1 on a listening AF_UNIX socket. Knows requests and answers; what they mean is the handler's.
#pragma once

#include <functional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace tandem::control {

struct Request {
  std::string method;  // GET, POST
  std::string target;  // /v1/status
};

struct Answer {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
};

using Handler = std::function<boost::asio::awaitable<Answer>(Request)>;

// Serves the listening socket `listen_fd` (taken over) until the loop ends. A connection that is silent for 30 s is closed;
// requests are bounded (8 KB of header, 64 KB of body), and so is the number of connections (256).
void serve(boost::asio::io_context& io, int listen_fd, Handler handler);

}  // namespace tandem::control
