#include "daemon/supervisor/reload_desk.hpp"

#include <algorithm>
#include <utility>

namespace tandem::supervisor {

ReloadActions ReloadDesk::ask(uint64_t id, TimePoint) {
  ReloadActions actions;
  // Two signals that wait are one: nobody waits for an answer to them.
  const bool waits_already = id == 0 && std::ranges::find(asked_, id, {}) != asked_.end() && asked_.size() > 1;
  if (waits_already || asked_.size() >= kMostReloadsWaiting) return actions;
  asked_.push_back(id);
  if (phase_ == Phase::kIdle) begin(actions);
  return actions;
}

void ReloadDesk::begin(ReloadActions& actions) {
  phase_ = Phase::kReading;
  actions.push_back(TellReloading{});
  actions.push_back(ReadSite{});
}

ReloadActions ReloadDesk::read(SiteReading reading, TimePoint now) {
  ReloadActions actions;
  if (phase_ != Phase::kReading) return actions;
  if (!reading.errors.empty()) {
    answer(actions, false, std::move(reading.errors));
  } else if (reading.same_text) {
    answer(actions, true, {"nothing changed"});
  } else {
    lines_ = std::move(reading.difference);
    if (lines_.empty()) lines_.emplace_back("nothing changed but the text of the file");
    phase_ = Phase::kApplying;
    deadline_ = now + kReloadPatience;
    actions.push_back(PublishSite{});
  }
  return actions;
}

ReloadActions ReloadDesk::whole_ready(TimePoint) {
  ReloadActions actions;
  if (phase_ == Phase::kApplying) answer(actions, true, std::move(lines_));
  return actions;
}

ReloadActions ReloadDesk::deadline_reached(const std::vector<std::string>& slow, TimePoint now) {
  ReloadActions actions;
  if (!deadline_ || now < *deadline_) return actions;
  for (const auto& room : slow)
    lines_.push_back("warning: " + room + " does not work with it yet; see the log for what it says");
  answer(actions, true, std::move(lines_));
  return actions;
}

void ReloadDesk::answer(ReloadActions& actions, bool applied, std::vector<std::string> lines) {
  actions.push_back(Answer{{.id = asked_.front(), .applied = applied, .lines = std::move(lines)}});
  actions.push_back(TellReady{});
  asked_.pop_front();
  lines_.clear();
  deadline_.reset();
  phase_ = Phase::kIdle;
  if (!asked_.empty()) begin(actions);
}

}  // namespace tandem::supervisor
