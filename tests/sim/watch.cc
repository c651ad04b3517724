#include "tests/sim/watch.hpp"

#include <algorithm>
#include <utility>

#include "vrrp/timers.hpp"

namespace tandem::sim {

using namespace vrrp;

std::string_view text(Invariant invariant) {
  static constexpr std::array<std::string_view, kInvariants> kTexts{
      "one active",     "some active",     "best active",   "stable", "addresses",  "cadence",  "release",
      "quick takeover", "no stale advert", "quiet restart", "hold",   "reannounce", "handover", "cross check",
  };
  return kTexts.at(static_cast<size_t>(invariant));
}

void Watch::fail(Invariant invariant, TimePoint now, std::string words) {
  if (!violation_) violation_ = Violation{invariant, now, std::move(words)};
}

void Watch::disturbed(TimePoint now, bool hard) {
  last_disturbance_ = now;
  if (hard) last_hard_ = now;
  takeover_due_ = {};
  announce_due_.reset();
  no_transition_until_.reset();
  handover_ = {};
}

void Watch::fault_begins(TimePoint now) {
  ++faults_;
  disturbed(now);
}

void Watch::fault_ends(TimePoint now) {
  --faults_;
  disturbed(now);
}

Duration Watch::longest_interval() const {
  Duration longest{};
  for (const Node& node : nodes_) longest = std::max(longest, node.settings.advert_interval);
  return longest;
}

// A down interval of the longest interval that can be learned, a delayed preemption, and air.
Duration Watch::settling_time() const {
  Duration preempt_delay{};
  for (const Node& node : nodes_) preempt_delay = std::max(preempt_delay, node.settings.preempt_delay);
  for (const Node& node : nodes_) preempt_delay = std::max(preempt_delay, node.settings.start_hold);
  return preempt_delay + 14 * longest_interval() + 10 * delay_;
}

void Watch::find_islands() {
  for (Island& island : islands_) {
    island.able.clear();
    island.active.clear();
  }
  for (const Node& node : nodes_) {
    if (!node.able()) continue;
    islands_.at(node.island).able.push_back(&node);
    if (node.active()) islands_.at(node.island).active.push_back(&node);
  }
}

Duration Watch::Spell::lasts(bool does, TimePoint now, TimePoint not_before) {
  if (!does) {
    since.reset();
    return {};
  }
  if (!since) since = now;
  return now - std::max(*since, not_before);
}

// ---- After one box did something -----------------------------------------------------------------------------------

void Watch::after_actions(const Node& node, State before, const Actions& actions, TimePoint now) {
  if (actions.empty()) return;
  const Machine& machine = node.machine();
  const bool active = machine.state() == State::kActive;
  const auto all = addresses_of(machine.settings());
  const std::set<VirtualAddress> wanted(all.begin(), all.end());
  if (active ? node.addresses != wanted : !node.addresses.empty())
    fail(Invariant::kAddresses, now,
         node.name + " is " + std::string(vrrp::text(machine.state())) + " and has " +
             std::to_string(node.addresses.size()) + " addresses");

  for (const Action& action : actions) {
    if (active && std::holds_alternative<Announce>(action)) announce_due_.reset();
    const auto* changed = std::get_if<StateChanged>(&action);
    if (changed == nullptr) continue;
    if (settled(now)) fail(Invariant::kStable, now, node.name + " left " + std::string(vrrp::text(before)));
    // A backup's room begins as a backup; everything else would be a failover.
    const bool failover = changed->to == State::kActive || changed->from != State::kInitialize || node.was_active;
    if (failover && no_transition_until_ && now < *no_transition_until_)
      fail(Invariant::kQuietRestart, now, node.name + " became " + std::string(vrrp::text(changed->to)));
    if (changed->to == State::kActive && changed->reason == Reason::kPreempted && node.held)
      fail(Invariant::kHold, now, node.name + " preempted while held");
    if (changed->to == State::kActive && changed->reason == Reason::kActiveSilent) check_silence(node, now);
    const bool gave_way = changed->reason == Reason::kHigherPriority || changed->reason == Reason::kHigherAddress;
    // To one of ours: a stranger who spoke once announces nothing.
    const bool somebody_stays = std::ranges::any_of(nodes_, &Node::active);
    if (gave_way && somebody_stays && calm() && now - last_disturbance_ > 4 * delay_ + node.settings.linger)
      announce_due_ = now + 1s + 4 * delay_;
  }
}

// Also during faults: this is what it is for. Who became active, or able to answer, after the question was asked is excused.
void Watch::check_silence(const Node& node, TimePoint now) {
  if (!cross_checked()) return;
  for (const Node& other : nodes_)
    if (&other != &node && other.active() && now - other.answers_since > node.settings.advert_interval * 3 + 4 * delay_)
      fail(Invariant::kCrossCheck, now, node.name + " took over from " + other.name + ", which is alive");
}

void Watch::stop_begins(const Node& node, TimePoint now) {
  const bool was_settled = settled(now);
  disturbed(now);
  if (!was_settled || !node.active()) return;
  // The others waited in a settled world: after one skew time, the shortest, one of them is active.
  std::optional<Duration> skew;
  for (const Node& other : nodes_) {
    if (&other == &node || !other.able() || other.island != node.island) continue;
    const Duration own = skew_time(other.settings.priority, other.machine().active_adver_interval());
    skew = std::min(skew.value_or(own), own);
  }
  if (skew) takeover_due_.at(node.island) = now + *skew + 4 * delay_;
}

void Watch::active_stopped(const Node& node, const Actions& actions, TimePoint now) {
  if (std::ranges::find(actions, Action(SendAdvert{kPriorityRelease})) == actions.end())
    fail(Invariant::kRelease, now, node.name + " stopped without priority 0");
}

void Watch::wakes_up(const Node& node, Duration slept, const Actions& actions, TimePoint now) {
  if (slept <= active_down_interval(node.settings.priority, node.settings.advert_interval)) return;
  for (const Action& action : actions) {
    if (std::holds_alternative<StateChanged>(action)) return;
    if (std::holds_alternative<SendAdvert>(action))
      return fail(Invariant::kNoStaleAdvert, now, node.name + " slept and advertises");
  }
}

void Watch::handover_begins(const Node& node, TimePoint now, TimePoint due) {
  const bool was_settled = settled(now);
  disturbed(now);
  if (was_settled && node.active()) handover_ = {.from = &node, .due = due};
}

void Watch::quick_restart_begins(const Node& node, TimePoint now, TimePoint back) {
  const bool was_settled = settled(now);
  disturbed(now);
  // While it is away it does not answer a box on the other side of a cut that asks.
  const bool may_be_asked =
      cross_checked() && std::ranges::any_of(nodes_, [&](const Node& other) { return other.island != node.island; });
  if (was_settled && !may_be_asked) no_transition_until_ = back + node.settings.advert_interval;
}

// A backup's timer begins anew; what was promised at the beginning stays promised.
void Watch::quick_restart_ends(TimePoint now) {
  last_disturbance_ = last_hard_ = now;
}

// ---- The whole link ------------------------------------------------------------------------------------------------

void Watch::check(TimePoint now) {
  for (const Node& node : nodes_) {
    if (!node.active()) continue;
    const Duration silent = now - node.last_advert;
    if (node.gives_way_until && now <= *node.gives_way_until + 2 * delay_) continue;
    // Who leaves says nothing more.
    if (silent > node.settings.advert_interval + node.settings.linger + 2 * delay_)
      return fail(Invariant::kCadence, now,
                  node.name + " is active and silent for " + std::to_string(silent.count() / 1'000'000) + " ms");
  }
  if (!calm()) {
    two_ = {};
    none_ = {};
    return;
  }
  find_islands();
  for (size_t id = 0; id < islands_.size(); ++id) check_island(id, islands_.at(id), now);
  check_promises(now);
}

void Watch::check_island(size_t id, const Island& island, TimePoint now) {
  if (island.able.empty()) {
    two_.at(id) = none_.at(id) = {};
    return;
  }
  Duration down = Duration::max();
  Duration skew{};
  for (const Node* node : island.able) {
    const Machine& machine = node->machine();
    const Duration own_skew = skew_time(node->settings.priority, machine.active_adver_interval());
    down = std::min(down, machine.active_down_interval() + own_skew +
                              node->settings.start_hold);  // the skew: grace after a late wakeup
    skew = std::max(skew, own_skew);
  }
  // Who gives way lingers; with delayed preemptions two may do so one after the other.
  const Duration linger = 2 * island.able.front()->settings.linger;
  const Duration two = two_.at(id).lasts(island.active.size() > 1, now, last_disturbance_);
  if (two > longest_interval() + skew + linger + 4 * delay_)
    fail(Invariant::kOneActive, now, island.active[0]->name + " and " + island.active[1]->name + " are both active");
  // A cross-check that was affirmed just before the active router was lost costs the time between question and timer.
  if (cross_checked()) down += island.able.front()->machine().active_adver_interval();
  const bool affirmed = cross_checked() && std::ranges::any_of(nodes_, &Node::active);
  if (none_.at(id).lasts(island.active.empty() && !affirmed, now, last_hard_) > down + 4 * delay_)
    fail(Invariant::kSomeActive, now, "nobody is active among " + island.able[0]->name + " and its neighbours");

  if (!island.active.empty()) takeover_due_.at(id).reset();
  if (!settled(now) || island.active.size() != 1) return;
  const Node& active = *island.active[0];
  for (const Node* node : island.able)
    if (node->settings.preempt && !node->held && !node->machine().waiting_for().starts_with("handed over") &&
        node->settings.priority > active.settings.priority)
      fail(Invariant::kBestActive, now, node->name + " should be active, not " + active.name);
}

void Watch::check_promises(TimePoint now) {
  if (handover_.from != nullptr) {
    if (std::ranges::all_of(nodes_, [](const Node& node) { return node.addresses.empty(); }))
      fail(Invariant::kHandover, now, "nobody has the addresses while " + handover_.from->name + " hands over");
    if (now > handover_.due) {
      if (handover_.from->active())
        fail(Invariant::kHandover, now, handover_.from->name + " did not hand over in time");
      handover_ = {};
    }
  }
  for (const auto& due : takeover_due_)
    if (due && now > *due) fail(Invariant::kQuickTakeover, now, "priority 0 was said, and nobody took over in time");
  if (announce_due_ && now > *announce_due_)
    fail(Invariant::kReannounce, now, "two were active, and the one that stayed did not announce its addresses");
}

}  // namespace tandem::sim
