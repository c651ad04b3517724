#include "vrrp/io/reporter.hpp"

#include <system_error>
#include <utility>

#include "daemon/loop/clock.hpp"

namespace tandem::vrrp {
namespace {

using bus::Severity;

bus::RouterState to_bus(State state) {
  switch (state) {
    case State::kInitialize:
      return bus::RouterState::kInitialize;
    case State::kBackup:
      return bus::RouterState::kBackup;
    case State::kActive:
      return bus::RouterState::kActive;
    case State::kFault:
      return bus::RouterState::kFault;
  }
  return bus::RouterState::kInitialize;
}

std::string joined(const auto& items, auto&& text_of) {
  std::string words;
  for (const auto& item : items) words += (words.empty() ? "" : ", ") + std::string(text_of(item));
  return words;
}

std::string in_ms(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count()) + " ms";
}

constexpr uint64_t kLongAloneMs = 10'000;

// Transitions remembered for `tandemctl why`.
constexpr size_t kHistory = 20;

// Why the machine is where it is, with the names it does not carry.
std::string why(const Machine& machine, const std::set<std::string>& down) {
  std::string words(text(machine.reason()));
  if (machine.reason() == Reason::kInterfaceDown && !down.empty())
    words += ": " + joined(down, [](const std::string& name) { return name; });
  if (const std::string waiting = machine.waiting_for(); !waiting.empty()) words += "; " + waiting;
  return words;
}

std::string place(const Machine& machine) {
  const Settings& settings = machine.settings();
  std::string words;
  for (const Leg& leg : settings.legs)
    words += leg.interface + (leg.family == IpAddress::Family::kIpv6 ? " IPv6" : "") + ", VRID " +
             std::to_string(leg.vrid) + ", ";
  return words + "priority " + std::to_string(settings.priority);
}

// Of one among several: "ipv6", and in a group with the router's name.
std::string leg_name(const Settings& settings, size_t at) {
  const Leg& leg = settings.legs[at];
  const std::string family = leg.family == IpAddress::Family::kIpv6 ? "ipv6" : "ipv4";
  return leg.router == settings.legs.front().router && leg.router == settings.legs.back().router
             ? family
             : leg.router + " " + family;
}

// What the operator can do about it.
std::string_view advice(AdvertError error) {
  switch (error) {
    case AdvertError::kVersion:
      return "; both must speak the same VRRP version (version: here, vrrp_version in keepalived)";
    case AdvertError::kAuthMismatch:
    case AdvertError::kAuthFailure:
      return "; give both routers the same password, or none";
    case AdvertError::kInterval:
      return "; version 2 needs the same advert_interval on both";
    case AdvertError::kSource:
      return "; give both routers an address of the same network on this interface";
    case AdvertError::kOwnAddress:
      return "; another box has this box's address, or the network returns our own packets";
    case AdvertError::kTtl:
      return "; it came through a router or is forged";
    default:
      return "";
  }
}

}  // namespace

void Reporter::say(Severity severity, std::string id, std::string words) {
  bus_.event(severity, std::move(id), router_, std::move(words));
}

void Reporter::continue_from(const bus::InstanceState& before, bool same_state) {
  earlier_ = before;
  // What happened since the room is back comes after what happened before.
  history_.insert(history_.begin(), before.history.begin(), before.history.end());
  if (history_.size() > kHistory) history_.erase(history_.begin(), history_.end() - kHistory);
  if (same_state) since_unix_ms_ = before.since_unix_ms;
}

std::vector<bus::InstanceState> Reporter::describe(const Machine& machine, const std::set<std::string>& down) const {
  const Settings& settings = machine.settings();
  const Counters& counters = machine.counters();
  bus::InstanceState state{.router = router_,
                           .state = to_bus(machine.state()),
                           .reason = why(machine, down),
                           .since_unix_ms = since_unix_ms_,
                           .priority = settings.priority};
  if (const auto active = machine.active_address()) state.active_address = active->text();
  state.transitions = earlier_.transitions + counters.active_transitions;
  state.adverts_sent = earlier_.adverts_sent + counters.adverts_sent;
  state.adverts_received = earlier_.adverts_received + counters.adverts_received;
  state.adverts_rejected = earlier_.adverts_rejected + counters.adverts_rejected;
  std::vector<NamedCount> counts = named(counters);
  for (size_t leg = 0; settings.legs.size() > 1 && leg < settings.legs.size(); ++leg)
    for (NamedCount& each : named(machine.counters_of(leg), leg_name(settings, leg))) counts.push_back(std::move(each));
  for (NamedCount& each : lateness_.counts()) counts.push_back(std::move(each));
  for (const NamedCount& each : counts) {
    uint64_t value = each.value;
    // What an earlier life counted is added, but a reason is no count.
    if (each.name != "new_active_reason")
      for (const bus::NamedCounter& before : earlier_.counters)
        if (before.name == each.name) value += before.value;
    state.counters.push_back({each.name, value});
  }
  state.history = history_;
  state.tracked = tracked_;
  std::vector<bus::InstanceState> states;
  for (const Leg& leg : settings.legs) {
    if (states.empty() || states.back().router != leg.router) {
      states.push_back(state);
      states.back().router = leg.router;
      states.back().interface = leg.interface;
      states.back().vrid = leg.vrid;
    }
    for (const VirtualAddress& each : leg.addresses) states.back().addresses.push_back(each.prefix.text());
  }
  return states;
}

void Reporter::publish(const Machine& machine, const std::set<std::string>& down, What what) {
  if (since_unix_ms_ == 0) since_unix_ms_ = loop::unix_ms_now();
  Moves moves{machine.state(), machine.reason(), since_unix_ms_, machine.active_address(), machine.waiting_for(), down};
  const Counters& counters = machine.counters();
  const uint64_t count =
      counters.active_transitions + counters.adverts_sent + counters.adverts_received + counters.adverts_rejected;
  const bool changed = said_ != moves || what == What::kEverything || (what == What::kCounters && said_count_ != count);
  if (!changed) return;
  for (bus::InstanceState& state : describe(machine, down)) bus_.publish(std::move(state));
  said_ = std::move(moves);
  said_count_ = count;
}

void Reporter::state_changed(const StateChanged& change, const Machine& machine, const std::set<std::string>& down) {
  since_unix_ms_ = loop::unix_ms_now();
  history_.push_back({since_unix_ms_, to_bus(change.from), to_bus(change.to), why(machine, down)});
  if (history_.size() > kHistory) history_.erase(history_.begin());
  const std::string because = why(machine, down) + " (" + place(machine) + ")";
  switch (change.to) {
    case State::kActive:
      return say(Severity::kNotice, "VRRP_BECAME_ACTIVE", "became active: " + because);
    case State::kBackup:
      return say(Severity::kNotice, "VRRP_BECAME_BACKUP", "became backup: " + because);
    case State::kFault:
      return say(Severity::kError, "VRRP_FAULT", "cannot take part: " + because);
    case State::kInitialize:
      return say(Severity::kNotice, "VRRP_STOPPED", "stopped in order (" + place(machine) + ")");
  }
}

void Reporter::resumed(const Machine& machine) {
  say(Severity::kNotice, "VRRP_RESUMED", "goes on as active after a restart of the room (" + place(machine) + ")");
}

void Reporter::conflict(const AddressConflict& what) {
  say(Severity::kError, "VRRP_ADDRESS_CONFLICT",
      what.by.text() + " says that it has " + what.address.text() +
          ", which is active here; take the address away from that station");
}

void Reporter::another_active(const AnotherActive& what) {
  say(Severity::kError, "VRRP_TWO_ACTIVE",
      what.source.text() + " is active too, with the lower priority " + std::to_string(what.priority) +
          ": it does not hear this box; look at the switches between the two (multicast, filters, one-way links)");
}

void Reporter::leg_mute(const LegMute& what, const Leg& leg) {
  const bool ipv6 = leg.family == IpAddress::Family::kIpv6;
  const std::string family = ipv6 ? "IPv6" : "IPv4";
  if (!what.mute)
    return say(Severity::kNotice, "VRRP_LEG_SPEAKS",
               leg.interface + " has an " + family + " address now; the advertisements of its " + family +
                   " addresses go out");
  const std::string lacks = leg.source ? leg.source->text() : ipv6 ? "a link-local IPv6 address" : "an IPv4 address";
  say(Severity::kError, "VRRP_LEG_MUTE",
      leg.interface + " does not have " + lacks + ", so the " + family +
          " addresses are not advertised; the other family speaks for both. Give the interface the address" +
          (ipv6 ? " (ip -6 address show; sysctl addr_gen_mode, disable_ipv6)" : ""));
}

void Reporter::unheard(const UnheardActive& what) {
  if (what.here_too)
    return say(Severity::kError, "VRRP_TWO_ACTIVE",
               what.peer +
                   " is active too, as it says by the peer link, and is not heard on this link: the link is cut "
                   "between the two; look at the switches");
  say(Severity::kError, "VRRP_DEAF",
      "nobody is heard on this link, but " + what.peer +
          " says by the peer link that it is active, so this box stays backup (cross_check); look at the switches "
          "between "
          "the two (multicast, filters, one-way links)");
}

void Reporter::disagrees(const PeerDisagrees& what, const Machine& machine, std::optional<uint8_t> free_vrid) {
  const auto address_text = [](const IpAddress& address) { return address.text(); };
  if (!what.missing.empty() || !what.extra.empty()) {
    std::string words = what.source.text() + " advertises other addresses than this box";
    if (what.refused)
      return say(Severity::kError, "VRRP_VRID_CONFLICT",
                 what.source.text() + " uses our VRID for addresses of its own (" + joined(what.extra, address_text) +
                     "); its adverts are refused; give one of the two routers another VRID" +
                     (free_vrid ? ", " + std::to_string(*free_vrid) + " for one is not in use on this link" : ""));
    if (!what.missing.empty()) words += "; it does not have " + joined(what.missing, address_text);
    if (!what.extra.empty()) words += "; only it has " + joined(what.extra, address_text);
    say(Severity::kWarning, "VRRP_FOREIGN_ADDRESSES", words + "; install the same site file on both");
  }
  if (what.advert_interval != machine.settings().advert_interval)
    say(Severity::kWarning, "VRRP_FOREIGN_INTERVAL",
        what.source.text() + " advertises every " + in_ms(what.advert_interval) + ", this box every " +
            in_ms(machine.settings().advert_interval) + "; a backup follows the active router's");
}

void Reporter::look_for_company(const Machine& machine, uint64_t now_unix_ms) {
  const bool alone = machine.state() == State::kActive && machine.reason() == Reason::kActiveSilent &&
                     machine.counters().adverts_received == 0 && !machine.settings().peer_link;
  if (said_alone_ || !alone || now_unix_ms < since_unix_ms_ + kLongAloneMs) return;
  said_alone_ = true;
  say(Severity::kWarning, "VRRP_NEVER_HEARD",
      "active, and no advertisement of anybody has come since the start. That is well where the others are down or "
      "began "
      "later; otherwise the link does not carry them (multicast, filters). With a peer_link this box would ask");
}

void Reporter::refused(AdvertError error, std::optional<IpAddress> source, TimePoint now) {
  if (!refusals_.allow(now)) return;
  say(Severity::kWarning, "VRRP_ADVERT_REJECTED",
      "an advertisement from " + (source ? source->text() : std::string("somebody")) +
          " was refused: " + std::string(text(error)) + std::string(advice(error)) + refusals_.suffix());
}

void Reporter::send_failed(int error, TimePoint now) {
  if (!failures_.allow(now)) return;
  say(Severity::kError, "VRRP_SEND_FAILED",
      "an advertisement was not sent: " + std::generic_category().message(error) + failures_.suffix());
}

void Reporter::address_trouble(const Hands::Trouble& trouble, TimePoint now) {
  if (!troubles_.allow(now)) return;
  say(Severity::kError, "VRRP_ADDRESS_FAILED",
      trouble.address.prefix.text() + " on " + trouble.address.interface + ": " + trouble.text + troubles_.suffix());
}

void Reporter::route_trouble(const std::string& words, TimePoint now) {
  if (!route_troubles_.allow(now)) return;
  say(Severity::kError, "VRRP_ROUTE_FAILED", words + route_troubles_.suffix());
}

void Reporter::address_restored(const VirtualAddress& address, TimePoint now) {
  if (!restorations_.allow(now)) return;
  say(Severity::kWarning, "VRRP_ADDRESS_RESTORED",
      address.prefix.text() + " was taken away from " + address.interface +
          " by somebody else and was put back; keep networkd or NetworkManager off this interface" +
          restorations_.suffix());
}

void Reporter::mac_changed(const netlink::Link& link, TimePoint now) {
  Throttle& changes = mac_changes_[link.name];
  if (!changes.allow(now)) return;
  say(Severity::kNotice, "VRRP_MAC_CHANGED",
      link.name + " has another MAC address, " + link.mac.text() + ": the addresses are announced again" +
          changes.suffix());
}

void Reporter::tracked(const std::string& change, uint8_t priority, bool well) {
  say(well ? Severity::kNotice : Severity::kWarning, "VRRP_TRACK",
      change + "; the priority is " + std::to_string(priority));
}

void Reporter::late(Duration late, const Lateness& lateness, TimePoint now) {
  if (!latenesses_.allow(now)) return;
  say(Severity::kWarning, "VRRP_LATE",
      "a deadline was served " + in_ms(late) + " late (" + lateness.text() + "); the box is overloaded or was stopped" +
          latenesses_.suffix());
}

}  // namespace tandem::vrrp
