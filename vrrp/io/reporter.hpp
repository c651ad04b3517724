// What one virtual router says on the board: its state, and what happens to it, in words for people.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/bus/room_link.hpp"
#include "vrrp/io/hands.hpp"
#include "vrrp/io/throttle.hpp"
#include "vrrp/lateness.hpp"
#include "vrrp/machine.hpp"

namespace tandem::vrrp {

class Reporter {
 public:
  // Speaks for the virtual routers of one election, by their names in the site.
  // REQUIRES: `lateness` outlives this.
  Reporter(bus::RoomLink& bus, std::string router, const Lateness& lateness)
      : bus_(bus), router_(std::move(router)), lateness_(lateness) {}

  // Counters and the time of the last transition go on from where an earlier life of the room left them.
  void continue_from(const bus::InstanceState& before, bool same_state);

  // What may have changed since the state was last said.
  enum class What : uint8_t {
    kMoves,       // the state, its reason, who is active: looked at after every packet, so this costs little
    kCounters,    // those as well
    kEverything,  // the settings too
  };
  // Says the state if something of `what` changed.
  void publish(const Machine& machine, const std::set<std::string>& down, What what);

  void state_changed(const StateChanged& change, const Machine& machine, const std::set<std::string>& down);
  void resumed(const Machine& machine);
  void conflict(const AddressConflict& what);
  void unheard(const UnheardActive& what);
  void another_active(const AnotherActive& what);
  void leg_mute(const LegMute& what, const Leg& leg);
  // `free_vrid`: one that nobody on the link uses.
  void disagrees(const PeerDisagrees& what, const Machine& machine, std::optional<uint8_t> free_vrid);
  void refused(AdvertError error, std::optional<IpAddress> source, TimePoint now);
  void send_failed(int error, TimePoint now);
  void address_trouble(const Hands::Trouble& trouble, TimePoint now);
  void route_trouble(const std::string& words, TimePoint now);
  void address_restored(const VirtualAddress& address, TimePoint now);
  void mac_changed(const netlink::Link& link, TimePoint now);
  // Something that is tracked changed; `priority` is the one in force since.
  void tracked(const std::string& change, uint8_t priority, bool well);
  // Once: it has been active for a while and has never heard anybody, and has no other way to learn of another one.
  void look_for_company(const Machine& machine, uint64_t now_unix_ms);
  void set_tracked(std::vector<std::string> lines) { tracked_ = std::move(lines); }
  void late(Duration late, const Lateness& lateness, TimePoint now);

 private:
  void say(bus::Severity severity, std::string id, std::string text);
  // Of each virtual router that takes part in the election.
  std::vector<bus::InstanceState> describe(const Machine& machine, const std::set<std::string>& down) const;

  bus::RoomLink& bus_;
  std::string router_;
  const Lateness& lateness_;
  uint64_t since_unix_ms_ = 0;
  bus::InstanceState earlier_;            // counters of earlier lives
  std::vector<std::string> tracked_;      // how things stand, a line each
  std::vector<bus::Transition> history_;  // the last kHistory, oldest first
  struct Moves {
    State state = State::kInitialize;
    Reason reason = Reason::kNone;
    uint64_t since_unix_ms = 0;
    std::optional<IpAddress> active;
    std::string waiting_for;
    std::set<std::string> down;
    bool operator==(const Moves&) const = default;
  };
  std::optional<Moves> said_;
  uint64_t said_count_ = 0;  // of all counters
  bool said_alone_ = false;
  Throttle refusals_, failures_, route_troubles_, troubles_, restorations_, latenesses_;
  std::map<std::string, Throttle> mac_changes_;  // by interface
};

}  // namespace tandem::vrrp
