#include "forwarding/apply.hpp"

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "daemon/base/crc32c.hpp"
#include "forwarding/recipe.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

// The checksum field of the packet's own TCP or UDP header.
be16& transport_checksum(Packet& packet) {
  const size_t offset = packet.protocol == kTcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum);
  return *wire_at<be16>(packet.bytes, packet.header_length + offset);
}

// The checksum over something after an address that it covers changed. REQUIRES: both of one family.
uint16_t update_for(uint16_t checksum, const IpAddress& before, const IpAddress& after) {
  if (before.is_v4()) return checksum_update32(checksum, before.v4.value, after.v4.value);
  const Bytes was = std::as_bytes(std::span(before.v6.bytes)), is = std::as_bytes(std::span(after.v6.bytes));
  for (size_t at = 0; at < sizeof(Ipv6Address); at += sizeof(be32))
    checksum = checksum_update32(checksum, *wire_at<be32>(was, at), *wire_at<be32>(is, at));
  return checksum;
}

// What changes in a TCP or UDP packet that is sent on under another address and port.
struct Rewrite {
  const IpAddress& address_before;
  const IpAddress& address_after;
  uint16_t port_before, port_after;
};

void update_transport_checksum(be16& field, uint8_t protocol, bool unfilled, const Rewrite& change) {
  if (unfilled) {
    const auto complement = static_cast<uint16_t>(~field.value());
    field = static_cast<uint16_t>(~update_for(complement, change.address_before, change.address_after));
    return;
  }
  if (protocol == kUdp && field == 0) return;  // RFC 768, RFC 6935: the sender made none
  uint16_t checksum = update_for(field, change.address_before, change.address_after);
  checksum = checksum_update16(checksum, change.port_before, change.port_after);
  if (protocol == kUdp && checksum == 0) checksum = 0xffff;  // RFC 768
  field = checksum;
}

enum class Side : uint8_t { kSource, kDestination };

// Writes an address into the IP header at `offset`, and IPv4's own checksum with it.
void set_address(MutableBytes bytes, size_t offset, Side side, const IpAddress& address) {
  if (address.is_v4()) {
    auto& ip = *wire_at<Ipv4Header>(bytes, offset);
    be32& field = side == Side::kSource ? ip.source : ip.destination;
    ip.checksum = checksum_update32(ip.checksum, field, address.v4.value);
    field = address.v4.value;
  } else {
    auto& ip = *wire_at<Ipv6Header>(bytes, offset);
    (side == Side::kSource ? ip.source : ip.destination) = address.v6.bytes;
  }
}

// An ICMP message under change, and its checksum with it.
class IcmpPatch {
 public:
  explicit IcmpPatch(Packet& packet)
      : unfilled_(packet.offload.checksum_unfilled),
        checksum_(wire_at<IcmpHeader>(packet.bytes, packet.header_length)->checksum) {}

  // A field that is to be filled holds nothing of the message yet, only the pseudo-header's sum.
  void changed16(uint16_t before, uint16_t after) {
    if (!unfilled_) checksum_ = checksum_update16(checksum_, before, after);
  }
  void changed(const IpAddress& before, const IpAddress& after) {
    if (!unfilled_) checksum_ = update_for(checksum_, before, after);
  }
  // An address of the packet that carries the message: ICMPv6 has a pseudo-header (RFC 4443, 2.3), ICMP has none.
  void changed_outside(const IpAddress& before, const IpAddress& after) {
    if (before.is_v4()) return;
    if (unfilled_)
      checksum_ = static_cast<uint16_t>(~update_for(static_cast<uint16_t>(~checksum_.value()), before, after));
    else
      changed(before, after);
  }

 private:
  bool unfilled_;
  be16& checksum_;
};

// Rewrites one side of the quoted packet: its address, port, and what of its checksums is quoted.
void rewrite_quoted(Packet& packet, Side side, const IpAddress& address, uint16_t port) {
  const Quoted& quoted = *packet.quoted;
  IcmpPatch patch(packet);
  auto& ports = *wire_at<PortsAndMore>(packet.bytes, quoted.transport_offset);
  be16& port_field = side == Side::kSource ? ports.source_port : ports.destination_port;
  const IpAddress& before = side == Side::kSource ? quoted.source : quoted.destination;
  const Rewrite change{before, address, port_field, port};

  // IPv4's own checksum takes up the difference its address makes; what the message's sum sees of both is the header's.
  const auto header_checksum = [&] {
    return before.is_v4() ? wire_at<Ipv4Header>(packet.bytes, quoted.offset)->checksum.value() : uint16_t{0};
  };
  const uint16_t header_before = header_checksum();
  set_address(packet.bytes, quoted.offset, side, address);
  patch.changed16(header_before, header_checksum());
  patch.changed(before, address);
  patch.changed16(port_field, port);
  port_field = port;
  const size_t offset = quoted.protocol == kTcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum);
  auto* field = wire_at<be16>(packet.bytes, quoted.transport_offset + offset);
  // As a rule SCTP's is not quoted, and never all that it covers.
  if (field != nullptr && quoted.protocol != kSctp) {
    be16 after = *field;
    update_transport_checksum(after, quoted.protocol, false, change);
    patch.changed16(*field, after);
    *field = after;
  }
}

// SCTP's checksum covers ports and no addresses. A packet that came in broken goes out broken by the same bits.
void set_sctp_port(Packet& packet, Side side, uint16_t port) {
  auto& header = *wire_at<SctpHeader>(packet.bytes, packet.header_length);
  const bool source = side == Side::kSource;
  be16& field = source ? header.source_port : header.destination_port;
  if (field == port) return;
  const size_t end = source ? sizeof(be16) : 2 * sizeof(be16);
  const size_t length = packet.transport_length();
  TANDEM_ASSERT(length >= end);
  const be16 difference(static_cast<uint16_t>(field ^ port));
  field = port;
  header.set_crc(header.crc() ^ crc32c_difference(bytes_of(difference), length - end));
}

// The packet's own address and port, on one side.
void rewrite(Packet& packet, Side side, const IpAddress& address, uint16_t port) {
  TANDEM_ASSERT(packet.ports_known || packet.is_later_part());
  const bool source = side == Side::kSource;
  IpAddress& own = source ? packet.source : packet.destination;
  TANDEM_ASSERT(own.family == address.family);
  if (packet.is_later_part()) {
    // Ports and the checksum, which has the address in it, are in the first part.
    set_address(packet.bytes, 0, side, address);
    own = address;
    return;
  }
  auto& ports = *wire_at<PortsAndMore>(packet.bytes, packet.header_length);
  be16& port_field = source ? ports.source_port : ports.destination_port;
  if (packet.protocol == kSctp)
    set_sctp_port(packet, side, port);
  else
    update_transport_checksum(transport_checksum(packet), packet.protocol, packet.offload.checksum_unfilled,
                              {own, address, port_field, port});
  set_address(packet.bytes, 0, side, address);
  port_field = port;
  own = address;
  (source ? packet.source_port : packet.destination_port) = port;
}

// An address of the packet around an ICMP message.
void rewrite_around(Packet& packet, Side side, const IpAddress& address) {
  IpAddress& own = side == Side::kSource ? packet.source : packet.destination;
  if (!packet.is_later_part()) IcmpPatch(packet).changed_outside(own, address);
  set_address(packet.bytes, 0, side, address);
  own = address;
}

}  // namespace

void decrement_ttl(Packet& packet) {
  TANDEM_ASSERT(packet.ttl > 1);
  --packet.ttl;
  if (packet.is_ipv6()) {
    wire_at<Ipv6Header>(packet.bytes)->hop_limit = packet.ttl;
    return;
  }
  Ipv4Header& ip = *wire_at<Ipv4Header>(packet.bytes);
  const auto word = [&ip] { return static_cast<uint16_t>((ip.ttl << 8) | ip.protocol); };
  const uint16_t before = word();
  ip.ttl = packet.ttl;
  ip.checksum = checksum_update16(ip.checksum, before, word());
}

void nat_to_server(Packet& packet, const tandem_recipe& recipe) {
  rewrite(packet, Side::kDestination, server_address(recipe), recipe.server_port);
}

void nat_to_client(Packet& packet, const tandem_recipe& recipe) {
  rewrite(packet, Side::kSource, virtual_address(recipe), recipe.virtual_port);
}

void nat_error_to_server(Packet& packet, const tandem_recipe& recipe) {
  if (packet.quoted) rewrite_quoted(packet, Side::kSource, server_address(recipe), recipe.server_port);
  rewrite_around(packet, Side::kDestination, server_address(recipe));
}

void nat_error_to_client(Packet& packet, const tandem_recipe& recipe) {
  if (packet.quoted) rewrite_quoted(packet, Side::kDestination, virtual_address(recipe), recipe.virtual_port);
  rewrite_around(packet, Side::kSource, virtual_address(recipe));
}

void full_nat_to_server(Packet& packet, const tandem_recipe& recipe, const EndPoint& source) {
  nat_to_server(packet, recipe);
  rewrite(packet, Side::kSource, source.address, source.port);
}

void full_nat_to_client(Packet& packet, const tandem_recipe& recipe, const EndPoint& client) {
  nat_to_client(packet, recipe);
  rewrite(packet, Side::kDestination, client.address, client.port);
}

// Whoever sent the error, the server hears it from the only address it has a way to.
void full_nat_error_to_server(Packet& packet, const tandem_recipe& recipe, const EndPoint& source) {
  if (packet.quoted) rewrite_quoted(packet, Side::kDestination, source.address, source.port);
  nat_error_to_server(packet, recipe);
  rewrite_around(packet, Side::kSource, source.address);
}

void full_nat_error_to_client(Packet& packet, const tandem_recipe& recipe, const EndPoint& client) {
  if (packet.quoted) rewrite_quoted(packet, Side::kSource, client.address, client.port);
  nat_error_to_client(packet, recipe);
  rewrite_around(packet, Side::kDestination, client.address);
}

}  // namespace tandem::forwarding
