// Events as lines of a log, and how many of them. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "daemon/base/time.hpp"
#include "daemon/bus/messages.hpp"

namespace tandem::supervisor {

enum class LogStyle : uint8_t {
  kJournal,   // "<5>VRRP_BECAME_ACTIVE web: text": journald adds time and name (sd-daemon(3) priorities)
  kTerminal,  // "2026-11-23 14:00:00.123 notice  vrrp: VRRP_BECAME_ACTIVE web: text", UTC
};

// One line with its newline. Control characters of the outside are shown as \xNN, so that no answer of a server can
// forge a line or steer a terminal; a very long text is cut.
std::string log_line(const bus::Event& event, LogStyle style);

// At most kMostLinesOfAnId lines of one event id within kLogWindow: a flapping server must not drown the rest. What was
// held back is said in a line of its own when the window is over.
class LogLimit {
 public:
  static constexpr uint32_t kMostLinesOfAnId = 50;
  static constexpr Duration kLogWindow = 10s;

  // Whether the event may be written. `held_back` becomes how many of the id were not, in the window that just ended.
  bool admit(const std::string& id, TimePoint now, uint32_t& held_back);

 private:
  static constexpr size_t kMostIds = 1024;  // ids are ours, but a room that went wild could invent them
  struct Window {
    TimePoint began;
    uint32_t lines = 0;
  };
  std::map<std::string, Window, std::less<>> windows_;
};

}  // namespace tandem::supervisor
