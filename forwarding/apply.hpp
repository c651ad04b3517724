// Stage three, apply: carries out on the packet's bytes what was decided. All functions work in
// place and keep the checksums right by the difference they make (RFC 1624), so that a packet that
// came in broken goes out broken and its receiver notices.
//
// Of a datagram in pieces the first part has ports and checksum; in the others the address alone is changed. REQUIRES of SCTP's
// first part: packet.datagram_length is known.
//
// A checksum that is still to be filled holds the pseudo-header's sum: of a change only the
// addresses count then, and not complemented. What is filled in later sees the new ports itself.
#pragma once

#include <cstdint>

#include "forwarding/packet.hpp"
#include "forwarding/recipe.h"
#include "forwarding/sources.hpp"

namespace tandem::forwarding {

// RFC 1812, 5.3.1; of IPv6 the hop limit (RFC 8200, 3). REQUIRES: the TTL is above 1.
void decrement_ttl(Packet& packet);

// SCTP's checksum is filled (complete_checksum).
// client -> VIP becomes client -> server; server -> client becomes VIP -> client.
// REQUIRES: packet.ports_known, or a later part of a datagram; the packet, the VIP and the server are of one family.
void nat_to_server(Packet& packet, const tandem_recipe& recipe);
void nat_to_client(Packet& packet, const tandem_recipe& recipe);

// The same for an ICMP error and the packet it quotes: one about an answer goes on to the server,
// one about a client's packet goes back to the client and comes from the VIP.
// REQUIRES: packet.quoted is TCP or UDP, or a later part of such an error; the packet, the VIP and the server are of one family.
void nat_error_to_server(Packet& packet, const tandem_recipe& recipe);
void nat_error_to_client(Packet& packet, const tandem_recipe& recipe);

// The same by fullnat: what the server sees comes from `source`, what comes back to that goes on to `client`.
void full_nat_to_server(Packet& packet, const tandem_recipe& recipe, const EndPoint& source);
void full_nat_to_client(Packet& packet, const tandem_recipe& recipe, const EndPoint& client);
void full_nat_error_to_server(Packet& packet, const tandem_recipe& recipe, const EndPoint& source);
void full_nat_error_to_client(Packet& packet, const tandem_recipe& recipe, const EndPoint& client);

}  // namespace tandem::forwarding
