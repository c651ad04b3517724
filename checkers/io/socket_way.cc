#include "checkers/io/socket_way.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include <boost/asio/error.hpp>

namespace tandem::checkers {

namespace asio = boost::asio;
using Reason = Outcome::Reason;

namespace {

boost::system::error_code bind_to(int descriptor, const IpAddress& address) {
  int result = 0;
  if (address.is_v4()) {
    sockaddr_in name{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(address.v4.value)}, .sin_zero = {}};
    const int on = 1;  // a port is taken when the other end is known, so that sources do not run out of them
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    result = bind(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  } else {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    std::ranges::copy(address.v6.bytes, name.sin6_addr.s6_addr);
    result = bind(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  }
  return {result == 0 ? 0 : errno, boost::system::system_category()};
}

}  // namespace

boost::system::error_code choose_way(int descriptor, const Check& check) {
  const auto failed = [] { return boost::system::error_code(errno, boost::system::system_category()); };
  if (!check.interface.empty() && setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, check.interface.c_str(),
                                             static_cast<socklen_t>(check.interface.size())) != 0)
    return failed();
  if (check.mark != 0 && setsockopt(descriptor, SOL_SOCKET, SO_MARK, &check.mark, sizeof check.mark) != 0)
    return failed();
  return check.source ? bind_to(descriptor, *check.source) : boost::system::error_code();
}

Reason reason_of(const boost::system::error_code& error) {
  if (error == asio::error::eof || error == asio::error::broken_pipe) return Reason::kClosed;
  if (error == asio::error::operation_aborted) return Reason::kCancelled;
  switch (error.value()) {
    case ECONNREFUSED:
      return Reason::kRefused;
    case ECONNRESET:
      return Reason::kReset;
    case ETIMEDOUT:
      return Reason::kTimedOut;  // the kernel's own patience, where the deadline is far
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EACCES:
    case EPERM:
      return Reason::kUnreachable;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:  // no local port or address to call from
    case EAGAIN:
      return Reason::kNoResources;
    default:
      return Reason::kSystem;
  }
}

}  // namespace tandem::checkers
