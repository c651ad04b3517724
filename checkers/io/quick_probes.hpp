// The plain tcp and http attempts, thousands at once: what most servers are asked by. An attempt is an entry of a table and a
// descriptor in an epoll set of its own; it costs the system calls that it cannot do without (socket, connect, epoll_ctl, for
// http send and recv, close), and answers are taken in batches. probe.hpp makes the others, each by a coroutine.
//
// Both end by the deadline at the latest, at most kTick after it.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "checkers/events.hpp"
#include "checkers/io/http_answer.hpp"
#include "checkers/outcome.hpp"
#include "checkers/schedule.hpp"
#include "daemon/loop/deadline_timer.hpp"

namespace tandem::checkers {

class QuickProbes {
 public:
  // Told from the loop, never from within start() or cancel(). It may call both.
  using Ended = std::function<void(AttemptId, Outcome)>;
  QuickProbes(boost::asio::io_context& io, Ended ended);
  ~QuickProbes();
  QuickProbes(const QuickProbes&) = delete;
  QuickProbes& operator=(const QuickProbes&) = delete;

  // Whether this kind of attempt is made here.
  static bool makes(const Check& check) { return check.kind == CheckKind::kTcp || check.kind == CheckKind::kHttp; }

  // REQUIRES: makes(*target.check); `id` is not 0, and no other attempt of this id is under way.
  void start(AttemptId id, Target target, TimePoint deadline);
  // Ends it with kCancelled. False: there is none of that id.
  bool cancel(AttemptId id);

  static constexpr Duration kTick = 5ms;  // timeouts are looked at that often

 private:
  using Slot = Schedule::Id;
  struct Attempt {
    int fd = -1;
    uint32_t turn = 0;  // how often the slot was used: an event of a former user is none of ours
    Stage stage = Stage::kConnect;
    TimePoint begin;
    Target target;
    std::string request;  // what is left of it to send
    std::unique_ptr<HttpAnswer> answer;
  };

  // The outcome of one that could not begin.
  std::optional<Outcome> begin(Slot slot);
  void wait();
  void take_events();
  void happened(Slot slot, uint32_t events);
  // Goes as far as it can; the outcome at its end.
  std::optional<Outcome> advance(Attempt& attempt, uint32_t events);
  std::optional<Outcome> send_request(Attempt& attempt);
  std::optional<Outcome> read_answer(Attempt& attempt, bool until_empty);
  void drain(int fd);
  using Told = std::pair<AttemptId, Outcome>;
  Told take_out(Slot slot, Outcome outcome);
  void finish(Slot slot, Outcome outcome);
  void finish_later(Slot slot, Outcome outcome);
  void expire();
  void arm();

  boost::asio::io_context& io_;
  Ended ended_;
  boost::asio::posix::stream_descriptor ready_;  // the epoll set
  std::vector<Attempt> attempts_;
  std::vector<Slot> free_;
  std::vector<AttemptId> ids_;  // by slot, 0: free. Only cancel() looks for one, through all of them: that is rare
  Schedule deadlines_;
  std::optional<TimePoint> armed_;
  std::vector<Told> untold_;  // ended where nobody may be told
  std::array<char, size_t{16} << 10> bytes_;
  loop::DeadlineTimer timer_;
};

}  // namespace tandem::checkers
