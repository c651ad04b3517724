#include "forwarding/apply.hpp"

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "forwarding/wire.hpp"

namespace tandem::forwarding {
namespace {

Ipv4Header& ip_of(Packet& packet) {
  return *wire_at<Ipv4Header>(packet.bytes);
}

// Changes an address of the IP header and the header's own checksum.
void set_address(Ipv4Header& ip, be32& field, uint32_t after) {
  ip.checksum = checksum_update32(ip.checksum, field, after);
  field = after;
}

// The checksum field of the packet's own TCP or UDP header.
be16& transport_checksum(Packet& packet) {
  const size_t offset = packet.protocol == kTcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum);
  return *wire_at<be16>(packet.bytes, packet.header_length + offset);
}

// What changes in a TCP or UDP packet that is sent on under another address and port.
struct Rewrite {
  uint32_t address_before, address_after;
  uint16_t port_before, port_after;
};

void update_transport_checksum(be16& field, uint8_t protocol, bool unfilled, const Rewrite& change) {
  if (unfilled) {
    const auto complement = static_cast<uint16_t>(~field.value());
    field = static_cast<uint16_t>(~checksum_update32(complement, change.address_before, change.address_after));
    return;
  }
  if (protocol == kUdp && field == 0) return;  // RFC 768: the sender made none
  uint16_t checksum = checksum_update32(field, change.address_before, change.address_after);
  checksum = checksum_update16(checksum, change.port_before, change.port_after);
  if (protocol == kUdp && checksum == 0) checksum = 0xffff;  // RFC 768
  field = checksum;
}

// Changes 16-bit words of an ICMP message and its checksum with them.
class IcmpPatch {
 public:
  explicit IcmpPatch(Packet& packet) : packet_(packet) {
    checksum_ = &wire_at<IcmpHeader>(packet.bytes, packet.header_length)->checksum;
  }
  void set16(be16& field, uint16_t after) {
    update(field, after);
    field = after;
  }
  void set32(be32& field, uint32_t after) {
    const uint32_t before = field;
    update(static_cast<uint16_t>(before >> 16), static_cast<uint16_t>(after >> 16));
    update(static_cast<uint16_t>(before), static_cast<uint16_t>(after));
    field = after;
  }

 private:
  void update(uint16_t before, uint16_t after) {
    // ICMP has no pseudo-header: a field that is to be filled holds nothing of the message yet.
    if (packet_.offload.checksum_unfilled) return;
    *checksum_ = checksum_update16(*checksum_, before, after);
  }
  Packet& packet_;
  be16* checksum_;
};

// Rewrites one side of the quoted packet: its address, port, and what of its checksums is quoted.
void rewrite_quoted(Packet& packet, bool source_side, uint32_t address, uint16_t port) {
  const Quoted& quoted = *packet.quoted;
  IcmpPatch patch(packet);
  auto& ip = *wire_at<Ipv4Header>(packet.bytes, quoted.offset);
  auto& ports = *wire_at<PortsAndMore>(packet.bytes, quoted.transport_offset);
  be32& address_field = source_side ? ip.source : ip.destination;
  be16& port_field = source_side ? ports.source_port : ports.destination_port;
  const Rewrite change{address_field, address, port_field, port};

  patch.set16(ip.checksum, checksum_update32(ip.checksum, address_field, address));
  patch.set32(address_field, address);
  patch.set16(port_field, port);
  const size_t offset = quoted.protocol == kTcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum);
  if (auto* field = wire_at<be16>(packet.bytes, quoted.transport_offset + offset)) {
    be16 after = *field;
    update_transport_checksum(after, quoted.protocol, false, change);
    patch.set16(*field, after);
  }
}

}  // namespace

void decrement_ttl(Packet& packet) {
  Ipv4Header& ip = ip_of(packet);
  TANDEM_ASSERT(ip.ttl > 1);
  const auto word = [&ip] { return static_cast<uint16_t>((ip.ttl << 8) | ip.protocol); };
  const uint16_t before = word();
  --ip.ttl;
  ip.checksum = checksum_update16(ip.checksum, before, word());
  packet.ttl = ip.ttl;
}

void nat_to_server(Packet& packet, const tandem_recipe& recipe) {
  TANDEM_ASSERT(packet.ports_known);
  Ipv4Header& ip = ip_of(packet);
  auto& ports = *wire_at<PortsAndMore>(packet.bytes, packet.header_length);
  const Rewrite change{ip.destination, recipe.server_address, ports.destination_port, recipe.server_port};
  update_transport_checksum(transport_checksum(packet), packet.protocol, packet.offload.checksum_unfilled, change);
  set_address(ip, ip.destination, recipe.server_address);
  ports.destination_port = recipe.server_port;
  packet.destination = {recipe.server_address};
  packet.destination_port = recipe.server_port;
}

void nat_to_client(Packet& packet, const tandem_recipe& recipe) {
  TANDEM_ASSERT(packet.ports_known);
  Ipv4Header& ip = ip_of(packet);
  auto& ports = *wire_at<PortsAndMore>(packet.bytes, packet.header_length);
  const Rewrite change{ip.source, recipe.virtual_address, ports.source_port, recipe.virtual_port};
  update_transport_checksum(transport_checksum(packet), packet.protocol, packet.offload.checksum_unfilled, change);
  set_address(ip, ip.source, recipe.virtual_address);
  ports.source_port = recipe.virtual_port;
  packet.source = {recipe.virtual_address};
  packet.source_port = recipe.virtual_port;
}

void nat_error_to_server(Packet& packet, const tandem_recipe& recipe) {
  rewrite_quoted(packet, true, recipe.server_address, recipe.server_port);
  Ipv4Header& ip = ip_of(packet);
  set_address(ip, ip.destination, recipe.server_address);
  packet.destination = {recipe.server_address};
}

void nat_error_to_client(Packet& packet, const tandem_recipe& recipe) {
  rewrite_quoted(packet, false, recipe.virtual_address, recipe.virtual_port);
  Ipv4Header& ip = ip_of(packet);
  set_address(ip, ip.source, recipe.virtual_address);
  packet.source = {recipe.virtual_address};
}

}  // namespace tandem::forwarding
