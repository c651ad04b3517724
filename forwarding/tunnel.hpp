// IP in IP (RFC 2003): the outer header, and what an ICMP error about it means to the client.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/base/bytes.hpp"
#include "forwarding/answers.hpp"
#include "forwarding/packet.hpp"
#include "forwarding/recipe.h"

namespace tandem::forwarding {

inline constexpr uint16_t kTunnelOverhead = 20;

// Writes an outer header into the 20 bytes before `inner` and returns both together. DF is copied;
// so are DSCP and ECN (RFC 6040, 4.1, normal mode).
// REQUIRES: `inner` begins with an IPv4 header, has at least 20 writable bytes before it and is at
// most 65515 bytes long.
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
