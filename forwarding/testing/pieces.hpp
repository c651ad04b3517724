// Datagrams taken apart and put together again, for tests of what goes on in between.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "forwarding/testing/packet_builder.hpp"

namespace tandem::forwarding::testing {

// The packet as parts of at most `size` bytes each behind the IP header, the first part first. REQUIRES: `size` is a multiple of 8; of
// IPv6 no extension headers.
std::vector<Frame> in_pieces(const Frame& whole, size_t size, uint32_t identification = 77);

// The packet that its receiver makes of the parts, in whatever order; nothing when one is missing, or two overlap.
std::optional<Frame> put_together(std::vector<Frame> parts);

}  // namespace tandem::forwarding::testing
