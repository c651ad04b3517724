// CRC32c (Castagnoli), the checksum of SCTP: RFC 9260, 6.8 and appendix A.
#pragma once

#include <cstdint>

#include "daemon/base/bytes.hpp"

namespace tandem {

// Over all of `bytes`. SCTP's checksum field holds it with its least significant byte first.
uint32_t crc32c(Bytes bytes);

// The same as if the four bytes from `field` on were zero: over an SCTP packet, its checksum. REQUIRES: they lie within.
uint32_t crc32c_without(Bytes bytes, size_t field);

// What the CRC of a message becomes another by, xored, when `difference` is xored into bytes of it that `following` more follow:
// a CRC is linear, and the rest of the message does not count. Takes about as long for any number of them.
uint32_t crc32c_difference(Bytes difference, size_t following);

}  // namespace tandem
