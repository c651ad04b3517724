#include "tests/sim/world.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "vrrp/timers.hpp"

namespace tandem::sim {

using namespace vrrp;

namespace {

constexpr uint8_t kVrid = 51;
constexpr size_t kSocketBuffer = 256;  // packets that wait for a paused process

Duration site_interval(Rng& rng) {
  const int64_t die = rng.between(1, 10);
  return die <= 6 ? Duration(1s) : die <= 8 ? Duration(100ms) : Duration(10ms);
}

Duration longest_delay(Duration interval) {
  return std::min<Duration>(2ms, interval / 100);
}

}  // namespace

World::World(const Options& options)
    : options_(options),
      rng_(options.seed),
      interval_(site_interval(rng_)),
      timer_jitter_(longest_delay(interval_) / 2),
      watch_(nodes_, longest_delay(interval_)) {
  network_.delay_max = longest_delay(interval_);
  network_.delay_min = network_.delay_max / 10;
  found_site();
}

void World::found_site() {
  const auto count = static_cast<size_t>(rng_.between(2, 5));
  const bool preempt = rng_.percent(75);
  const Duration preempt_delay = rng_.percent(25) ? interval_ * rng_.between(3, 12) : Duration{};
  const bool mixed_intervals = rng_.percent(15);
  const bool equal = rng_.percent(20);
  const bool hold = rng_.percent(20);
  const bool cross_check = rng_.percent(25);
  const bool peer_link = cross_check || rng_.percent(50);
  network_.cut.assign(count, std::vector<bool>(count, false));
  network_.last_arrival.assign(count, std::vector<TimePoint>(count));
  nodes_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    Node& node = nodes_[i];
    node.index = i;
    node.name = std::string("dir-") + static_cast<char>('a' + i);
    node.primary = Ipv4Address{0x0a630001 + static_cast<uint32_t>(i)};
    node.local = {Prefix{node.primary, 24}};
    node.settings = {.priority = static_cast<uint8_t>(equal ? 100 : rng_.between(1, 254)),
                     .advert_interval = interval_ * (mixed_intervals ? rng_.between(1, 3) : 1),
                     .preempt = preempt,
                     .preempt_delay = preempt_delay,
                     .linger = std::min<Duration>(30ms, interval_),
                     .peer_link = peer_link,
                     .cross_check = cross_check,
                     .start_hold = hold ? 5 * interval_ : Duration{},
                     .legs = {{.vrid = kVrid,
                               .interface = "eth0",
                               .addresses = {{Prefix::parse("10.99.0.100/24").value(), "eth0"},
                                             {Prefix::parse("10.99.0.101/24").value(), "eth0"}},
                               .checksum = static_cast<ChecksumPolicy>(rng_.between(0, 2))}}};
    say(node.name, "priority " + std::to_string(node.settings.priority) + ", interval " +
                       std::to_string(node.settings.advert_interval / 1ms) + " ms" +
                       (preempt ? "" : ", does not preempt") + (cross_check ? ", cross-checks" : ""));
  }
}

uint64_t World::adverts() const {
  uint64_t sum = 0;
  for (const Node& node : nodes_) sum += node.adverts;
  return sum;
}

// ---- Time ----------------------------------------------------------------------------------------------------------

void World::run() {
  plan_story(*this);
  const TimePoint end = now_ + story_length(*this);
  while (!future_.empty() && future_.front().at <= end && !watch_.violation()) {
    std::pop_heap(future_.begin(), future_.end(), std::greater<>());
    const Happening happening = std::move(future_.back());
    future_.pop_back();
    // Before the world changes: what lasted until now lasted too long, or not.
    now_ = happening.at;
    watch_.check(now_);
    if (!watch_.violation()) happen(happening);
  }
  if (watch_.violation())
    say("the watch", std::string(text(watch_.violation()->invariant)) + " is broken: " + watch_.violation()->words);
}

void World::plan(Happening happening) {
  happening.order = planned_++;
  future_.push_back(std::move(happening));
  std::push_heap(future_.begin(), future_.end(), std::greater<>());
}

void World::after(Duration delay, std::function<void()> what) {
  plan({.at = now_ + delay, .what = std::move(what)});
}

void World::happen(const Happening& happening) {
  if (happening.what) return happening.what();
  Node& node = *happening.node;
  if (happening.packet) return arrive(node, happening.packet);
  if (node.timer != happening.at) return;  // a timer that was brought forward or died with its process
  node.timer.reset();
  if (!node.running()) return;
  const auto due = node.subject->deadline();
  if (due && *due <= now_) tell(node, DeadlineReached{});
  arm(node);
}

// One timer event a box is under way at any time; one that comes too early is armed again when it comes.
void World::arm(Node& node) {
  const auto due = node.running() ? node.subject->deadline() : std::nullopt;
  if (!due) return;
  const TimePoint at = std::max(now_, *due) + rng_.between(Duration{}, timer_jitter_);
  if (node.timer && *node.timer <= at) return;
  node.timer = at;
  plan({.at = at, .node = &node});
}

// ---- Packets -------------------------------------------------------------------------------------------------------

void World::send(const Node& from, const Packet& packet) {
  for (Node& to : nodes_) {
    if (&to == &from || !from.link_up || !to.link_up) continue;
    if (from.island != to.island || network_.cut[from.index][to.index]) continue;
    if (network_.loss_percent > 0 && rng_.percent(network_.loss_percent)) continue;
    const int copies = network_.duplicate_percent > 0 && rng_.percent(network_.duplicate_percent) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      TimePoint& last = network_.last_arrival[from.index][to.index];
      TimePoint at = last = std::max(last, now_ + rng_.between(network_.delay_min, network_.delay_max));
      if (network_.late_percent > 0 && rng_.percent(network_.late_percent))
        at += rng_.between(Duration{}, network_.late_max);
      plan({.at = at, .node = &to, .packet = packet});
    }
  }
}

void World::inject(const Packet& packet) {
  for (Node& to : nodes_)
    plan({.at = now_ + rng_.between(network_.delay_min, network_.delay_max), .node = &to, .packet = packet});
}

void World::arrive(Node& node, const Packet& packet) {
  if (!node.link_up) return;
  if (node.running() && std::exchange(node.deaf, false)) tell(node, LinkHeard{});
  if (node.life == Node::Life::kPaused && node.waiting.size() < kSocketBuffer) node.waiting.push_back(packet);
  if (!node.running()) return;
  ReceiveContext context{.local = node.local};
  context.vrids.set(kVrid);
  auto advert = decode_ipv4(*packet, context);
  if (advert)
    tell(node, AdvertReceived{std::move(*advert)});
  else if (advert.error() != AdvertError::kOwnAddress || peek_vrid_ipv4(*packet) == kVrid)
    tell(node, AdvertRejected{advert.error()});
  arm(node);
}

// ---- The shell -----------------------------------------------------------------------------------------------------

Actions World::tell(Node& node, const Event& event) {
  const State before = node.machine().state();
  Actions actions = node.subject->on(event, now_);
  carry_out(node, actions);
  if (!std::holds_alternative<PrimaryAddressChanged>(event)) watch_.after_actions(node, before, actions, now_);
  return actions;
}

void World::carry_out(Node& node, const Actions& actions) {
  for (const Action& action : actions) {
    if (options_.verbose) narrate(node, action);
    if (const auto* advert = std::get_if<SendAdvert>(&action)) {
      ++node.adverts;
      node.last_advert = now_;
      send(node, std::make_shared<const std::vector<std::byte>>(
                     encode_ipv4(node.machine().advert(advert->priority), static_cast<uint16_t>(node.adverts))));
    } else if (const auto* add = std::get_if<AddAddresses>(&action)) {
      node.addresses.insert(add->addresses.begin(), add->addresses.end());
    } else if (const auto* remove = std::get_if<RemoveAddresses>(&action)) {
      for (const VirtualAddress& address : remove->addresses) node.addresses.erase(address);
    } else if (std::holds_alternative<AskPeers>(action)) {
      ask_peers(node);
    } else if (const auto* changed = std::get_if<StateChanged>(&action)) {
      ++transitions_;
      if (changed->to == State::kActive) node.answers_since = now_;
    }
  }
}

// By the peer link; whose process is not there to answer does not.
void World::ask_peers(Node& asking) {
  for (Node& other : nodes_) {
    if (&other == &asking) continue;
    after(network_.delay_max, [this, &asking, &other] {
      if (!other.active()) return;
      after(network_.delay_max, [this, &asking, &other] {
        if (!asking.running()) return;
        tell(asking, PeerAffirms{other.name});
        arm(asking);
      });
    });
  }
}

void World::start(Node& node, bool resume) {
  if (node.running() || node.life == Node::Life::kPaused) return;  // another chapter was faster
  node.life = Node::Life::kRunning;
  node.timer.reset();
  node.deaf = true;
  node.gives_way_until.reset();
  node.waiting.clear();
  node.subject = std::make_unique<Subject>(node.settings, options_.mutation);
  say(node.name, resume ? "the room starts again" : "starts");
  tell(node, PrimaryAddressChanged{node.primary});
  if (!node.link_up) tell(node, InterfaceDown{node.settings.legs[0].interface});
  if (node.held) tell(node, PreemptHold{true, "the story says so"});
  Start event;
  if (resume) event.resume = Resume{.was_active = node.was_active, .away = now_ - node.died_at};
  node.answers_since = now_;
  tell(node, event);
  arm(node);
}

void World::stop(Node& node) {
  say(node.name, "is asked to stop");
  const bool was_active = node.active();
  watch_.stop_begins(node, now_);
  const Actions actions = tell(node, Stop{});
  if (was_active) watch_.active_stopped(node, actions, now_);
  node.life = Node::Life::kStopped;
}

void World::power_off(Node& node) {
  say(node.name, "loses its power");
  node.life = Node::Life::kUnpowered;
  node.addresses.clear();
  node.held = false;
}

void World::kill_room(Node& node) {
  say(node.name, "kill -9 of its vrrp room");
  node.was_active = node.active();
  node.died_at = now_;
  node.life = Node::Life::kKilled;
}

void World::pause(Node& node) {
  say(node.name, "is frozen");
  node.life = Node::Life::kPaused;
  node.paused_at = now_;
}

void World::wake_up(Node& node) {
  if (node.life != Node::Life::kPaused) return;
  say(node.name, "wakes up");
  node.life = Node::Life::kRunning;
  const Duration slept = now_ - node.last_advert;
  const bool was_active = node.machine().state() == State::kActive;
  node.last_advert = now_;  // its pace counts from here
  node.answers_since = now_;
  // What comes first, the timer or the packets, is the shell's matter: both must be right.
  Actions first;
  const bool timer_first = rng_.percent(50);
  const auto due = node.subject->deadline();
  if (timer_first && due && *due <= now_) first = tell(node, DeadlineReached{});
  for (const Packet& packet : std::exchange(node.waiting, {})) plan({.at = now_, .node = &node, .packet = packet});
  if (was_active && !first.empty()) watch_.wakes_up(node, slept, first, now_);
  arm(node);
}

void World::set_link(Node& node, bool up) {
  say(node.name, up ? "link up" : "link down");
  node.link_up = up;
  node.deaf = true;
  if (!node.running()) return;
  if (up)
    tell(node, InterfaceUp{node.settings.legs[0].interface});
  else
    tell(node, InterfaceDown{node.settings.legs[0].interface});
  arm(node);
}

void World::hold(Node& node, bool held) {
  say(node.name, held ? "preemption is held" : "preemption is free");
  node.held = held;
  if (!node.running()) return;
  tell(node, PreemptHold{held, "the story says so"});
  arm(node);
}

void World::reload(Node& node, const Settings& settings) {
  say(node.name, "reloads: priority " + std::to_string(settings.priority) + ", interval " +
                     std::to_string(settings.advert_interval / 1ms) + " ms, " +
                     std::to_string(settings.legs[0].addresses.size()) + " addresses");
  node.settings = settings;
  if (!node.running()) return;
  tell(node, SettingsChanged{settings});
  arm(node);
}

void World::hand_over(Node& from, Node& to) {
  const Duration patience = interval_;
  say(from.name, "hands over to " + to.name);
  const TimePoint due = now_ + network_.delay_max * 3 + from.settings.linger + timer_jitter_;
  watch_.handover_begins(from, now_, due);
  from.gives_way_until = now_ + patience + from.settings.linger + timer_jitter_;
  tell(from, GiveWay{patience});
  arm(from);
  after(network_.delay_max, [this, &to] {
    if (!to.running()) return;
    tell(to, TakeOver{});
    arm(to);
  });
}

void World::lose_address(Node& node) {
  if (!node.active() || node.addresses.empty()) return;
  const VirtualAddress lost = *node.addresses.begin();
  say(node.name, "somebody removes " + lost.prefix.text());
  node.addresses.erase(lost);
  tell(node, AddressLost{lost});
  arm(node);
}

// ---- The play ------------------------------------------------------------------------------------------------------

void World::say(const std::string& who, const std::string& words) {
  if (!options_.verbose) return;
  const auto us = (now_ - TimePoint{}) / 1us;
  std::printf("%8lld.%06lld  %-10s %s\n", static_cast<long long>(us / 1'000'000),
              static_cast<long long>(us % 1'000'000), who.c_str(), words.c_str());
}

void World::narrate(const Node& node, const Action& action) {
  if (const auto* changed = std::get_if<StateChanged>(&action))
    say(node.name, "is " + std::string(text(changed->to)) + " now: " + std::string(text(changed->reason)));
  if (action == Action(SendAdvert{kPriorityRelease})) say(node.name, "\"I give up\" (priority 0)");
  if (std::holds_alternative<Announce>(action)) say(node.name, "\"the addresses are at mine\" (gratuitous ARP)");
  if (const auto* disagrees = std::get_if<PeerDisagrees>(&action))
    say(node.name, "notes that " + disagrees->source.text() + " advertises other things");
  if (std::holds_alternative<AskPeers>(action)) say(node.name, "asks by the peer link who is active");
  if (const auto* unheard = std::get_if<UnheardActive>(&action))
    say(node.name, "learns that " + unheard->peer + " is active" + (unheard->here_too ? " as well" : ", and stays"));
}

}  // namespace tandem::sim
