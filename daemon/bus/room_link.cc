#include "daemon/bus/room_link.hpp"

#include <map>
#include <vector>

#include "daemon/base/assert.hpp"
#include "daemon/bus/codec.hpp"
#include "daemon/bus/describe.hpp"
#include "daemon/bus/frame_stream.hpp"
#include "daemon/loop/clock.hpp"

namespace tandem::bus {

namespace {

// Retained messages replace each other, so only Events can pile up while the supervisor takes nothing.
constexpr size_t kMostQueuedBytes = 64u << 20;
constexpr Duration kLastWordsPatience = 200ms;

}  // namespace

class RoomLink::Implementation : public std::enable_shared_from_this<Implementation> {
 public:
  Implementation(boost::asio::io_context& io, int fd, std::string name)
      : room(std::move(name)), stream(FrameStream::make(io, fd, {kMostBytesFromSupervisor, kMostQueuedBytes})) {}

  void start() {
    Subscribe subscribe;
    for (const auto& [kind, handlers] : subscriptions) subscribe.kinds.emplace_back(kind);
    stream->send(std::make_shared<const std::string>(encode(subscribe)), {});
    // The room's handlers may end the link; the weak pointer keeps a late frame from reaching it.
    const auto weak = weak_from_this();
    stream->start(
        [weak](std::string_view text) {
          if (const auto self = weak.lock()) self->hear(text);
        },
        [weak](FrameStream::End) {
          if (const auto self = weak.lock()) self->stop();
        });
  }

  void hear(std::string_view text) {
    const auto frame = decode_frame(text, kMostBytesFromSupervisor);
    TANDEM_ASSERT(frame.has_value());  // the supervisor only sends what encode() made
    if (const auto* message = std::get_if<Message>(&*frame)) {
      const auto found = subscriptions.find(kind_of(*message));
      if (found == subscriptions.end()) return;
      for (const auto& handler : found->second) handler(*message);
    } else if (std::holds_alternative<CaughtUp>(*frame)) {
      if (const auto run = std::exchange(caught_up_handler, nullptr)) run();
    } else if (std::holds_alternative<Stop>(*frame)) {
      stop();
    }
  }

  void stop() {
    if (const auto run = std::exchange(stop_handler, nullptr)) run();
  }

  void publish(const Message& message) {
    auto text = encode(message);
    if (text.size() > kMostBytesFromRoom) {  // the supervisor would hang up on us
      ++too_large;
      return;
    }
    stream->send(std::make_shared<const std::string>(std::move(text)), slot_of(message));
  }

  std::string room;
  std::shared_ptr<FrameStream> stream;
  std::map<std::string_view, std::vector<std::function<void(const Message&)>>> subscriptions;
  std::function<void()> stop_handler;
  std::function<void()> caught_up_handler;
  uint64_t too_large = 0;
};

RoomLink::RoomLink(boost::asio::io_context& io, int fd, std::string room)
    : implementation_(std::make_shared<Implementation>(io, fd, std::move(room))) {}

RoomLink::~RoomLink() {
  // The loop was stopped in the turn in which the room said its last words.
  implementation_->stream->flush(kLastWordsPatience);
  implementation_->stream->close();
}

void RoomLink::on_stop(std::function<void()> handler) {
  implementation_->stop_handler = std::move(handler);
}

void RoomLink::on_caught_up(std::function<void()> handler) {
  implementation_->caught_up_handler = std::move(handler);
}

void RoomLink::start() {
  implementation_->start();
}

void RoomLink::publish(Message message) {
  implementation_->publish(message);
}

void RoomLink::event(Severity severity, std::string id, std::string subject, std::string text) {
  publish(Event{.severity = severity,
                .id = std::move(id),
                .room = room(),
                .subject = std::move(subject),
                .text = std::move(text),
                .unix_ms = loop::unix_ms_now()});
}

const std::string& RoomLink::room() const {
  return implementation_->room;
}

uint64_t RoomLink::dropped() const {
  return implementation_->stream->dropped() + implementation_->too_large;
}

void RoomLink::add_subscription(std::string_view kind, std::function<void(const Message&)> handler) {
  implementation_->subscriptions[kind].push_back(std::move(handler));
}

}  // namespace tandem::bus
