// One TCP connection of one attempt, and the deadline over everything done with it.
//
// Every operation ends by the deadline at the latest; it then fails with kTimedOut and the stage it was in.
#pragma once

#include <span>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "checkers/outcome.hpp"
#include "daemon/base/result.hpp"
#include "daemon/loop/deadline_timer.hpp"

namespace tandem::checkers {

template <class T>
using Awaitable = boost::asio::awaitable<T>;

// What an http check speaks over: plain TCP or TLS.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  virtual Awaitable<Result<void, Outcome>> write_all(std::string_view bytes) = 0;
  // At least one byte; the other side's end is a failure (kClosed), because a check that still reads still waits for
  // something.
  virtual Awaitable<Result<size_t, Outcome>> read_some(std::span<char> into) = 0;
};

class Connection final : public ByteStream {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  Connection(const boost::asio::any_io_executor& executor, TimePoint deadline);

  // From the check's source address, interface and mark, where it has them.
  Awaitable<Result<void, Outcome>> connect(const Target& target);
  Awaitable<Result<void, Outcome>> write_all(std::string_view bytes) override;
  Awaitable<Result<size_t, Outcome>> read_some(std::span<char> into) override;
  // For who reads and writes the descriptor itself (TLS).
  Awaitable<Result<void, Outcome>> wait(Socket::wait_type direction);

  // The attempt may pass, but not without this being said.
  void warn(Warning warning) { warning_ = warning; }
  const Warning& warning() const { return warning_; }

  void enter(Stage stage) { stage_ = stage; }
  Outcome fail(Outcome::Reason reason, std::string_view text = {}, int64_t number = 0) const;
  Outcome fail(const boost::system::error_code& error) const;

  // Reads away what has already come, at most 64 KB: the close that follows is then an orderly one (FIN) and no reset,
  // which a server would write into its log.
  void drain();

  int descriptor() { return socket_.native_handle(); }

 private:
  Socket socket_;
  Stage stage_ = Stage::kConnect;
  bool timed_out_ = false;
  Warning warning_;
  loop::DeadlineTimer timer_;
};

}  // namespace tandem::checkers
