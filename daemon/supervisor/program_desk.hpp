// The program desk: which of the checkers' programs run when, of those that run as another user.
//
// The checkers read hostile bytes, and may have been taken over: they name a check, and nothing else they say counts. What
// is run, as whom and for how long, the desk looks up in the supervisor's own copy of the site. Each check has one program
// at a time, all together have kMostPrograms, and they begin at a bounded pace, so that whoever asks without end keeps the
// supervisor from nothing: it has rooms to keep.
//
// A check's time runs from when it was asked for. One that has waited for half of it is not run any more: it would be
// killed for our lateness, and its server taken down for that.
//
// Pure: time comes in, actions go out.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "daemon/base/time.hpp"

namespace tandem::supervisor {

inline constexpr size_t kMostPrograms = 64;            // that run at the same time
inline constexpr Duration kProgramSpacing = 2ms;       // between two beginnings, in the long run
inline constexpr int kMostProgramsAtOnce = 8;          // that begin in one turn
inline constexpr Duration kProgramsInTimeAfter = 30s;  // without one that was late, before that is said to be over

struct ProgramName {
  std::string service, server, check;
  auto operator<=>(const ProgramName&) const = default;
};

struct Program {
  std::vector<std::string> words;
  std::string user;  // for people; the numbers count
  uint32_t uid = 0, gid = 0;
  Duration timeout{};
};
using Programs = std::map<ProgramName, std::shared_ptr<const Program>>;

using RunId = uint64_t;  // never used twice

struct RunProgram {  // ended() is the answer
  RunId run = 0;
  std::shared_ptr<const Program> program;
  Duration limit{};
};
struct EndProgram {  // kill it; ended() follows all the same
  RunId run = 0;
};
struct ProgramNotRun {  // to be told to who asked
  uint64_t id = 0;
  std::string why;
};
struct ProgramsLate {
  bool over = false;
  size_t waiting = 0;
};
using ProgramAction = std::variant<RunProgram, EndProgram, ProgramNotRun, ProgramsLate>;
using ProgramActions = std::vector<ProgramAction>;

class ProgramDesk {
 public:
  // What is asked for and is not among them any more is not run.
  ProgramActions configure(Programs programs, TimePoint now);
  // `id`: who asks chose it, for the answer.
  ProgramActions asked(uint64_t id, const ProgramName& name, TimePoint now);
  // No answer is wanted any more.
  ProgramActions cancelled(uint64_t id, TimePoint now);
  // `answer_to`: the id of who asked; none: nobody waits for it.
  struct Ended {
    std::optional<uint64_t> answer_to;
    ProgramActions actions;
  };
  Ended ended(RunId run, TimePoint now);
  // Who asked has died. Its next life may use the same ids.
  ProgramActions asker_gone(TimePoint now);

  ProgramActions deadline_reached(TimePoint now);
  std::optional<TimePoint> deadline() const { return due_; }

  size_t running() const { return running_.size(); }
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting;
  using Queue = std::list<Waiting>;
  using ByLateness = std::multimap<TimePoint, Queue::iterator>;  // from when on it is not run any more
  struct Waiting {
    uint64_t id = 0;
    ProgramName name;
    TimePoint asked;
    ByLateness::iterator place;
  };
  struct Running {
    std::optional<uint64_t> id;
    ProgramName name;
  };
  void start_some(ProgramActions& actions, TimePoint now);
  void give_up_late(ProgramActions& actions, TimePoint now);
  Queue::iterator leave(Queue::iterator at);

  Programs programs_;
  Queue waiting_;
  std::unordered_map<uint64_t, Queue::iterator> by_id_;
  ByLateness by_lateness_;
  std::set<ProgramName> names_waiting_, names_running_;
  std::map<RunId, Running> running_;
  RunId last_run_ = 0;
  TimePoint next_start_{};
  std::optional<TimePoint> due_;
  std::optional<TimePoint> last_late_;
};

}  // namespace tandem::supervisor
