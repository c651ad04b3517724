// A room's end of the message board: what a shell needs to be a room.
//
// The supervisor gives each room one stream socket. Frames are a 4-byte big-endian length and that many bytes of JSON
// (codec.hpp). After connecting, a room says which kinds it subscribes to and is handed the last value of every retained
// message of those kinds, then what comes. publish() never blocks: what the socket does not take waits in a bounded
// queue, in which a newer retained message replaces an older one of the same kind and key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "daemon/bus/messages.hpp"

namespace tandem::bus {

class RoomLink {
 public:
  // Takes ownership of `fd`, a connected AF_UNIX stream socket. `room` is the name this room is known by.
  RoomLink(boost::asio::io_context& io, int fd, std::string room);
  // Gives what was published last 200 ms to be sent.
  ~RoomLink();
  RoomLink(const RoomLink&) = delete;
  RoomLink& operator=(const RoomLink&) = delete;

  // Calls `handler` for every message of type M. REQUIRES: called before start().
  template <class M>
  void subscribe(std::function<void(const M&)> handler) {
    add_subscription(M::kKind, [handler = std::move(handler)](const Message& m) { handler(std::get<M>(m)); });
  }

  // Called once, when the supervisor asks this room to stop or is gone. The room puts its things in order and then ends
  // the loop (io.stop()).
  void on_stop(std::function<void()> handler);

  // Called once, after the retained messages of the subscriptions have been handed over.
  void on_caught_up(std::function<void()> handler);

  // Says the subscriptions and starts to receive.
  void start();

  void publish(Message message);

  // Publishes an Event of this room, stamped with the wall clock.
  void event(Severity severity, std::string id, std::string subject, std::string text);

  const std::string& room() const;

  // Frames that had to be dropped because the supervisor took none for too long.
  uint64_t dropped() const;

 private:
  void add_subscription(std::string_view kind, std::function<void(const Message&)> handler);
  class Implementation;
  std::shared_ptr<Implementation> implementation_;
};

// What a room's run function is given.
struct RoomContext {
  boost::asio::io_context& io;
  RoomLink& bus;
  std::filesystem::path run_directory;    // /run/tandem
  std::filesystem::path state_directory;  // /var/lib/tandem
  // control only: the listening socket of the operators, made by the supervisor so that it outlives this room. -1 for
  // every other room. Owned by the room.
  int listen_fd = -1;
};

}  // namespace tandem::bus
