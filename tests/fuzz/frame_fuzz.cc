// Any bytes as a frame: nothing is read or written outside of it, and a packet that came with right
// checksums leaves with right checksums, whatever was done to it.
//
// Input: byte 0 bit 7 the IPv4 header's checksum as it is, bits 0-1 method, bit 2 checksum unfilled, bit 3 super-packet, bits
// 4-5 the size of the way to the server, bit 6 GRE (method 2) or GUE (method 3); bytes 1-2 size of the segments; then the IP packet.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "daemon/base/checksum.hpp"
#include "forwarding/testing/director.hpp"

using namespace tandem;              // NOLINT
using namespace tandem::forwarding;  // NOLINT

namespace {

using forwarding::testing::Director;
using forwarding::testing::Frame;

// A site with one flow of each protocol, so that the corpus' packets meet known flows.
struct World : Director {
  explicit World(uint8_t choice) : Director(64) {
    constexpr tandem_method kMethods[] = {TANDEM_NAT, TANDEM_DR, TANDEM_TUN, TANDEM_TUN};
    constexpr uint16_t kSizes[] = {0, 1500, 576, 68};
    auto service = forwarding::testing::web(kMethods[choice & 3]);
    auto names = forwarding::testing::dns();
    names.method = kMethods[choice & 3];
    // And, on an address of its own, one with ranges, persistence and servers of the client's port.
    ServiceSetting wide = service;
    wide.name = "wide";
    wide.vip = forwarding::testing::ip("198.51.100.11");
    wide.port = 8000, wide.last_port = 8100;
    wide.other_fronts = {{wide.vip, 1, 65535}, {forwarding::testing::ip("198.51.100.12"), 443, 443}};
    wide.persistence.timeout = 300s;
    for (ServerSetting& server : wide.servers) server.port = 0;
    // And the first two again for IPv6, of which the tunnel's ends are of either family.
    ServiceSetting service6 = service, names6 = names;
    service6.name = "web6", names6.name = "dns6";
    service6.vip = names6.vip = *IpAddress::parse("2001:db8::10");
    for (ServerSetting& server : service6.servers) server.address = *IpAddress::parse("fd00::" + server.name.substr(3));
    names6.servers[0].address = *IpAddress::parse("fd00::3");
    if ((choice & 3) == 3) service6.servers[0].address = forwarding::testing::ip("10.0.0.9");
    const bool gre = (choice & 3) == 2;
    const TunnelSetting tunnel{.type = (choice & 0x40) == 0 ? TANDEM_IPIP
                                       : gre                ? TANDEM_GRE
                                                            : TANDEM_GUE,
                               .checksum = gre};
    for (ServiceSetting* each : {&service, &names, &wide, &service6, &names6})
      for (ServerSetting& server : each->servers) server.tunnel = tunnel;
    apply({service, names, wide, service6, names6});
    for (const Server* server : services.all_servers())
      services.set_next_hop(server->slot,
                            {.ifindex = 1,
                             .mtu = kSizes[choice >> 4 & 3],
                             .tunnel_source = *IpAddress::parse(server->address.is_v4() ? "10.0.0.254" : "fd00::ff")});
  }

  // The same flows again for every input.
  void begin_again() {
    flows.scan(0, flows.slots(), [this](const Flow& flow) { flows.remove(flow); });
    pass(10s);  // past the grace; and the answers' buckets fill
    send(forwarding::testing::from_client().syn());
    send(forwarding::testing::packet().ipv4("192.0.2.7", "198.51.100.10").udp(5353, 53));
    send(forwarding::testing::packet().ipv4("192.0.2.7", "198.51.100.11").tcp(40000, 8042).syn());
    send(forwarding::testing::packet().ipv6("2001:db8:c::7", "2001:db8::10").tcp(40000, 80).syn());
    send(forwarding::testing::packet().ipv6("2001:db8:c::7", "2001:db8::10").udp(5353, 53));
  }
};

// Checksums that forwarding is answerable for: those of a whole TCP or ICMP packet. UDP whose length
// is not the packet's is passed on as it came.
bool is_right6(Frame frame, const Offload& offload) {
  const auto packet = parse(frame.in());
  if (!packet || packet->fragment || packet->bytes.size() != frame.length) return false;
  if (packet->protocol == kUdp) {
    const auto* udp = wire_at<UdpHeader>(Bytes(packet->bytes), packet->header_length);
    if (packet->header_length + udp->length != frame.length) return false;
  } else if (packet->protocol != kTcp && (packet->protocol != kIcmp6 || offload.checksum_unfilled)) {
    return false;
  }
  return !forwarding::testing::checksum_fault(frame.ip(), offload);
}

bool is_right(const Frame& frame, const Offload& offload) {
  const Bytes packet = frame.ip();
  if (!packet.empty() && static_cast<uint8_t>(packet[0]) >> 4 == 6) return is_right6(frame, offload);
  const auto* ip = wire_at<Ipv4Header>(packet);
  if (ip == nullptr || ip->version() != 4 || ip->header_length() < sizeof(*ip)) return false;
  if (ip->header_length() > packet.size()) return false;
  if (ip->protocol == kUdp) {
    const auto* udp = wire_at<UdpHeader>(packet, ip->header_length());
    if (udp == nullptr || ip->header_length() + udp->length != packet.size()) return false;
  } else if (ip->protocol != kTcp && (ip->protocol != kIcmp || offload.checksum_unfilled)) {
    return false;
  }
  if (ip->protocol == kIcmp) {
    const auto* quoted = wire_at<Ipv4Header>(packet, ip->header_length() + sizeof(IcmpHeader));
    if (quoted == nullptr || quoted->header_length() < sizeof(*quoted) ||
        ip->header_length() + sizeof(IcmpHeader) + quoted->header_length() > packet.size())
      return false;
  }
  return !forwarding::testing::checksum_fault(packet, offload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3 || size > 70'000) return 0;
  // Made once for each choice: a world has room for 65536 servers.
  static std::array<std::unique_ptr<World>, 256> worlds;
  std::unique_ptr<World>& known = worlds[data[0] & 0x73];
  if (!known) known = std::make_unique<World>(data[0]);
  World& world = *known;
  world.begin_again();
  // A buffer of exactly the frame's size: one byte too far is seen.
  Frame frame = forwarding::testing::frame_of(std::as_bytes(std::span<const uint8_t>(data + 3, size - 3)));
  // Nobody gets past a wrong checksum by chance: every second input is given a right one.
  if (auto* ip = wire_at<Ipv4Header>(frame.ip()); ip != nullptr && (data[0] & 0x80) == 0) {
    const size_t length = std::min(ip->header_length(), frame.length);
    ip->checksum = 0;
    ip->checksum = internet_checksum(frame.ip().first(length));
  }
  if (const auto* ip = wire_at<Ipv4Header>(frame.ip()); ip != nullptr) {
    frame.offload.checksum_unfilled = (data[0] & 4) != 0;
    frame.offload.checksum_start = static_cast<uint16_t>(ip->header_length());
    frame.offload.checksum_offset = ip->protocol == kTcp ? 16 : 6;
    if ((data[0] & 8) != 0) {
      frame.offload.gso_type = ip->protocol == kTcp ? Offload::kTcp4 : Offload::kUdpSegments;
      frame.offload.gso_size = static_cast<uint16_t>(data[1] << 8 | data[2]);
    }
  }
  if (const auto* ip = wire_at<Ipv6Header>(frame.ip()); ip != nullptr && ip->version() == 6) {
    const bool tcp = ip->next_header == kTcp;
    frame.offload.checksum_start = sizeof(Ipv6Header);
    frame.offload.checksum_offset = tcp ? 16 : 6;
    if ((data[0] & 8) != 0) frame.offload.gso_type = tcp ? Offload::kTcp6 : Offload::kUdpSegments;
  }
  const bool came_right = is_right(frame, frame.offload);
  const std::vector<std::byte> before = frame.buffer;
  world.outputs.clear();
  const Verdict verdict = world.engine.handle(frame.in(), world.now, world.outputs);
  if (verdict == Verdict::kNotOurs && (frame.buffer != before || !world.outputs.packets().empty())) std::abort();
  for (const OutPacket& out : world.outputs.packets()) {
    if (!came_right) continue;
    if (const auto fault = forwarding::testing::checksum_fault(out.packet, out.offload)) {
      std::fprintf(stderr, "%s: %s\n", fault->c_str(), forwarding::testing::text_of(out.packet).c_str());
      std::abort();
    }
  }
  return 0;
}
