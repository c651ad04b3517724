// What could not leave because its way takes only less: answers to clients whose way is narrower than the servers' own link, as
// with a line of PPPoE or a tunnel behind the director. The engine knows the ways to servers; those to clients the shell finds
// out per packet. A router would cut the packet or tell its sender what fits (RFC 1191, 4), and so do we. The sender is the
// server; it is told as if the error came from a router beyond us: the same translation, the same counters.
#include "forwarding/engine.hpp"
#include "forwarding/recipe.hpp"
#include "forwarding/segment.hpp"

namespace tandem::forwarding {

// Who we say we are to a server. One that has the VIP itself, for a dr service, would not believe what comes from it.
IpAddress Engine::own_name_to(const tandem_recipe& recipe, const IpAddress& otherwise) const {
  const IpAddress own = tunnel_source(recipe);
  const bool known = own.family == otherwise.family && can_be_sender(own);
  return known ? own : otherwise;
}

void Engine::too_long(const FrameIn& frame, uint16_t mtu, TimePoint now, Outputs& outputs) {
  auto packet = parse(frame);
  const auto server = packet ? decider_.server_that_sent(*packet) : std::nullopt;
  const bool may_be_cut = packet && !packet->dont_fragment && !packet->is_super_packet();
  // From nobody that we could tell: something the director made itself, or the like. A later part of an answer does not say
  // whose it is, but it can be cut.
  if (!server && !(may_be_cut && packet->is_later_part())) return counters_.add(Counter::kDropTooBig);
  if (may_be_cut) {
    complete_checksum(*packet);
    const ToAddress client{packet->destination};
    return settle(fragment(*packet, mtu, outputs, [&](MutableBytes piece) { outputs.add(piece, {}, client); }),
                  Counter::kFragmented);
  }
  counters_.add(Counter::kDropTooBig);
  const IpAddress us = own_name_to(services_.recipe(*server), packet->source);
  say(*packet, fragmentation_needed(mtu), us, Counter::kTooBigSaid, now, outputs);
  const auto error = outputs.take_last_if(ToAddress{packet->source});
  if (!error) return;  // the limit on what we say forbade it
  (void)handle({.buffer = {error->packet.data() - kHeadroom, error->packet.size() + kHeadroom},
                .ip_offset = kHeadroom,
                .ip_length = error->packet.size(),
                .offload = {},
                .ifindex = frame.ifindex},
               now, outputs);
}

}  // namespace tandem::forwarding
