// Datagrams in pieces: what the first part is decided to do, all others do (fragments.hpp).
#include <algorithm>

#include "daemon/base/assert.hpp"
#include "forwarding/engine.hpp"

namespace tandem::forwarding {
namespace {

// IPv6 names a datagram without its protocol (RFC 8200, 4.5), which a later part need not know.
DatagramName name_of(const Packet& packet) {
  return {.source = packet.source,
          .destination = packet.destination,
          .identification = packet.identification,
          .protocol = packet.is_ipv6() ? uint8_t{0} : packet.protocol};
}

Part part_of(const Packet& packet) {
  return {.offset = packet.fragment_offset,
          .length = static_cast<uint32_t>(packet.bytes.size() - packet.fragment_begin),
          .last = !packet.more_fragments};
}

Counter counter_of(Fragments::Verdict verdict) {
  switch (verdict) {
    case Fragments::Verdict::kDuplicate:
      return Counter::kDropFragmentDuplicate;
    case Fragments::Verdict::kNoRoom:
      return Counter::kDropFragmentNoRoom;
    default:
      return Counter::kDropFragment;
  }
}

}  // namespace

Verdict Engine::handle_part(Packet& packet, TimePoint now, Outputs& outputs) {
  return packet.is_later_part() ? later_part(packet, now, outputs) : first_part(packet, now, outputs);
}

Verdict Engine::first_part(Packet& packet, TimePoint now, Outputs& outputs) {
  if (!decider_.may_be_ours(packet)) return not_ours();
  const DatagramName name = name_of(packet);
  const Fragments::Verdict verdict = fragments_->first(name, part_of(packet), now);
  if (verdict != Fragments::Verdict::kFollow) {
    counters_.add(counter_of(verdict));
    return Verdict::kTaken;
  }
  const Decision decision = decider_.decide(packet, now);
  const bool waits = waits_for_length(packet, decision);
  std::optional<HeldPart> to_keep;
  if (waits) to_keep = HeldPart{{packet.bytes.begin(), packet.bytes.end()}, packet.ifindex, 0};
  const Fragments::Decided decided = fragments_->decided(name, decision, now, std::move(to_keep));
  const Verdict outcome = waits ? Verdict::kTaken : carry_out(packet, decision, now, outputs);
  if (decided.no_room) counters_.add(Counter::kDropFragmentNoRoom);
  if (decided.kept) counters_.add(Counter::kFragmentsHeld);
  for (const HeldPart& part : decided.waited) release(part, decision, now, outputs);
  return outcome;
}

// SCTP's checksum stands in the first part and covers all. What other ports change it by follows from how much is behind them.
bool Engine::waits_for_length(const Packet& packet, const Decision& decision) const {
  const bool goes_on = decision.step == Step::kToServer || decision.step == Step::kToClient;
  return packet.protocol == kSctp && goes_on &&
         sees_answers(static_cast<tandem_method>(services_.recipe(decision.server).method));
}

Verdict Engine::later_part(Packet& packet, TimePoint now, Outputs& outputs) {
  // Of an ICMP error, which may be anybody's, nothing is kept that comes before its first part.
  const bool may_keep = decider_.may_be_ours(packet);
  const auto later = fragments_->later(name_of(packet), part_of(packet), packet.bytes, packet.ifindex, now, may_keep);
  switch (later.verdict) {
    case Fragments::Verdict::kFollow: {
      const Verdict outcome = go_after_first(packet, later.decision, now, outputs);
      if (later.first) release(*later.first, later.decision, now, outputs);
      return outcome;
    }
    case Fragments::Verdict::kUnknown:
      return not_ours();
    case Fragments::Verdict::kHeld:
      counters_.add(Counter::kFragmentsHeld);
      break;
    default:
      counters_.add(counter_of(later.verdict));
      break;
  }
  return Verdict::kTaken;
}

Verdict Engine::go_after_first(Packet& packet, const Decision& decision, TimePoint now, Outputs& outputs) {
  switch (decision.step) {
    case Step::kNotOurs:
      return not_ours();
    case Step::kToServer:
    case Step::kToClient:
    case Step::kErrorToServer:
    case Step::kErrorToClient:
      if (decider_.still_holds(decision)) {
        forward(packet, decision, now, outputs);
        break;
      }
      dropped(decision.facet, Counter::kDropFragment);
      break;
    case Step::kToLocal:
      decider_.still_holds(decision) ? deliver(packet, decision, outputs)
                                     : dropped(decision.facet, Counter::kDropFragment);
      break;
    case Step::kTunnelError:
      counters_.add(Counter::kDropErrorWithoutFlow);
      break;
    default:
      dropped(decision.facet, decision.reason);
      break;
  }
  return Verdict::kTaken;
}

void Engine::release(const HeldPart& held, const Decision& decision, TimePoint now, Outputs& outputs) {
  const auto room = outputs.make_room(held.packet.size());
  if (!room) {
    counters_.add(Counter::kDropNoRoom);
    return;
  }
  std::copy(held.packet.begin(), held.packet.end(), room->begin());
  FrameIn frame{.buffer = {room->data() - kHeadroom, kHeadroom + room->size()},
                .ip_offset = kHeadroom,
                .ip_length = room->size(),
                .offload = {},
                .ifindex = held.ifindex};
  auto packet = parse(frame);
  TANDEM_ASSERT(packet.has_value());  // it was parsed before it was kept
  packet->datagram_length = held.datagram_length;
  go_after_first(*packet, decision, now, outputs);
}

}  // namespace tandem::forwarding
