#include "checkers/io/connection.hpp"

#include <sys/socket.h>

#include <array>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "checkers/io/socket_way.hpp"

namespace tandem::checkers {
namespace {

namespace asio = boost::asio;
using Reason = Outcome::Reason;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

asio::ip::tcp::endpoint endpoint_of(const IpAddress& address, uint16_t port) {
  if (address.is_v4()) return {asio::ip::address_v4(address.v4.value), port};
  asio::ip::address_v6::bytes_type bytes;
  std::ranges::copy(address.v6.bytes, bytes.begin());
  return {asio::ip::address_v6(bytes), port};
}

Result<void, Outcome> done_or(const Connection& connection, const boost::system::error_code& error) {
  if (error) return Failure<Outcome>(connection.fail(error));
  return {};
}

}  // namespace

Connection::Connection(const asio::any_io_executor& executor, TimePoint deadline)
    : socket_(executor), timer_(executor, [this] {
        timed_out_ = true;
        boost::system::error_code ignored;
        static_cast<void>(socket_.cancel(ignored));
      }) {
  timer_.set(deadline);
}

Awaitable<Result<void, Outcome>> Connection::connect(const Target& target) {
  stage_ = Stage::kConnect;
  const auto endpoint = endpoint_of(target.address, target.port);
  boost::system::error_code error;
  static_cast<void>(socket_.open(endpoint.protocol(), error));
  if (!error) error = choose_way(socket_.native_handle(), *target.check);
  if (error) co_return done_or(*this, error);
  // Lingering stays as it is: the close is an orderly FIN. A reset (SO_LINGER 0) would spare TIME_WAIT here, at the
  // price of an error in the log of every server; see README.md for what TIME_WAIT costs.
  std::tie(error) = co_await socket_.async_connect(endpoint, kAwait);
  co_return done_or(*this, error);
}

Awaitable<Result<void, Outcome>> Connection::write_all(std::string_view bytes) {
  const auto [error, written] = co_await asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()), kAwait);
  co_return done_or(*this, error);
}

Awaitable<Result<size_t, Outcome>> Connection::read_some(std::span<char> into) {
  const auto [error, size] = co_await socket_.async_read_some(asio::buffer(into.data(), into.size()), kAwait);
  if (error) co_return Failure<Outcome>(fail(error));
  co_return size;
}

Awaitable<Result<void, Outcome>> Connection::wait(Socket::wait_type direction) {
  const auto [error] = co_await socket_.async_wait(direction, kAwait);
  co_return done_or(*this, error);
}

Outcome Connection::fail(Reason reason, std::string_view text, int64_t number) const {
  return {.reason = reason, .stage = stage_, .number = number, .text = printable(text)};
}

Outcome Connection::fail(const boost::system::error_code& error) const {
  if (timed_out_) return fail(Reason::kTimedOut);
  return fail(reason_of(error), error.message(), error.value());
}

void Connection::drain() {
  std::array<char, 4096> waste;
  for (int i = 0; i < 16; ++i)
    if (recv(socket_.native_handle(), waste.data(), waste.size(), MSG_DONTWAIT) <= 0) return;
}

}  // namespace tandem::checkers
