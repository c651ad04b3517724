#include "daemon/supervisor/room_keeper.hpp"

#include <algorithm>
#include <iterator>

#include "daemon/base/assert.hpp"

namespace tandem::supervisor {

using bus::RoomPhase;
using bus::Severity;

namespace {

Say event(Severity severity, std::string id, const std::string& subject, std::string text) {
  return Say{bus::Event{
      .severity = severity, .id = std::move(id), .room = "supervisor", .subject = subject, .text = std::move(text)}};
}

std::string milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

RoomKeeper::RoomKeeper(const std::vector<std::string>& rooms) {
  for (const auto& name : rooms) rooms_.push_back({.name = name});
}

RoomKeeper::Room& RoomKeeper::find(const std::string& name) {
  const auto at = std::ranges::find(rooms_, name, &Room::name);
  TANDEM_ASSERT(at != rooms_.end());
  return *at;
}

void RoomKeeper::say_status(Actions& actions, const Room& room) {
  actions.push_back(Say{bus::RoomStatus{
      .room = room.name, .phase = room.phase, .pid = room.pid, .restarts = room.restarts, .reason = room.reason}});
}

void RoomKeeper::start_room(Actions& actions, Room& room, TimePoint now) {
  room.phase = RoomPhase::kStarting;
  room.restart_at.reset();
  room.started_at = now;
  actions.push_back(StartRoom{room.name});
}

Actions RoomKeeper::start(uint64_t generation, TimePoint now) {
  generation_ = generation;
  Actions actions;
  for (auto& room : rooms_) {
    room.minute_began = now;
    start_room(actions, room, now);
  }
  return actions;
}

Actions RoomKeeper::started(const std::string& name, int64_t pid) {
  auto& room = find(name);
  room.pid = pid;
  Actions actions;
  say_status(actions, room);
  return actions;
}

Actions RoomKeeper::could_not_start(const std::string& name, const std::string& why, TimePoint now) {
  Actions actions;
  died(actions, find(name), "it could not be started: " + why, now);
  return actions;
}

Actions RoomKeeper::ended(const std::string& name, const std::string& how, TimePoint now) {
  Actions actions;
  died(actions, find(name), how, now);
  return actions;
}

void RoomKeeper::died(Actions& actions, Room& room, const std::string& how, TimePoint now) {
  // A clean exit is the answer to being asked to stop; on its own, or any other way, it is a death.
  const bool asked = room.phase == RoomPhase::kStopping;
  // One that came to work in between is back where it stood; nothing of its is to be given up.
  room.stillbirths = room.phase == RoomPhase::kRunning ? 0 : room.stillbirths + 1;
  if (stopping_ && !(asked && how == "exit code 0")) orderly_ = false;
  room.phase = RoomPhase::kDead;
  room.pid = 0;
  room.ready_generation = 0;
  room.kill_at.reset();
  room.reason = how;
  if (stopping_) {
    say_status(actions, room);
    return stop_next(actions, now);
  }
  whole_ready_ = false;
  if (!room.died_at) room.died_at = now;
  ++room.restarts;
  room.quick_deaths = now - room.started_at >= kStableAfter ? 0 : room.quick_deaths + 1;
  // The first death has no back-off, whenever it comes: it may be the only one.
  const size_t step = std::min<size_t>(room.quick_deaths == 0 ? 0 : room.quick_deaths - 1, std::size(kBackOff) - 1);
  say_death(actions, room, now);
  say_status(actions, room);
  if (room.stillbirths == kDeathsUntilAbandoned) {
    actions.push_back(event(Severity::kError, "ROOM_ABANDONED", room.name,
                            "died " + std::to_string(kDeathsUntilAbandoned) +
                                " times in a row before it worked; what it held is given up, and it is tried "
                                "again for ever"));
    actions.push_back(Abandon{room.name});
  }
  room.restart_at = now + kBackOff[step];
  if (kBackOff[step] == Duration::zero()) start_room(actions, room, now);
}

void RoomKeeper::say_death(Actions& actions, Room& room, TimePoint now) {
  if (now - room.minute_began >= 60s) {
    if (room.deaths_this_minute > kMostDeathsSaid)
      actions.push_back(
          event(Severity::kError, "ROOM_KEEPS_DYING", room.name,
                "died " + std::to_string(room.deaths_this_minute) + " times within a minute, last by " + room.reason));
    room.minute_began = now;
    room.deaths_this_minute = 0;
  }
  if (++room.deaths_this_minute > kMostDeathsSaid) return;
  std::string text = "ended by " + room.reason + "; it is started again";
  if (room.deaths_this_minute == kMostDeathsSaid) text += " (more of its deaths within this minute are only counted)";
  actions.push_back(event(Severity::kError, "ROOM_DIED", room.name, std::move(text)));
}

Actions RoomKeeper::line_lost(const std::string& name, const std::string& why) {
  Actions actions;
  const auto& room = find(name);
  // A stopping room may hang up before it ends; its patience is running already.
  if (room.phase == RoomPhase::kDead || room.phase == RoomPhase::kStopping) return actions;
  actions.push_back(event(Severity::kError, "ROOM_LINE_LOST", name, why + "; its process is ended"));
  actions.push_back(KillRoom{name});
  return actions;
}

Actions RoomKeeper::ready(const std::string& name, uint64_t generation, TimePoint now) {
  Actions actions;
  auto& room = find(name);
  if (room.phase != RoomPhase::kStarting && room.phase != RoomPhase::kRunning) return actions;
  room.ready_generation = generation;
  if (room.phase == RoomPhase::kStarting) {
    room.phase = RoomPhase::kRunning;
    if (room.died_at)
      actions.push_back(
          event(Severity::kNotice, "ROOM_BACK", name, "works again after " + milliseconds(now - *room.died_at)));
    room.died_at.reset();
    say_status(actions, room);
  }
  look_whether_ready(actions);
  return actions;
}

void RoomKeeper::look_whether_ready(Actions& actions) {
  const bool ready = not_ready().empty();
  if (ready && !whole_ready_ && !stopping_) actions.push_back(WholeReady{generation_});
  whole_ready_ = ready;
}

std::vector<std::string> RoomKeeper::not_ready() const {
  std::vector<std::string> names;
  for (const auto& room : rooms_)
    if (room.ready_generation != generation_) names.push_back(room.name);
  return names;
}

Actions RoomKeeper::new_generation(uint64_t generation) {
  generation_ = generation;
  whole_ready_ = false;
  Actions actions;
  look_whether_ready(actions);
  return actions;
}

Actions RoomKeeper::stop(TimePoint now) {
  Actions actions;
  if (stopping_) hurried_ = true;
  stopping_ = true;
  for (auto& room : rooms_) {
    room.restart_at.reset();
    // Asked for, but not there yet: the shell starts nothing once we stop.
    if (hurried_ && room.phase != RoomPhase::kDead) {
      orderly_ = false;
      actions.push_back(KillRoom{room.name});
    }
  }
  if (!hurried_) stop_next(actions, now);
  return actions;
}

void RoomKeeper::stop_next(Actions& actions, TimePoint now) {
  const auto lives = [](const Room& room) { return room.phase != RoomPhase::kDead; };
  const auto next = std::ranges::find_if(rooms_, lives);
  if (next == rooms_.end()) {
    if (!all_ended_) actions.push_back(AllEnded{orderly_});
    all_ended_ = true;
    return;
  }
  if (next->phase == RoomPhase::kStopping || hurried_) return;
  next->phase = RoomPhase::kStopping;
  next->kill_at = now + kStopPatience;
  actions.push_back(AskToStop{next->name});
  say_status(actions, *next);
}

Actions RoomKeeper::deadline_reached(TimePoint now) {
  Actions actions;
  for (auto& room : rooms_) {
    if (room.restart_at && *room.restart_at <= now) start_room(actions, room, now);
    if (room.kill_at && *room.kill_at <= now) {
      room.kill_at.reset();
      orderly_ = false;
      actions.push_back(event(Severity::kError, "ROOM_KILLED", room.name,
                              "did not end within " + milliseconds(kStopPatience) + " of being asked; it is killed"));
      actions.push_back(KillRoom{room.name});
    }
  }
  return actions;
}

std::optional<TimePoint> RoomKeeper::deadline() const {
  std::optional<TimePoint> earliest;
  for (const auto& room : rooms_)
    for (const auto& one : {room.restart_at, room.kill_at})
      if (one && (!earliest || *one < *earliest)) earliest = one;
  return earliest;
}

}  // namespace tandem::supervisor
