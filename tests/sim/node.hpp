// A box: the shipped machine behind the thinnest shell there can be. It keeps one timer, encodes and decodes with the
// shipped code, and holds addresses like a kernel does: they survive the process.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/mutation.hpp"
#include "vrrp/machine.hpp"

namespace tandem::sim {

using Packet = std::shared_ptr<const std::vector<std::byte>>;

struct Node {
  enum class Life : uint8_t { kRunning, kPaused, kStopped, kKilled, kUnpowered };

  size_t index = 0;
  std::string name;
  IpAddress primary;
  std::vector<Prefix> local;
  vrrp::Settings settings;
  Life life = Life::kStopped;
  bool link_up = true;
  bool held = false;  // preemption, by the operator of this story
  size_t island = 0;  // nodes of different islands do not hear each other
  std::unique_ptr<Subject> subject;
  std::set<vrrp::VirtualAddress> addresses;  // on the interface, whoever put them there

  bool deaf = true;                          // nobody was heard since the link came up
  std::optional<TimePoint> gives_way_until;  // was asked to hand over, and is silent on purpose
  std::optional<TimePoint> timer;            // earliest timer event under way
  std::vector<Packet> waiting;               // arrived during a pause
  TimePoint paused_at{};
  TimePoint died_at{};
  TimePoint last_advert{};
  TimePoint answers_since{};  // active, and able to say so by the peer link
  bool was_active = false;    // the last state the room published before it died
  uint64_t adverts = 0;       // sent, ever

  bool running() const { return life == Life::kRunning; }
  const vrrp::Machine& machine() const { return subject->machine(); }
  bool active() const { return running() && machine().state() == vrrp::State::kActive; }
  // Able to be active: alive, on the link, not in fault.
  bool able() const {
    return running() && link_up &&
           (machine().state() == vrrp::State::kActive || machine().state() == vrrp::State::kBackup);
  }
};

}  // namespace tandem::sim
