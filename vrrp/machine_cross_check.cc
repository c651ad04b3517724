// The machine's cross-check: a backup that hears nobody asks the peers by another way before it takes over.
//
// Silence on a link has two causes that look the same from here: the active router is gone, or this box does not hear it (a
// one-way loss, a switch that forgot the group). By VRRP alone the second makes two active routers. The question is asked a
// little before Active_Down_Timer ends, so the answer costs no time; a peer that is gone cannot answer, and then the timer's
// end is the takeover as ever. Who is told that a peer is active stays backup for one more down interval, and asks again.
//
// Who took over from silence asks too, an interval later when whoever heard it has stepped back: two active routers that
// cannot hear each other learn of it by the other way alone.
#include <algorithm>
#include <utility>

#include "vrrp/machine.hpp"

namespace tandem::vrrp {
namespace {

// Two daemons, four of their processes and a connection lie between question and answer.
constexpr Duration kAskAhead = 100ms;

}  // namespace

// Who gave up said so itself, and a lower one that is to be preempted is heard: unless it fell silent meanwhile.
std::optional<TimePoint> Machine::question_due() const {
  if (!settings_.cross_check || backup_.asked || backup_.released) return std::nullopt;
  const TimePoint due = backup_.timer_at - std::min(kAskAhead, active_adver_interval());
  if (backup_.lower_discarded && due < *backup_.lower_discarded + 2 * backup_.lower_interval) return std::nullopt;
  return due;
}

// A process that was stopped may ask when its timer is over already: the answer is still waited for.
void Machine::ask_before_takeover(TimePoint now) {
  const Duration enough = std::min(kAskAhead, active_adver_interval()) / 2;
  backup_.asked = true;
  backup_.timer_at = std::max(backup_.timer_at, now + enough);
  actions_.push_back(AskPeers{});
}

void Machine::handle(const PeerAffirms& event, TimePoint) {
  if (state_ == State::kBackup && backup_.asked) backup_.affirmed_by = event.peer;
  if (state_ == State::kActive && !active_.leaving && !active_.yields_until)
    actions_.push_back(UnheardActive{.peer = event.peer, .here_too = true});
}

bool Machine::stays_for_peer(TimePoint now) {
  if (backup_.affirmed_by.empty() || backup_.released) return false;
  ++counters_.deaf_intervals;
  if (!std::exchange(backup_.deaf, true)) actions_.push_back(UnheardActive{.peer = backup_.affirmed_by});
  start_down_timer(now);
  return true;
}

}  // namespace tandem::vrrp
