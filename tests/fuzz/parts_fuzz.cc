// Any parts of datagrams in any order: no byte of a datagram is sent on twice, every header that leaves is right, and what waits is
// bounded.
//
// Input: byte 0 bits 0-1 method, bit 2 IPv6; then four bytes for each part:
//   0: bits 0-1 identification, bit 2 more fragments, bit 3 from the server, bit 4 a second passes before it, bit 5 half a minute,
//      bit 6 TCP
//   1: its place in units of eight bytes; 2: its length in these units; 3: bits 0-2 bytes more
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>

#include "daemon/base/checksum.hpp"
#include "forwarding/testing/director.hpp"
#include "forwarding/testing/pieces.hpp"

using namespace tandem;              // NOLINT
using namespace tandem::forwarding;  // NOLINT

namespace {

using forwarding::testing::Director;
using forwarding::testing::Frame;
using forwarding::testing::packet;
using forwarding::testing::PacketBuilder;

struct World : Director {
  explicit World(uint8_t choice) : Director(64), six((choice & 4) != 0) {
    constexpr tandem_method kMethods[] = {TANDEM_NAT, TANDEM_DR, TANDEM_TUN, TANDEM_TUN};
    const tandem_method method = kMethods[choice & 3];
    auto web = forwarding::testing::web(method);
    auto names = forwarding::testing::dns();
    names.method = method;
    if (six) {
      web.vip = names.vip = *IpAddress::parse("2001:db8::10");
      for (ServerSetting& server : web.servers) server.address = *IpAddress::parse("fd00::" + server.name.substr(3));
      names.servers[0].address = *IpAddress::parse("fd00::3");
    }
    apply({web, names});
    for (const Server* server : services.all_servers())
      services.set_next_hop(server->slot, {.ifindex = 1,
                                           .source_mac = {},
                                           .destination_mac = {},
                                           .mtu = (choice & 3) == 3 ? uint16_t{1300} : uint16_t{1500},
                                           .tunnel_source = *IpAddress::parse(six ? "fd00::ff" : "10.0.0.254")});
    pass(10s);
  }

  PacketBuilder part(uint8_t flags, size_t offset, size_t bytes) const {
    const bool from_server = (flags & 8) != 0, more = (flags & 4) != 0, tcp = (flags & 64) != 0;
    PacketBuilder built = packet();
    if (six)
      from_server ? built.ipv6("fd00::3", "2001:db8:c::7") : built.ipv6("2001:db8:c::7", "2001:db8::10");
    else
      from_server ? built.ipv4("10.0.0.3", "192.0.2.7") : built.ipv4("192.0.2.7", "198.51.100.10");
    if (six) {
      built.fragment_header(offset, more, flags & 3);
    } else {
      built.id(flags & 3).at_offset(offset);
      if (more) built.more_fragments();
    }
    if (tcp && !from_server)
      built.tcp(40000, 80).syn();
    else
      from_server ? built.udp(5300, 5353) : built.udp(5353, 53);
    return built.payload(bytes);
  }

  bool six;
};

// The bytes of each datagram that were sent on; since it was last whole or forgotten.
using Sent = std::map<uint32_t, std::set<size_t>>;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 5 || size > 4096) return 0;
  static std::array<std::unique_ptr<World>, 8> worlds;
  std::unique_ptr<World>& known = worlds[data[0] & 7];
  if (!known) known = std::make_unique<World>(data[0]);
  World& world = *known;
  world.pass(40s);
  world.sweep();
  Sent sent;
  int seconds = 0;  // at most 25 without forgetting
  std::map<uint32_t, size_t> ends;
  for (size_t at = 1; at + 4 <= size; at += 4) {
    const uint8_t flags = data[at];
    if ((flags & 16) != 0) world.pass(1s), ++seconds;
    if ((flags & 32) != 0 || seconds == 25) {
      seconds = 0;
      world.pass(31s);
      sent.clear();
      ends.clear();
    }
    if ((flags & 48) != 0) world.sweep();
    Frame frame = world.part(flags, size_t{data[at + 1]} * 8, size_t{data[at + 2]} * 8 + (data[at + 3] & 7)).build();
    const auto parsed = parse(frame.in());
    const uint32_t datagram = (flags & 3u) | (flags & 8u) | (world.six || (flags & 8) != 0 ? 0u : flags & 64u);
    if (parsed && parsed->fragment && !parsed->more_fragments)
      ends[datagram] = parsed->fragment_offset + parsed->bytes.size() - parsed->fragment_begin;
    world.outputs.clear();
    const Verdict verdict = world.engine.handle(frame.in(), world.now, world.outputs);
    if (verdict == Verdict::kNotOurs && !world.outputs.packets().empty()) std::abort();
    for (const OutPacket& out : world.outputs.packets()) {
      if (const auto fault = forwarding::testing::checksum_fault(out.packet, out.offload)) std::abort();
      MutableBytes inner = out.packet;
      const size_t outer = world.six ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
      const auto protocol = static_cast<uint8_t>(inner[world.six ? 6 : 9]);
      if (protocol == kIpInIp || protocol == kIp6InIp) inner = inner.subspan(outer);
      Frame copy = forwarding::testing::frame_of(inner);
      const auto piece = parse(copy.in());
      if (!piece) std::abort();
      // An answer of the director; or what came whole, and was perhaps cut here.
      if (!piece->fragment || !parsed || !parsed->fragment) continue;
      for (size_t byte = 0; byte < piece->bytes.size() - piece->fragment_begin; ++byte)
        if (!sent[datagram].insert(piece->fragment_offset + byte).second) std::abort();
    }
    if (ends.contains(datagram) && sent[datagram].size() == ends[datagram]) sent.erase(datagram), ends.erase(datagram);
    if (world.engine.fragments().held_bytes() > Fragments::kMostHeldBytes) std::abort();
  }
  return 0;
}
