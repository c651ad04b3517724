// The machine's part that the RFC leaves open: reload, faults, held preemption, tampering, peers that disagree.
#include <algorithm>
#include <iterator>
#include <utility>

#include "daemon/base/assert.hpp"
#include "vrrp/machine.hpp"

namespace tandem::vrrp {
namespace {

// Adverts sent at the old pace after a reload made the interval longer. Backups give up after three missed ones, so
// three may be lost before the new interval is known.
constexpr uint32_t kQuickAdverts = 3;
constexpr Duration kDefendInterval = 10s;  // RFC 5227, 1.1
constexpr Duration kClaimsAreNormal = 1s;  // after a change: the loser's last answers

std::vector<IpAddress> advertised(const std::vector<VirtualAddress>& addresses) {
  std::vector<IpAddress> list;
  list.reserve(addresses.size());
  for (const VirtualAddress& each : addresses) list.push_back(each.prefix.address);
  return list;
}

template <class T>
std::vector<T> without(const std::vector<T>& all, const std::vector<T>& taken) {
  std::vector<T> rest;
  std::ranges::copy_if(all, std::back_inserter(rest),
                       [&](const T& each) { return std::ranges::find(taken, each) == taken.end(); });
  return rest;
}

}  // namespace

std::vector<VirtualAddress> addresses_of(const Settings& settings) {
  std::vector<VirtualAddress> all;
  for (const Leg& leg : settings.legs) all.insert(all.end(), leg.addresses.begin(), leg.addresses.end());
  all.insert(all.end(), settings.excluded.begin(), settings.excluded.end());
  return all;
}

Acceptance acceptance_of(const Settings& settings, const Leg& leg) {
  return {.version = leg.version,
          .password = leg.password,
          .advert_interval = settings.advert_interval,
          .peers = leg.peers,
          .min_ttl = leg.min_ttl};
}

Advert Machine::advert(uint8_t priority, size_t leg) const {
  const Leg& what = settings_.legs.at(leg);
  const LegState& state = legs_.at(leg);
  TANDEM_ASSERT(state.primary.has_value());
  IpAddress group = kMulticastIpv4;
  if (what.family == IpAddress::Family::kIpv6) group = kMulticastIpv6;
  return {.vrid = what.vrid,
          .priority = priority,
          .advert_interval = settings_.advert_interval,
          .source = *state.primary,
          .destination = what.peers.empty() ? group : what.peers.front(),
          .addresses = advertised(what.addresses),
          .checksum_form = what.version == Version::kV2 ? ChecksumForm::kMessageOnly : state.checksum.form(),
          .version = what.version,
          .password = what.password};
}

std::vector<Outgoing> Machine::adverts(uint8_t priority) const {
  std::vector<Outgoing> all;
  for (size_t leg = 0; leg < settings_.legs.size(); ++leg) {
    if (!legs_[leg].primary) continue;  // mute
    all.push_back({leg, advert(priority, leg)});
    const std::vector<IpAddress>& peers = settings_.legs[leg].peers;
    for (size_t peer = 1; peer < peers.size(); ++peer) {
      Outgoing copy = all.back();
      copy.advert.destination = peers[peer];
      all.push_back(std::move(copy));
    }
  }
  return all;
}

std::optional<IpAddress> Machine::active_address() const {
  if (state_ == State::kActive) {
    const auto speaker = std::ranges::find_if(legs_, [](const LegState& leg) { return leg.primary.has_value(); });
    return speaker == legs_.end() ? std::nullopt : speaker->primary;
  }
  return state_ == State::kBackup ? backup_.active : std::nullopt;
}

std::string Machine::waiting_for() const {
  if (state_ == State::kBackup && backup_.hold_until)
    return "nobody was heard on this link yet, which may be deaf; waiting until start_hold_down is over";
  if (state_ != State::kBackup || !backup_.lower_since) return {};
  if (yielded_) return "handed over: it stays there until it is handed back or nobody is heard";
  if (held_ && !is_owner()) return "preemption held: " + hold_reason_;
  return "preemption delayed";
}

// RFC 9568, 7.1: the list MAY be compared, and an advert is never dropped for it. keepalived's drop makes two active
// routers while an operator adds an address to one box after the other.
bool Machine::is_foreign(const Advert& advert, size_t leg) const {
  const std::vector<VirtualAddress>& ours = settings_.legs[leg].addresses;
  return std::ranges::none_of(ours, [&](const VirtualAddress& each) {
    return std::ranges::find(advert.addresses, each.prefix.address) != advert.addresses.end();
  });
}

void Machine::refuse_foreign(const Advert& advert, size_t leg) {
  const auto count = [](auto& counters) {
    ++counters.adverts_rejected;
    ++counters.rejected[static_cast<size_t>(AdvertError::kForeignAddresses)];
  };
  count(counters_);
  count(legs_[leg].counters);
  compare_with_ours(advert, leg, true);
}

void Machine::compare_with_ours(const Advert& advert, size_t leg, bool refused) {
  const std::vector<IpAddress> ours = advertised(settings_.legs[leg].addresses);
  PeerDisagrees found{
      .leg = leg, .source = advert.source, .advert_interval = advert.advert_interval, .refused = refused};
  if (advert.addresses != ours) {
    found.missing = without(ours, advert.addresses);
    found.extra = without(advert.addresses, ours);
  }
  const bool lists_differ = !found.missing.empty() || !found.extra.empty();
  const bool intervals_differ = advert.advert_interval != settings_.advert_interval;
  const auto count = [&](auto& counters) {
    if (lists_differ) ++counters.address_list_errors;
    if (intervals_differ) ++counters.adv_interval_errors;
  };
  count(counters_);
  count(legs_[leg].counters);

  const auto known = disagreements_.find({leg, advert.source});
  if (!lists_differ && !intervals_differ) {
    if (known != disagreements_.end()) disagreements_.erase(known);
    return;
  }
  if (known != disagreements_.end() ? known->second == found : disagreements_.size() >= kMostSources) return;
  disagreements_.insert_or_assign({leg, advert.source}, found);
  actions_.push_back(std::move(found));
}

// ---- Faults -------------------------------------------------------------------------------------------------------

std::optional<Reason> Machine::fault() const {
  const auto is_down = [&](const std::string& name) { return interfaces_down_.contains(name); };
  if (std::ranges::any_of(settings_.legs, is_down, &Leg::interface) || std::ranges::any_of(settings_.needs, is_down))
    return Reason::kInterfaceDown;
  if (!speaks()) return Reason::kNoPrimaryAddress;
  return std::nullopt;
}

// Of two families on one interface the one that has an address speaks for both. An interface on which nobody can speak is a
// fault: what is cut off there would not be noticed by anybody.
bool Machine::speaks() const {
  return std::ranges::all_of(settings_.legs, [&](const Leg& wanted) {
    for (size_t leg = 0; leg < legs_.size(); ++leg)
      if (legs_[leg].primary && settings_.legs[leg].interface == wanted.interface) return true;
    return false;
  });
}

// Not at Start: an interface that has just come up has its IPv6 address two seconds later (RFC 4862, 5.4).
void Machine::say_mute_legs() {
  if (state_ != State::kBackup && state_ != State::kActive) return;
  for (size_t leg = 0; leg < legs_.size(); ++leg) {
    const bool mute = !legs_[leg].primary;
    if (std::exchange(legs_[leg].said_mute, mute) != mute) actions_.push_back(LegMute{.leg = leg, .mute = mute});
  }
}

void Machine::settle_fault(TimePoint now) {
  if (state_ == State::kInitialize) return;
  const std::optional<Reason> reason = fault();
  if (!reason) {
    if (state_ == State::kFault) begin(Reason::kFaultCleared, now);
    return;
  }
  if (state_ == State::kFault) return;
  if (state_ == State::kActive) {
    // The lost interface may be a tracked one: then the peers hear this and need not wait.
    if (speaks()) send_advert(kPriorityRelease, now);
    actions_.push_back(RemoveAddresses{addresses_of(settings_)});
    counters_.new_active_reason = NewActiveReason::kNotActive;
  }
  change_state(State::kFault, *reason);
}

void Machine::handle(const InterfaceUp& event, TimePoint now) {
  interfaces_down_.erase(event.interface);
  settle_fault(now);
}

void Machine::handle(const InterfaceDown& event, TimePoint now) {
  interfaces_down_.insert(event.interface);
  if (std::ranges::find(settings_.legs, event.interface, &Leg::interface) != settings_.legs.end()) link_heard_ = false;
  settle_fault(now);
}

void Machine::handle(const PrimaryAddressChanged& event, TimePoint now) {
  std::optional<IpAddress>& primary = legs_.at(event.leg).primary;
  const bool tell = state_ == State::kActive && primary != event.address;
  primary = event.address;
  settle_fault(now);
  // The tie-break and the peers' view of who is active go by the source: it is told at once.
  if (tell && state_ == State::kActive) send_advert(settings_.priority, now);
  say_mute_legs();
}

void Machine::handle(const AddressLost& event, TimePoint now) {
  if (state_ != State::kActive) return;
  const std::vector<VirtualAddress> all = addresses_of(settings_);
  if (std::ranges::find(all, event.address) == all.end()) return;
  ++counters_.addresses_restored;
  actions_.push_back(AddAddresses{{event.address}});
  announce({event.address}, now);
}

// The kernel tells the neighbours only where arp_notify and ndisc_notify say so; the others would send to the old address
// until their entries are old. Who gives way does not draw the hosts back, but if nobody comes they must hear of it.
void Machine::handle(const HardwareAddressChanged& event, TimePoint now) {
  const std::vector<VirtualAddress> all = addresses_of(settings_);
  if (state_ != State::kActive || active_.leaving ||
      std::ranges::find(all, event.interface, &VirtualAddress::interface) == all.end())
    return;
  if (active_.yields_until) active_.last_reannouncement = now;
  reannounce(now);
}

void Machine::handle(const AddressClaimed& event, TimePoint now) {
  // Around a change of the active router both answer for a moment.
  const bool settled =
      state_ == State::kActive && !active_.leaving && !active_.yields_until && now - active_.since > kClaimsAreNormal;
  if (!settled) return;
  for (const VirtualAddress& each : addresses_of(settings_)) {
    if (each.prefix.address != event.address) continue;
    ++counters_.address_conflicts;
    if (active_.last_defence && now - *active_.last_defence < kDefendInterval) return;
    active_.last_defence = now;
    actions_.push_back(AddressConflict{.address = event.address, .by = event.by});
    actions_.push_back(Announce{{each}});
    return;
  }
}

// ---- Reload -------------------------------------------------------------------------------------------------------

void Machine::handle(const SettingsChanged& event, TimePoint now) {
  TANDEM_ASSERT(event.settings.priority > 0 && !event.settings.legs.empty());
  TANDEM_ASSERT(event.settings.legs.front().is_same(settings_.legs.front()));
  if (event.settings == settings_) return;
  const Settings before = std::exchange(settings_, event.settings);
  change_legs(before.legs, event.primaries);

  if (state_ == State::kActive) {
    if (settings_.advert_interval > before.advert_interval) {
      const bool already = active_.quick_adverts > 0;
      active_.quick_interval =
          already ? std::min(active_.quick_interval, before.advert_interval) : before.advert_interval;
      active_.quick_adverts = kQuickAdverts;
    }
    change_addresses(addresses_of(before), now);
    const bool other_words = settings_.advert_interval != before.advert_interval ||
                             settings_.priority != before.priority || settings_.legs != before.legs;
    if (other_words && speaks()) send_advert(settings_.priority, now);
  }
  if (state_ == State::kBackup) {
    // A timer under way keeps its beginning, so a reload never costs the peers or us an interval.
    if (!backup_.active) backup_.advertised = settings_.advert_interval;
    if (!backup_.released) backup_.timer_at = backup_.timer_since + active_down_interval();
    if (backup_.hold_until) backup_.timer_at = std::max(backup_.timer_at, *backup_.hold_until);
    if (!preempts()) backup_.lower_since.reset();
  }
  settle_fault(now);
  say_mute_legs();
}

// What is known of a leg stays with it wherever it stands in the list now.
void Machine::change_legs(const std::vector<Leg>& before, const std::vector<std::optional<IpAddress>>& primaries) {
  std::vector<LegState> states(settings_.legs.size());
  for (size_t i = 0; i < states.size(); ++i) {
    for (size_t j = 0; j < before.size(); ++j)
      if (before[j].is_same(settings_.legs[i])) states[i] = legs_[j];
    if (i < primaries.size()) states[i].primary = primaries[i];
    states[i].checksum.set_policy(settings_.legs[i].checksum);
  }
  if (states.size() != legs_.size()) disagreements_.clear();
  legs_ = std::move(states);
}

void Machine::change_addresses(const std::vector<VirtualAddress>& before, TimePoint now) {
  const std::vector<VirtualAddress> now_ours = addresses_of(settings_);
  std::vector<VirtualAddress> removed = without(before, now_ours);
  std::vector<VirtualAddress> added = without(now_ours, before);
  if (!removed.empty()) actions_.push_back(RemoveAddresses{std::move(removed)});
  if (added.empty()) return;
  actions_.push_back(AddAddresses{added});
  announce(std::move(added), now);
}

// ---- Preemption delayed and held ----------------------------------------------------------------------------------

void Machine::handle(const PreemptHold& event, TimePoint now) {
  held_ = event.held;
  hold_reason_ = event.reason;
  if (state_ != State::kBackup) return;
  if (held_ && !is_owner() && backup_.lower_discarded) {
    // We were about to take over from a lower active. From here on it is followed, beginning with its last advert.
    const TimePoint heard = *std::exchange(backup_.lower_discarded, std::nullopt);
    backup_.lower_since = heard;
    if (!backup_.released) start_down_timer(heard);
  }
  preempt_when_free(now);
}

bool Machine::must_wait_to_preempt(TimePoint now) const {
  if (yielded_) return true;
  if (is_owner()) return false;
  if (held_) return true;
  return now < backup_.lower_since.value_or(now) + settings_.preempt_delay;
}

// Whoever has waited for the hold or the delay has let more than a down interval pass already: no more waiting.
bool Machine::preempt_when_free(TimePoint now) {
  if (state_ != State::kBackup || !backup_.lower_since || !preempts() || must_wait_to_preempt(now)) return false;
  become_active(Reason::kPreempted, now);
  return true;
}

}  // namespace tandem::vrrp
