#include "daemon/bus/speakers.hpp"

#include <algorithm>

#include "daemon/bus/describe.hpp"

namespace tandem::bus {

namespace {

struct Right {
  std::string_view kind;
  std::string_view room;
};

// Every room may say Event and RoomReady in its own name; the rest is here.
constexpr Right kRights[] = {
    {SiteText::kKind, kSupervisor},
    {RoomStatus::kKind, kSupervisor},
    {ReloadResult::kKind, kSupervisor},
    {InstanceState::kKind, "vrrp"},
    {ServerHealth::kKind, "checkers"},
    {ServiceHealth::kKind, "checkers"},
    {SyncStatus::kKind, "forwarding"},
    {ServerStats::kKind, "forwarding"},
    {EngineStats::kKind, "forwarding"},
    {ReloadRequest::kKind, "control"},
    {HandoverResult::kKind, "vrrp"},
    {Maintenance::kKind, "control"},
    {FlowQuestion::kKind, "control"},
    {FlowAnswer::kKind, "forwarding"},
    {TraceRequest::kKind, "control"},
    {TraceAnswer::kKind, "forwarding"},
    {ServiceStats::kKind, "forwarding"},
    {Maintenance::kKind, "vrrp"},  // which remembers it for the daemon's next life
    {Override::kKind, "control"},
    {Override::kKind, kSupervisor},  // which remembers it
    {PassiveHealth::kKind, "forwarding"},
    {ExecRequest::kKind, "checkers"},
    {ExecResult::kKind, kSupervisor},
};

// A room may take only its own step of a handover: nobody but the peer's word makes this box take over.
std::string_view speaker_of(HandoverStep step) {
  switch (step) {
    case HandoverStep::kAsk:
      return "control";
    case HandoverStep::kOffer:
    case HandoverStep::kInquire:
    case HandoverStep::kAffirm:
      return "vrrp";
    case HandoverStep::kTake:
    case HandoverStep::kInquired:
    case HandoverStep::kAffirmed:
      return "forwarding";
  }
  return {};
}

bool has_right(std::string_view room, std::string_view kind) {
  return std::ranges::any_of(kRights, [&](const Right& right) { return right.kind == kind && right.room == room; });
}

}  // namespace

std::string_view describe(Refusal refusal) {
  return refusal == Refusal::kNotItsWord ? "this room never says that" : "it speaks in another room's name";
}

bool may_say(std::string_view room, const Message& message, Refusal* why) {
  const auto answer = [&](bool allowed, Refusal refusal) {
    if (!allowed && why != nullptr) *why = refusal;
    return allowed;
  };
  if (const auto* event = std::get_if<Event>(&message)) return answer(event->room == room, Refusal::kInAnotherName);
  if (const auto* ready = std::get_if<RoomReady>(&message)) return answer(ready->room == room, Refusal::kInAnotherName);
  if (const auto* forget = std::get_if<Forget>(&message))
    return answer(is_retained_kind(forget->kind) && has_right(room, forget->kind), Refusal::kNotItsWord);
  if (const auto* handover = std::get_if<Handover>(&message))
    return answer(speaker_of(handover->step) == room, Refusal::kNotItsWord);
  return answer(has_right(room, kind_of(message)), Refusal::kNotItsWord);
}

bool may_hear(std::string_view room, std::string_view kind) {
  if (kind == ReloadRequest::kKind || kind == ExecRequest::kKind) return room == kSupervisor;
  // Who a site's clients are is no business of a room that speaks with strangers.
  if (kind == FlowQuestion::kKind || kind == TraceRequest::kKind) return room == "forwarding";
  if (kind == PassiveHealth::kKind || kind == ExecResult::kKind) return room == "checkers";
  if (kind == FlowAnswer::kKind || kind == TraceAnswer::kKind) return room == "control";
  return is_kind(kind);
}

}  // namespace tandem::bus
