#include "daemon/bus/frame_stream.hpp"

#include <poll.h>

#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include "daemon/bus/frame_reader.hpp"
#include "daemon/bus/send_queue.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::bus {

namespace asio = boost::asio;

namespace {

constexpr size_t kMostBytesPerWrite = 256u << 10;

class Stream final : public FrameStream {
 public:
  Stream(asio::io_context& io, int fd, Limits limits)
      : socket_(io, asio::local::stream_protocol(), fd),
        reader_(limits.most_frame_bytes),
        queue_(limits.most_queued_bytes) {
    socket_.non_blocking(true);
  }

  void start(std::function<void(std::string_view)> on_frame, std::function<void(End)> on_end) override {
    on_frame_ = std::move(on_frame);
    on_end_ = std::move(on_end);
    read();
  }

  void send(std::shared_ptr<const std::string> frame, const std::string& slot) override {
    if (closed_) return;
    queue_.push(std::move(frame), slot);
    if (writing_) return;
    writing_ = true;
    // At the end of this turn, so that all that it says leaves together.
    asio::post(socket_.get_executor(), [self = shared()] { self->write(); });
  }

  void close() override {
    closed_ = true;
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  void flush(Duration patience) override {
    const TimePoint give_up = loop::monotonic_now() + patience;
    while (!write_now()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(give_up - loop::monotonic_now());
      pollfd waiting{.fd = socket_.native_handle(), .events = POLLOUT, .revents = 0};
      if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return;
    }
  }

  size_t queued_bytes() const override { return queue_.bytes() + in_flight_.size(); }
  uint64_t dropped() const override { return queue_.dropped(); }

 private:
  std::shared_ptr<Stream> shared() { return std::static_pointer_cast<Stream>(shared_from_this()); }

  void read() {
    socket_.async_read_some(asio::buffer(chunk_), [self = shared()](const auto& error, size_t bytes) {
      if (self->closed_) return;
      if (error) return self->end(End::kClosed);
      self->reader_.add({self->chunk_.data(), bytes});
      self->hand_over();
    });
  }

  void hand_over() {
    while (!closed_) {
      const auto frame = reader_.next();
      if (!frame) return end(End::kFrameTooLarge);
      if (!*frame) return read();
      on_frame_(**frame);
    }
  }

  // Writes what the socket takes; false when it takes no more now. In-flight bytes are known exactly at any time (which
  // an asynchronous write would not allow), so that flush() can go on from there.
  bool write_now() {
    while (!closed_) {
      if (in_flight_.empty()) {
        if (queue_.empty()) return true;
        in_flight_ = queue_.take(kMostBytesPerWrite);
        written_ = 0;
      }
      boost::system::error_code error;
      written_ += socket_.write_some(asio::buffer(in_flight_) + written_, error);
      if (error == asio::error::would_block) return false;
      // A broken line is the reader's to notice: what was said before it broke is still to be read.
      if (error) return true;
      if (written_ == in_flight_.size()) in_flight_.clear();
    }
    return true;
  }

  void write() {
    if (write_now()) {
      writing_ = false;
      return;
    }
    socket_.async_wait(asio::local::stream_protocol::socket::wait_write, [self = shared()](const auto& error) {
      if (!error) self->write();
    });
  }

  void end(End how) {
    close();
    // The handler may hold the last reference to this stream, or replace it.
    const auto run = std::exchange(on_end_, nullptr);
    on_frame_ = nullptr;
    if (run) run(how);
  }

  asio::local::stream_protocol::socket socket_;
  FrameReader reader_;
  SendQueue queue_;
  std::function<void(std::string_view)> on_frame_;
  std::function<void(End)> on_end_;
  std::array<char, 64u << 10> chunk_;
  std::string in_flight_;
  size_t written_ = 0;  // of in_flight_
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<FrameStream> FrameStream::make(asio::io_context& io, int fd, Limits limits) {
  return std::make_shared<Stream>(io, fd, limits);
}

}  // namespace tandem::bus
