// The programs of checks that run as another user. This room reads hostile bytes and has no right to become anybody: it names
// the check, and the supervisor runs what the site says of it (daemon/supervisor/program_desk.hpp).
#pragma once

#include <functional>
#include <map>
#include <set>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "checkers/events.hpp"
#include "daemon/bus/room_link.hpp"
#include "daemon/loop/deadline_timer.hpp"

namespace tandem::checkers {

class EntrustedPrograms {
 public:
  // Called once for each attempt, never from within start() or cancel().
  using Ended = std::function<void(AttemptId, Outcome)>;

  EntrustedPrograms(boost::asio::io_context& io, bus::RoomLink& board, Ended ended);

  void start(AttemptId attempt, const CheckName& name, TimePoint deadline);
  // Whether it is one of these.
  bool cancel(AttemptId attempt);
  void hear(const bus::ExecResult& result);

 private:
  struct Attempt {
    TimePoint began, until;
  };
  using Attempts = std::map<AttemptId, Attempt>;
  void finish(Attempts::iterator at, Outcome outcome);
  void give_up_silent();
  void set_timer();

  boost::asio::io_context& io_;
  bus::RoomLink& board_;
  Ended ended_;
  Attempts attempts_;
  std::set<std::pair<TimePoint, AttemptId>> by_end_;
  loop::DeadlineTimer timer_;
};

}  // namespace tandem::checkers
