// VRRP advertisements: from bytes to a value and back.
//
// This is the only place of the room that sees bytes. decode_ipv4() and decode_ipv6() make every check of RFC 9568 section
// 7.1 (version 2: RFC 3768 section 7.1) in the section's order, after those of the IP header; what comes out is a value
// that the machine may believe. An IPv4 raw socket hands the header over with the message, an IPv6 one tells what matters
// of it beside the message. Nothing here knows a router, a
// timer or a state.
//
// Versions and families are branches below one value type: `Advert` holds addresses of either
// family, the outer header is parsed apart from the message (ipv4_header.hpp), and the message by
// its version (wire.hpp has one struct per version).
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/result.hpp"
#include "daemon/base/time.hpp"

namespace tandem::vrrp {

inline constexpr uint8_t kVrrpProtocol = 112;             // RFC 9568, 5.1.1.4
inline constexpr uint8_t kVrrpTtl = 255;                  // RFC 9568, 5.1.1.3
inline constexpr uint8_t kTrafficClass = 0xc0;            // CS6, as every router sends
inline constexpr Ipv4Address kMulticastIpv4{0xe0000012};  // 224.0.0.18, RFC 9568, 5.1.1.2
inline constexpr Ipv6Address kMulticastIpv6{              // ff02::12, RFC 9568, 5.1.2.2
                                            {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12}};
inline constexpr uint8_t kPriorityOwner = 255;                            // RFC 9568, 5.2.4
inline constexpr uint8_t kPriorityRelease = 0;                            // RFC 9568, 5.2.4
inline constexpr Duration kIntervalUnit = std::chrono::milliseconds(10);  // centiseconds, RFC 9568, 5.2.7
inline constexpr int64_t kMaxIntervalUnits = 4095;                        // 12 bits

// What the checksum of an IPv4 advertisement covers. RFC 9568 section 5.2.8 says the message alone;
// RFC 5798 was read as asking for IPv6's pseudo-header in IPv4 too, and keepalived and FRR send
// that.
enum class ChecksumForm : uint8_t { kMessageOnly, kPseudoHeader };

enum class Version : uint8_t { kV2 = 2, kV3 = 3 };

// RFC 2338, 5.3.10: a simple text password of version 2, padded with zeros. Everybody on the link can read it.
using Password = std::array<std::byte, 8>;

// An advertisement, of either family and version.
struct Advert {
  uint8_t vrid = 0;            // 1-255
  uint8_t priority = 0;        // 0: the sender gives up; 255: it owns the addresses
  Duration advert_interval{};  // of the sender; 10 ms - 40.95 s in steps of 10 ms; version 2: 1-255 whole seconds
  IpAddress source;            // the sender's primary address
  IpAddress destination = kMulticastIpv4;
  std::vector<IpAddress> addresses;  // the virtual addresses, in the sender's order; 1-255
  // Version 3 in IPv4 alone; IPv6 always has the pseudo-header, version 2 never.
  ChecksumForm checksum_form = ChecksumForm::kPseudoHeader;
  Version version = Version::kV3;
  std::optional<Password> password;  // version 2 alone
  bool operator==(const Advert&) const = default;
};

// Why a packet is not an advertisement for us, in the order of the checks.
enum class AdvertError : uint8_t {
  kIpHeader,          // not an IP header, or lengths that do not fit the bytes
  kProtocol,          // not protocol 112
  kFragment,          // adverts are never fragmented; half of one is somebody's trick
  kIpOptions,         // no router sends them; source routes are a way around the TTL check
  kTtl,               // RFC 9568, 7.1: not 255, so it may have come through a router
  kDestination,       // neither the group nor, for unicast, one of our addresses
  kOwnAddress,        // from one of our own addresses: our echo, or an address conflict
  kSource,            // not a host on this link
  kVersion,           // RFC 9568, 7.1
  kType,              // RFC 9568, 7.1
  kLength,            // RFC 9568, 7.1: shorter or longer than its address count says
  kChecksum,          // RFC 9568, 7.1: right by neither form
  kVrid,              // RFC 9568, 7.1: not configured on this interface
  kCount,             // erratum 8299: no address
  kInterval,          // erratum 8301: interval 0; version 2: another than ours (RFC 3768, 7.1)
  kAuthType,          // version 2: neither none nor a password
  kAuthMismatch,      // version 2: a password where we have none, or none where we have one
  kAuthFailure,       // version 2: another password
  kNotPeer,           // from none of the routers of a unicast list
  kForeignAddresses,  // well formed, and advertises none of our addresses; the machine says this, not the decoder
};
inline constexpr size_t kAdvertErrors = 20;

std::string_view text(AdvertError error);

// What one virtual router accepts.
struct Acceptance {
  Version version = Version::kV3;
  std::optional<Password> password;  // version 2
  Duration advert_interval = 1s;     // version 2: another one is refused
  // Unicast: adverts come from these alone, to our own addresses alone. Empty: to the group alone.
  std::vector<IpAddress> peers;
  // Unicast: keepalived's IPv6 unicast leaves with hop limit 64. What is sent to the group must have 255.
  uint8_t min_ttl = kVrrpTtl;
};

// What the receiving side knows.
struct ReceiveContext {
  std::span<const Prefix> local;  // the interface's own addresses; a source outside their networks is off-link
  std::bitset<256> vrids;         // the virtual routers of this interface and family
  const std::map<uint8_t, Acceptance>* acceptance = nullptr;  // by VRID; what is not there is as Acceptance{} says
};

// The advertisement in `packet`: an IPv4 header and what follows, as a raw socket delivers it
// (total length in network order). Bytes past the IP total length are Ethernet's padding and are
// ignored.
Result<Advert, AdvertError> decode_ipv4(Bytes packet, const ReceiveContext& context);

// What an IPv6 raw socket delivers: the message, and what of its header came as ancillary data.
struct Ipv6Envelope {
  Ipv6Address source;
  Ipv6Address destination;
  uint8_t hop_limit = 0;
  Bytes payload;
};

// The advertisement of an IPv6 packet. Its source must be link-local (RFC 9568, 5.1.2.1) unless it is a unicast peer; the
// checksum is verified here, whatever the kernel did.
Result<Advert, AdvertError> decode_ipv6(const Ipv6Envelope& envelope, const ReceiveContext& context);

// The VRID a refused packet seems to be meant for, to count it at that router. No check is made but
// for the length.
std::optional<uint8_t> peek_vrid_ipv4(Bytes packet);
std::optional<uint8_t> peek_vrid(Bytes message);

// The VRRP message alone, for a raw socket whose kernel writes the IP header. REQUIRES: source, destination and 1-255
// addresses of one family; an interval in the version's range and steps; vrid > 0; version 2: IPv4.
std::vector<std::byte> encode_message(const Advert& advert);

// The same with its IPv4 header before it (TTL 255, traffic class 0xc0), for a socket that writes
// its own.
std::vector<std::byte> encode_ipv4(const Advert& advert, uint16_t ip_id = 0, bool dont_fragment = false);

// The same for IPv6: header and message.
std::vector<std::byte> encode_ipv6(const Advert& advert);

// RFC 9568, 7.3: 00-00-5E-00-01-{VRID} for IPv4, 00-00-5E-00-02-{VRID} for IPv6.
MacAddress virtual_mac(IpAddress::Family family, uint8_t vrid);

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
