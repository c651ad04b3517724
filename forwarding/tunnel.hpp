// Tunnels: IP in IP (RFC 2003), IPv6 in IPv6 and across (RFC 2473, RFC 4213), the same with GRE (RFC 2784) or with UDP and GUE
// in between, and what an ICMP error about the outer header means to the client.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/base/bytes.hpp"
#include "forwarding/answers.hpp"
#include "forwarding/packet.hpp"
#include "forwarding/recipe.hpp"

namespace tandem::forwarding {

// Bytes before the client's packet, 20 - 52: the outer header by the family of the tunnel's ends, and what its type needs.
uint16_t tunnel_overhead(const tandem_recipe& recipe);

// Writes the tunnel's headers into the bytes before `inner` and returns both together. DF is copied, and set around
// IPv6; DSCP and ECN are copied (RFC 6040, 4.1, normal mode), and IPv6's flow label to IPv6. GUE's source port comes from
// the client's flow, so that routers and the server spread flows (RFC 7510, 3).
// REQUIRES: `inner` begins with a whole IPv4 or IPv6 header and is finished, has tunnel_overhead() writable bytes before it, and
// both together are no longer than an IP packet can be.
MutableBytes encapsulate(MutableBytes inner, const tandem_recipe& recipe, uint16_t id);

// What is quoted can be a packet of this tunnel's, sent by us.
bool is_of_tunnel(const Quoted& quoted, const tandem_recipe& recipe);

// RFC 2003, 4: an error that came back for our outer header, as an error about the packet the
// client sent. Nothing when too little of that packet is quoted, or when it tells the client
// nothing. REQUIRES: is_of_tunnel(*packet.quoted, ...).
struct TunnelError {
  Packet client_packet;  // a view into the error: what the client sent, as far as it is quoted
  IcmpError error;
};
std::optional<TunnelError> read_tunnel_error(const Packet& packet);

}  // namespace tandem::forwarding
