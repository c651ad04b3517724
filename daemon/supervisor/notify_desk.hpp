// The notify desk: which operator's script is told what, and when.
//
// A subject is a virtual router, a service or a server. Each has one line of its own: one script at a time, in order, and a
// state that is over before its turn comes is left out, because the script that runs late must not undo what is true now
// (keepalived starts one for each change, beside each other, and their order is the scheduler's). What is told says the
// state told before, and a number that grows by one, so that a script can see what it missed. All subjects together have
// kMostScripts running.
//
// Who begins (tandemd at its start, a script that a reload brings) is told how things stand. Nothing is said of what was
// never up: a server that is down from the beginning has not changed.
//
// Pure: time comes in, actions go out.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/time.hpp"

namespace tandem::supervisor {

inline constexpr size_t kMostScripts = 8;             // that run at the same time
inline constexpr Duration kReassertedSpacing = 10s;   // a link that flaps is told no faster
inline constexpr Duration kAssertionsAreNormal = 2s;  // right after a change: the loser's last words
inline constexpr Duration kFirstNotifyRetry = 1s;     // then twice as long each time

enum class NotifyKind : uint8_t { kRouter, kService, kServer };

struct NotifySubject {
  NotifyKind kind = NotifyKind::kRouter;
  std::string name;  // of a server: "web/web1"
  auto operator<=>(const NotifySubject&) const = default;
  std::string text() const;  // "router web"
};

struct NotifyScript {
  std::vector<std::string> words;
  std::string user;
  Duration timeout{};
  uint32_t attempts = 1;
  bool operator==(const NotifyScript&) const = default;
};

struct RunNotify {  // ended() is the answer
  NotifySubject subject;
  NotifyScript script;  // with everything it is told
};
struct NotifyFailed {  // for the last time
  NotifySubject subject;
  std::string words;
};
using NotifyAction = std::variant<RunNotify, NotifyFailed>;
using NotifyActions = std::vector<NotifyAction>;

class NotifyDesk {
 public:
  // By router or service; a server's is its service's.
  NotifyActions configure(std::map<NotifySubject, NotifyScript> scripts);
  // How a subject stands: "active", "backup", "fault", "stopped"; "up", "down". `measure`: the priority or the weight.
  NotifyActions seen(const NotifySubject& subject, const std::string& state, uint32_t measure, TimePoint now);
  // Adverts that an active router sent because another one was active and lost, so far.
  NotifyActions asserted(const NotifySubject& router, uint64_t assertions, TimePoint now);
  NotifyActions ended(const NotifySubject& subject, bool well, const std::string& words, TimePoint now);
  NotifyActions deadline_reached(TimePoint now);
  std::optional<TimePoint> deadline() const;
  void forget(const NotifySubject& subject);
  // Nothing runs, waits or is to be tried again.
  bool idle() const { return running_ == 0 && queue_.empty() && retries_.empty(); }

 private:
  struct Line {
    std::string state, told = "none", telling;
    uint32_t measure = 0;
    uint64_t sequence = 0, assertions = 0;
    TimePoint since{};
    std::optional<TimePoint> reasserted_at;
    uint32_t tried = 0;
    bool queued = false, running = false, reasserted = false, gone = false;
  };
  const NotifyScript* script_of(const NotifySubject& subject) const;
  void line_up(const NotifySubject& subject, Line& line);
  void start_some(NotifyActions& actions);

  std::map<NotifySubject, NotifyScript> scripts_;
  std::map<NotifySubject, Line> lines_;
  std::deque<NotifySubject> queue_;
  std::map<NotifySubject, TimePoint> retries_;
  size_t running_ = 0;
};

}  // namespace tandem::supervisor
