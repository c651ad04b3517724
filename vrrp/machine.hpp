// One election (RFC 9568, section 6): events and time in, actions out.
//
// An election has one or more legs. A leg is what the RFC calls a virtual router: a VRID of one family on one interface.
// Most have one; a dual-stack router has two, a sync group those of all its members. They are one machine rather than
// several that follow each other, so they cannot disagree: an advert heard on any leg keeps the whole backup, every leg
// says what the whole decided, and a fault of any leg is the fault of all.
//
// The machine decides who is active; it never sends, sleeps, logs or reads a clock. A timer is not an action: the machine
// states one deadline() and its owner (the shell, or the simulator) keeps one timer and says DeadlineReached. Every event
// may move the deadline, so it is asked for again after each.
//
//     Initialize --Start--> Backup <----> Active       Fault: an interface the router needs is down, or it has no
//         ^                   |  ^          |                 primary address. Adverts are ignored there.
//         +------Stop---------+  +---Fault--+
//
// Where the machine goes beyond the RFC, and why:
// - A refused advert is counted and touches nothing (keepalived restarts its advert timer and can be silenced).
// - Priority 0 only ever shortens the wait: a stream of forged ones cannot keep a backup from taking over.
// - A learned interval is bounded (timers.hpp).
// - An advert that shares no address with ours is another router's that took our VRID by mistake: refused, with an alarm.
//   One that shares some is our peer in the middle of a reload, and is followed: to refuse it would make two active
//   routers of one address. Where nothing is shared there is nothing to conflict about.
// - An active router that slept through its own down interval steps back first: somebody else has taken over.
//   A backup that wakes up late reads what is waiting before it takes over.
// - An active router that gives way says one last advert, so that the winner knows to announce every address again.
// - Preemption can be delayed and held; a router that waits so follows the lower active, and still takes over at once
//   when nobody is heard.
// - A planned change is made before it breaks (machine_handover.cc).
// - Where the site wants it, silence is cross-checked by the peer link first (machine_cross_check.cc).
// - A link that just came up may be deaf: until somebody is heard on it, silence proves nothing for a while.
// - A leg without an address of its own (IPv6 before its link-local address is there, or where nobody gives it one) is
//   mute, and the others on its interface speak for it: the family that is well is not made to wait for the other.
// - A restarted room resumes as active without a transition.
// - A longer interval is announced at the old pace first, so that no backup runs out of patience in between.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "vrrp/counters.hpp"
#include "vrrp/events.hpp"
#include "vrrp/packet.hpp"

namespace tandem::vrrp {

class Machine {
 public:
  // REQUIRES: settings within the ranges above.
  explicit Machine(Settings settings);

  // REQUIRES: `now` never goes back. SettingsChanged: the first leg is the same. AdvertReceived: the leg's VRID and
  // family.
  Actions on(const Event& event, TimePoint now);

  // When to say DeadlineReached; nothing when the router waits for nothing.
  std::optional<TimePoint> deadline() const;

  // The advertisements to send for SendAdvert{priority}: of every leg that is not mute, to every peer.
  std::vector<Outgoing> adverts(uint8_t priority) const;
  // The one of a leg, to the group or to its first peer. REQUIRES: the leg is not mute.
  Advert advert(uint8_t priority, size_t leg = 0) const;

  State state() const { return state_; }
  Reason reason() const { return reason_; }  // of the last transition
  const Settings& settings() const { return settings_; }
  const Counters& counters() const { return counters_; }
  const LegCounters& counters_of(size_t leg) const { return legs_.at(leg).counters; }
  // The router heard as active: the source of the last advert that was followed. Ours when active.
  std::optional<IpAddress> active_address() const;
  // What keeps a backup from preempting the lower active it hears; empty when nothing does.
  std::string waiting_for() const;
  Duration active_adver_interval() const;  // RFC 9568, 6.1: learned and bounded; our own when active
  Duration skew_time() const;              // RFC 9568, 6.1; version 2: RFC 3768, 6.1
  Duration active_down_interval() const;   // RFC 9568, 6.1

 private:
  void handle(const Start& event, TimePoint now);
  void handle(const Stop& event, TimePoint now);
  void handle(const AdvertReceived& event, TimePoint now);
  void handle(const AdvertRejected& event, TimePoint now);
  void handle(const DeadlineReached& event, TimePoint now);
  void handle(const InterfaceUp& event, TimePoint now);
  void handle(const InterfaceDown& event, TimePoint now);
  void handle(const PrimaryAddressChanged& event, TimePoint now);
  void handle(const SettingsChanged& event, TimePoint now);
  void handle(const PreemptHold& event, TimePoint now);
  void handle(const LinkHeard& event, TimePoint now);
  void handle(const GiveWay& event, TimePoint now);
  void handle(const TakeOver& event, TimePoint now);
  void handle(const PeerAffirms& event, TimePoint now);
  void handle(const AddressLost& event, TimePoint now);
  void handle(const HardwareAddressChanged& event, TimePoint now);
  void handle(const AddressClaimed& event, TimePoint now);

  // machine.cc: RFC 9568, section 6.4
  void backup_hears(const Advert& advert, TimePoint now);
  void active_hears(const Advert& advert, size_t leg, TimePoint now);
  bool wins_by_address(const Advert& advert, size_t leg, TimePoint now) const;
  void begin(Reason backup_reason, TimePoint now);
  void become_active(Reason reason, TimePoint now);
  void become_backup(Reason reason, TimePoint now);
  void start_down_timer(TimePoint now);
  void follow(const Advert& advert, TimePoint now);
  void assert_active(TimePoint now);
  void reannounce(TimePoint now);
  void notice_another(const Advert& advert, TimePoint now);
  void step_back_when_late(TimePoint now);
  void send_advert(uint8_t priority, TimePoint now);
  void announce(std::vector<VirtualAddress> addresses, TimePoint now);
  void change_state(State to, Reason reason);

  // machine_handover.cc: make before break
  void leave(Reason reason, const Advert& successor, TimePoint now);
  void finish_leaving(TimePoint now);
  void stay(TimePoint now);
  void link_heard(TimePoint now);
  // machine_cross_check.cc: a backup that hears nobody asks by another way
  std::optional<TimePoint> question_due() const;
  void ask_before_takeover(TimePoint now);
  bool stays_for_peer(TimePoint now);

  // machine_operation.cc: what operators and the box do to a router
  void compare_with_ours(const Advert& advert, size_t leg, bool refused);
  bool is_foreign(const Advert& advert, size_t leg) const;
  void refuse_foreign(const Advert& advert, size_t leg);
  std::optional<Reason> fault() const;
  void settle_fault(TimePoint now);
  bool speaks() const;  // a primary address is known for a leg of each interface
  void say_mute_legs();
  void change_legs(const std::vector<Leg>& before, const std::vector<std::optional<IpAddress>>& primaries);
  void change_addresses(const std::vector<VirtualAddress>& before, TimePoint now);
  bool is_owner() const { return settings_.priority == kPriorityOwner; }
  bool preempts() const { return settings_.preempt || is_owner(); }
  bool must_wait_to_preempt(TimePoint now) const;
  bool preempt_when_free(TimePoint now);

  Settings settings_;
  State state_ = State::kInitialize;
  Reason reason_ = Reason::kNone;
  // What one leg knows; as many as settings_.legs.
  struct LegState {
    std::optional<IpAddress> primary;
    ChecksumChooser checksum;
    bool said_mute = false;
    std::optional<TimePoint> heard;  // the last valid advert
    LegCounters counters;
  };
  std::vector<LegState> legs_;
  std::set<std::string> interfaces_down_;
  bool held_ = false;
  std::string hold_reason_;
  bool yielded_ = false;     // handed over: it is not taken back from who took it
  bool link_heard_ = false;  // since the interface came up
  Counters counters_;
  Actions actions_;                                                      // of the event under way
  std::map<std::pair<size_t, IpAddress>, PeerDisagrees> disagreements_;  // as last said, by leg and source; bounded

  // What is said below holds in one state only; begin() and become_*() set it anew.
  struct Backup {
    Duration advertised{};  // the active router's interval as it says, our own until one is heard
    TimePoint timer_since{};
    TimePoint timer_at{};                      // Active_Down_Timer
    bool released = false;                     // priority 0 was heard: the timer is a skew timer
    std::optional<TimePoint> hold_until;       // the link may be deaf: no takeover before
    bool grace_given = false;                  // this timer has been put off once for a late wakeup
    bool asked = false;                        // the peers, before this timer ends
    std::string affirmed_by;                   // and who of them is active
    bool deaf = false;                         // was said
    std::optional<IpAddress> active;           // source of the last advert followed
    std::optional<TimePoint> lower_since;      // waiting to preempt: first advert of the lower active
    std::optional<TimePoint> lower_discarded;  // preempting: its last advert, discarded
    Duration lower_interval{};                 // and its interval, bounded
  } backup_;
  // A better one was heard; the addresses stay until `at`.
  struct Leaving {
    TimePoint at{};
    Reason reason = Reason::kNone;
    Advert successor;  // its last advert
    TimePoint heard{};
  };
  struct Active {
    TimePoint advert_at{};  // Adver_Timer
    TimePoint last_advert{};
    std::optional<TimePoint> announce_at;   // the second burst
    std::optional<TimePoint> yields_until;  // silent, waiting for a successor
    std::optional<Leaving> leaving;
    std::optional<TimePoint> last_assertion;
    std::optional<TimePoint> last_reannouncement;
    std::optional<TimePoint> ask_at;  // the peers, whether they are active too
    TimePoint since{};
    std::optional<TimePoint> last_defence;
    uint32_t others_heard = 0;  // adverts in a row of a lower router that is active too
    TimePoint other_heard_at{};
    uint32_t quick_adverts = 0;  // still to be sent at quick_interval after a reload
    Duration quick_interval{};
  } active_;
};

}  // namespace tandem::vrrp
