// tandem-checkers-room FD: the room alone, for tests. FD is the room's end of a socket whose other end plays the
// supervisor (daemon/bus/codec.hpp says what it must say).
#include <cstdlib>
#include <filesystem>

#include <boost/asio/io_context.hpp>

#include "checkers/io/room.hpp"
#include "daemon/bus/room_link.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  boost::asio::io_context io(1);
  tandem::bus::RoomLink board(io, std::atoi(argv[1]), "checkers");  // NOLINT(cert-err34-c): a test's own number
  tandem::bus::RoomContext context{
      .io = io, .bus = board, .run_directory = "/nonexistent", .state_directory = "/nonexistent"};
  tandem::checkers::run_room(context);
}
