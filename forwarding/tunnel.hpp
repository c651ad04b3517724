// IP in IP (RFC 2003), IPv6 in IPv6 and across (RFC 2473, RFC 4213): the outer header, and what an ICMP error about it means to the client.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/base/bytes.hpp"
#include "forwarding/answers.hpp"
#include "forwarding/packet.hpp"
#include "forwarding/recipe.hpp"

namespace tandem::forwarding {

// Bytes of the outer header, by the family of the tunnel's ends.
inline constexpr uint16_t kTunnelOverhead = 20;
inline constexpr uint16_t kTunnelOverhead6 = 40;

inline uint16_t tunnel_overhead(const tandem_recipe& recipe) {
  return is_server_ipv6(recipe) ? kTunnelOverhead6 : kTunnelOverhead;
}

// Writes an outer header into the 20 or 40 bytes before `inner` and returns both together. DF is copied, and set around
// IPv6; DSCP and ECN are copied (RFC 6040, 4.1, normal mode), and IPv6's flow label to IPv6.
// REQUIRES: `inner` begins with a whole IPv4 or IPv6 header, has that many writable bytes before it, and both together are no
// longer than an IP packet can be.
MutableBytes encapsulate(MutableBytes inner, const tandem_recipe& recipe, uint16_t id);

// RFC 2003, 4: an error that came back for our outer header, as an error about the packet the
// client sent. Nothing when too little of that packet is quoted, or when it tells the client
// nothing.
struct TunnelError {
  Packet client_packet;  // a view into the error: what the client sent, as far as it is quoted
  IcmpError error;
};
std::optional<TunnelError> read_tunnel_error(const Packet& packet);

}  // namespace tandem::forwarding
