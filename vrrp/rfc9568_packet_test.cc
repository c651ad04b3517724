// RFC 9568, sections 5 and 7: one test for each thing the RFC demands of a packet, in its order. packet_test.cc and
// packet_pcap_test.cc go on from here: every malformed frame, and what other routers really send.
#include <gmock/gmock.h>

#include "daemon/base/checksum.hpp"
#include "vrrp/packet.hpp"
#include "vrrp/wire.hpp"

namespace tandem::vrrp {
namespace {

using Packet = std::vector<std::byte>;

constexpr size_t kIpv4Header = 20;
constexpr size_t kIpv6Header = 40;

class Rfc9568Packet : public ::testing::Test {
 protected:
  static Advert ipv4() {
    return {.vrid = 12,
            .priority = 100,
            .advert_interval = 1s,
            .source = Ipv4Address::parse("192.0.2.1").value(),
            .addresses = {Ipv4Address::parse("192.0.2.13").value()}};
  }
  static Advert ipv6() {
    return {.vrid = 12,
            .priority = 100,
            .advert_interval = 1s,
            .source = Ipv6Address::parse("fe80::1").value(),
            .destination = kMulticastIpv6,
            .addresses = {Ipv6Address::parse("fe80::13").value(), Ipv6Address::parse("2001:db8::13").value()}};
  }

  static wire::Ipv4Header header(Bytes packet) { return *wire_at<wire::Ipv4Header>(packet); }
  static wire::Ipv6Header header6(Bytes packet) { return *wire_at<wire::Ipv6Header>(packet); }
  static wire::AdvertV3 message(Bytes packet, size_t at = kIpv4Header) {
    return *wire_at<wire::AdvertV3>(packet.subspan(at));
  }

  // What a router with 192.0.2.2/24, fe80::2/64 and VRID 12 makes of it; nothing: it is believed.
  std::optional<AdvertError> refusal(Bytes packet) const {
    const auto advert = decode_ipv4(packet, context_);
    return advert ? std::nullopt : std::optional(advert.error());
  }
  std::optional<AdvertError> refusal6(Bytes packet) const {
    const wire::Ipv6Header ip = header6(packet);
    const auto advert = decode_ipv6({ip.source, ip.destination, ip.hop_limit, packet.subspan(kIpv6Header)}, context_);
    return advert ? std::nullopt : std::optional(advert.error());
  }

  // An advertisement that is well but for what `change` does to its message; the checksum is put right again.
  template <class Change>
  static Packet changed(const Change& change) {
    Packet packet = encode_ipv4(ipv4());
    const MutableBytes bytes = MutableBytes(packet).subspan(kIpv4Header);
    auto& message = *wire_at<wire::AdvertV3>(bytes);
    change(message);
    message.checksum = 0;
    message.checksum = internet_checksum(bytes);
    return packet;
  }
  template <class Change>
  static Packet with_header(const Change& change) {
    Packet packet = encode_ipv4(ipv4());
    auto& ip = *wire_at<wire::Ipv4Header>(MutableBytes(packet));
    change(ip);
    ip.checksum = 0;
    ip.checksum = internet_checksum(Bytes(packet).first(kIpv4Header));
    return packet;
  }

  std::vector<Prefix> local_{Prefix::parse("192.0.2.2/24").value(), Prefix::parse("fe80::2/64").value()};
  ReceiveContext context_{.local = local_, .vrids = std::bitset<256>().set(12)};
};

// ---- 5.1 VRRP packet format: the IP header -------------------------------------------------------------------------

TEST_F(Rfc9568Packet, S5_1_1_1_TheIpv4SourceIsThePrimaryAddressOfTheInterface) {
  EXPECT_EQ(IpAddress(Ipv4Address{header(encode_ipv4(ipv4())).source}), ipv4().source);
}

TEST_F(Rfc9568Packet, S5_1_1_2_TheIpv4DestinationIsTheGroup224_0_0_18) {
  EXPECT_EQ(header(encode_ipv4(ipv4())).destination, 0xe0000012U);
}

TEST_F(Rfc9568Packet, S5_1_1_3_TheTtlIsSentAs255AndAnyOtherIsDiscarded) {
  EXPECT_EQ(header(encode_ipv4(ipv4())).ttl, 255);
  EXPECT_EQ(refusal(with_header([](auto& ip) { ip.ttl = 254; })), AdvertError::kTtl);
  EXPECT_EQ(refusal(with_header([](auto& ip) { ip.ttl = 255; })), std::nullopt);
}

TEST_F(Rfc9568Packet, S5_1_1_4_TheProtocolIs112) {
  EXPECT_EQ(header(encode_ipv4(ipv4())).protocol, 112);
  EXPECT_EQ(refusal(with_header([](auto& ip) { ip.protocol = 17; })), AdvertError::kProtocol);
}

TEST_F(Rfc9568Packet, S5_1_2_1_TheIpv6SourceIsTheLinkLocalAddressOfTheInterface) {
  EXPECT_EQ(IpAddress(header6(encode_ipv6(ipv6())).source), ipv6().source);
  Advert global = ipv6();
  global.source = Ipv6Address::parse("2001:db8::1").value();
  EXPECT_EQ(refusal6(encode_ipv6(global)), AdvertError::kSource);
}

TEST_F(Rfc9568Packet, S5_1_2_2_TheIpv6DestinationIsTheGroupFf02_12) {
  EXPECT_EQ(IpAddress(header6(encode_ipv6(ipv6())).destination), IpAddress::parse("ff02::12"));
}

TEST_F(Rfc9568Packet, S5_1_2_3_TheHopLimitIsSentAs255AndAnyOtherIsDiscarded) {
  Packet packet = encode_ipv6(ipv6());
  EXPECT_EQ(header6(packet).hop_limit, 255);
  EXPECT_EQ(refusal6(packet), std::nullopt);
  wire_at<wire::Ipv6Header>(MutableBytes(packet))->hop_limit = 254;
  EXPECT_EQ(refusal6(packet), AdvertError::kTtl);
}

TEST_F(Rfc9568Packet, S5_1_2_4_TheNextHeaderIs112) {
  EXPECT_EQ(header6(encode_ipv6(ipv6())).next_header, 112);
}

// ---- 5.2 VRRP field descriptions -----------------------------------------------------------------------------------

TEST_F(Rfc9568Packet, S5_2_1_TheVersionIs3) {
  EXPECT_EQ(message(encode_ipv4(ipv4())).version_type >> 4, 3);
}

TEST_F(Rfc9568Packet, S5_2_2_TheTypeIs1AndAnUnknownOneIsDiscarded) {
  EXPECT_EQ(message(encode_ipv4(ipv4())).version_type & 0xf, 1);
  for (uint8_t type = 0; type < 16; ++type)
    EXPECT_EQ(refusal(changed([&](auto& each) { each.version_type = static_cast<uint8_t>(0x30 | type); })),
              type == 1 ? std::nullopt : std::optional(AdvertError::kType));
}

TEST_F(Rfc9568Packet, S5_2_3_TheVridIsTheRoutersOwn) {
  EXPECT_EQ(message(encode_ipv4(ipv4())).vrid, 12);
  EXPECT_EQ(refusal(changed([](auto& each) { each.vrid = 0; })), AdvertError::kVrid) << "1-255";
}

TEST_F(Rfc9568Packet, S5_2_4_ThePriorityGoesAsItIsZeroAndOwnerToo) {
  for (const uint8_t priority : std::initializer_list<uint8_t>{0, 1, 100, 254, 255}) {
    Advert advert = ipv4();
    advert.priority = priority;
    const Packet packet = encode_ipv4(advert);
    EXPECT_EQ(message(packet).priority, priority);
    EXPECT_EQ(decode_ipv4(packet, context_)->priority, priority);
  }
}

TEST_F(Rfc9568Packet, S5_2_5_TheCountIsThatOfTheAddressesAndAnAdvertWithoutAnyIsIgnored) {
  EXPECT_EQ(message(encode_ipv4(ipv4())).count, 1);
  EXPECT_EQ(message(encode_ipv6(ipv6()), kIpv6Header).count, 2);
  Packet empty = encode_ipv4(ipv4());
  empty.resize(kIpv4Header + sizeof(wire::AdvertV3));
  auto& ip = *wire_at<wire::Ipv4Header>(MutableBytes(empty));
  ip.total_length = static_cast<uint16_t>(empty.size());
  const MutableBytes bytes = MutableBytes(empty).subspan(kIpv4Header);
  auto& what = *wire_at<wire::AdvertV3>(bytes);
  what.count = 0;
  what.checksum = 0;
  what.checksum = internet_checksum(bytes);
  EXPECT_EQ(refusal(empty), AdvertError::kCount) << "erratum 8299";
}

TEST_F(Rfc9568Packet, S5_2_6_TheReservedBitsAreSentAsZeroAndIgnored) {
  EXPECT_EQ(message(encode_ipv4(ipv4())).reserved_interval >> 12, 0);
  const Packet odd = changed([](auto& each) { each.reserved_interval = 0xf000 | 100; });
  EXPECT_EQ(decode_ipv4(odd, context_)->advert_interval, 1s);
}

TEST_F(Rfc9568Packet, S5_2_7_TheMaxAdvertiseIntervalIsInCentisecondsUpTo4095) {
  EXPECT_EQ(message(encode_ipv4(ipv4())).reserved_interval, 100);
  Advert slow = ipv4();
  slow.advert_interval = 40950ms;
  EXPECT_EQ(message(encode_ipv4(slow)).reserved_interval, 4095);
  EXPECT_EQ(refusal(changed([](auto& each) { each.reserved_interval = 0; })), AdvertError::kInterval) << "erratum 8301";
}

TEST_F(Rfc9568Packet, S5_2_8_TheIpv4ChecksumMayCoverTheMessageAlone) {
  Advert advert = ipv4();
  advert.checksum_form = ChecksumForm::kMessageOnly;
  const Packet packet = encode_ipv4(advert);
  EXPECT_EQ(internet_checksum(Bytes(packet).subspan(kIpv4Header)), 0);
  EXPECT_EQ(refusal(packet), std::nullopt);
}

TEST_F(Rfc9568Packet, S5_2_8_TheIpv6ChecksumCoversThePseudoHeader) {
  Packet packet = encode_ipv6(ipv6());
  EXPECT_NE(internet_checksum(Bytes(packet).subspan(kIpv6Header)), 0);
  EXPECT_EQ(refusal6(packet), std::nullopt);
  wire_at<wire::Ipv6Header>(MutableBytes(packet))->source = Ipv6Address::parse("fe80::9").value();
  EXPECT_EQ(refusal6(packet), AdvertError::kChecksum) << "another source, another sum";
}

TEST_F(Rfc9568Packet, S5_2_9_TheAddressesFollowInTheirOrderTheLinkLocalOneFirst) {
  const Packet packet = encode_ipv6(ipv6());
  ASSERT_EQ(packet.size(), kIpv6Header + sizeof(wire::AdvertV3) + 2 * sizeof(Ipv6Address));
  EXPECT_EQ(IpAddress(*wire_at<Ipv6Address>(Bytes(packet).subspan(kIpv6Header + sizeof(wire::AdvertV3)))),
            ipv6().addresses[0]);
}

// ---- 7.1 Receiving VRRP packets, each MUST in its order ------------------------------------------------------------

TEST_F(Rfc9568Packet, S7_1_MustVerifyThatTheTtlIs255) {
  for (int ttl = 0; ttl < 255; ++ttl)
    EXPECT_EQ(refusal(with_header([&](auto& ip) { ip.ttl = static_cast<uint8_t>(ttl); })), AdvertError::kTtl);
}

TEST_F(Rfc9568Packet, S7_1_MustVerifyThatTheVersionIs3) {
  for (const uint8_t version : std::initializer_list<uint8_t>{0, 1, 2, 4, 15})
    EXPECT_EQ(refusal(changed([&](auto& each) { each.version_type = static_cast<uint8_t>(version << 4 | 1); })),
              AdvertError::kVersion);
}

TEST_F(Rfc9568Packet, S7_1_MustVerifyThatTheTypeIsAdvertisement) {
  EXPECT_EQ(refusal(changed([](auto& each) { each.version_type = 0x32; })), AdvertError::kType);
}

TEST_F(Rfc9568Packet, S7_1_MustVerifyThatThePacketIsComplete) {
  for (size_t size = kIpv4Header; size < encode_ipv4(ipv4()).size(); ++size) {
    Packet packet = with_header([&](auto& ip) { ip.total_length = static_cast<uint16_t>(size); });
    packet.resize(size);
    EXPECT_EQ(refusal(packet), AdvertError::kLength) << size;
  }
}

TEST_F(Rfc9568Packet, S7_1_MustVerifyTheChecksum) {
  Packet packet = encode_ipv4(ipv4());
  packet.back() ^= std::byte{1};
  EXPECT_EQ(refusal(packet), AdvertError::kChecksum);
}

TEST_F(Rfc9568Packet, S7_1_MustVerifyThatTheVridIsConfiguredOnTheInterface) {
  EXPECT_EQ(refusal(changed([](auto& each) { each.vrid = 13; })), AdvertError::kVrid);
}

// ---- 7.2 Transmitting, 7.3 Virtual Router MAC address --------------------------------------------------------------

TEST_F(Rfc9568Packet, S7_2_WhatIsSentPassesEveryCheckOfSection7_1) {
  EXPECT_EQ(decode_ipv4(encode_ipv4(ipv4()), context_), ipv4());
  EXPECT_EQ(refusal6(encode_ipv6(ipv6())), std::nullopt);
}

TEST_F(Rfc9568Packet, S7_3_TheVirtualMacAddressNamesTheFamilyAndTheVrid) {
  EXPECT_EQ(virtual_mac(IpAddress::Family::kIpv4, 0x2a).text(), "00:00:5e:00:01:2a");
  EXPECT_EQ(virtual_mac(IpAddress::Family::kIpv6, 0x2a).text(), "00:00:5e:00:02:2a");
}

}  // namespace
}  // namespace tandem::vrrp
