// VRRP advertisements: from bytes to a value and back.
//
// This is the only place of the room that sees bytes. decode_ipv4() makes every check of RFC 9568
// section 7.1 in the section's order, after those of the IP header a raw socket hands over with the
// message; what comes out is a value that the machine may believe. Nothing here knows a router, a
// timer or a state.
//
// Versions and families are branches below one value type: `Advert` holds addresses of either
// family, the outer header is parsed apart from the message (ipv4_header.hpp), and the message by
// its version (wire.hpp has one struct per version).
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/result.hpp"
#include "daemon/base/time.hpp"

namespace tandem::vrrp {

inline constexpr uint8_t kVrrpProtocol = 112;                             // RFC 9568, 5.1.1.4
inline constexpr uint8_t kVrrpTtl = 255;                                  // RFC 9568, 5.1.1.3
inline constexpr uint8_t kTrafficClass = 0xc0;                            // CS6, as every router sends
inline constexpr Ipv4Address kMulticastIpv4{0xe0000012};                  // 224.0.0.18, RFC 9568, 5.1.1.2
inline constexpr uint8_t kPriorityOwner = 255;                            // RFC 9568, 5.2.4
inline constexpr uint8_t kPriorityRelease = 0;                            // RFC 9568, 5.2.4
inline constexpr Duration kIntervalUnit = std::chrono::milliseconds(10);  // centiseconds, RFC 9568, 5.2.7
inline constexpr int64_t kMaxIntervalUnits = 4095;                        // 12 bits

// What the checksum of an IPv4 advertisement covers. RFC 9568 section 5.2.8 says the message alone;
// RFC 5798 was read as asking for IPv6's pseudo-header in IPv4 too, and keepalived and FRR send
// that.
enum class ChecksumForm : uint8_t { kMessageOnly, kPseudoHeader };

// An advertisement, of either family.
struct Advert {
  uint8_t vrid = 0;            // 1-255
  uint8_t priority = 0;        // 0: the sender gives up; 255: it owns the addresses
  Duration advert_interval{};  // of the sender; 10 ms - 40.95 s in steps of 10 ms
  IpAddress source;            // the sender's primary address
  IpAddress destination = kMulticastIpv4;
  std::vector<IpAddress> addresses;  // the virtual addresses, in the sender's order; 1-255
  ChecksumForm checksum_form = ChecksumForm::kPseudoHeader;
  bool operator==(const Advert&) const = default;
};

// Why a packet is not an advertisement for us, in the order of the checks.
enum class AdvertError : uint8_t {
  kIpHeader,     // not an IPv4 header, or lengths that do not fit the bytes
  kProtocol,     // not protocol 112
  kFragment,     // adverts are never fragmented; half of one is somebody's trick
  kIpOptions,    // no router sends them; source routes are a way around the TTL check
  kTtl,          // RFC 9568, 7.1: not 255, so it may have come through a router
  kDestination,  // neither the group nor, for unicast, one of our addresses
  kOwnAddress,   // from one of our own addresses: our echo, or an address conflict
  kSource,       // not a host on this link
  kVersion,      // RFC 9568, 7.1
  kType,         // RFC 9568, 7.1
  kLength,       // RFC 9568, 7.1: shorter or longer than its address count says
  kChecksum,     // RFC 9568, 7.1: right by neither form
  kVrid,         // RFC 9568, 7.1: not configured on this interface
  kCount,        // erratum 8299: no address
  kInterval,     // erratum 8301: interval 0
};
inline constexpr size_t kAdvertErrors = 15;

std::string_view text(AdvertError error);

// What the receiving side knows.
struct ReceiveContext {
  std::span<const Prefix> local;  // the interface's own addresses; a source outside their networks is off-link
  std::bitset<256> vrids;         // the virtual routers of this interface and family
};

// The advertisement in `packet`: an IPv4 header and what follows, as a raw socket delivers it
// (total length in network order). Bytes past the IP total length are Ethernet's padding and are
// ignored.
Result<Advert, AdvertError> decode_ipv4(Bytes packet, const ReceiveContext& context);

// The VRID a refused packet seems to be meant for, to count it at that router. No check is made but
// for the length.
std::optional<uint8_t> peek_vrid_ipv4(Bytes packet);

// The VRRP message alone, for a raw socket whose kernel writes the IP header. The checksum has the
// form `advert.checksum_form`. REQUIRES: an IPv4 source and destination, 1-255 IPv4 addresses, an
// interval of 1-4095 whole units, vrid > 0.
std::vector<std::byte> encode_message(const Advert& advert);

// The same with its IPv4 header before it (TTL 255, traffic class 0xc0), for a socket that writes
// its own.
std::vector<std::byte> encode_ipv4(const Advert& advert, uint16_t ip_id = 0, bool dont_fragment = false);

// Which form of checksum to send.
enum class ChecksumPolicy : uint8_t { kAuto, kRfc9568, kRfc5798 };

// kAuto begins with the pseudo-header, because keepalived (2.2.7 has no other way) and FRR refuse
// everything else and would become active beside us, while routers that want the message alone are
// heard sooner or later; then it follows the form of the last valid advertisement.
class ChecksumChooser {
 public:
  void set_policy(ChecksumPolicy policy) { policy_ = policy; }
  void heard(ChecksumForm form) { last_heard_ = form; }
  ChecksumForm form() const;

 private:
  ChecksumPolicy policy_ = ChecksumPolicy::kAuto;
  ChecksumForm last_heard_ = ChecksumForm::kPseudoHeader;
};

}  // namespace tandem::vrrp
