#include "vrrp/machine.hpp"

#include <algorithm>
#include <utility>

#include "daemon/base/assert.hpp"
#include "vrrp/timers.hpp"

namespace tandem::vrrp {
namespace {

// An assertion answers one lower advert; a flood of them is not worth more than ten an interval, and bursts of
// gratuitous ARP are not worth more than one a second. Without the bound two routers with one address and one priority
// would answer each other for ever.
constexpr int kAssertionsPerInterval = 10;
constexpr Duration kReannouncementSpacing = 1s;
constexpr uint32_t kAdvertsOfAnother = 3;

}  // namespace

Machine::Machine(Settings settings) : settings_(std::move(settings)) {
  TANDEM_ASSERT(settings_.priority > 0 && !settings_.legs.empty());
  for (const Leg& leg : settings_.legs) {
    TANDEM_ASSERT(leg.vrid > 0 && !leg.addresses.empty() && leg.addresses.size() <= 255);
    legs_.emplace_back().checksum.set_policy(leg.checksum);
  }
  backup_.advertised = settings_.advert_interval;
}

Actions Machine::on(const Event& event, TimePoint now) {
  actions_.clear();
  // A refused packet proves nothing about time or peers: the next deadline will do.
  if (!std::holds_alternative<AdvertRejected>(event)) step_back_when_late(now);
  std::visit([&](const auto& e) { handle(e, now); }, event);
  return std::exchange(actions_, {});
}

std::optional<TimePoint> Machine::deadline() const {
  if (state_ == State::kActive) {
    if (active_.leaving) return active_.leaving->at;
    TimePoint due = active_.yields_until.value_or(active_.advert_at);
    if (active_.announce_at) due = std::min(due, *active_.announce_at);
    if (active_.ask_at) due = std::min(due, *active_.ask_at);
    return due;
  }
  if (state_ != State::kBackup) return std::nullopt;
  const TimePoint due = question_due().value_or(backup_.timer_at);
  if (!backup_.lower_since || yielded_ || (held_ && !is_owner())) return due;
  return std::min(due, *backup_.lower_since + settings_.preempt_delay);
}

Duration Machine::active_adver_interval() const {
  if (state_ == State::kActive) return settings_.advert_interval;
  return learned_interval(backup_.advertised, settings_.advert_interval);
}

Duration Machine::skew_time() const {
  // Version 2 counts it in fractions of a second whatever the interval.
  return vrrp::skew_time(settings_.priority,
                         settings_.legs.front().version == Version::kV2 ? 1s : active_adver_interval());
}

Duration Machine::active_down_interval() const {
  return 3 * active_adver_interval() + skew_time();
}

// ---- 6.4.1 Initialize ---------------------------------------------------------------------------------------------

void Machine::handle(const Start& event, TimePoint now) {
  TANDEM_ASSERT(state_ == State::kInitialize);
  const bool faulty = fault().has_value();
  if (event.resume && event.resume->was_active && !faulty && event.resume->away <= active_down_interval()) {
    // The peers have not noticed anything, so nothing has happened: no transition is counted or said.
    state_ = State::kActive;
    reason_ = Reason::kResumed;
    active_ = {};
    send_advert(settings_.priority, now);
    actions_.push_back(AddAddresses{addresses_of(settings_)});
    announce(addresses_of(settings_), now);
    return;
  }
  // What an earlier life left behind would answer for the addresses beside the active router.
  if (faulty || !is_owner()) actions_.push_back(RemoveAddresses{addresses_of(settings_)});
  if (faulty)
    change_state(State::kFault, *fault());
  else
    begin(Reason::kStarted, now);
}

// Also the way out of Fault, which is an Initialize that happened to last.
void Machine::begin(Reason backup_reason, TimePoint now) {
  if (is_owner()) return become_active(Reason::kOwner, now);
  backup_ = {.advertised = settings_.advert_interval};
  change_state(State::kBackup, backup_reason);
  start_down_timer(now);
  if (link_heard_ || now + settings_.start_hold <= backup_.timer_at) return;
  backup_.hold_until = backup_.timer_at = now + settings_.start_hold;
}

// ---- 6.4.2 Backup -------------------------------------------------------------------------------------------------

void Machine::backup_hears(const Advert& advert, TimePoint now) {
  if (advert.priority == kPriorityRelease) {
    // The RFC sets the timer to Skew_Time. It is only ever brought forward here, or a stream of forged releases would
    // put off the takeover for as long as it lasts.
    if (backup_.released) ++counters_.repeated_releases;
    const TimePoint skewed = now + skew_time();
    backup_.timer_at = std::min(backup_.timer_at, skewed);
    backup_.released = true;
    return;
  }
  if (advert.priority >= settings_.priority || !preempts()) {
    backup_.lower_since.reset();
    backup_.lower_discarded.reset();
    yielded_ = false;  // there is a better one now than the one it was handed to
    return follow(advert, now);
  }
  if (!backup_.lower_since && must_wait_to_preempt(now)) backup_.lower_since = now;
  if (preempt_when_free(now)) return;
  if (backup_.lower_since) return follow(advert, now);
  backup_.lower_interval = learned_interval(advert.advert_interval, settings_.advert_interval);
  backup_.lower_discarded = now;  // the RFC's discard: the timer runs on, and its end is the preemption
}

void Machine::follow(const Advert& advert, TimePoint now) {
  backup_.advertised = advert.advert_interval;
  backup_.active = advert.source;
  backup_.deaf = false;
  if (active_adver_interval() != advert.advert_interval) ++counters_.clamped_intervals;
  start_down_timer(now);
}

void Machine::start_down_timer(TimePoint now) {
  backup_.timer_since = now;
  backup_.timer_at = now + active_down_interval();
  backup_.released = false;
  backup_.grace_given = false;
  backup_.asked = false;
  backup_.affirmed_by.clear();
}

void Machine::become_active(Reason reason, TimePoint now) {
  ++counters_.active_transitions;
  counters_.new_active_reason = reason == Reason::kOwner       ? NewActiveReason::kPriority
                                : reason == Reason::kPreempted ? NewActiveReason::kPreempted
                                                               : NewActiveReason::kActiveNoResponse;
  active_ = {.since = now};
  if (settings_.peer_link && reason == Reason::kActiveSilent) active_.ask_at = now + settings_.advert_interval;
  yielded_ = false;
  send_advert(settings_.priority, now);
  actions_.push_back(AddAddresses{addresses_of(settings_)});
  announce(addresses_of(settings_), now);  // only now: 8.1.2 wants the addresses configured first
  change_state(State::kActive, reason);
  say_mute_legs();
}

// ---- 6.4.3 Active -------------------------------------------------------------------------------------------------

// The addresses of one leg decide, or two boxes whose orders differ by leg would both give way. Another one has a say
// only while that leg is deaf.
bool Machine::wins_by_address(const Advert& advert, size_t leg, TimePoint now) const {
  if (leg != 0 && legs_[0].heard && now - *legs_[0].heard <= active_down_interval()) return false;
  return !legs_[leg].primary || advert.source > *legs_[leg].primary;
}

void Machine::active_hears(const Advert& advert, size_t leg, TimePoint now) {
  if (advert.priority == kPriorityRelease) {
    if (active_.leaving) return stay(now);
    if (active_.yields_until) return;
    return assert_active(now);
  }
  if (active_.yields_until) return leave(Reason::kHandedOver, advert, now);
  const bool equal = advert.priority == settings_.priority;
  if (advert.priority > settings_.priority || (equal && wins_by_address(advert, leg, now)))
    return leave(equal ? Reason::kHigherAddress : Reason::kHigherPriority, advert, now);
  if (active_.leaving) return;  // not before the better one, but after it
  notice_another(advert, now);
  assert_active(now);
}

// One or two are the loser's last words after a change or a split. More are somebody who does not hear us.
void Machine::notice_another(const Advert& advert, TimePoint now) {
  if (now - active_.other_heard_at > active_down_interval()) active_.others_heard = 0;
  active_.other_heard_at = now;
  if (++active_.others_heard == kAdvertsOfAnother)
    actions_.push_back(AnotherActive{.source = advert.source, .priority = advert.priority});
}

// Another router was active too, and has lost or gives up: it and the switches must hear us now, and the hosts that
// believed it must hear every address again.
void Machine::assert_active(TimePoint now) {
  const Duration spacing = settings_.advert_interval / kAssertionsPerInterval;
  if (!active_.last_assertion || now - *active_.last_assertion >= spacing) {
    active_.last_assertion = now;
    ++counters_.assertions;
    send_advert(settings_.priority, now);
  }
  // The loser's last word often comes right after our answer to the one before, and only after it has let go of the
  // addresses: there is always an announcement after it.
  reannounce(now);
}

// At once, or when the second after the last time is over.
void Machine::reannounce(TimePoint now) {
  if (!active_.last_reannouncement || now - *active_.last_reannouncement >= kReannouncementSpacing) {
    active_.last_reannouncement = now;
    return announce(addresses_of(settings_), now);
  }
  const TimePoint soon = *active_.last_reannouncement + kReannouncementSpacing;
  active_.announce_at = std::min(active_.announce_at.value_or(soon), soon);
}

void Machine::become_backup(Reason reason, TimePoint now) {
  actions_.push_back(RemoveAddresses{addresses_of(settings_)});
  backup_ = {.advertised = settings_.advert_interval};
  counters_.new_active_reason = NewActiveReason::kNotActive;
  change_state(State::kBackup, reason);
  start_down_timer(now);
}

// An active router that has been silent for its own down interval is not active any more, whatever it believes: every
// backup waits at least as long as 3 intervals and then acts. So it listens first, and sends nothing stale.
void Machine::step_back_when_late(TimePoint now) {
  if (state_ != State::kActive) return;
  // Who gives way is silent on purpose until then.
  const TimePoint silent_since =
      active_.leaving ? active_.leaving->at : active_.yields_until.value_or(active_.last_advert);
  if (now - silent_since <= active_down_interval()) return;
  ++counters_.late_wakeups;
  become_backup(Reason::kLateWakeup, now);
  // While we slept the kernel went on answering for the addresses. Whoever is active hears from this that it must announce
  // them again; if nobody is, somebody should hurry.
  actions_.push_back(SendAdvert{kPriorityRelease});
  ++counters_.adverts_sent;
  ++counters_.priority_zero_sent;
}

void Machine::handle(const Stop&, TimePoint now) {
  if (state_ == State::kInitialize) return;
  if (state_ == State::kActive) {
    send_advert(kPriorityRelease, now);
    actions_.push_back(RemoveAddresses{addresses_of(settings_)});
    counters_.new_active_reason = NewActiveReason::kNotActive;
  }
  yielded_ = false;
  change_state(State::kInitialize, Reason::kStopped);
}

// ---- Both ---------------------------------------------------------------------------------------------------------

void Machine::handle(const DeadlineReached&, TimePoint now) {
  if (state_ == State::kActive) {
    if (active_.leaving) {
      if (now >= active_.leaving->at) finish_leaving(now);
      return;
    }
    if (active_.yields_until && now >= *active_.yields_until) {  // nobody came
      active_.yields_until.reset();
      active_.advert_at = now;
    }
    if (const TimePoint due = active_.advert_at; now >= due && !active_.yields_until) {
      send_advert(settings_.priority, now);
      // From when it was due, so that small delays do not add up to a slower pace.
      const Duration interval = active_.advert_at - now;
      if (due + interval > now) active_.advert_at = due + interval;
    }
    if (active_.ask_at && now >= *active_.ask_at) {
      active_.ask_at.reset();
      actions_.push_back(AskPeers{});
    }
    if (active_.announce_at && now >= *active_.announce_at) {
      active_.announce_at.reset();
      actions_.push_back(Announce{addresses_of(settings_)});
      if (settings_.announce_refresh > Duration::zero()) active_.announce_at = now + settings_.announce_refresh;
    }
    return;
  }
  if (state_ != State::kBackup || preempt_when_free(now)) return;
  if (const auto question = question_due(); question && now >= *question) ask_before_takeover(now);
  if (now < backup_.timer_at) return;
  if (now - backup_.timer_at > active_adver_interval() && !backup_.grace_given) {
    // So late that adverts may be waiting unread. One skew time to read them.
    ++counters_.late_wakeups;
    backup_.grace_given = true;
    backup_.timer_at = now + skew_time();
    return;
  }
  if (stays_for_peer(now)) return;
  const Duration fresh = std::max(active_down_interval(), 2 * backup_.lower_interval);
  const bool lower_is_active = backup_.lower_discarded && now - *backup_.lower_discarded <= fresh;
  become_active(backup_.released  ? Reason::kActiveReleased
                : lower_is_active ? Reason::kPreempted
                                  : Reason::kActiveSilent,
                now);
}

void Machine::handle(const AdvertReceived& event, TimePoint now) {
  const Advert& advert = event.advert;
  TANDEM_ASSERT(event.leg < legs_.size() && advert.vrid == settings_.legs[event.leg].vrid);
  if (state_ == State::kInitialize) return;
  if (is_foreign(advert, event.leg)) return refuse_foreign(advert, event.leg);
  LegState& leg = legs_[event.leg];
  leg.heard = now;
  ++counters_.adverts_received;
  if (counters_.adverts_from.size() < kMostSources || counters_.adverts_from.contains(advert.source))
    ++counters_.adverts_from[advert.source];
  ++leg.counters.adverts_received;
  link_heard(now);
  if (advert.version == Version::kV3)
    ++(advert.checksum_form == ChecksumForm::kMessageOnly ? counters_.message_only_checksums
                                                          : counters_.pseudo_header_checksums);
  if (advert.priority == kPriorityRelease) {
    ++counters_.priority_zero_received;
    ++leg.counters.priority_zero_received;
  }
  leg.checksum.heard(advert.checksum_form);
  compare_with_ours(advert, event.leg, false);
  switch (state_) {
    case State::kBackup:
      return backup_hears(advert, now);
    case State::kActive:
      return active_hears(advert, event.leg, now);
    case State::kFault:
      ++counters_.ignored_in_fault;
      return;
    case State::kInitialize:
      return;
  }
}

// keepalived restarts its advert timer here, and one bad packet every half interval silences it for good. Nothing but
// counters may be touched.
void Machine::handle(const AdvertRejected& event, TimePoint) {
  TANDEM_ASSERT(event.leg < legs_.size());
  const auto count = [&](auto& counters) {
    ++counters.adverts_rejected;
    ++counters.rejected[static_cast<size_t>(event.error)];
    if (event.error == AdvertError::kInterval) ++counters.adv_interval_errors;
    if (event.error == AdvertError::kCount) ++counters.address_list_errors;
  };
  count(counters_);
  count(legs_[event.leg].counters);
}

void Machine::send_advert(uint8_t priority, TimePoint now) {
  ++counters_.adverts_sent;
  if (priority == kPriorityRelease) ++counters_.priority_zero_sent;
  actions_.push_back(SendAdvert{priority});
  Duration interval = settings_.advert_interval;
  if (active_.quick_adverts > 0) {
    --active_.quick_adverts;
    interval = std::min(interval, active_.quick_interval);
  }
  active_.last_advert = now;
  active_.advert_at = now + interval;
}

void Machine::announce(std::vector<VirtualAddress> addresses, TimePoint now) {
  actions_.push_back(Announce{std::move(addresses)});
  const Duration again =
      settings_.announce_again > Duration::zero() ? settings_.announce_again : settings_.announce_refresh;
  if (again > Duration::zero()) active_.announce_at = now + again;
}

void Machine::change_state(State to, Reason reason) {
  actions_.push_back(StateChanged{.from = state_, .to = to, .reason = reason});
  state_ = to;
  reason_ = reason;
}

}  // namespace tandem::vrrp
