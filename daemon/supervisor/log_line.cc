#include "daemon/supervisor/log_line.hpp"

#include <chrono>
#include <cstdio>

#include "daemon/bus/describe.hpp"

namespace tandem::supervisor {

namespace {

constexpr size_t kMostTextBytes = 2000;

void append_clean(std::string& line, std::string_view text) {
  for (const char letter : text.substr(0, kMostTextBytes)) {
    const auto byte = static_cast<uint8_t>(letter);
    if (byte >= 0x20 && byte != 0x7f) {
      line += letter;
      continue;
    }
    char escape[5];
    std::snprintf(escape, sizeof escape, "\\x%02x", byte);
    line += escape;
  }
  if (text.size() > kMostTextBytes) line += "...";
}

// syslog's numbers.
int priority_of(bus::Severity severity) {
  switch (severity) {
    case bus::Severity::kDebug:
      return 7;
    case bus::Severity::kInfo:
      return 6;
    case bus::Severity::kNotice:
      return 5;
    case bus::Severity::kWarning:
      return 4;
    case bus::Severity::kError:
      return 3;
  }
  return 5;
}

std::string timestamp(uint64_t unix_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds(unix_ms)};
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss clock(at - day);
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d.%03d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

}  // namespace

std::string log_line(const bus::Event& event, LogStyle style) {
  std::string line;
  if (style == LogStyle::kJournal) {
    line = '<' + std::to_string(priority_of(event.severity)) + '>';
  } else {
    std::string word(bus::word_of(event.severity));
    word.resize(std::max<size_t>(word.size(), 8), ' ');
    line = timestamp(event.unix_ms) + ' ' + word;
    append_clean(line, event.room);
    line += ": ";
  }
  append_clean(line, event.id);
  if (!event.subject.empty()) {
    line += ' ';
    append_clean(line, event.subject);
  }
  line += ": ";
  append_clean(line, event.text);
  line += '\n';
  return line;
}

bool LogLimit::admit(const std::string& id, TimePoint now, uint32_t& held_back) {
  held_back = 0;
  auto at = windows_.find(id);
  if (at == windows_.end()) {
    if (windows_.size() >= kMostIds) windows_.clear();
    at = windows_.emplace(id, Window{.began = now}).first;
  }
  auto& window = at->second;
  if (now - window.began >= kLogWindow) {
    if (window.lines > kMostLinesOfAnId) held_back = window.lines - kMostLinesOfAnId;
    window = {.began = now};
  }
  return ++window.lines <= kMostLinesOfAnId;
}

}  // namespace tandem::supervisor
