// The vocabulary of an election: what it is set to, what happens to it, and what it wants done. Closed lists of small
// structs; machine.hpp says what becomes of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "vrrp/packet.hpp"

namespace tandem::vrrp {

enum class State : uint8_t { kInitialize, kBackup, kActive, kFault };

// Why a state was entered.
enum class Reason : uint8_t {
  kNone,
  kStarted,           // to Backup: begins to listen
  kResumed,           // to Active without a transition: the room was restarted
  kOwner,             // to Active: priority 255 waits for nobody (RFC 9568, 6.4.1)
  kActiveSilent,      // to Active: no advert for a whole Active_Down_Interval
  kActiveReleased,    // to Active: the active router gave up with priority 0
  kPreempted,         // to Active: a lower one was active
  kTakenOver,         // to Active: the active router asked for it
  kHigherPriority,    // to Backup: an advert with a higher priority
  kHigherAddress,     // to Backup: equal priority, higher source address
  kHandedOver,        // to Backup: a planned change
  kLateWakeup,        // to Backup: the process slept longer than others wait
  kInterfaceDown,     // to Fault
  kNoPrimaryAddress,  // to Fault
  kFaultCleared,      // to Backup, from Fault
  kStopped,           // to Initialize
};

std::string_view text(State state);
std::string_view text(Reason reason);  // a clause for people: "no advertisement from the active router"

// An address that moves with the router, on the interface it belongs to.
struct VirtualAddress {
  Prefix prefix;
  std::string interface;
  auto operator<=>(const VirtualAddress&) const = default;
};

// One virtual router in the RFC's sense.
struct Leg {
  std::string router;  // its name in the site
  uint8_t vrid = 0;    // 1-255
  std::string interface;
  IpAddress::Family family = IpAddress::Family::kIpv4;
  std::vector<VirtualAddress> addresses;  // 1-255 of the family, advertised in this order
  Version version = Version::kV3;         // 2: IPv4, whole seconds (RFC 3768)
  std::optional<Password> password;       // version 2 alone
  ChecksumPolicy checksum = ChecksumPolicy::kAuto;
  // Unicast: adverts go from `source` to each of `peers` and come from those alone. Without peers they go to the group.
  std::optional<IpAddress> source;
  std::vector<IpAddress> peers;
  uint8_t min_ttl = kVrrpTtl;
  // Its addresses have the virtual MAC address, and live on a device of this name; empty: the interface's own.
  std::string device;
  bool operator==(const Leg&) const = default;

  // The same one, whatever else a reload changed.
  bool is_same(const Leg& other) const {
    return vrid == other.vrid && interface == other.interface && family == other.family;
  }
};

struct Settings {
  uint8_t priority = 100;                // 1-255; 255 is the owner of the addresses
  Duration advert_interval = 1s;         // 10 ms - 40.95 s in steps of 10 ms
  bool preempt = true;                   // an owner preempts always
  Duration preempt_delay{};              // counted from the first advert of a lower active
  Duration announce_again = 5s;          // the second announcement; 0: none
  Duration announce_refresh{};           // and for ever after, so often; 0: never
  Duration linger{};                     // who gives way answers so much longer; at most an interval
  bool peer_link = false;                // the peers can be asked by another way
  bool cross_check = false;              // before it takes over from silence it asks the peers by another way
  Duration start_hold{};                 // a link that just came up may be deaf for so long
  std::vector<Leg> legs;                 // 1 or more; the first never changes in a machine's life
  std::vector<std::string> needs;        // interfaces and other things whose loss is a fault too
  std::vector<VirtualAddress> excluded;  // move along without being advertised
  bool operator==(const Settings&) const = default;
};

// Everything that moves: the legs' addresses in their order, then the excluded ones.
std::vector<VirtualAddress> addresses_of(const Settings& settings);
// What a leg of a router with these settings accepts.
Acceptance acceptance_of(const Settings& settings, const Leg& leg);

// ---- Events -------------------------------------------------------------------------------------------------------

// What the router was before its room was restarted.
struct Resume {
  bool was_active = false;
  Duration away{};  // since the room's last sign of life, as far as known; past the down interval
                    // nothing is resumed
};

struct Start {
  std::optional<Resume> resume;
};
struct Stop {};  // orderly: give up with priority 0, take the addresses away
struct AdvertReceived {
  Advert advert;  // decoded, of the leg's VRID and family
  size_t leg = 0;
};
struct AdvertRejected {
  AdvertError error;
  size_t leg = 0;
};
struct DeadlineReached {};  // said too early, it does nothing
struct InterfaceUp {
  std::string interface;
};
struct InterfaceDown {  // carrier lost or interface gone, or what else the router needs is not well; any name may be
                        // said, only those in the settings matter
  std::string interface;
};
struct PrimaryAddressChanged {  // known for each leg before Start, or the router starts in Fault
  std::optional<IpAddress> address;
  size_t leg = 0;
};
struct SettingsChanged {
  Settings settings;
  // By leg, where the legs are not the same as before: a new leg without one would be a fault.
  std::vector<std::optional<IpAddress>> primaries;
};
// While held, the router does not take over from a lower active (say: its connection table is not
// in step yet). An owner is not held. May be said before Start.
struct PreemptHold {
  bool held = false;
  std::string reason;  // for people
};
// Somebody was heard on the router's link since it came up: it is not deaf (spanning tree, a bond). A valid advert says the
// same.
struct LinkHeard {};
// A planned change: let another router take over, and give up the attempt after `patience`.
struct GiveWay {
  Duration patience{};
};
// The active router asked for it: become active now.
struct TakeOver {};
// The answer to AskPeers: one of them is active.
struct PeerAffirms {
  std::string peer;
};
struct AddressLost {  // somebody else removed it from its interface
  VirtualAddress address;
};

// The interface has another MAC address than before: a bond failed over, or an administrator changed it. Any name may be said.
struct HardwareAddressChanged {
  std::string interface;
};

// Another station says that it has this address: it answers ARP for it, or advertises itself as its neighbour.
struct AddressClaimed {
  IpAddress address;
  MacAddress by;
};

using Event = std::variant<Start, Stop, AdvertReceived, AdvertRejected, DeadlineReached, InterfaceUp, InterfaceDown,
                           PrimaryAddressChanged, SettingsChanged, PreemptHold, LinkHeard, GiveWay, TakeOver,
                           PeerAffirms, AddressLost, HardwareAddressChanged, AddressClaimed>;

// ---- Actions: to be carried out in their order --------------------------------------------------------------------

struct SendAdvert {
  uint8_t priority = 0;  // Machine::adverts(priority) are the advertisements to encode
  bool operator==(const SendAdvert&) const = default;
};
struct AddAddresses {  // those that are there already stay
  std::vector<VirtualAddress> addresses;
  bool operator==(const AddAddresses&) const = default;
};
struct RemoveAddresses {  // those that are not there are no error
  std::vector<VirtualAddress> addresses;
  bool operator==(const RemoveAddresses&) const = default;
};
struct Announce {  // one burst of gratuitous ARP each; a later second burst is another Announce
  std::vector<VirtualAddress> addresses;
  bool operator==(const Announce&) const = default;
};
struct StateChanged {
  State from = State::kInitialize;
  State to = State::kInitialize;
  Reason reason = Reason::kNone;
  bool operator==(const StateChanged&) const = default;
};
// A peer advertises other things than we do (RFC 9568, 7.1: SHOULD log). Said when it begins and
// when it changes.
struct PeerDisagrees {
  size_t leg = 0;
  IpAddress source;
  Duration advert_interval{};      // the peer's; equal to ours when it is not the matter
  std::vector<IpAddress> missing;  // ours, not in its list
  std::vector<IpAddress> extra;    // in its list, not ours
  bool refused = false;            // it has none of ours: another router with our VRID, whose adverts touch nothing
  bool operator==(const PeerDisagrees&) const = default;
};

// Another station has our address while we are active. Said, and answered with an announcement, every ten seconds at most
// (RFC 5227, 2.4).
struct AddressConflict {
  IpAddress address;
  MacAddress by;
  bool operator==(const AddressConflict&) const = default;
};
// A router with a lower priority goes on being active beside us: it does not hear us. Said once for as long as it lasts.
struct AnotherActive {
  IpAddress source;
  uint8_t priority = 0;
  bool operator==(const AnotherActive&) const = default;
};

// Nobody is heard, and before it takes over it wants to know whether one of the peers is active all the same. Who is answers
// with PeerAffirms; silence is an answer too.
struct AskPeers {
  bool operator==(const AskPeers&) const = default;
};
// It was affirmed: the two do not hear each other on the link. Said once for as long as it lasts.
struct UnheardActive {
  std::string peer;
  bool here_too = false;  // this one is active as well; otherwise it stays backup
  bool operator==(const UnheardActive&) const = default;
};

// A leg cannot speak: it has no address of its own, as an IPv6 leg without a link-local one. The others on its interface
// speak, so the election goes on. Said when it begins and when it ends, while the router is backup or active.
struct LegMute {
  size_t leg = 0;
  bool mute = false;
  bool operator==(const LegMute&) const = default;
};

using Action = std::variant<SendAdvert, AddAddresses, RemoveAddresses, Announce, StateChanged, PeerDisagrees,
                            AddressConflict, AnotherActive, AskPeers, UnheardActive, LegMute>;
using Actions = std::vector<Action>;

// An advertisement to encode, and the leg it goes out of.
struct Outgoing {
  size_t leg = 0;
  Advert advert;
};

}  // namespace tandem::vrrp
