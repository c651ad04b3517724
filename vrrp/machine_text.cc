// The machine's words for people. Reasons complete the sentence "became active: ...".
#include "vrrp/machine.hpp"

namespace tandem::vrrp {

std::string_view text(State state) {
  switch (state) {
    case State::kInitialize:
      return "initialize";
    case State::kBackup:
      return "backup";
    case State::kActive:
      return "active";
    case State::kFault:
      return "fault";
  }
  return "?";
}

std::string_view text(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "not started";
    case Reason::kStarted:
      return "started";
    case Reason::kResumed:
      return "resumed after a restart of the room";
    case Reason::kOwner:
      return "priority 255 owns the addresses";
    case Reason::kActiveSilent:
      return "no advertisement from an active router";
    case Reason::kActiveReleased:
      return "the active router gave up";
    case Reason::kPreempted:
      return "a router with a lower priority was active";
    case Reason::kTakenOver:
      return "the active router handed over";
    case Reason::kHandedOver:
      return "handed over to another router";
    case Reason::kHigherPriority:
      return "a router with a higher priority is active";
    case Reason::kHigherAddress:
      return "a router with the same priority and a higher address is active";
    case Reason::kLateWakeup:
      return "this process slept longer than others wait";
    case Reason::kInterfaceDown:
      return "something it needs is down";
    case Reason::kNoPrimaryAddress:
      return "the interface has no address of its own";
    case Reason::kFaultCleared:
      return "the fault is over";
    case Reason::kStopped:
      return "stopped";
  }
  return "?";
}

}  // namespace tandem::vrrp
