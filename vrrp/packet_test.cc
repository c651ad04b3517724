// RFC 9568, sections 5 and 7.1, clause by clause, and the golden bytes of keepalived.
#include "vrrp/packet.hpp"

#include <gmock/gmock.h>

#include <cctype>
#include <string_view>

#include "daemon/base/checksum.hpp"
#include "vrrp/wire.hpp"

namespace tandem::vrrp {
namespace {

using Packet = std::vector<std::byte>;

Packet from_hex(std::string_view hex) {
  Packet bytes;
  int high = -1;
  for (const char c : hex) {
    if (c == ' ') continue;
    const int digit = std::isdigit(static_cast<unsigned char>(c)) != 0 ? c - '0' : c - 'a' + 10;
    if (high >= 0) bytes.push_back(static_cast<std::byte>(high << 4 | digit));
    high = high >= 0 ? -1 : digit;
  }
  return bytes;
}

Ipv4Address ip(std::string_view text) {
  return Ipv4Address::parse(text).value();
}

constexpr size_t kMessage = 20;  // where the message begins behind a plain IP header

// Receives on an interface with 192.0.2.2/24 and the virtual routers 12 and 51.
class PacketDecode : public ::testing::Test {
 protected:
  PacketDecode() {
    context_.local = local_;
    context_.vrids.set(12).set(51);
    context_.vrids.set(0);  // never valid, whatever a shell says
  }

  Result<Advert, AdvertError> decode(Bytes packet) const { return decode_ipv4(packet, context_); }
  AdvertError error_of(Bytes packet) const {
    const auto result = decode(packet);
    EXPECT_FALSE(result.has_value());
    return result ? AdvertError::kIpHeader : result.error();
  }

  // An IP packet around `message`, whose checksum is corrected (message only) unless asked otherwise.
  static Packet around(Packet message, bool correct = true) {
    if (correct && message.size() >= 8) {
      auto* wire = wire_at<wire::AdvertV3>(MutableBytes(message));
      wire->checksum = 0;
      wire->checksum = internet_checksum(message);
    }
    Packet packet = encode_ipv4(
        Advert{.vrid = 1, .advert_interval = 1s, .source = ip("192.0.2.1"), .addresses = {ip("192.0.2.13")}});
    packet.resize(kMessage);
    packet.insert(packet.end(), message.begin(), message.end());
    wire_at<wire::Ipv4Header>(MutableBytes(packet))->total_length = static_cast<uint16_t>(packet.size());
    return packet;
  }
  static wire::Ipv4Header& header(Packet& packet) { return *wire_at<wire::Ipv4Header>(MutableBytes(packet)); }

  static Packet good() { return around(from_hex("310c640100320000 c000020d")); }

  std::vector<Prefix> local_{Prefix::parse("192.0.2.2/24").value()};
  ReceiveContext context_;
};

Advert golden() {
  return {.vrid = 12,
          .priority = 100,
          .advert_interval = 500ms,
          .source = ip("192.0.2.1"),
          .addresses = {ip("192.0.2.13")}};
}

// ---- Section 5: the format ----------------------------------------------------------------------------------------

TEST(PacketEncode, WritesKeepalivedsBytesWithThePseudoHeader) {  // 5.2
  EXPECT_EQ(encode_message(golden()), from_hex("310c640100320622 c000020d"));
}

TEST(PacketEncode, WritesRfc9568sChecksumOverTheMessageAlone) {  // 5.2.8
  Advert advert = golden();
  advert.checksum_form = ChecksumForm::kMessageOnly;
  EXPECT_EQ(encode_message(advert), from_hex("310c64010032a8b2 c000020d"));
}

TEST(PacketEncode, WritesTheIpHeaderOfSection511) {  // TTL 255, protocol 112, group 224.0.0.18; CS6, id and DF as told
  EXPECT_EQ(encode_ipv4(Advert{.vrid = 51,
                               .priority = 150,
                               .advert_interval = 1s,
                               .source = ip("10.99.0.1"),
                               .addresses = {ip("10.99.0.100")}},
                        1),
            from_hex("45c0002000010000ff70d0360a630001e0000012 31339601006442ad0a630064"));
  EXPECT_EQ(encode_ipv4(Advert{.vrid = 51,
                               .priority = 100,
                               .advert_interval = 1s,
                               .source = ip("10.99.0.2"),
                               .addresses = {ip("10.99.0.100")}},
                        0x8398, true),
            from_hex("45c0002083984000ff700c9e0a630002e0000012 31336401006474ac0a630064"));
}

TEST_F(PacketDecode, ReadsBackWhatWasWrittenForEveryCountAndBothForms) {  // 5.2.5, 5.2.9
  for (const ChecksumForm form : {ChecksumForm::kMessageOnly, ChecksumForm::kPseudoHeader}) {
    for (uint32_t count = 1; count <= 255; count += count < 4 ? 1 : 83) {
      Advert advert = golden();
      advert.checksum_form = form;
      advert.addresses.clear();
      for (uint32_t i = 0; i < count; ++i) advert.addresses.emplace_back(Ipv4Address{0xc0000200 + i});
      EXPECT_EQ(decode(encode_ipv4(advert)), advert) << count;
    }
  }
}

TEST_F(PacketDecode, ReadsTheLongestInterval) {  // 5.2.7: 12 bits of centiseconds
  Advert advert = golden();
  advert.advert_interval = 40950ms;
  EXPECT_EQ(decode(encode_ipv4(advert)), advert);
}

TEST_F(PacketDecode, IgnoresTheReservedBits) {  // 5.2.6
  const auto advert = decode(around(from_hex("310c6401f0320000 c000020d")));
  ASSERT_TRUE(advert.has_value());
  EXPECT_EQ(advert->advert_interval, 500ms);
}

TEST_F(PacketDecode, IgnoresPaddingBehindTheIpLength) {  // Ethernet's 46 octets
  Packet packet = good();
  packet.resize(46);
  EXPECT_TRUE(decode(packet).has_value());
}

TEST_F(PacketDecode, SaysWhichChecksumThePeerSends) {  // 5.2.8
  EXPECT_EQ(decode(good())->checksum_form, ChecksumForm::kMessageOnly);
  EXPECT_EQ(decode(around(from_hex("310c640100320622 c000020d"), false))->checksum_form, ChecksumForm::kPseudoHeader);
}

// ---- The IP header a raw socket delivers --------------------------------------------------------------------------

TEST_F(PacketDecode, RefusesWhatIsNoIpv4Header) {
  Packet packet = good();
  for (size_t size = 0; size < kMessage; ++size)
    EXPECT_EQ(error_of(Bytes(packet).first(size)), AdvertError::kIpHeader) << size;
  header(packet).version_ihl = 0x65;
  EXPECT_EQ(error_of(packet), AdvertError::kIpHeader);
  header(packet).version_ihl = 0x44;
  EXPECT_EQ(error_of(packet), AdvertError::kIpHeader);
}

TEST_F(PacketDecode, RefusesATotalLengthThatDoesNotFit) {
  Packet packet = good();
  header(packet).total_length = 33;
  EXPECT_EQ(error_of(packet), AdvertError::kIpHeader);
  header(packet).total_length = 19;
  EXPECT_EQ(error_of(packet), AdvertError::kIpHeader);
}

TEST_F(PacketDecode, RefusesAnotherProtocol) {
  Packet packet = good();
  header(packet).protocol = 51;
  EXPECT_EQ(error_of(packet), AdvertError::kProtocol);
}

TEST_F(PacketDecode, RefusesFragmentsButNotTheDontFragmentBit) {
  Packet packet = good();
  header(packet).flags_offset = 0x2000;
  EXPECT_EQ(error_of(packet), AdvertError::kFragment);
  header(packet).flags_offset = 1;
  EXPECT_EQ(error_of(packet), AdvertError::kFragment);
  header(packet).flags_offset = 0x4000;
  EXPECT_TRUE(decode(packet).has_value());
}

TEST_F(PacketDecode, RefusesIpOptions) {
  Packet packet = good();
  packet.insert(packet.begin() + kMessage, 4, std::byte{1});
  header(packet).version_ihl = 0x46;
  header(packet).total_length = static_cast<uint16_t>(packet.size());
  EXPECT_EQ(error_of(packet), AdvertError::kIpOptions);
}

TEST_F(PacketDecode, RefusesEveryTtlBut255) {  // 7.1: MUST verify that the IPv4 TTL is 255
  Packet packet = good();
  for (int ttl = 0; ttl < 255; ++ttl) {
    header(packet).ttl = static_cast<uint8_t>(ttl);
    EXPECT_EQ(error_of(packet), AdvertError::kTtl) << ttl;
  }
}

TEST_F(PacketDecode, RefusesAnotherDestinationThanTheGroup) {
  Packet packet = good();
  for (const char* destination : {"192.0.2.2", "224.0.0.1", "255.255.255.255"}) {
    header(packet).destination = ip(destination).value;
    EXPECT_EQ(error_of(packet), AdvertError::kDestination) << destination;
  }
}

TEST_F(PacketDecode, RefusesOurOwnAddressAsSource) {
  Packet packet = good();
  header(packet).source = ip("192.0.2.2").value;
  EXPECT_EQ(error_of(packet), AdvertError::kOwnAddress);
}

TEST_F(PacketDecode, RefusesASourceThatIsNoHostOfThisLink) {
  Packet packet = good();
  for (const char* source :
       {"198.51.100.1", "192.0.2.0", "192.0.2.255", "0.0.0.0", "127.0.0.1", "224.0.0.18", "255.255.255.255"}) {
    header(packet).source = ip(source).value;
    EXPECT_EQ(error_of(packet), AdvertError::kSource) << source;
  }
}

TEST_F(PacketDecode, AcceptsBothEndsOfAPointToPointLink) {  // RFC 3021
  local_ = {Prefix::parse("192.0.2.0/31").value()};
  context_.local = local_;
  EXPECT_TRUE(decode(good()).has_value());
}

// ---- Section 7.1, in its order: each packet is wrong in this and in everything checked after it --------------------

TEST_F(PacketDecode, RefusesEveryVersionButThree) {  // MUST verify that the VRRP version is 3
  for (int version = 0; version < 16; ++version) {
    if (version == 3) continue;
    Packet message = from_hex("020000000000ffff");
    message[0] |= static_cast<std::byte>(version << 4);
    EXPECT_EQ(error_of(around(message, false)), AdvertError::kVersion) << version;
  }
}

TEST_F(PacketDecode, RefusesCarpQuietly) {  // the same protocol number and group, version 2, 36 octets
  Packet message(36);
  message[0] = std::byte{0x21};
  EXPECT_EQ(error_of(around(message, false)), AdvertError::kVersion);
}

TEST_F(PacketDecode, RefusesEveryTypeButAdvertisement) {  // 5.2.2: unknown types MUST be discarded
  for (int type = 0; type < 16; ++type) {
    if (type == 1) continue;
    Packet message = from_hex("300000");
    message[0] |= static_cast<std::byte>(type);
    EXPECT_EQ(error_of(around(message)), AdvertError::kType) << type;
  }
}

TEST_F(PacketDecode, RefusesAnIncompleteMessage) {  // MUST verify that the whole packet was received
  const Packet message = from_hex("3100000200000000 c000020d c000020e");
  for (size_t size = 0; size < message.size(); ++size) {
    if (size == 0) continue;
    EXPECT_EQ(error_of(around(Packet(message.begin(), message.begin() + static_cast<ptrdiff_t>(size)), false)),
              AdvertError::kLength)
        << size;
  }
  EXPECT_EQ(error_of(around({}, false)), AdvertError::kLength);
}

TEST_F(PacketDecode, RefusesOctetsBehindTheLastAddress) {
  EXPECT_EQ(error_of(around(from_hex("310c640100320000 c000020d 00"))), AdvertError::kLength);
  EXPECT_EQ(error_of(around(from_hex("310c640100320000 c000020d c000020e"))), AdvertError::kLength);
}

TEST_F(PacketDecode, RefusesAChecksumThatIsRightByNeitherForm) {  // MUST verify the VRRP checksum
  EXPECT_EQ(error_of(around(from_hex("310000010000dead c000020d"), false)), AdvertError::kChecksum);
  EXPECT_EQ(error_of(around(from_hex("310c640100320000 c000020d"), false)), AdvertError::kChecksum);
}

TEST_F(PacketDecode, RefusesAVridThatIsNotConfiguredHere) {  // MUST verify that the VRID is configured
  EXPECT_EQ(error_of(around(from_hex("310d640000000000"))), AdvertError::kVrid);
  EXPECT_EQ(error_of(around(from_hex("3100640000000000"))), AdvertError::kVrid);
}

TEST_F(PacketDecode, RefusesAnAdvertWithoutAddresses) {  // erratum 8299
  EXPECT_EQ(error_of(around(from_hex("310c640000000000"))), AdvertError::kCount);
  EXPECT_EQ(error_of(around(from_hex("310c640000000000 c000020d"))), AdvertError::kCount);
}

TEST_F(PacketDecode, RefusesIntervalZeroAlsoWithReservedBits) {  // erratum 8301
  EXPECT_EQ(error_of(around(from_hex("310c640100000000 c000020d"))), AdvertError::kInterval);
  EXPECT_EQ(error_of(around(from_hex("310c6401f0000000 c000020d"))), AdvertError::kInterval);
}

TEST_F(PacketDecode, PeeksTheVridOfARefusedPacket) {
  Packet packet = good();
  header(packet).ttl = 1;
  EXPECT_EQ(peek_vrid_ipv4(packet), 12);
  EXPECT_EQ(peek_vrid_ipv4(Bytes(packet).first(27)), std::nullopt);
  EXPECT_EQ(peek_vrid_ipv4({}), std::nullopt);
}

TEST(AdvertErrors, EachHasItsOwnWords) {
  for (size_t i = 0; i < kAdvertErrors; ++i) {
    EXPECT_FALSE(text(static_cast<AdvertError>(i)).empty());
    for (size_t j = 0; j < i; ++j) EXPECT_NE(text(static_cast<AdvertError>(i)), text(static_cast<AdvertError>(j)));
  }
}

// ---- The form to send ---------------------------------------------------------------------------------------------

TEST(ChecksumChooser, AutoBeginsWithWhatKeepalivedAcceptsAndFollowsThePeer) {
  ChecksumChooser chooser;
  EXPECT_EQ(chooser.form(), ChecksumForm::kPseudoHeader);
  chooser.heard(ChecksumForm::kMessageOnly);
  EXPECT_EQ(chooser.form(), ChecksumForm::kMessageOnly);
  chooser.heard(ChecksumForm::kPseudoHeader);
  EXPECT_EQ(chooser.form(), ChecksumForm::kPseudoHeader);
}

TEST(ChecksumChooser, AFixedFormStaysWhateverIsHeard) {
  ChecksumChooser chooser;
  chooser.set_policy(ChecksumPolicy::kRfc9568);
  chooser.heard(ChecksumForm::kPseudoHeader);
  EXPECT_EQ(chooser.form(), ChecksumForm::kMessageOnly);
  chooser.set_policy(ChecksumPolicy::kRfc5798);
  chooser.heard(ChecksumForm::kMessageOnly);
  EXPECT_EQ(chooser.form(), ChecksumForm::kPseudoHeader);
}

}  // namespace
}  // namespace tandem::vrrp
