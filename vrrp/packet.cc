#include "vrrp/packet.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "vrrp/ipv4_header.hpp"
#include "vrrp/wire.hpp"

namespace tandem::vrrp {
namespace {

const Acceptance& acceptance_of(std::optional<uint8_t> vrid, const ReceiveContext& context) {
  static const Acceptance kStandard;
  if (!vrid || context.acceptance == nullptr) return kStandard;
  const auto found = context.acceptance->find(*vrid);
  return found == context.acceptance->end() ? kStandard : found->second;
}

bool is_spoken(uint8_t version, const ReceiveContext& context) {
  if (version == wire::kVersion3) return true;
  return version == wire::kVersion2 && context.acceptance != nullptr &&
         std::ranges::any_of(*context.acceptance, [](const auto& each) { return each.second.version == Version::kV2; });
}

void add_address(ChecksumSum& sum, const IpAddress& address) {
  if (address.is_v4())
    sum.add32(address.v4.value);
  else
    sum.add(std::as_bytes(std::span(address.v6.bytes)));
}

// RFC 9568, 5.2.8: the checksum field counts as zero while it is calculated. Summing it in place
// instead must give zero for the whole, so the receiver and the sender share this.
uint16_t checksum_of(Bytes message, ChecksumForm form, const IpAddress& source, const IpAddress& destination) {
  ChecksumSum sum;
  if (form == ChecksumForm::kPseudoHeader) {  // RFC 8200, 8.1, also with IPv4's addresses
    add_address(sum, source);
    add_address(sum, destination);
    sum.add32(static_cast<uint32_t>(message.size()));
    sum.add32(kVrrpProtocol);
  }
  sum.add(message);
  return sum.finish();
}

bool is_right(const Envelope& envelope, ChecksumForm form) {
  return checksum_of(envelope.payload, form, envelope.source, envelope.destination) == 0;
}

std::optional<ChecksumForm> valid_form(const Envelope& envelope) {
  if (is_right(envelope, ChecksumForm::kPseudoHeader)) return ChecksumForm::kPseudoHeader;
  // IPv6 was never in doubt.
  if (envelope.source.is_v4() && is_right(envelope, ChecksumForm::kMessageOnly)) return ChecksumForm::kMessageOnly;
  return std::nullopt;
}

size_t address_bytes(const IpAddress& of_family) {
  return of_family.is_v4() ? sizeof(be32) : sizeof(Ipv6Address::bytes);
}

void read_addresses(Bytes list, Advert& advert) {
  const size_t size = address_bytes(advert.source);
  for (size_t at = 0; at + size <= list.size(); at += size) {
    if (advert.source.is_v4()) {
      advert.addresses.emplace_back(Ipv4Address{wire_at<be32>(list, at)->value()});
    } else {
      Ipv6Address address;
      std::memcpy(address.bytes.data(), list.data() + at, size);
      advert.addresses.emplace_back(address);
    }
  }
}

// RFC 9568, 7.1, for version 3; the order is the section's. Version and type have been checked.
Result<Advert, AdvertError> decode_v3(const Envelope& envelope, const ReceiveContext& context) {
  const Bytes payload = envelope.payload;
  const auto* message = wire_at<wire::AdvertV3>(payload);
  if (message == nullptr) return Failure(AdvertError::kLength);
  // Exactly as long as it says: what trails inside the IP length is not ours to guess at. A message
  // without an address is judged by its count below, whatever follows it.
  const size_t expected = sizeof(*message) + message->count * address_bytes(envelope.source);
  if (message->count > 0 && payload.size() != expected) return Failure(AdvertError::kLength);

  const auto form = valid_form(envelope);
  if (!form) return Failure(AdvertError::kChecksum);
  if (message->vrid == 0 || !context.vrids.test(message->vrid)) return Failure(AdvertError::kVrid);
  if (message->count == 0) return Failure(AdvertError::kCount);
  const uint16_t interval = message->reserved_interval & wire::kIntervalMask;
  if (interval == 0) return Failure(AdvertError::kInterval);

  Advert advert{.vrid = message->vrid,
                .priority = message->priority,
                .advert_interval = interval * kIntervalUnit,
                .source = envelope.source,
                .destination = envelope.destination,
                .checksum_form = *form};
  read_addresses(payload.subspan(sizeof(*message)), advert);
  return advert;
}

// RFC 3768, 7.1, with the passwords of RFC 2338 that people still use.
Result<Advert, AdvertError> decode_v2(const Envelope& envelope, const Acceptance& ours, const ReceiveContext& context) {
  const Bytes payload = envelope.payload;
  const auto* message = wire_at<wire::AdvertV2>(payload);
  if (message == nullptr) return Failure(AdvertError::kLength);
  const size_t list = message->count * sizeof(be32);
  if (message->count > 0 && payload.size() != sizeof(*message) + list + wire::kAuthDataBytes)
    return Failure(AdvertError::kLength);
  if (!is_right(envelope, ChecksumForm::kMessageOnly)) return Failure(AdvertError::kChecksum);
  if (message->vrid == 0 || !context.vrids.test(message->vrid)) return Failure(AdvertError::kVrid);
  if (message->count == 0) return Failure(AdvertError::kCount);

  if (message->auth_type > wire::kAuthPassword) return Failure(AdvertError::kAuthType);
  if ((message->auth_type == wire::kAuthPassword) != ours.password.has_value())
    return Failure(AdvertError::kAuthMismatch);
  Advert advert{.vrid = message->vrid,
                .priority = message->priority,
                .advert_interval = std::chrono::seconds(message->interval),
                .source = envelope.source,
                .destination = envelope.destination,
                .checksum_form = ChecksumForm::kMessageOnly,
                .version = Version::kV2};
  if (ours.password) {
    advert.password.emplace();
    std::memcpy(advert.password->data(), payload.data() + sizeof(*message) + list, wire::kAuthDataBytes);
    if (advert.password != ours.password) return Failure(AdvertError::kAuthFailure);
  }
  if (message->interval == 0 || advert.advert_interval != ours.advert_interval) return Failure(AdvertError::kInterval);
  read_addresses(payload.subspan(sizeof(*message), list), advert);
  return advert;
}

Result<Advert, AdvertError> decode(const Envelope& envelope, const ReceiveContext& context) {
  const std::optional<uint8_t> vrid = peek_vrid(envelope.payload);
  const Acceptance& ours = acceptance_of(vrid, context);
  if (const auto checked = check_envelope(envelope, ours, context); !checked) return Failure(checked.error());
  // Version and type share the first octet, so they can be judged of a message too short for
  // anything else.
  if (envelope.payload.empty()) return Failure(AdvertError::kLength);
  const uint8_t version_type = std::to_integer<uint8_t>(envelope.payload[0]);
  const uint8_t version = version_type >> 4;
  // A router of ours has one version; somebody else's may have any that is spoken here.
  const bool is_ours = vrid && *vrid != 0 && context.vrids.test(*vrid);
  if (is_ours ? version != static_cast<uint8_t>(ours.version) : !is_spoken(version, context))
    return Failure(AdvertError::kVersion);
  if ((version_type & 0xf) != wire::kTypeAdvertisement) return Failure(AdvertError::kType);
  return version == wire::kVersion2 ? decode_v2(envelope, ours, context) : decode_v3(envelope, context);
}

void write_addresses(const Advert& advert, MutableBytes out) {
  size_t at = 0;
  for (const IpAddress& address : advert.addresses) {
    TANDEM_ASSERT(address.is_v4() == advert.source.is_v4());
    if (address.is_v4())
      *wire_at<be32>(out, at) = address.v4.value;
    else
      std::memcpy(out.data() + at, address.v6.bytes.data(), address.v6.bytes.size());
    at += address_bytes(advert.source);
  }
}

void write_v3(const Advert& advert, MutableBytes out) {
  const int64_t units = advert.advert_interval / kIntervalUnit;
  TANDEM_ASSERT(units >= 1 && units <= kMaxIntervalUnits);
  TANDEM_ASSERT(advert.advert_interval % kIntervalUnit == Duration::zero());
  TANDEM_ASSERT(!advert.password);
  auto* message = wire_at<wire::AdvertV3>(out);
  *message = {.version_type = wire::kVersion3 << 4 | wire::kTypeAdvertisement,
              .vrid = advert.vrid,
              .priority = advert.priority,
              .count = static_cast<uint8_t>(advert.addresses.size()),
              .reserved_interval = static_cast<uint16_t>(units),
              .checksum = 0};
  write_addresses(advert, out.subspan(sizeof(*message)));
  const ChecksumForm form = advert.source.is_v4() ? advert.checksum_form : ChecksumForm::kPseudoHeader;
  message->checksum = checksum_of(out, form, advert.source, advert.destination);
}

void write_v2(const Advert& advert, MutableBytes out) {
  const int64_t seconds = advert.advert_interval / 1s;
  TANDEM_ASSERT(seconds >= 1 && seconds <= 255 && advert.advert_interval % 1s == Duration::zero());
  TANDEM_ASSERT(advert.source.is_v4());
  auto* message = wire_at<wire::AdvertV2>(out);
  *message = {.version_type = wire::kVersion2 << 4 | wire::kTypeAdvertisement,
              .vrid = advert.vrid,
              .priority = advert.priority,
              .count = static_cast<uint8_t>(advert.addresses.size()),
              .auth_type = advert.password ? wire::kAuthPassword : wire::kAuthNone,
              .interval = static_cast<uint8_t>(seconds),
              .checksum = 0};
  write_addresses(advert, out.subspan(sizeof(*message)));
  if (advert.password)
    std::memcpy(out.data() + out.size() - wire::kAuthDataBytes, advert.password->data(), wire::kAuthDataBytes);
  message->checksum = checksum_of(out, ChecksumForm::kMessageOnly, advert.source, advert.destination);
}

// `out` is as long as message_size() says, and zero.
void write_message(const Advert& advert, MutableBytes out) {
  TANDEM_ASSERT(advert.vrid > 0);
  TANDEM_ASSERT(advert.source.is_v4() == advert.destination.is_v4());
  if (advert.version == Version::kV2)
    write_v2(advert, out);
  else
    write_v3(advert, out);
}

size_t message_size(const Advert& advert) {
  TANDEM_ASSERT(!advert.addresses.empty() && advert.addresses.size() <= 255);
  const size_t tail = advert.version == Version::kV2 ? wire::kAuthDataBytes : 0;
  return sizeof(wire::AdvertV3) + advert.addresses.size() * address_bytes(advert.source) + tail;
}

}  // namespace

std::string_view text(AdvertError error) {
  static constexpr std::array<std::string_view, kAdvertErrors> kTexts{
      "malformed IP header",
      "not protocol 112",
      "fragment",
      "IP options",
      "TTL is not 255",
      "not sent to the VRRP group",
      "source is one of our own addresses",
      "source is not on this link",
      "wrong version",
      "wrong type",
      "wrong length",
      "wrong checksum",
      "unknown VRID",
      "no address",
      "interval 0, or another than ours",
      "unknown authentication type",
      "authentication on one side only",
      "wrong password",
      "source is not a peer",
      "advertises none of our addresses",
  };
  return kTexts.at(static_cast<size_t>(error));
}

Result<Advert, AdvertError> decode_ipv4(Bytes packet, const ReceiveContext& context) {
  const auto envelope = open_ipv4(packet);
  if (!envelope) return Failure(envelope.error());
  return decode(*envelope, context);
}

Result<Advert, AdvertError> decode_ipv6(const Ipv6Envelope& envelope, const ReceiveContext& context) {
  return decode({.source = envelope.source,
                 .destination = envelope.destination,
                 .ttl = envelope.hop_limit,
                 .payload = envelope.payload},
                context);
}

std::optional<uint8_t> peek_vrid(Bytes message) {
  // Both versions have it in the same place.
  if (message.size() < sizeof(wire::AdvertV3)) return std::nullopt;
  return wire_at<wire::AdvertV3>(message)->vrid;
}

std::optional<uint8_t> peek_vrid_ipv4(Bytes packet) {
  const auto* header = wire_at<wire::Ipv4Header>(packet);
  if (header == nullptr) return std::nullopt;
  const size_t size = size_t{4} * (header->version_ihl & 0xf);
  return size > packet.size() ? std::nullopt : peek_vrid(packet.subspan(size));
}

std::vector<std::byte> encode_message(const Advert& advert) {
  std::vector<std::byte> bytes(message_size(advert));
  write_message(advert, bytes);
  return bytes;
}

std::vector<std::byte> encode_ipv4(const Advert& advert, uint16_t ip_id, bool dont_fragment) {
  const size_t size = message_size(advert);
  std::vector<std::byte> bytes(sizeof(wire::Ipv4Header) + size);
  write_message(advert, MutableBytes(bytes).subspan(sizeof(wire::Ipv4Header)));
  write_ipv4(bytes, size, advert.source.v4, advert.destination.v4, ip_id, dont_fragment);
  return bytes;
}

std::vector<std::byte> encode_ipv6(const Advert& advert) {
  TANDEM_ASSERT(!advert.source.is_v4());
  const size_t size = message_size(advert);
  std::vector<std::byte> bytes(sizeof(wire::Ipv6Header) + size);
  write_message(advert, MutableBytes(bytes).subspan(sizeof(wire::Ipv6Header)));
  *wire_at<wire::Ipv6Header>(MutableBytes(bytes)) = {.version_class_flow = 0x60000000 | uint32_t{kTrafficClass} << 20,
                                                     .payload_length = static_cast<uint16_t>(size),
                                                     .next_header = kVrrpProtocol,
                                                     .hop_limit = kVrrpTtl,
                                                     .source = advert.source.v6,
                                                     .destination = advert.destination.v6};
  return bytes;
}

MacAddress virtual_mac(IpAddress::Family family, uint8_t vrid) {
  return {{0x00, 0x00, 0x5e, 0x00, static_cast<uint8_t>(family == IpAddress::Family::kIpv4 ? 1 : 2), vrid}};
}

ChecksumForm ChecksumChooser::form() const {
  switch (policy_) {
    case ChecksumPolicy::kRfc9568:
      return ChecksumForm::kMessageOnly;
    case ChecksumPolicy::kRfc5798:
      return ChecksumForm::kPseudoHeader;
    case ChecksumPolicy::kAuto:
      break;
  }
  return last_heard_;
}

}  // namespace tandem::vrrp
