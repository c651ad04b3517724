#include "forwarding/sync/protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tandem::forwarding::sync {
namespace {

using ::testing::ElementsAre;

std::string hex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<int>(byte) >> 4];
    text += kDigits[std::to_integer<int>(byte) & 15];
  }
  return text;
}

template <class... Said>
Buffer said(const Said&... frame) {
  Buffer out;
  encode(out, frame...);
  return out;
}

Names two_names() {
  return {.services = {{.number = 3, .protocol = 6, .port = 443, .address = Ipv4Address{0xc633640a}, .name = "web"}},
          .servers = {{.number = 9, .service = 3, .port = 8443, .address = Ipv4Address{0x0a00010b}, .name = "w1"}}};
}

// Every kind of frame once.
std::vector<Buffer> one_of_each() {
  const FlowRecord record{.client_address = 0x01020304,
                          .client_port = 1025,
                          .service = 3,
                          .server = 9,
                          .state = 1,
                          .flags = 0x80,
                          .remaining_ms = 900'000};
  return {said(Hello{.boot_id = 0x1122334455667788, .site = "ams1", .director = "dir-a", .digest = "d1"}),
          said(NamesPart{.first = true, .last = true, .names = two_names()}),
          said(std::span(&record, 1)),
          said(TableEnd{}),
          said(TableRequest{}),
          said(Alive{{{.name = "web", .state = 2, .priority = 150}}}),
          said(RouterWord{.type = FrameType::kHandover, .router = "web"}),
          said(RouterWord{.type = FrameType::kInquire, .router = "web"}),
          said(RouterWord{.type = FrameType::kAffirm, .router = "web"})};
}

Result<Frame, FrameError> decoded(const Buffer& frame) {
  const auto* header = wire_at<FrameHeader>(Bytes(frame));
  return decode(header->type, Bytes(frame).subspan(sizeof(FrameHeader)));
}

TEST(Protocol, FramesAreTheseBytes) {
  const auto frames = one_of_each();
  EXPECT_EQ(hex(frames[0]),
            "00000019"
            "01"
            "0001"
            "1122334455667788"
            "04616d7331"
            "056469722d61"
            "026431");
  EXPECT_EQ(hex(frames[1]),
            "00000020"
            "02"
            "03"
            "0001"
            "0001"
            "0003"
            "06"
            "01bb"
            "c633640a"
            "03776562"
            "0009"
            "0003"
            "20fb"
            "0a00010b"
            "027731");
  EXPECT_EQ(hex(frames[2]),
            "00000011"
            "03"
            "01020304"
            "0401"
            "0003"
            "0009"
            "01"
            "80"
            "000dbba0");
  EXPECT_EQ(hex(frames[3]),
            "00000001"
            "04");
  EXPECT_EQ(hex(frames[4]),
            "00000001"
            "06");
  EXPECT_EQ(hex(frames[5]),
            "00000008"
            "05"
            "01"
            "02"
            "96"
            "03776562");
  EXPECT_EQ(hex(frames[6]), "000000050703776562");
  EXPECT_EQ(hex(frames[7]), "000000050803776562");
  EXPECT_EQ(hex(frames[8]), "000000050903776562");
}

TEST(Protocol, WhatWasEncodedIsDecoded) {
  const auto frames = one_of_each();
  EXPECT_EQ(std::get<Hello>(*decoded(frames[0])),
            (Hello{.boot_id = 0x1122334455667788, .site = "ams1", .director = "dir-a", .digest = "d1"}));
  EXPECT_EQ(std::get<NamesPart>(*decoded(frames[1])), (NamesPart{true, true, two_names()}));
  const auto flows = *decoded(frames[2]);
  ASSERT_EQ(std::get<Flows>(flows).records.size(), 1U);
  EXPECT_EQ(std::get<Flows>(flows).records[0].remaining_ms, 900'000U);
  EXPECT_TRUE(std::holds_alternative<TableEnd>(*decoded(frames[3])));
  EXPECT_TRUE(std::holds_alternative<TableRequest>(*decoded(frames[4])));
  EXPECT_EQ(std::get<Alive>(*decoded(frames[5])), (Alive{{{.name = "web", .state = 2, .priority = 150}}}));
  EXPECT_EQ(std::get<RouterWord>(*decoded(frames[8])), (RouterWord{FrameType::kAffirm, "web"}));
}

TEST(Protocol, ABodyCutShortAnywhereIsRefusedOrIsAWholeSmallerOne) {
  for (const Buffer& frame : one_of_each()) {
    const uint8_t type = wire_at<FrameHeader>(Bytes(frame))->type;
    const Bytes body = Bytes(frame).subspan(sizeof(FrameHeader));
    for (size_t length = 0; length < body.size(); ++length) {
      const Buffer cut(body.begin(),
                       body.begin() + static_cast<ptrdiff_t>(length));  // so that ASan sees a step too far
      const auto result = decode(type, cut);
      if (type == static_cast<uint8_t>(FrameType::kFlows) && length == 0)
        continue;  // no records is a number of records
      EXPECT_FALSE(result.has_value()) << "type " << int(type) << " cut to " << length;
    }
  }
}

TEST(Protocol, FieldsOfANewerPeerAreIgnoredAtTheEndOfHelloAndAlive) {
  for (const size_t index : {0, 3, 4, 5}) {
    Buffer frame = one_of_each()[index];
    frame.insert(frame.end(), 7, std::byte{0xee});
    EXPECT_TRUE(decoded(frame).has_value()) << index;
  }
}

TEST(Protocol, BytesLeftOverInNamesOrFlowsAreMisshapen) {
  for (const size_t index : {1, 2}) {
    Buffer frame = one_of_each()[index];
    frame.push_back(std::byte{0});
    EXPECT_EQ(decoded(frame).error(), FrameError::kMisshapen) << index;
  }
}

TEST(Protocol, AnEmptyNameIsMisshapen) {
  Buffer frame = said(NamesPart{.names = two_names()});
  // "02 77 31" at the end becomes "00".
  frame.resize(frame.size() - 2);
  frame.back() = std::byte{0};
  EXPECT_EQ(decoded(frame).error(), FrameError::kMisshapen);
}

TEST(Protocol, ATypeOfANewerPeerIsUnknownAndNotWrong) {
  EXPECT_EQ(std::get<UnknownFrame>(*decode(200, {})).type, 200);
  EXPECT_EQ(std::get<UnknownFrame>(*decode(99, {})).type, 99);
  EXPECT_EQ(std::get<UnknownFrame>(*decode(0, {})).type, 0);
}

TEST(Protocol, NamesAreCutIntoPartsThatFitAFrameAndLoseNothing) {
  Names names;
  for (uint16_t i = 1; i < 4000; ++i) {
    names.services.push_back({i, 6, 80, Ipv4Address{i}, "service-with-a-rather-long-name-" + std::to_string(i)});
    names.servers.push_back({i, i, 80, Ipv4Address{i}, std::string(kMaxName, 'x')});
  }
  const auto parts = parts_of(names);
  EXPECT_GT(parts.size(), 50U);
  Names together;
  for (size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i].first, i == 0);
    EXPECT_EQ(parts[i].last, i + 1 == parts.size());
    EXPECT_LE(said(parts[i]).size(), kMaxFrameSent);
    together.services.insert(together.services.end(), parts[i].names.services.begin(), parts[i].names.services.end());
    together.servers.insert(together.servers.end(), parts[i].names.servers.begin(), parts[i].names.servers.end());
  }
  EXPECT_EQ(together, names);
}

// An older peer skips types it does not know, and must still see where the names begin and end.
TEST(Protocol, NamesWithIpv6AddressesGoInPartsOfTheirOwnBetweenTheOthers) {
  Names names = two_names();
  const IpAddress vip = *IpAddress::parse("2001:db8::10"), rip = *IpAddress::parse("fd00::1");
  names.services.push_back({.number = 4, .protocol = 6, .port = 443, .address = vip, .name = "web6"});
  names.servers.push_back({.number = 10, .service = 4, .port = 8443, .address = rip, .name = "w1"});
  const auto parts = parts_of(names);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0], (NamesPart{.first = true, .names = two_names()}));
  EXPECT_EQ(parts[2], (NamesPart{.last = true}));
  const Buffer six = said(parts[1]);
  EXPECT_EQ(hex(six),
            "00000039"
            "0b"
            "00"
            "0001"
            "0001"
            "00040601bb20010db80000000000000000000000100477656236"
            "000a000420fbfd000000000000000000000000000001027731");
  EXPECT_EQ(std::get<NamesPart>(*decoded(six)), parts[1]);
  EXPECT_EQ(wire_at<FrameHeader>(Bytes(said(parts[2])))->type, static_cast<uint8_t>(FrameType::kNames));
}

TEST(Protocol, FlowsOfIpv6ClientsAreRecordsOf28Bytes) {
  FlowRecord6 record{.client_address = IpAddress::parse("2001:db8:c::7")->v6.bytes,
                     .client_port = 1025,
                     .service = 3,
                     .server = 9,
                     .state = 1,
                     .flags = 0x80,
                     .remaining_ms = 900'000};
  const Buffer frame = said(std::span<const FlowRecord6>(&record, 1));
  EXPECT_EQ(hex(frame),
            "0000001d"
            "0a"
            "20010db8000c00000000000000000007"
            "0401"
            "0003"
            "0009"
            "01"
            "80"
            "000dbba0");
  const auto back = decoded(frame);
  ASSERT_EQ(std::get<Flows6>(*back).records.size(), 1U);
  EXPECT_EQ(std::get<Flows6>(*back).records[0].client_address, record.client_address);
  EXPECT_EQ(decode(static_cast<uint8_t>(FrameType::kFlows6), Bytes(frame).subspan(5, 27)).error(),
            FrameError::kMisshapen);
}

TEST(Protocol, NoNamesAreOnePartThatIsFirstAndLast) {
  EXPECT_THAT(parts_of({}), ElementsAre(NamesPart{.first = true, .last = true}));
}

TEST(Protocol, AFullFlowsFrameFillsOneTlsRecordAtMost) {
  const std::vector<FlowRecord> records(kMaxFlowsPerFrame);
  EXPECT_LE(said(std::span<const FlowRecord>(records)).size(), kMaxFrameSent);
  EXPECT_GT(said(std::span<const FlowRecord>(records)).size() + sizeof(FlowRecord), kMaxFrameSent);
}

TEST(Protocol, AnAliveFrameOfManyRoutersStaysWithinAFrame) {
  Alive alive;
  alive.routers.assign(300, {.name = std::string(kMaxName, 'r')});
  EXPECT_LE(said(alive).size(), kMaxFrameSent);
}

// Feeds `stream` in pieces of `step` bytes and returns the types that came out.
std::vector<int> types_in(const Buffer& stream, size_t step, size_t* bodies = nullptr) {
  FrameSplitter splitter;
  std::vector<int> types;
  for (size_t at = 0; at < stream.size(); at += step) {
    const size_t count = std::min(step, stream.size() - at);
    const MutableBytes space = splitter.space();
    EXPECT_GE(space.size(), 16384U);
    std::memcpy(space.data(), stream.data() + at, count);
    splitter.received(count);
    for (;;) {
      const auto raw = splitter.next();
      EXPECT_TRUE(raw.has_value());
      if (!raw->has_value()) break;
      types.push_back((*raw)->type);
      if (bodies != nullptr) *bodies += (*raw)->body.size();
    }
  }
  return types;
}

TEST(FrameSplitter, FindsTheFramesWhateverThePiecesTheyComeIn) {
  Buffer stream;
  for (const Buffer& frame : one_of_each()) stream.insert(stream.end(), frame.begin(), frame.end());
  for (size_t step = 1; step <= stream.size(); ++step)
    EXPECT_THAT(types_in(stream, step), ElementsAre(1, 2, 3, 4, 6, 5, 7, 8, 9)) << "pieces of " << step;
}

TEST(FrameSplitter, HandsOutManyLargeFramesWithoutGrowing) {
  const std::vector<FlowRecord> records(kMaxFlowsPerFrame);
  Buffer stream;
  for (int i = 0; i < 100; ++i) encode(stream, std::span<const FlowRecord>(records));
  size_t bodies = 0;
  EXPECT_EQ(types_in(stream, 10'000, &bodies).size(), 100U);
  EXPECT_EQ(bodies, 100 * kMaxFlowsPerFrame * sizeof(FlowRecord));
}

TEST(FrameSplitter, RefusesALengthOfZeroAndOneBeyondTheBound) {
  for (const auto& [length, error] :
       {std::pair{be32(0), FrameError::kEmpty}, std::pair{be32(kMaxFrameLength + 1), FrameError::kTooLong},
        std::pair{be32(0xffffffff), FrameError::kTooLong}}) {
    FrameSplitter splitter;
    std::memcpy(splitter.space().data(), &length, sizeof length);
    splitter.received(sizeof length);
    EXPECT_EQ(splitter.next().error(), error);
  }
}

TEST(Protocol, AnAddressOfEitherFamilyFitsIntoSixteenBytes) {
  for (const char* text : {"192.0.2.7", "0.0.0.0", "2001:db8::7", "::", "::ffff:0:0:1"})
    EXPECT_EQ(unmapped(mapped(*IpAddress::parse(text))), *IpAddress::parse(text)) << text;
}

}  // namespace
}  // namespace tandem::forwarding::sync
