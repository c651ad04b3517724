#include "vrrp/io/room.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "daemon/loop/clock.hpp"
#include "vrrp/io/accept_filter.hpp"
#include "vrrp/io/claim_ear.hpp"
#include "vrrp/io/hands.hpp"
#include "vrrp/io/interface_watch.hpp"
#include "vrrp/io/last_will.hpp"
#include "vrrp/io/link_ear.hpp"
#include "vrrp/io/plan.hpp"
#include "vrrp/io/planned_changes.hpp"
#include "vrrp/io/pulse.hpp"
#include "vrrp/io/real_time.hpp"
#include "vrrp/io/router.hpp"
#include "vrrp/io/segment.hpp"
#include "vrrp/preempt_gate.hpp"

namespace tandem::vrrp {
namespace {

using bus::Severity;

// Counters change with every advert. A hundred routers that told theirs every second would cost more than the adverts do,
// in every room that listens: so the more there are, the rarer.
constexpr Duration kReportEvery = 1s;
constexpr size_t kRoutersPerSecond = 10;

class Room {
 public:
  explicit Room(bus::RoomContext& context)
      : io_(context.io),
        bus_(context.bus),
        hands_(io_.get_executor()),
        pulse_(context.run_directory / "vrrp.pulse"),
        gate_(loop::monotonic_now()),
        watch_(io_, hands_,
               {.changed = [this](const std::set<std::string>&) { interfaces_changed(); },
                .addresses_in_doubt = [this] { check_addresses(); },
                .failed = [this](const std::string& why) { give_up("watching interfaces failed: " + why); }}),
        report_timer_(io_.get_executor(), [this] { report(); }),
        gate_timer_(io_.get_executor(), [this] { apply_hold(); }),
        changes_(io_, bus_, hands_, gate_, routers_, context.state_directory / "maintenance",
                 {.hold_changed = [this] { apply_hold(); }, .nothing_left = [this] { stop_routers(); }}),
        will_file_(context.run_directory / kLastWillFile),
        house_{io_,
               bus_,
               hands_,
               pulse_,
               [this](const std::string& router, const VirtualAddress& address) {
                 return had_by_another(router, address);
               },
               [this]() -> const InterfaceTable& { return watch_.table(); },
               [this] { standing_changed(); },
               [this](const std::string& interface, IpAddress::Family family) -> Segment& {
                 return segment_of(interface, family);
               },
               [this](const std::string& router) { changes_.offer(router, bus::HandoverStep::kOffer); },
               [this](const std::string& router) { changes_.offer(router, bus::HandoverStep::kInquire); },
               tracking_} {}

  void run() {
    bus_.subscribe<bus::SiteText>([this](const bus::SiteText& site) { hear(site); });
    bus_.subscribe<bus::InstanceState>([this](const bus::InstanceState& state) {
      if (!plan_) earlier_[state.router] = state;  // later ones are our own words coming back
    });
    bus_.subscribe<bus::SyncStatus>([this](const bus::SyncStatus& status) {
      gate_.set_peer(status.peer, {.connected = status.connected, .in_step = status.in_step});
      apply_hold();
    });
    bus_.subscribe<bus::Forget>([this](const bus::Forget& forget) {
      if (forget.kind != bus::SyncStatus::kKind) return;
      gate_.forget_peer(forget.of_key);
      apply_hold();
    });
    bus_.subscribe<bus::ServiceHealth>([this](const bus::ServiceHealth& health) {
      services_[health.service] = health.up;
      for (const auto& [name, router] : routers_) router->service_seen(health.service, health.up);
    });
    bus_.subscribe<bus::Handover>([this](const bus::Handover& handover) { changes_.hear(handover); });
    bus_.subscribe<bus::Maintenance>([this](const bus::Maintenance& maintenance) { changes_.hear(maintenance); });
    bus_.on_caught_up([this] {
      caught_up_ = true;
      changes_.remember_maintenance();
      if (site_) read_site();
    });
    bus_.on_stop([this] { stop(); });

    silence_ = pulse_.silence(loop::monotonic_now());
    if (const auto watching = watch_.start(); !watching) {
      give_up("reading the interfaces failed: " + watching.error());
    }
    bus_.start();
    report();
    io_.run();
    reader_.join();
    tracking_.join();
  }

 private:
  // ---- The site -----------------------------------------------------------------------------------------------------

  void hear(const bus::SiteText& site) {
    site_ = site;
    if (caught_up_) read_site();
  }

  // A large site takes a tenth of a second to read; adverts do not wait for it.
  void read_site() {
    boost::asio::post(reader_, [this, site = *site_] {
      auto plan = read_plan(site.text, site.path, site.director);
      boost::asio::post(io_, [this, generation = site.generation, plan = std::move(plan)] {
        if (!stopping_ && generation == site_->generation) settle(plan, generation);
      });
    });
  }

  void settle(const Result<Plan, std::string>& plan, uint64_t generation) {
    if (plan)
      apply(*plan);
    else
      bus_.event(Severity::kError, "VRRP_SITE_REFUSED", "", plan.error());
    bus_.publish(bus::RoomReady{.room = bus_.room(), .generation = generation});
  }

  void apply(const Plan& plan) {
    const bool first = !plan_;
    plan_ = plan;
    gate_.set_peer_link(plan.peer_link);

    // Those that go make room first: a VRID may pass from one router to another.
    for (auto each = routers_.begin(); each != routers_.end();) {
      const auto wanted = plan.routers.find(each->first);
      const Leg& is = each->second->settings().legs.front();
      if (wanted != plan.routers.end() && wanted->second.settings.legs.front().is_same(is)) {
        ++each;
        continue;
      }
      each->second->stop();
      each = routers_.erase(each);
    }

    // Before those that go on add theirs.
    if (first) hands_.remove_left_routes();
    for (const auto& [name, election] : plan.routers) {
      const auto known = routers_.find(name);
      if (known == routers_.end()) {
        start(name, election);
      } else if (known->second->election() != election) {
        known->second->change(election, watch_.table());
        tell_services(*known->second);
        for (const Leg& leg : election.settings.legs) listen_to(leg.interface);
      }
    }
    std::erase_if(segments_, [](const auto& each) { return each.second->idle(); });
    std::erase_if(ears_, [this](const auto& each) {
      return std::ranges::none_of(segments_, [&](const auto& segment) { return segment.first.first == each.first; });
    });
    set_unaccepted();
    listen_for_claims();
    forget_others();
    apply_hold();
    if (first) remove_leftovers();
  }

  // Whoever of the earlier plan, or of an earlier life, is not in this one.
  void forget_others() {
    std::set<std::string> names;
    for (const auto& [key, election] : plan_->routers)
      for (const Leg& leg : election.settings.legs) names.insert(leg.router);
    for (const auto& [name, state] : std::exchange(earlier_, {})) said_.insert(name);
    for (const std::string& name : said_)
      if (!names.contains(name)) forget(name);
    said_ = std::move(names);
  }

  void start(const std::string& name, const Election& election) {
    const auto router = std::make_shared<Router>(house_, name, election);
    routers_.emplace(name, router);
    const auto before = earlier_.find(name);
    router->start(watch_.table(), before != earlier_.end() ? std::optional(before->second) : std::nullopt, silence_,
                  gate_.held(loop::monotonic_now()));
    tell_services(*router);
    for (const Leg& leg : election.settings.legs) {
      listen_to(leg.interface);
      if (ears_.at(leg.interface)->has_heard()) router->link_heard();
    }
  }

  void tell_services(Router& router) {
    for (const auto& [service, up] : services_) router.service_seen(service, up);
  }

  Segment& segment_of(const std::string& interface, IpAddress::Family family) {
    std::unique_ptr<Segment>& segment = segments_[{interface, family}];
    if (!segment) {
      segment = std::make_unique<Segment>(
          io_, interface, family,
          Segment::Listener{.trouble =
                                [this, interface](const std::string& why) {
                                  bus_.event(Severity::kError, "VRRP_SOCKET_FAILED", interface, why);
                                },
                            .other_router =
                                [this, interface](uint8_t vrid, std::optional<IpAddress> source) {
                                  bus_.event(Severity::kInfo, "VRRP_OTHER_ROUTER", interface,
                                             (source ? source->text() : std::string("somebody")) + " advertises VRID " +
                                                 std::to_string(vrid) +
                                                 ", which no router of this site uses on this interface");
                                }});
      segment->refresh(watch_.table());
    }
    return *segment;
  }

  void set_link(const std::string& interface, LinkEar& ear) {
    const netlink::Link* link = watch_.table().find(interface);
    ear.set_link(link != nullptr && watch_.table().usable(interface) ? link->index : 0);
  }

  void link_heard(const std::string& interface) {
    for (const auto& [name, router] : routers_)
      if (router->is_on(interface)) router->link_heard();
  }

  void listen_to(const std::string& interface) {
    std::unique_ptr<LinkEar>& ear = ears_[interface];
    if (!ear) ear = std::make_unique<LinkEar>(io_, [this, interface] { link_heard(interface); });
    set_link(interface, *ear);
  }

  void forget(const std::string& router) {
    bus_.publish(bus::Forget{.kind = std::string(bus::InstanceState::kKind), .of_key = router});
  }

  // ---- Addresses ----------------------------------------------------------------------------------------------------

  // In the middle of a reload the plan is ahead of the routers: what it takes from one it will take.
  bool had_by_another(const std::string& router, const VirtualAddress& address) const {
    return std::ranges::any_of(routers_, [&](const auto& each) {
      return each.first != router && each.second->active() && plan_->gives(each.first, address);
    });
  }

  void set_unaccepted() {
    if (unaccepted_ == plan_->unaccepted) return;
    unaccepted_ = plan_->unaccepted;
    hands_.perform([this, addresses = *unaccepted_] {
      if (const auto set = vrrp::set_unaccepted(addresses); !set)
        boost::asio::post(io_, [this, why = set.error()] {
          unaccepted_.reset();
          bus_.event(Severity::kError, "VRRP_ACCEPT_FAILED", "", "accept: false is not in force: " + why);
        });
    });
  }

  std::vector<VirtualAddress> held_addresses() const {
    std::vector<VirtualAddress> addresses;
    for (const auto& [name, router] : routers_)
      if (router->active())
        for (VirtualAddress& each : addresses_of(router->settings())) addresses.push_back(std::move(each));
    return addresses;
  }

  void remove_leftovers() {
    std::set<std::string> devices;
    for (const auto& [name, router] : routers_)
      if (router->active()) devices.merge(router->device_names());
    hands_.remove_left_devices(std::move(devices));
    hands_.remove_leftovers(held_addresses(), [this](const std::vector<VirtualAddress>& removed) {
      for (const VirtualAddress& each : removed)
        bus_.event(Severity::kNotice, "VRRP_LEFTOVER_REMOVED", "",
                   each.prefix.text() + " on " + each.interface +
                       " was left behind by an earlier run and belongs to no active router");
    });
  }

  // Several routers change together more often than not: looked at once, after all of them have.
  void standing_changed() {
    if (std::exchange(look_due_, true)) return;
    boost::asio::post(io_, [this] {
      look_due_ = false;
      write_will();
      changes_.settle();
    });
  }

  void write_will() {
    std::vector<Bequest> will;
    for (const auto& [name, router] : routers_)
      for (Bequest& bequest : router->will()) will.push_back(std::move(bequest));
    std::string text = to_text(will);
    if (text == will_) return;
    will_ = text;
    hands_.perform([file = will_file_, text = std::move(text)] { static_cast<void>(vrrp::write_will(file, text)); });
  }

  void check_addresses() {
    auto held = held_addresses();
    if (held.empty() || stopping_) return;
    hands_.find_missing(std::move(held), [this](const std::vector<VirtualAddress>& missing) {
      for (const VirtualAddress& each : missing)
        for (const auto& [name, router] : routers_) router->address_lost(each);
    });
  }

  // Who else claims our addresses, on each interface that has some.
  void listen_for_claims() {
    std::map<std::pair<std::string, IpAddress::Family>, std::set<IpAddress>> wanted;
    for (const auto& [name, router] : routers_)
      for (const VirtualAddress& each : addresses_of(router->settings()))
        wanted[{each.interface, each.prefix.address.family}].insert(each.prefix.address);
    std::erase_if(claim_ears_, [&](const auto& each) { return !wanted.contains(each.first); });
    for (auto& [place, addresses] : wanted) {
      std::unique_ptr<ClaimEar>& ear = claim_ears_[place];
      if (!ear)
        ear = std::make_unique<ClaimEar>(io_, place.second, [this](const IpAddress& address, const MacAddress& by) {
          // With two interfaces on one link the kernel may answer by the other one.
          if (watch_.table().has_mac(by)) return;
          for (const auto& [name, router] : routers_) router->address_claimed(address, by);
        });
      const netlink::Link* link = watch_.table().find(place.first);
      ear->set(link != nullptr ? link->index : 0, std::move(addresses));
    }
  }

  void interfaces_changed() {
    if (stopping_) return;
    for (const auto& [name, segment] : segments_) segment->refresh(watch_.table());
    for (const auto& [name, router] : routers_) router->look_at(watch_.table());
    listen_for_claims();
    // After the routers have learned that a link is up.
    for (const auto& [name, ear] : ears_) set_link(name, *ear);
  }

  // ---- Preemption, reports, the end ---------------------------------------------------------------------------------

  void apply_hold() {
    const TimePoint now = loop::monotonic_now();
    const auto reason = gate_.held(now);
    for (const auto& [name, router] : routers_) router->hold(reason);
    gate_timer_.set(gate_.deadline(now));
  }

  void report() {
    const TimePoint now = loop::monotonic_now();
    pulse_.beat(now);
    // A socket that could not be opened is tried again; its routers are in fault until then.
    if (std::ranges::any_of(segments_, [](const auto& each) { return !each.second->open(); })) interfaces_changed();
    if (++reports_ > routers_.size() / kRoutersPerSecond) {
      reports_ = 0;
      for (const auto& [name, router] : routers_) router->report();
    }
    report_timer_.set(now + kReportEvery);
  }

  void stop() {
    if (std::exchange(stopping_, true)) return;
    changes_.hand_over_all();
  }

  void stop_routers() {
    watch_.stop();
    for (const auto& [name, router] : routers_) router->stop();
    write_will();
    if (unaccepted_ && !unaccepted_->empty()) hands_.perform([] { static_cast<void>(vrrp::set_unaccepted({})); });
    // The last adverts are out; the addresses are on their way.
    hands_.afterwards([this] { io_.stop(); });
  }

  void give_up(const std::string& why) {
    bus_.event(Severity::kError, "VRRP_ROOM_FAILED", "", why);
    stop();
  }

  boost::asio::io_context& io_;
  bus::RoomLink& bus_;
  Hands hands_;
  Pulse pulse_;
  std::optional<Duration> silence_;  // of the room's earlier life
  PreemptGate gate_;
  InterfaceWatch watch_;
  loop::DeadlineTimer report_timer_, gate_timer_;
  PlannedChanges changes_;
  boost::asio::thread_pool reader_{1}, tracking_{1};
  std::filesystem::path will_file_;
  std::string will_;  // as last written
  bool look_due_ = false;
  Router::House house_;

  std::optional<bus::SiteText> site_;
  bool caught_up_ = false;
  bool stopping_ = false;
  std::optional<std::set<IpAddress>> unaccepted_;  // as the kernel was told
  size_t reports_ = 0;                             // due since the last one
  std::optional<Plan> plan_;
  std::map<std::string, bus::InstanceState> earlier_;
  std::map<std::string, bool> services_;  // whether each is up
  std::set<std::string> said_;            // the routers of which a state was said
  std::map<std::pair<std::string, IpAddress::Family>, std::unique_ptr<Segment>> segments_;  // outlive the routers
  std::map<std::string, std::unique_ptr<LinkEar>> ears_;                                    // by interface
  std::map<std::pair<std::string, IpAddress::Family>, std::unique_ptr<ClaimEar>> claim_ears_;
  Routers routers_;
};

}  // namespace

void run_room(bus::RoomContext& context) {
  // Before the room has threads: their stacks would be locked whole.
  for (std::string& refused : become_real_time(kLoopPriority))
    context.bus.event(Severity::kWarning, "VRRP_NO_REAL_TIME", "", std::move(refused));
  for (std::string& refused : lock_memory())
    context.bus.event(Severity::kWarning, "VRRP_MEMORY_NOT_LOCKED", "", std::move(refused));
  Room(context).run();
}

}  // namespace tandem::vrrp
