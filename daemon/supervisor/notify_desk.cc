#include "daemon/supervisor/notify_desk.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace tandem::supervisor {
namespace {

constexpr std::string_view kReasserted = "reasserted";

std::string_view text(NotifyKind kind) {
  switch (kind) {
    case NotifyKind::kRouter:
      return "router";
    case NotifyKind::kService:
      return "service";
    case NotifyKind::kServer:
      return "server";
  }
  return "";
}

// A thing that has not been up yet has not gone down either.
bool is_news(const std::string& told, const std::string& state) {
  return told != "none" || (state != "down" && state != "stopped");
}

}  // namespace

std::string NotifySubject::text() const {
  return std::string(supervisor::text(kind)) + ' ' + name;
}

const NotifyScript* NotifyDesk::script_of(const NotifySubject& subject) const {
  NotifySubject whose = subject;
  if (subject.kind == NotifyKind::kServer)
    whose = {NotifyKind::kService, subject.name.substr(0, subject.name.find('/'))};
  const auto found = scripts_.find(whose);
  return found == scripts_.end() ? nullptr : &found->second;
}

NotifyActions NotifyDesk::configure(std::map<NotifySubject, NotifyScript> scripts) {
  const auto before = std::exchange(scripts_, std::move(scripts));
  for (auto& [subject, line] : lines_) {
    const NotifyScript* const script = script_of(subject);
    if (script == nullptr) {
      retries_.erase(subject);
      continue;
    }
    const auto was = before.find(subject);
    if (subject.kind == NotifyKind::kServer || (was != before.end() && was->second == *script)) continue;
    line.told = "none";
    if (is_news(line.told, line.state)) line_up(subject, line);
  }
  NotifyActions actions;
  start_some(actions);
  return actions;
}

NotifyActions NotifyDesk::seen(const NotifySubject& subject, const std::string& state, uint32_t measure,
                               TimePoint now) {
  NotifyActions actions;
  const NotifyScript* const script = script_of(subject);
  if (subject.kind == NotifyKind::kServer && script == nullptr) return actions;  // ten thousand that nobody asked for
  auto [at, is_new] = lines_.try_emplace(subject);
  Line& line = at->second;
  line.measure = measure;
  line.gone = false;
  if (line.state == state) return actions;
  line.state = state;
  line.since = now;
  line.reasserted = false;
  retries_.erase(subject);
  line.tried = 0;
  // Servers are many, and how they stand can be asked for: only their changes are told.
  if (is_new && subject.kind == NotifyKind::kServer)
    line.told = state;
  else if (script != nullptr && is_news(line.told, state))
    line_up(subject, line);
  start_some(actions);
  return actions;
}

NotifyActions NotifyDesk::asserted(const NotifySubject& router, uint64_t assertions, TimePoint now) {
  NotifyActions actions;
  const auto at = lines_.find(router);
  if (at == lines_.end()) return actions;
  Line& line = at->second;
  const bool more = assertions > line.assertions;
  line.assertions = assertions;
  const bool spaced = !line.reasserted_at || now - *line.reasserted_at >= kReassertedSpacing;
  if (!more || !spaced || line.state != "active" || now - line.since < kAssertionsAreNormal) return actions;
  if (script_of(router) == nullptr) return actions;
  line.reasserted_at = now;
  line.reasserted = true;
  line_up(router, line);
  start_some(actions);
  return actions;
}

void NotifyDesk::line_up(const NotifySubject& subject, Line& line) {
  if (line.queued || line.running) return;  // its end looks again
  line.queued = true;
  queue_.push_back(subject);
}

void NotifyDesk::start_some(NotifyActions& actions) {
  while (running_ < kMostScripts && !queue_.empty()) {
    const NotifySubject subject = std::move(queue_.front());
    queue_.pop_front();
    Line& line = lines_.at(subject);
    line.queued = false;
    const NotifyScript* const script = script_of(subject);
    // Back where it was before its turn came, and nothing else to tell.
    if (script == nullptr || (line.state == line.told && !line.reasserted)) {
      if (line.gone) lines_.erase(subject);
      continue;
    }
    line.telling = line.state == line.told ? std::string(kReasserted) : line.state;
    if (line.tried == 0) ++line.sequence;
    line.running = true;
    ++line.tried;
    ++running_;
    RunNotify run{.subject = subject, .script = *script};
    for (std::string word : {std::string(text(subject.kind)), subject.name, line.telling, std::to_string(line.measure),
                             line.told, std::to_string(line.sequence)})
      run.script.words.push_back(std::move(word));
    actions.push_back(std::move(run));
  }
}

NotifyActions NotifyDesk::ended(const NotifySubject& subject, bool well, const std::string& words, TimePoint now) {
  NotifyActions actions;
  const auto at = lines_.find(subject);
  if (at == lines_.end() || !at->second.running) return actions;
  Line& line = at->second;
  line.running = false;
  --running_;
  const NotifyScript* const script = script_of(subject);
  const bool current = line.telling == line.state || (line.telling == kReasserted && line.state == line.told);
  if (!well && current && script != nullptr && line.tried < script->attempts) {
    retries_[subject] = now + kFirstNotifyRetry * (1 << (line.tried - 1));
  } else {
    if (!well) actions.push_back(NotifyFailed{subject, "was told " + line.telling + " and did not end well: " + words});
    if (line.telling == kReasserted)
      line.reasserted = false;
    else
      line.told = line.telling;
    line.tried = 0;
    if (line.state != line.told || line.reasserted) line_up(subject, line);
    if (line.gone && !line.queued) lines_.erase(at);
  }
  start_some(actions);
  return actions;
}

std::optional<TimePoint> NotifyDesk::deadline() const {
  std::optional<TimePoint> due;
  for (const auto& [subject, at] : retries_) due = std::min(due.value_or(at), at);
  return due;
}

NotifyActions NotifyDesk::deadline_reached(TimePoint now) {
  NotifyActions actions;
  std::erase_if(retries_, [&](const auto& each) {
    if (each.second > now) return false;
    line_up(each.first, lines_.at(each.first));
    return true;
  });
  start_some(actions);
  return actions;
}

// Its last state is still told.
void NotifyDesk::forget(const NotifySubject& subject) {
  const auto at = lines_.find(subject);
  if (at == lines_.end()) return;
  at->second.gone = true;
  if (!at->second.running && !at->second.queued && !retries_.contains(subject)) lines_.erase(at);
}

}  // namespace tandem::supervisor
