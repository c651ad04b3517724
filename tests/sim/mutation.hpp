// Deliberate mistakes, made outside of the shipped machine: a wrapper hides, forges or delays what goes in and out of
// it. Each proves that one invariant would notice such a mistake (main.cc, --prove).
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "vrrp/machine.hpp"

namespace tandem::sim {

enum class Mutation : uint8_t {
  kNone,
  kDeafActive,             // an active router does not hear anybody
  kNeverTakesOver,         // a backup's deadline is lost
  kFollowsLower,           // a backup takes a lower priority for an equal one
  kKeepsAddresses,         // addresses are not taken away
  kForgetsAddresses,       // addresses are not added
  kSlowAdverts,            // the advert timer runs half an interval too long
  kRejectedRestartsTimer,  // a refused advert restarts the advert timer, as keepalived's does
  kSilentStop,             // no priority 0 at an orderly stop
  kIgnoresRelease,         // priority 0 is not heard
  kReleaseRestartsSkew,    // each priority 0 starts the skew timer anew
  kBelievesLongInterval,   // a learned interval is not bounded
  kHastyBackup,            // the learned interval is a quarter of the real one
  kAdvertisesAfterSleep,   // a process that slept does not notice
  kRestartListensFirst,    // a restarted room does not resume
  kBreaksHold,             // a held preemption is not held
  kDoesNotReannounce,      // the survivor of a split announces nothing
  kHandsOverEarly,         // who is asked to hand over lets go at once
  kRefusesToHandOver,      // and one that does not
  kFollowsForeigner,       // an advert of other addresses is taken for one of ours
  kBelievesSilence,        // what a peer affirms is not heard
};

// The machine as the simulated shell sees it.
class Subject {
 public:
  Subject(vrrp::Settings settings, Mutation mutation) : machine_(std::move(settings)), mutation_(mutation) {}

  vrrp::Actions on(const vrrp::Event& event, TimePoint now);
  std::optional<TimePoint> deadline() const;
  const vrrp::Machine& machine() const { return machine_; }

 private:
  bool is(Mutation mutation, vrrp::State state) const { return mutation_ == mutation && machine_.state() == state; }
  std::optional<vrrp::Event> mutate(const vrrp::Event& event, TimePoint now);

  vrrp::Machine machine_;
  Mutation mutation_;
  std::optional<TimePoint> not_before_;  // the timer was put off
};

}  // namespace tandem::sim
