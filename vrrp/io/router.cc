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
  std::set<std::string> names;
  for (const std::string& name : settings.needs)
    if (name.find(' ') == std::string::npos) names.insert(name);  // what else is tracked has a kind before its name
  for (const Leg& leg : settings.legs) names.insert(leg.interface);
  return names;
}

std::optional<IpAddress> primary_of(const Leg& leg, const InterfaceTable& table) {
  if (!leg.source) return table.primary(leg.interface, leg.family);
  return table.has_own(leg.interface, *leg.source) ? leg.source : std::nullopt;
}

}  // namespace

Router::Router(House& house, std::string name, Election election)
    : house_(house),
      name_(std::move(name)),
      election_(std::move(election)),
      machine_(election_.settings),
      reporter_(house.bus, name_, lateness_),
      tracker_(house.io, house.pool, [this](const std::string& thing, const Look& look) { looked(thing, look); }),
      timer_(house.io.get_executor(), [this] { on_deadline(); }),
      retry_(house.io.get_executor(), [this] {
        for (const VirtualAddress& address : std::exchange(failed_, {})) feed(AddressLost{address});
      }) {
  primaries_.resize(settings().legs.size());
  for (const Leg& leg : settings().legs) attach(leg, settings());
  tracking_.set(election_.tracked);
  reporter_.set_tracked(tracking_.lines());
}

Router::~Router() {
  for (const Leg& leg : settings().legs) segment_of(leg).detach(leg.vrid);
}

void Router::attach(const Leg& leg, const Settings& settings) {
  Segment& segment = segment_of(leg);
  segment.attach(leg.vrid, acceptance_of(settings, leg),
                 {.heard =
                      [this, &segment](const Advert& advert) {
                        if (const auto at = leg_at(segment, advert.vrid)) feed(AdvertReceived{advert, *at});
                      },
                  .refused =
                      [this, &segment, vrid = leg.vrid](AdvertError error, std::optional<IpAddress> source) {
                        if (const auto at = leg_at(segment, vrid)) feed(AdvertRejected{error, *at});
                        reporter_.refused(error, source, loop::monotonic_now());
                      }});
}

// A reload may have moved it in the list.
std::optional<size_t> Router::leg_at(const Segment& segment, uint8_t vrid) const {
  const std::vector<Leg>& legs = settings().legs;
  for (size_t i = 0; i < legs.size(); ++i)
    if (legs[i].vrid == vrid && legs[i].interface == segment.interface() && legs[i].family == segment.family())
      return i;
  return std::nullopt;
}

bool Router::is_on(const std::string& interface) const {
  return std::ranges::find(settings().legs, interface, &Leg::interface) != settings().legs.end();
}

bool Router::has(const VirtualAddress& address) const {
  const std::vector<VirtualAddress> all = addresses_of(settings());
  return active() && std::ranges::find(all, address) != all.end();
}

std::vector<Bequest> Router::will() const {
  std::vector<Bequest> will;
  if (!active()) return will;
  for (const Outgoing& each : machine_.adverts(kPriorityRelease))
    will.push_back({settings().legs[each.leg].interface, each.advert.source, each.advert.destination,
                    encode_message(each.advert)});
  return will;
}

void Router::start(const InterfaceTable& table, const std::optional<bus::InstanceState>& before,
                   std::optional<Duration> silence, const std::optional<std::string>& reason) {
  tell_interfaces(table, settings());
  tell_primaries(table);
  tell_macs(table);
  settle_tracking();  // what counts as well until it is looked at counts from the beginning
  hold(reason);
  Start start;
  const Leg& first = settings().legs.front();
  if (before && before->state == bus::RouterState::kActive && before->vrid == first.vrid &&
      before->interface == first.interface &&
      std::ranges::any_of(addresses_of(settings()),
                          [&](const VirtualAddress& each) { return table.has_ours(each.interface, each.prefix); }))
    start.resume = Resume{.was_active = true, .away = silence.value_or(Duration::zero())};
  feed(start);
  const bool resumed = machine_.reason() == Reason::kResumed;
  if (before) reporter_.continue_from(*before, resumed);
  if (resumed) {
    reporter_.resumed(machine_);
    house_.hands.add(election_.routes, election_.rules, on_route_trouble());
  }
  started_ = true;
  tracker_.set(election_.tracked);
  reporter_.publish(machine_, down_, Reporter::What::kEverything);
}

void Router::stop() {
  feed(Stop{});
}

void Router::change(Election election, const InterfaceTable& table) {
  const Election was = std::exchange(election_, std::move(election));
  tracking_.set(election_.tracked);
  const Settings settings = effective();
  const std::vector<Leg> before = this->settings().legs;
  for (const Leg& leg : settings.legs) attach(leg, settings);
  // What matters from now on must be known before it decides.
  tell_interfaces(table, settings);
  std::vector<std::optional<IpAddress>> primaries;
  primaries.reserve(settings.legs.size());
  for (const Leg& leg : settings.legs) primaries.push_back(primary_of(leg, table));
  primaries_ = primaries;
  feed(SettingsChanged{settings, std::move(primaries)});
  if (active()) {
    change_routes(was);
    // A device that the site does not want any more; its addresses have been moved already.
    std::vector<netlink::Macvlan> gone;
    for (const Leg& leg : before)
      if (!leg.device.empty() && !device_names().contains(leg.device))
        gone.push_back({.name = leg.device, .parent = leg.interface, .mac = {}});
    house_.hands.remove(std::move(gone), on_route_trouble());
  }
  tracker_.set(election_.tracked);
  settle_tracking();
  for (const Leg& leg : before) {
    const auto same = [&](const Leg& other) { return other.is_same(leg); };
    if (std::ranges::none_of(this->settings().legs, same)) segment_of(leg).detach(leg.vrid);
  }
  reporter_.publish(machine_, down_, Reporter::What::kEverything);
}

// ---- What is tracked ----------------------------------------------------------------------------------------------

Settings Router::effective() const {
  Settings settings = election_.settings;
  settings.priority = tracking_.priority(settings.priority);
  return settings;
}

void Router::service_seen(const std::string& service, bool up) {
  for (const Tracked& thing : election_.tracked)
    if (thing.kind == Tracked::Kind::kService && thing.subject == service)
      looked(thing.name, {.well = up, .words = up ? "the service is up" : "the service is down"});
}

void Router::looked(const std::string& thing, const Look& look) {
  const auto change = tracking_.note(thing, look);
  reporter_.set_tracked(tracking_.lines());
  if (!change) return;
  reporter_.tracked(*change, tracking_.priority(election_.settings.priority), look.well);
  settle_tracking();
  reporter_.publish(machine_, down_, Reporter::What::kEverything);
}

void Router::settle_tracking() {
  const std::vector<std::string> faults = tracking_.faults();
  for (const Tracked& thing : election_.tracked) {
    const std::string name = thing.text();
    const bool down = std::ranges::find(faults, name) != faults.end();
    if (down == down_.contains(name)) continue;
    if (down) {
      down_.insert(name);
      feed(InterfaceDown{name});
    } else {
      down_.erase(name);
      feed(InterfaceUp{name});
    }
  }
  if (Settings now = effective(); now.priority != settings().priority)
    feed(SettingsChanged{std::move(now), primaries_});
}

void Router::link_heard() {
  feed(LinkHeard{});
}

void Router::give_way(Duration patience) {
  feed(GiveWay{patience});
}

void Router::take_over() {
  // What the active router said before it fell silent must not be heard after it.
  for (const Leg& leg : settings().legs) segment_of(leg).drain();
  feed(TakeOver{});
}

void Router::affirmed_by(const std::string& peer) {
  feed(PeerAffirms{peer});
}

void Router::hold(const std::optional<std::string>& reason) {
  if (reason == hold_) return;
  hold_ = reason;
  feed(PreemptHold{.held = reason.has_value(), .reason = reason.value_or("")});
}

void Router::look_at(const InterfaceTable& table) {
  tell_interfaces(table, settings());
  tell_primaries(table);
  tell_macs(table);
}

void Router::tell_interfaces(const InterfaceTable& table, const Settings& settings) {
  for (const Tracked& thing : election_.tracked)
    if (thing.kind == Tracked::Kind::kInterface)
      looked(thing.name, {.well = table.usable(thing.subject),
                          .words = table.usable(thing.subject) ? "it is up" : "it is down or has no carrier"});
  for (const std::string& name : interfaces_of(settings)) {
    const bool usable = table.usable(name) && std::ranges::all_of(settings.legs, [&](const Leg& leg) {
                          return leg.interface != name || segment_of(leg).open();
                        });
    if (usable != down_.contains(name)) continue;  // known
    if (usable) {
      down_.erase(name);
      // The address first: an interface that is back may have another one.
      if (is_on(name)) tell_primaries(table);
      feed(InterfaceUp{name});
    } else {
      down_.insert(name);
      feed(InterfaceDown{name});
    }
  }
}

void Router::tell_primaries(const InterfaceTable& table) {
  for (size_t i = 0; i < primaries_.size(); ++i) {
    const auto primary = primary_of(settings().legs[i], table);
    if (primary == primaries_[i]) continue;
    primaries_[i] = primary;
    feed(PrimaryAddressChanged{primary, i});
  }
}

void Router::tell_macs(const InterfaceTable& table) {
  std::set<std::string> names;
  for (const VirtualAddress& each : addresses_of(settings())) names.insert(each.interface);
  for (const std::string& name : macs_.look(table, names)) {
    if (active()) reporter_.mac_changed(*table.find(name), loop::monotonic_now());
    feed(HardwareAddressChanged{name});
  }
}

void Router::address_lost(const VirtualAddress& address) {
  if (!has(address) || (is_owner() && house_.table().has(address.interface, address.prefix))) return;
  reporter_.address_restored(address, loop::monotonic_now());
  feed(AddressLost{address});
  // With an address go the routes that prefer it as their source.
  house_.hands.add(election_.routes, election_.rules, on_route_trouble());
}

void Router::change_routes(const Election& before) {
  const auto without = [](const auto& all, const auto& taken) {
    auto rest = all;
    std::erase_if(rest, [&](const auto& each) { return std::ranges::find(taken, each) != taken.end(); });
    return rest;
  };
  house_.hands.remove(without(before.routes, election_.routes), without(before.rules, election_.rules),
                      on_route_trouble());
  house_.hands.add(without(election_.routes, before.routes), without(election_.rules, before.rules),
                   on_route_trouble());
}

std::function<void(const std::string&)> Router::on_route_trouble() {
  return [weak = weak_from_this()](const std::string& words) {
    if (const auto self = weak.lock()) self->reporter_.route_trouble(words, loop::monotonic_now());
  };
}

void Router::address_claimed(const IpAddress& address, const MacAddress& by) {
  if (active()) feed(AddressClaimed{address, by});
}

void Router::report() {
  reporter_.look_for_company(machine_, loop::unix_ms_now());
  reporter_.publish(machine_, down_, Reporter::What::kCounters);
}

void Router::on_deadline() {
  measure_lateness(loop::monotonic_now(), true);
  // Before giving anybody up for silent: what has been said already is heard first. An active router's deadline is its own
  // next advert, and a thousand of these in a second need not ask the kernel each time.
  if (!active())
    for (const Leg& leg : settings().legs) segment_of(leg).drain();
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
  const Actions actions = machine_.on(event, now);
  // An advert from the virtual MAC address draws the clients' packets here: not before the address is.
  const auto has = [&](auto is) { return std::ranges::any_of(actions, is); };
  const auto is_advert = [](const Action& action) { return std::holds_alternative<SendAdvert>(action); };
  const auto is_adding = [](const Action& action) { return std::holds_alternative<AddAddresses>(action); };
  const bool adverts_last = has(is_advert) && has(is_adding) && !devices().empty();
  for (const Action& action : actions)
    if (!adverts_last || !is_advert(action)) carry_out(action);
  if (adverts_last)
    house_.hands.afterwards([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->active()) self->send(self->settings().priority);
    });
  // An active router's words change by a reload, with its address, and with the checksum its peers use.
  if (was_active != active() || (active() && !std::holds_alternative<DeadlineReached>(event))) house_.will_changed();
  timer_.set(wake_at());
  // An active router's own deadline changes nothing that is told, unless it changes the state.
  const bool may_have_moved = !std::holds_alternative<DeadlineReached>(event) || !was_active || !active();
  if (started_ && may_have_moved) reporter_.publish(machine_, down_, Reporter::What::kMoves);
}

// Active routers of one pace, which began at the same time, advertise in one wake-up: a process that wakes costs more than
// the advert. The step divides the interval, so this moves the adverts once and then keeps their pace. A backup's timer is
// not touched.
std::optional<TimePoint> Router::wake_at() const {
  const auto due = machine_.deadline();
  if (!due || !active()) return due;
  constexpr int kSteps = 16;
  const Duration step = std::min<Duration>(1ms, settings().advert_interval / kSteps);
  const Duration over = due->time_since_epoch() % step;
  return over == Duration::zero() ? due : *due + (step - over);
}

void Router::carry_out(const Action& action) {
  if (const auto* send = std::get_if<SendAdvert>(&action)) {
    this->send(send->priority);
  } else if (const auto* add = std::get_if<AddAddresses>(&action)) {
    std::vector<VirtualAddress> addresses = add->addresses;
    // The owner's are the operator's: they are there, and not ours to tag or to take away.
    if (is_owner())
      std::erase_if(addresses,
                    [&](const VirtualAddress& each) { return house_.table().has(each.interface, each.prefix); });
    house_.hands.raise(devices(), on_route_trouble());
    house_.hands.add(std::move(addresses), on_trouble(true));
  } else if (const auto* remove = std::get_if<RemoveAddresses>(&action)) {
    std::vector<VirtualAddress> addresses = remove->addresses;
    // A reload that moves an address from one router to another must not take it from its new owner.
    std::erase_if(addresses, [&](const VirtualAddress& each) {
      return house_.had_by_another(name_, each) ||
             (is_owner() && !house_.table().has_ours(each.interface, each.prefix));
    });
    if (!active()) house_.hands.hush(devices(), on_route_trouble());
    house_.hands.remove(std::move(addresses), on_trouble(false));
  } else if (const auto* announce = std::get_if<Announce>(&action)) {
    house_.hands.announce(announce->addresses, election_.announce_count, on_trouble(false));
  } else if (const auto* change = std::get_if<StateChanged>(&action)) {
    if (change->to == State::kActive) house_.hands.add(election_.routes, election_.rules, on_route_trouble());
    if (change->from == State::kActive && change->to == State::kFault) house_.lost(name_);
    if (change->from == State::kActive) {
      house_.hands.remove(election_.routes, election_.rules, on_route_trouble());
      house_.hands.remove(devices(), on_route_trouble());
    }
    reporter_.state_changed(*change, machine_, down_);
  } else if (const auto* conflict = std::get_if<AddressConflict>(&action)) {
    reporter_.conflict(*conflict);
  } else if (std::holds_alternative<AskPeers>(action)) {
    house_.inquire(name_);
  } else if (const auto* unheard = std::get_if<UnheardActive>(&action)) {
    reporter_.unheard(*unheard);
  } else if (const auto* mute = std::get_if<LegMute>(&action)) {
    reporter_.leg_mute(*mute, settings().legs[mute->leg]);
  } else if (const auto* another = std::get_if<AnotherActive>(&action)) {
    reporter_.another_active(*another);
  } else if (const auto* disagrees = std::get_if<PeerDisagrees>(&action)) {
    const Leg& leg = settings().legs[disagrees->leg];
    reporter_.disagrees(*disagrees, machine_, segment_of(leg).free_vrid(leg.vrid));
  }
}

std::vector<netlink::Macvlan> Router::devices() const {
  std::vector<netlink::Macvlan> devices;
  for (const Leg& leg : settings().legs)
    if (!leg.device.empty())
      devices.push_back({.name = leg.device, .parent = leg.interface, .mac = virtual_mac(leg.family, leg.vrid)});
  return devices;
}

std::set<std::string> Router::device_names() const {
  std::set<std::string> names;
  for (const netlink::Macvlan& each : devices()) names.insert(each.name);
  return names;
}

void Router::send(uint8_t priority) {
  for (const Outgoing& each : machine_.adverts(priority)) {
    const Leg& leg = settings().legs[each.leg];
    const int error =
        leg.device.empty() ? segment_of(leg).send(each.advert) : segment_of(leg).send_from_virtual_mac(each.advert);
    // An interface that is down is a fault and is said as that.
    if (error != 0 && error != ENODEV && error != ENXIO && error != ENETDOWN)
      reporter_.send_failed(error, loop::monotonic_now());
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
