// decode_ipv4() and decode_ipv6() over any bytes, by routers of every kind: version 3 and 2, with a password, by unicast.
// What they accept must be an advert in every point section 7.1 asks for, and must come back the same after it was written
// again.
#include <cstdint>

#include "daemon/base/assert.hpp"
#include "vrrp/packet.hpp"

namespace {

using namespace tandem;
using namespace tandem::vrrp;

constexpr Password kPassword{std::byte{'s'}, std::byte{'3'}, std::byte{'c'}};

// The VRIDs' last two bits choose what is accepted.
const std::map<uint8_t, Acceptance>& acceptances() {
  static const std::map<uint8_t, Acceptance> all = [] {
    std::map<uint8_t, Acceptance> made;
    for (int vrid = 1; vrid < 256; ++vrid) {
      Acceptance& each = made[static_cast<uint8_t>(vrid)];
      if ((vrid & 3) == 1) each.version = Version::kV2;
      if ((vrid & 3) == 2) each = {.version = Version::kV2, .password = kPassword};
      if ((vrid & 3) == 0) {
        each.peers = {IpAddress::parse("10.99.0.9").value(), IpAddress::parse("2001:db8::9").value()};
        each.min_ttl = 64;
      }
    }
    return made;
  }();
  return all;
}

void check(const Result<Advert, AdvertError>& advert) {
  if (!advert) {
    TANDEM_ASSERT(!text(advert.error()).empty());
    return;
  }
  TANDEM_ASSERT(advert->vrid > 0);
  TANDEM_ASSERT(!advert->addresses.empty() && advert->addresses.size() <= 255);
  TANDEM_ASSERT(advert->advert_interval >= kIntervalUnit);
  if (advert->version == Version::kV3) {
    TANDEM_ASSERT(advert->advert_interval <= kMaxIntervalUnits * kIntervalUnit);
  } else {
    TANDEM_ASSERT(advert->source.is_v4());
    TANDEM_ASSERT(advert->advert_interval == std::chrono::seconds(1));
  }
}

void receive_ipv4(Bytes packet, const ReceiveContext& context) {
  (void)peek_vrid_ipv4(packet);
  const auto advert = decode_ipv4(packet, context);
  check(advert);
  if (!advert) return;
  TANDEM_ASSERT(peek_vrid_ipv4(packet) == advert->vrid);
  TANDEM_ASSERT(decode_ipv4(encode_ipv4(*advert), context) == advert);
}

void receive_ipv6(Bytes message, const ReceiveContext& context) {
  const bool unicast = message.size() % 2 == 0;
  Ipv6Envelope envelope{.source = Ipv6Address::parse(unicast ? "2001:db8::9" : "fe80::9").value(),
                        .destination = unicast ? Ipv6Address::parse("2001:db8::77").value() : kMulticastIpv6,
                        .hop_limit = 255,
                        .payload = message};
  const auto advert = decode_ipv6(envelope, context);
  check(advert);
  if (!advert) return;
  const std::vector<std::byte> again = encode_message(*advert);
  envelope.payload = again;
  TANDEM_ASSERT(decode_ipv6(envelope, context) == advert);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::array<Prefix, 2> local{Prefix::parse("10.99.0.77/24").value(),
                                           Prefix::parse("2001:db8::77/64").value()};
  ReceiveContext plain{.local = local};
  plain.vrids.set();
  ReceiveContext mixed = plain;
  mixed.acceptance = &acceptances();

  const Bytes bytes = std::as_bytes(std::span(data, size));
  for (const ReceiveContext* context : {&plain, &mixed}) {
    receive_ipv4(bytes, *context);
    receive_ipv6(bytes, *context);
    if (bytes.size() > 20) receive_ipv6(bytes.subspan(20), *context);
  }
  return 0;
}
