#include "vrrp/packet.hpp"

#include <array>
#include <cstring>

#include "daemon/base/assert.hpp"
#include "daemon/base/checksum.hpp"
#include "vrrp/ipv4_header.hpp"
#include "vrrp/wire.hpp"

namespace tandem::vrrp {
namespace {

// RFC 9568, 5.2.8: the checksum field counts as zero while it is calculated. Summing it in place
// instead must give zero for the whole, so the receiver and the sender share this.
uint16_t checksum_of(Bytes message, ChecksumForm form, Ipv4Address source, Ipv4Address destination) {
  ChecksumSum sum;
  if (form == ChecksumForm::kPseudoHeader) {  // RFC 8200, 8.1, with IPv4's addresses
    sum.add32(source.value);
    sum.add32(destination.value);
    sum.add32(static_cast<uint32_t>(message.size()));
    sum.add32(kVrrpProtocol);
  }
  sum.add(message);
  return sum.finish();
}

std::optional<ChecksumForm> valid_form(const Ipv4Envelope& envelope) {
  for (const ChecksumForm form : {ChecksumForm::kPseudoHeader, ChecksumForm::kMessageOnly})
    if (checksum_of(envelope.payload, form, envelope.source, envelope.destination) == 0) return form;
  return std::nullopt;
}

// RFC 9568, 7.1, for version 3 in IPv4; the order is the section's.
Result<Advert, AdvertError> decode_v3(const Ipv4Envelope& envelope, const ReceiveContext& context) {
  const Bytes payload = envelope.payload;
  // Version and type share the first octet, so they can be judged of a message too short for
  // anything else.
  if (payload.empty()) return Failure(AdvertError::kLength);
  const uint8_t version_type = std::to_integer<uint8_t>(payload[0]);
  if (version_type >> 4 != wire::kVersion3) return Failure(AdvertError::kVersion);
  if ((version_type & 0xf) != wire::kTypeAdvertisement) return Failure(AdvertError::kType);

  const auto* message = wire_at<wire::AdvertV3>(payload);
  if (message == nullptr) return Failure(AdvertError::kLength);
  // Exactly as long as it says: what trails inside the IP length is not ours to guess at. A message
  // without an address is judged by its count below, whatever follows it.
  const size_t expected = sizeof(*message) + message->count * sizeof(be32);
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
  advert.addresses.reserve(message->count);
  for (size_t at = sizeof(*message); at < payload.size(); at += sizeof(be32))
    advert.addresses.emplace_back(Ipv4Address{wire_at<be32>(payload, at)->value()});
  return advert;
}

void write_message(const Advert& advert, MutableBytes out) {
  const int64_t units = advert.advert_interval / kIntervalUnit;
  TANDEM_ASSERT(advert.vrid > 0);
  TANDEM_ASSERT(units >= 1 && units <= kMaxIntervalUnits);
  TANDEM_ASSERT(advert.advert_interval % kIntervalUnit == Duration::zero());
  TANDEM_ASSERT(advert.source.is_v4() && advert.destination.is_v4());

  auto* message = wire_at<wire::AdvertV3>(out);
  *message = {.version_type = wire::kVersion3 << 4 | wire::kTypeAdvertisement,
              .vrid = advert.vrid,
              .priority = advert.priority,
              .count = static_cast<uint8_t>(advert.addresses.size()),
              .reserved_interval = static_cast<uint16_t>(units),
              .checksum = 0};
  size_t at = sizeof(*message);
  for (const IpAddress& address : advert.addresses) {
    TANDEM_ASSERT(address.is_v4());
    *wire_at<be32>(out, at) = address.v4.value;
    at += sizeof(be32);
  }
  message->checksum = checksum_of(out, advert.checksum_form, advert.source.v4, advert.destination.v4);
}

size_t message_size(const Advert& advert) {
  TANDEM_ASSERT(!advert.addresses.empty() && advert.addresses.size() <= 255);
  return sizeof(wire::AdvertV3) + advert.addresses.size() * sizeof(be32);
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
      "interval 0",
  };
  return kTexts.at(static_cast<size_t>(error));
}

Result<Advert, AdvertError> decode_ipv4(Bytes packet, const ReceiveContext& context) {
  const auto envelope = open_ipv4(packet);
  if (!envelope) return Failure(envelope.error());
  if (const auto checked = check_ipv4(*envelope, context); !checked) return Failure(checked.error());
  return decode_v3(*envelope, context);
}

std::optional<uint8_t> peek_vrid_ipv4(Bytes packet) {
  const auto* header = wire_at<wire::Ipv4Header>(packet);
  if (header == nullptr) return std::nullopt;
  const auto* message = wire_at<wire::AdvertV3>(packet, size_t{4} * (header->version_ihl & 0xf));
  if (message == nullptr) return std::nullopt;
  return message->vrid;
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
