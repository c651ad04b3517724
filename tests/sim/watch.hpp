// What must hold, checked after every event of a run. An invariant speaks of time since the last disturbance: a fault
// that has just begun or ended, or one that is in force.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/node.hpp"

namespace tandem::sim {

enum class Invariant : uint8_t {
  kOneActive,      // never two on a connected link for longer than one advert, one skew and the delay
  kSomeActive,     // never none for longer than a down interval
  kBestActive,     // a higher priority that may preempt does
  kStable,         // without a disturbance nothing changes
  kAddresses,      // the addresses are exactly where the active is
  kCadence,        // an active router is never silent for longer than its interval, whatever junk it hears
  kRelease,        // an orderly stop says priority 0
  kQuickTakeover,  // and then one skew time passes, not a down interval
  kNoStaleAdvert,  // a process that slept listens first
  kQuietRestart,   // a room that is quickly back costs no transition
  kHold,           // a held router does not preempt
  kReannounce,     // after two were active, the one that stays announces again
  kHandover,       // a planned change never leaves a moment in which nobody answers, and it is done in time
  kCrossCheck,     // where silence is cross-checked, nobody takes over from a living active that is not heard
};
inline constexpr size_t kInvariants = 14;
std::string_view text(Invariant invariant);

struct Violation {
  Invariant invariant;
  TimePoint at;
  std::string words;
};

class Watch {
 public:
  // `delay`: the longest a packet or a timer takes when nothing is disturbed.
  Watch(const std::vector<Node>& nodes, Duration delay) : nodes_(nodes), delay_(delay) {}

  // Something was done to the world. `hard` unless it can neither remove an active router nor hide one.
  void disturbed(TimePoint now, bool hard = true);
  // A fault that lasts: while any does, only what each box owes by itself is checked.
  void fault_begins(TimePoint now);
  void fault_ends(TimePoint now);

  void after_actions(const Node& node, vrrp::State before, const vrrp::Actions& actions, TimePoint now);
  void stop_begins(const Node& node, TimePoint now);
  void active_stopped(const Node& node, const vrrp::Actions& actions, TimePoint now);
  void wakes_up(const Node& node, Duration slept, const vrrp::Actions& actions, TimePoint now);
  // A planned change in a settled world, to be done at `due`.
  void handover_begins(const Node& node, TimePoint now, TimePoint due);
  void quick_restart_begins(const Node& node, TimePoint now, TimePoint back);
  void quick_restart_ends(TimePoint now);
  void check(TimePoint now);

  const std::optional<Violation>& violation() const { return violation_; }
  bool settled(TimePoint now) const { return calm() && now - last_disturbance_ > settling_time(); }
  bool calm() const { return faults_ == 0; }
  Duration settling_time() const;

 private:
  struct Handover {
    const Node* from = nullptr;
    TimePoint due{};
  };
  Handover handover_;
  struct Island {  // of at most two: a run splits its link into no more
    std::vector<const Node*> able;
    std::vector<const Node*> active;
  };
  struct Spell {  // since when something lasts
    std::optional<TimePoint> since;
    Duration lasts(bool does, TimePoint now, TimePoint not_before);
  };
  void find_islands();
  void check_island(size_t id, const Island& island, TimePoint now);
  void check_promises(TimePoint now);
  Duration longest_interval() const;
  bool cross_checked() const { return nodes_.front().settings.cross_check; }
  void check_silence(const Node& node, TimePoint now);
  void fail(Invariant invariant, TimePoint now, std::string words);

  const std::vector<Node>& nodes_;
  Duration delay_;
  uint32_t faults_ = 0;
  TimePoint last_disturbance_{};
  TimePoint last_hard_{};
  std::array<Island, 2> islands_;  // as of the check under way
  std::array<Spell, 2> two_, none_;
  std::array<std::optional<TimePoint>, 2> takeover_due_;
  std::optional<TimePoint> announce_due_;
  std::optional<TimePoint> no_transition_until_;
  std::optional<Violation> violation_;
};

}  // namespace tandem::sim
