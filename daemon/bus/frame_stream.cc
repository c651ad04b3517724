#include "daemon/bus/frame_stream.hpp"

#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "daemon/bus/frame_reader.hpp"
#include "daemon/bus/send_queue.hpp"

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

  void write() {
    if (closed_) return;
    in_flight_ = queue_.take(kMostBytesPerWrite);
    asio::async_write(socket_, asio::buffer(in_flight_), [self = shared()](const auto& error, size_t) {
      self->in_flight_.clear();
      // A broken line is the reader's to notice: what was said before it broke is still to be read.
      if (error || self->closed_) return;
      if (!self->queue_.empty()) return self->write();
      self->writing_ = false;
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
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<FrameStream> FrameStream::make(asio::io_context& io, int fd, Limits limits) {
  return std::make_shared<Stream>(io, fd, limits);
}

}  // namespace tandem::bus
