// One election alive: a machine, its timer, and the doing of what it decides on every leg.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <boost/asio/io_context.hpp>

#include "daemon/loop/deadline_timer.hpp"
#include "vrrp/io/hands.hpp"
#include "vrrp/io/interface_table.hpp"
#include "vrrp/io/last_will.hpp"
#include "vrrp/io/mac_memory.hpp"
#include "vrrp/io/plan.hpp"
#include "vrrp/io/pulse.hpp"
#include "vrrp/io/reporter.hpp"
#include "vrrp/io/segment.hpp"
#include "vrrp/io/tracker.hpp"
#include "vrrp/lateness.hpp"
#include "vrrp/machine.hpp"
#include "vrrp/tracking.hpp"

namespace tandem::vrrp {

class Router : public std::enable_shared_from_this<Router> {
 public:
  // What the room lends its routers.
  struct House {
    boost::asio::io_context& io;
    bus::RoomLink& bus;
    Hands& hands;
    Pulse& pulse;
    // Whether a router other than the named one has this address now: then it must stay.
    std::function<bool(const std::string& router, const VirtualAddress&)> had_by_another;
    // What the kernel has, as far as it has been told.
    std::function<const InterfaceTable&()> table;
    // What a router would say last may be another thing now.
    std::function<void()> will_changed;
    // Where a leg speaks.
    std::function<Segment&(const std::string& interface, IpAddress::Family)> segment_of;
    // An active router had to let go without being able to say so on its link.
    std::function<void(const std::string& router)> lost;
    // Whether a peer is active for it is to be asked by the peer link.
    std::function<void(const std::string& router)> inquire;
    boost::asio::thread_pool& pool;  // for what may take its time
  };

  Router(House& house, std::string name, Election election);
  ~Router();

  // `before`: what an earlier life of the room last said of this router. `silence`: how long that is ago, if known.
  void start(const InterfaceTable& table, const std::optional<bus::InstanceState>& before,
             std::optional<Duration> silence, const std::optional<std::string>& hold);
  void stop();
  // REQUIRES: the first leg is the same.
  void change(Election election, const InterfaceTable& table);
  void link_heard();
  // A planned change (machine_handover.cc).
  void give_way(Duration patience);
  void take_over();
  // A peer says by the peer link that it is active (machine_cross_check.cc).
  void affirmed_by(const std::string& peer);
  void hold(const std::optional<std::string>& reason);
  // The health of a service that may be tracked.
  void service_seen(const std::string& service, bool up);
  // Something about interfaces changed.
  void look_at(const InterfaceTable& table);
  void address_lost(const VirtualAddress& address);
  void address_claimed(const IpAddress& address, const MacAddress& by);
  // Says the counters, if they changed.
  void report();

  const Election& election() const { return election_; }            // as the site wants it
  const Settings& settings() const { return machine_.settings(); }  // with the priority in force
  bool active() const { return machine_.state() == State::kActive; }
  bool has(const VirtualAddress& address) const;
  // The names of the devices with its virtual MAC addresses.
  std::set<std::string> device_names() const;
  // Whether one of its legs is on this interface.
  bool is_on(const std::string& interface) const;
  // What is to be said for it if the room dies; nothing unless it is active.
  std::vector<Bequest> will() const;

 private:
  void feed(const Event& event);
  std::optional<TimePoint> wake_at() const;
  void carry_out(const Action& action);
  void on_deadline();
  void measure_lateness(TimePoint now, bool at_deadline);
  Hands::OnTrouble on_trouble(bool retry);
  void tell_interfaces(const InterfaceTable& table, const Settings& settings);
  void tell_primaries(const InterfaceTable& table);
  void tell_macs(const InterfaceTable& table);
  Settings effective() const;
  void looked(const std::string& thing, const Look& look);
  void settle_tracking();
  void change_routes(const Election& before);
  std::function<void(const std::string&)> on_route_trouble();
  void send(uint8_t priority);
  std::vector<netlink::Macvlan> devices() const;
  bool is_owner() const { return election_.settings.priority == kPriorityOwner; }
  void attach(const Leg& leg, const Settings& settings);
  Segment& segment_of(const Leg& leg) { return house_.segment_of(leg.interface, leg.family); }
  std::optional<size_t> leg_at(const Segment& segment, uint8_t vrid) const;

  House& house_;
  std::string name_;
  Election election_;
  Tracking tracking_;
  Machine machine_;
  Lateness lateness_;
  Reporter reporter_;
  std::optional<TimePoint> measured_;                // the deadline whose lateness is known already
  std::set<std::string> down_;                       // interfaces said to be down
  MacMemory macs_;                                   // of the interfaces with its addresses
  std::vector<std::optional<IpAddress>> primaries_;  // by leg
  std::optional<std::string> hold_;
  bool started_ = false;             // before that, what an earlier life said is not known to reporter_ yet
  std::set<VirtualAddress> failed_;  // could not be added; tried again
  Tracker tracker_;
  loop::DeadlineTimer timer_;
  loop::DeadlineTimer retry_;
};

}  // namespace tandem::vrrp
