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

// What encapsulate() has made, to be cut into fragments (RFC 2473, 7.1 (b); RFC 4213, 3.2.2): the tunnel's end puts them together
// before it takes the headers off. DF is cleared. IPv4 has 16 bits of `identification`.
Packet to_be_cut(MutableBytes outer, uint32_t identification);

// What is quoted can be a packet of this tunnel's, sent by us.
bool is_of_tunnel(const Quoted& quoted, const tandem_recipe& recipe);

// RFC 2003, 4: an error that came back for our outer header, as an error about the packet the
// client sent. Nothing when too little of that packet is quoted, or when it tells the client
// nothing. REQUIRES: is_of_tunnel(*packet.quoted, ...).
struct TunnelError {
  Packet client_packet;  // a view into the error: what the client sent, as far as it is quoted
  IcmpError error;
  // Of a packet that was too big: what the way to the tunnel's end takes, outer header included, and no less than hosts believe
  // (552 as Linux's min_pmtu, 1,280 of IPv6). 0 when the error is about something else, or the quoted packet is no larger.
  uint16_t path_mtu = 0;
};
std::optional<TunnelError> read_tunnel_error(const Packet& packet);

}  // namespace tandem::forwarding
