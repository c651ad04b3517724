// Frames over a stream socket: a 4-byte big-endian length, then that many bytes. Both ends of the line between a room
// and the supervisor use it.
//
// send() never blocks and never waits: what the socket does not take is queued, a frame of the same slot replaces the
// one that waits (and goes to the end of the queue, so that what is said later arrives later), and past the bound the
// oldest frame that is said only once is dropped, then the oldest of all. Frames sent in one turn of the loop leave in
// one write.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "daemon/base/time.hpp"

namespace tandem::bus {

class FrameStream : public std::enable_shared_from_this<FrameStream> {
 public:
  struct Limits {
    size_t most_frame_bytes;  // of a frame to be read; a larger one ends the stream
    size_t most_queued_bytes;
  };
  enum class End : uint8_t { kClosed, kFrameTooLarge };

  // Takes ownership of `fd`, a connected AF_UNIX stream socket.
  static std::shared_ptr<FrameStream> make(boost::asio::io_context& io, int fd, Limits limits);
  virtual ~FrameStream() = default;

  // Reads until the end. Neither handler is called after close(); on_end is called once at most.
  virtual void start(std::function<void(std::string_view frame)> on_frame, std::function<void(End)> on_end) = 0;
  // An empty slot is never replaced.
  virtual void send(std::shared_ptr<const std::string> frame, const std::string& slot) = 0;
  // Writes what is queued, now and in this thread, for `patience` at most: the last words of a process.
  virtual void flush(Duration patience) = 0;
  virtual void close() = 0;

  virtual size_t queued_bytes() const = 0;
  virtual uint64_t dropped() const = 0;
};

}  // namespace tandem::bus
