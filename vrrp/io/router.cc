#include "vrrp/io/router.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "daemon/loop/clock.hpp"

namespace tandem::vrrp {
namespace {

constexpr Duration kRetryAfter = 1s;

// Every interface whose state matters to a router with these settings.
std::set<std::string> interfaces_of(const Settings& settings) {
  std::set<std::string> names(settings.track_interfaces.begin(), settings.track_interfaces.end());
  names.insert(settings.interface);
  return names;
}

}  // namespace

Router::Router(House& house, std::string name, Settings settings, Segment& segment)
    : house_(house),
      name_(std::move(name)),
      machine_(std::move(settings)),
      segment_(segment),
      reporter_(house.bus, name_),
      timer_(house.io.get_executor(), [this] { on_deadline(); }),
      retry_(house.io.get_executor(), [this] {
        for (const VirtualAddress& address : std::exchange(failed_, {})) feed(AddressLost{address});
      }) {
  segment_.attach(machine_.settings().vrid, acceptance_of(machine_.settings()),
                  {.heard = [this](const Advert& advert) { feed(AdvertReceived{advert}); },
                   .refused =
                       [this](AdvertError error, std::optional<Ipv4Address> source) {
                         feed(AdvertRejected{error});
                         reporter_.refused(error, source, loop::monotonic_now());
                       }});
}

Router::~Router() {
  segment_.detach(machine_.settings().vrid);
}

bool Router::has(const VirtualAddress& address) const {
  return active() && std::ranges::find(settings().addresses, address) != settings().addresses.end();
}

std::optional<Bequest> Router::will() const {
  if (!active()) return std::nullopt;
  const Advert release = machine_.advert(kPriorityRelease);
  return Bequest{settings().interface, release.source, release.destination, encode_message(release)};
}

void Router::start(const InterfaceTable& table, const std::optional<bus::InstanceState>& before,
                   std::optional<Duration> silence, const std::optional<std::string>& reason) {
  tell_interfaces(table);
  hold(reason);
  Start start;
  if (before && before->state == bus::RouterState::kActive && before->vrid == settings().vrid &&
      before->interface == settings().interface &&
      std::ranges::any_of(settings().addresses,
                          [&](const VirtualAddress& each) { return table.has_ours(each.interface, each.prefix); }))
    start.resume = Resume{.was_active = true, .away = silence.value_or(Duration::zero())};
  feed(start);
  const bool resumed = machine_.reason() == Reason::kResumed;
  if (before) reporter_.continue_from(*before, resumed);
  if (resumed) reporter_.resumed(machine_);
  started_ = true;
  reporter_.publish(machine_, down_, Reporter::What::kEverything);
}

void Router::stop() {
  feed(Stop{});
}

void Router::change(Settings settings) {
  segment_.accept(settings.vrid, acceptance_of(settings));
  feed(SettingsChanged{std::move(settings)});
  reporter_.publish(machine_, down_, Reporter::What::kEverything);
}

void Router::link_heard() {
  feed(LinkHeard{});
}

void Router::give_way(Duration patience) {
  feed(GiveWay{patience});
}

void Router::take_over() {
  // What the active router said before it fell silent must not be heard after it.
  segment_.drain();
  feed(TakeOver{});
}

void Router::hold(const std::optional<std::string>& reason) {
  if (reason == hold_) return;
  hold_ = reason;
  feed(PreemptHold{.held = reason.has_value(), .reason = reason.value_or("")});
}

void Router::look_at(const InterfaceTable& table) {
  tell_interfaces(table);
}

void Router::tell_interfaces(const InterfaceTable& table) {
  for (const std::string& name : interfaces_of(settings())) {
    const bool usable = table.usable(name) && (name != settings().interface || segment_.open());
    if (usable != down_.contains(name)) continue;  // known
    if (usable) {
      down_.erase(name);
      // The address first: an interface that is back may have another one.
      if (name == settings().interface && table.primary(name) != primary_) {
        primary_ = table.primary(name);
        feed(PrimaryAddressChanged{primary_ ? std::optional<IpAddress>(*primary_) : std::nullopt});
      }
      feed(InterfaceUp{name});
    } else {
      down_.insert(name);
      feed(InterfaceDown{name});
    }
  }
  if (const auto primary = table.primary(settings().interface); primary != primary_) {
    primary_ = primary;
    feed(PrimaryAddressChanged{primary ? std::optional<IpAddress>(*primary) : std::nullopt});
  }
}

void Router::address_lost(const VirtualAddress& address) {
  if (!has(address)) return;
  reporter_.address_restored(address, loop::monotonic_now());
  feed(AddressLost{address});
}

void Router::report() {
  reporter_.publish(machine_, down_, Reporter::What::kCounters);
}

void Router::on_deadline() {
  measure_lateness(loop::monotonic_now(), true);
  // Before giving anybody up for silent: what has been said already is heard first.
  segment_.drain();
  feed(DeadlineReached{});
}

// A process that was stopped may be woken by a packet before its timer, and the packet then moves the deadline.
void Router::measure_lateness(TimePoint now, bool at_deadline) {
  const auto deadline = machine_.deadline();
  if (!deadline || now < *deadline || deadline == measured_) return;
  const Duration late = now - *deadline;
  const bool serious = late > machine_.active_adver_interval();
  if (!at_deadline && !serious) return;
  measured_ = deadline;
  lateness_.note(late);
  if (serious) reporter_.late(late, lateness_, now);
}

void Router::feed(const Event& event) {
  const TimePoint now = loop::monotonic_now();
  house_.pulse.beat(now);
  measure_lateness(now, false);
  const bool was_active = active();
  for (const Action& action : machine_.on(event, now)) carry_out(action);
  // An active router's words change by a reload, with its address, and with the checksum its peers use.
  if (was_active != active() || (active() && !std::holds_alternative<DeadlineReached>(event))) house_.will_changed();
  timer_.set(machine_.deadline());
  if (started_) reporter_.publish(machine_, down_, Reporter::What::kMoves);
}

void Router::carry_out(const Action& action) {
  if (const auto* send = std::get_if<SendAdvert>(&action)) {
    const int error = segment_.send(machine_.advert(send->priority));
    // An interface that is down is a fault and is said as that.
    if (error != 0 && error != ENODEV && error != ENXIO && error != ENETDOWN)
      reporter_.send_failed(error, loop::monotonic_now());
  } else if (const auto* add = std::get_if<AddAddresses>(&action)) {
    house_.hands.add(add->addresses, on_trouble(true));
  } else if (const auto* remove = std::get_if<RemoveAddresses>(&action)) {
    std::vector<VirtualAddress> addresses = remove->addresses;
    // A reload that moves an address from one router to another must not take it from its new owner.
    std::erase_if(addresses, [&](const VirtualAddress& each) { return house_.had_by_another(name_, each); });
    house_.hands.remove(std::move(addresses), on_trouble(false));
  } else if (const auto* announce = std::get_if<Announce>(&action)) {
    house_.hands.announce(announce->addresses, on_trouble(false));
  } else if (const auto* change = std::get_if<StateChanged>(&action)) {
    reporter_.state_changed(*change, machine_, down_);
  } else if (const auto* disagrees = std::get_if<PeerDisagrees>(&action)) {
    reporter_.disagrees(*disagrees, machine_);
  }
}

Hands::OnTrouble Router::on_trouble(bool retry) {
  return [weak = weak_from_this(), retry](const Hands::Trouble& trouble) {
    const auto self = weak.lock();
    if (!self) return;
    const TimePoint now = loop::monotonic_now();
    self->reporter_.address_trouble(trouble, now);
    if (!retry || !self->has(trouble.address)) return;
    self->failed_.insert(trouble.address);
    self->retry_.set(now + kRetryAfter);
  };
}

}  // namespace tandem::vrrp
