#include "daemon/supervisor/program_desk.hpp"

#include <algorithm>
#include <utility>

namespace tandem::supervisor {

ProgramActions ProgramDesk::configure(Programs programs, TimePoint now) {
  programs_ = std::move(programs);
  ProgramActions actions;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (programs_.contains(at->name)) {
      ++at;
      continue;
    }
    actions.push_back(ProgramNotRun{at->id, "the site has no such check any more"});
    at = leave(at);
  }
  start_some(actions, now);
  return actions;
}

ProgramActions ProgramDesk::asked(uint64_t id, const ProgramName& name, TimePoint now) {
  ProgramActions actions;
  const auto program = programs_.find(name);
  if (program == programs_.end()) {
    actions.push_back(ProgramNotRun{id, "the site has no such check"});
  } else if (names_waiting_.contains(name) || by_id_.contains(id)) {
    actions.push_back(ProgramNotRun{id, "it is asked for already"});
  } else {
    names_waiting_.insert(name);
    waiting_.push_back({.id = id, .name = name, .asked = now, .place = {}});
    const auto at = by_id_[id] = std::prev(waiting_.end());
    at->place = by_lateness_.emplace(now + program->second->timeout / 2, at);
    start_some(actions, now);
  }
  return actions;
}

ProgramActions ProgramDesk::cancelled(uint64_t id, TimePoint now) {
  ProgramActions actions;
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    leave(found->second);
    start_some(actions, now);
    return actions;
  }
  const auto found = std::ranges::find(running_, std::optional(id), [](const auto& each) { return each.second.id; });
  if (found != running_.end()) {
    found->second.id.reset();
    actions.push_back(EndProgram{found->first});
  }
  return actions;
}

ProgramDesk::Ended ProgramDesk::ended(RunId run, TimePoint now) {
  Ended result;
  const auto found = running_.find(run);
  if (found == running_.end()) return result;
  result.answer_to = found->second.id;
  names_running_.erase(found->second.name);
  running_.erase(found);
  start_some(result.actions, now);
  return result;
}

ProgramActions ProgramDesk::asker_gone(TimePoint now) {
  waiting_.clear();
  by_id_.clear();
  by_lateness_.clear();
  names_waiting_.clear();
  ProgramActions actions;
  for (auto& [run, program] : running_) {
    if (program.id) actions.push_back(EndProgram{run});
    program.id.reset();
  }
  start_some(actions, now);
  return actions;
}

ProgramActions ProgramDesk::deadline_reached(TimePoint now) {
  ProgramActions actions;
  start_some(actions, now);
  return actions;
}

ProgramDesk::Queue::iterator ProgramDesk::leave(Queue::iterator at) {
  by_id_.erase(at->id);
  names_waiting_.erase(at->name);
  by_lateness_.erase(at->place);
  return waiting_.erase(at);
}

void ProgramDesk::give_up_late(ProgramActions& actions, TimePoint now) {
  bool late = false;
  while (!by_lateness_.empty() && by_lateness_.begin()->first <= now) {
    const auto at = by_lateness_.begin()->second;
    actions.push_back(ProgramNotRun{at->id, "it has waited for half of its time behind other programs"});
    leave(at);
    late = true;
  }
  if (late && !std::exchange(last_late_, now))
    actions.push_back(ProgramsLate{.over = false, .waiting = waiting_.size()});
  if (last_late_ && now - *last_late_ >= kProgramsInTimeAfter) {
    last_late_.reset();
    actions.push_back(ProgramsLate{.over = true});
  }
}

void ProgramDesk::start_some(ProgramActions& actions, TimePoint now) {
  give_up_late(actions, now);
  due_.reset();
  const auto also_due = [this](TimePoint at) { due_ = std::min(due_.value_or(at), at); };
  // A pause is not made up for by more than one turn's beginnings.
  next_start_ = std::max(next_start_, now - kProgramSpacing * (kMostProgramsAtOnce - 1));
  // Those that are passed over wait for a predecessor that has been told to end: never more than run.
  for (auto at = waiting_.begin(); at != waiting_.end() && running_.size() < kMostPrograms;) {
    if (names_running_.contains(at->name)) {
      ++at;
      continue;
    }
    if (next_start_ > now) {
      also_due(next_start_);
      break;
    }
    const auto& program = programs_.at(at->name);
    const RunId run = ++last_run_;
    actions.push_back(RunProgram{.run = run, .program = program, .limit = program->timeout - (now - at->asked)});
    running_[run] = {.id = at->id, .name = at->name};
    names_running_.insert(at->name);
    next_start_ += kProgramSpacing;
    at = leave(at);
  }
  if (!by_lateness_.empty()) also_due(by_lateness_.begin()->first);
  if (last_late_) also_due(*last_late_ + kProgramsInTimeAfter);
}

}  // namespace tandem::supervisor
