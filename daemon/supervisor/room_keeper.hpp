// The room keeper: which room runs, when a dead one is started again, in which order they end, and when the whole is
// ready.
//
// It is owned by the supervisor's shell, which tells it what happened and carries out the actions. A room that dies is
// started again at once; one that dies as soon as it is started waits 20, 50 and then 100 ms, and never longer: a room
// that is down costs more than a process start. Its deaths are said in words, but no more than kMostDeathsSaid a minute.
// The end is orderly: one room after the other in the order given (vrrp first, so that the peer takes over while this
// box still forwards), each with kStopPatience before it is killed.
//
// Ready means: every room does its work with the current generation of the site, as it said itself (RoomReady).
//
// Pure: time comes in, actions go out. The wall clock of RoomStatus and Event is filled in by the shell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/bus/messages.hpp"

namespace tandem::supervisor {

inline constexpr Duration kStopPatience = 5s;
inline constexpr Duration kStableAfter = 5s;  // a room that lived so long did not "die at once"
inline constexpr uint32_t kMostDeathsSaid = 10;
// So many deaths in a row without having worked, and what the room held is given up for it (Abandon): it may not come back soon.
inline constexpr uint32_t kDeathsUntilAbandoned = 4;
inline constexpr Duration kBackOff[] = {0ms, 20ms, 50ms, 100ms};  // by deaths at once in a row; the last one stays

struct StartRoom {
  std::string room;
};
struct AskToStop {  // the Stop frame
  std::string room;
};
struct KillRoom {  // SIGKILL
  std::string room;
};
struct Abandon {  // the room keeps dying: nobody may rely on what it left in the kernel. Said once for each such series
  std::string room;
};
struct Say {  // a RoomStatus or an Event of the supervisor
  bus::Message message;
};
struct WholeReady {  // all rooms work with this generation; said once for each time it becomes true
  uint64_t generation;
};
struct AllEnded {
  bool orderly;  // no room had to be killed, none died on its own during the stop
};
using Action = std::variant<StartRoom, AskToStop, KillRoom, Abandon, Say, WholeReady, AllEnded>;
using Actions = std::vector<Action>;

class RoomKeeper {
 public:
  // REQUIRES: names are distinct; given in the order in which the rooms are to end.
  explicit RoomKeeper(const std::vector<std::string>& rooms);

  // Starts all rooms. REQUIRES: called once, first.
  Actions start(uint64_t generation, TimePoint now);
  // The shell started the process it was asked for, or could not (`why` in words).
  Actions started(const std::string& room, int64_t pid);
  Actions could_not_start(const std::string& room, const std::string& why, TimePoint now);
  // The process ended; `how` in words.
  Actions ended(const std::string& room, const std::string& how, TimePoint now);
  // The room hung up or spoke nonsense, but its process lives.
  Actions line_lost(const std::string& room, const std::string& why);
  Actions ready(const std::string& room, uint64_t generation, TimePoint now);
  // A new SiteText is on the board.
  Actions new_generation(uint64_t generation);
  // Ends the rooms one after the other; asked a second time, all at once.
  Actions stop(TimePoint now);
  Actions deadline_reached(TimePoint now);

  std::optional<TimePoint> deadline() const;
  bool stopping() const { return stopping_; }
  // The rooms that do not work with the current generation yet.
  std::vector<std::string> not_ready() const;

 private:
  struct Room {
    std::string name;
    bus::RoomPhase phase = bus::RoomPhase::kDead;
    int64_t pid = 0;
    uint64_t restarts = 0;
    uint64_t ready_generation = 0;
    std::string reason;
    TimePoint started_at;
    std::optional<TimePoint> died_at;     // since when it is missed; none once it is back
    std::optional<TimePoint> restart_at;  // when a dead one is started again
    std::optional<TimePoint> kill_at;     // when a stopping one is killed
    uint32_t quick_deaths = 0;
    uint32_t stillbirths = 0;  // deaths in a row before it was ready
    TimePoint minute_began;    // the window of kMostDeathsSaid
    uint32_t deaths_this_minute = 0;
  };

  Room& find(const std::string& name);
  void say_status(Actions& actions, const Room& room);
  void say_death(Actions& actions, Room& room, TimePoint now);
  void died(Actions& actions, Room& room, const std::string& how, TimePoint now);
  void start_room(Actions& actions, Room& room, TimePoint now);
  void stop_next(Actions& actions, TimePoint now);
  void look_whether_ready(Actions& actions);

  std::vector<Room> rooms_;
  uint64_t generation_ = 0;
  bool whole_ready_ = false;
  bool stopping_ = false;
  bool hurried_ = false;
  bool orderly_ = true;
  bool all_ended_ = false;
};

}  // namespace tandem::supervisor
