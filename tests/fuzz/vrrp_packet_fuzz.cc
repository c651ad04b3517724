// decode_ipv4() over any bytes. What it accepts must be an advert in every point section 7.1 asks for, and must come
// back the same after it was written again.
#include <cstdint>

#include "daemon/base/assert.hpp"
#include "vrrp/packet.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tandem;
  using namespace tandem::vrrp;
  static const Prefix local = Prefix::parse("10.99.0.77/24").value();
  ReceiveContext context{.local = {&local, 1}};
  context.vrids.set();

  const Bytes packet = std::as_bytes(std::span(data, size));
  (void)peek_vrid_ipv4(packet);
  const auto advert = decode_ipv4(packet, context);
  if (!advert) {
    TANDEM_ASSERT(!text(advert.error()).empty());
    return 0;
  }
  TANDEM_ASSERT(advert->vrid > 0 && peek_vrid_ipv4(packet) == advert->vrid);
  TANDEM_ASSERT(!advert->addresses.empty() && advert->addresses.size() <= 255);
  TANDEM_ASSERT(advert->advert_interval >= kIntervalUnit);
  TANDEM_ASSERT(advert->advert_interval <= kMaxIntervalUnits * kIntervalUnit);
  TANDEM_ASSERT(decode_ipv4(encode_ipv4(*advert), context) == advert);
  return 0;
}
