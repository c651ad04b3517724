// The reload desk: one reload at a time, from the question to the answer.
//
// A question comes from tandemctl (with an id) or by SIGHUP (id 0). The site file is read and validated elsewhere (it
// may take a while); then it is refused with every error, or it is put on the board as a new generation, and the answer
// waits until every room works with it: "applied" means applied. A room that takes longer than kReloadPatience is named
// in the answer. Questions that come meanwhile wait for their own turn, because the file may have changed since.
//
// Pure: time comes in, actions go out.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/bus/messages.hpp"

namespace tandem::supervisor {

inline constexpr Duration kReloadPatience = 10s;
inline constexpr size_t kMostReloadsWaiting = 16;

struct ReadSite {};       // read and validate the file; the answer is ReloadDesk::read()
struct PublishSite {};    // put what was read on the board as the next generation
struct TellReloading {};  // systemd
struct TellReady {};      // systemd; said once after every TellReloading
struct Answer {
  bus::ReloadResult result;  // unix_ms is filled in by the shell
};
using ReloadAction = std::variant<ReadSite, PublishSite, TellReloading, TellReady, Answer>;
using ReloadActions = std::vector<ReloadAction>;

// What the reader found.
struct SiteReading {
  std::vector<std::string> errors;      // file:line:column: text
  std::vector<std::string> difference;  // what applying it changes
  bool same_text = false;               // byte for byte what is in force
};

class ReloadDesk {
 public:
  ReloadActions ask(uint64_t id, TimePoint now);
  ReloadActions read(SiteReading reading, TimePoint now);
  // Every room works with the current generation.
  ReloadActions whole_ready(TimePoint now);
  // `slow` are the rooms that do not yet.
  ReloadActions deadline_reached(const std::vector<std::string>& slow, TimePoint now);
  std::optional<TimePoint> deadline() const { return deadline_; }

 private:
  enum class Phase : uint8_t { kIdle, kReading, kApplying };

  void begin(ReloadActions& actions);
  void answer(ReloadActions& actions, bool applied, std::vector<std::string> lines);

  Phase phase_ = Phase::kIdle;
  std::deque<uint64_t> asked_;  // the first one is at work unless idle
  std::vector<std::string> lines_;
  std::optional<TimePoint> deadline_;
};

}  // namespace tandem::supervisor
