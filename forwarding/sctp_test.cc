// SCTP: its states compared with those of Linux 6.1, its checksum, and an association by each method; and AH and ESP, which
// follow the key exchange.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/crc32c.hpp"
#include "forwarding/sctp_state.hpp"
#include "forwarding/testing/director.hpp"
#include "forwarding/testing/json_reader.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

FlowState sctp_state_named(const std::string& name) {
  if (name == "NONE") return FlowState::kNone;
  for (uint8_t i = 0; i < kFlowStates; ++i)
    if (name_of(static_cast<FlowState>(i)) == "SCTP_" + name) return static_cast<FlowState>(i);
  ADD_FAILURE() << "no state " << name;
  return FlowState::kNone;
}

// The file stands beside the project, where there is one.
TEST(SctpState, MovesLastsAndWeighsAsInIpvs) {
  const std::string path = path_beside("ipvs_sctp_state_tables.json");
  if (path.empty()) GTEST_SKIP() << "no table of IPVS to compare with";
  const Json tables = JsonReader::read_file(path);
  const std::pair<const char*, uint8_t> events[] = {{"DATA", sctp::kData},
                                                    {"INIT", sctp::kInit},
                                                    {"INIT_ACK", sctp::kInitAck},
                                                    {"COOKIE_ECHO", sctp::kCookieEcho},
                                                    {"COOKIE_ACK", sctp::kCookieAck},
                                                    {"SHUTDOWN", sctp::kShutdown},
                                                    {"SHUTDOWN_ACK", sctp::kShutdownAck},
                                                    {"SHUTDOWN_COMPLETE", sctp::kShutdownComplete},
                                                    {"ERROR", sctp::kError},
                                                    {"ABORT", sctp::kAbort}};
  size_t cells = 0;
  for (const auto& [name, direction] :
       {std::pair{"INPUT", TcpDirection::kInput}, std::pair{"OUTPUT", TcpDirection::kOutput},
        std::pair{"INPUT_ONLY", TcpDirection::kInputOnly}})
    for (const auto& [event, chunk] : events)
      for (const auto& [from, to] : tables["states"][name][event].members) {
        EXPECT_EQ(next_sctp_state(sctp_state_named(from), direction, chunk), sctp_state_named(to.text))
            << name << ' ' << event << ' ' << from;
        ++cells;
      }
  EXPECT_EQ(cells, 3u * 10 * 14);
  for (const auto& [name, seconds] : tables["timeouts_s"].members) {
    const FlowState state = sctp_state_named(name);
    EXPECT_EQ(timeout_of(state), std::chrono::seconds(seconds.number)) << name;
    EXPECT_EQ(load_of(state), name == "ESTABLISHED" ? Load::kActive : Load::kInactive) << name;
  }
}

TEST(SctpState, TakesAnyOtherChunkForDataAndAnyOtherStateForNone) {
  for (const int chunk : {3, 4, 5, 12, 13, 15, 64, 128, 192, 255})
    EXPECT_EQ(next_sctp_state(FlowState::kSctpEstablished, TcpDirection::kInput, static_cast<uint8_t>(chunk)),
              FlowState::kSctpEstablished);
  for (const int state : {1, 11, 12, 26, 255})
    EXPECT_EQ(next_sctp_state(static_cast<FlowState>(state), TcpDirection::kInput, sctp::kInit), FlowState::kSctpInit1);
}

ServiceSetting diameter(tandem_method method = TANDEM_NAT) {
  ServiceSetting setting = web(method);
  setting.name = "diameter";
  setting.port = 3868;
  setting.protocol = kSctp;
  const bool other_port = method == TANDEM_NAT || method == TANDEM_FULLNAT;
  for (ServerSetting& server : setting.servers) server.port = other_port ? 13868 : 3868;
  if (method == TANDEM_FULLNAT) setting.source_pool = {ip("10.0.0.100")};
  return setting;
}

PacketBuilder chunk(uint8_t type, uint16_t port = 40000) {
  return packet().ipv4("192.0.2.7", "198.51.100.10").sctp(port, 3868, type).payload(16);
}

struct Associated : Director {
  explicit Associated(tandem_method method = TANDEM_NAT) {
    apply({diameter(method)});
    send(chunk(sctp::kInit));
  }
  FlowState state() {
    const auto flow = flows.find(kSctp, ip("192.0.2.7"), 40000, services.service_slot("diameter"));
    return flow ? static_cast<FlowState>(flow->state()) : FlowState::kNone;
  }
};

TEST(Sctp, NatGivesOtherPortsAndARightChecksum) {
  Associated director;
  EXPECT_EQ(director.line(chunk(sctp::kCookieEcho)), "to web2: 192.0.2.7:40000 > 10.0.0.2:13868 sctp 10 ttl 63");
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "192.0.2.7").sctp(13868, 40000, sctp::kCookieAck).payload(1201)),
            "to 192.0.2.7: 198.51.100.10:3868 > 192.0.2.7:40000 sctp 11 ttl 63");
}

TEST(Sctp, FullnatGivesBothEndsOthers) {
  Associated director(TANDEM_FULLNAT);
  EXPECT_EQ(director.line(chunk(sctp::kData)), "to web2: 10.0.0.100:40000 > 10.0.0.2:13868 sctp 0 ttl 63");
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "10.0.0.100").sctp(13868, 40000, sctp::kData).payload(99)),
            "to 192.0.2.7: 198.51.100.10:3868 > 192.0.2.7:40000 sctp 0 ttl 63");
}

TEST(Sctp, DirectRoutingAndTunnelsLeaveItAsItIs) {
  Associated direct(TANDEM_DR);
  EXPECT_EQ(direct.line(chunk(sctp::kData)), "to web2: 192.0.2.7:40000 > 198.51.100.10:3868 sctp 0 ttl 63");
  Associated far(TANDEM_TUN);
  far.services.set_next_hop(far.server("diameter", "web2").slot, {.mtu = 1500, .tunnel_source = ip("10.0.0.254")});
  EXPECT_EQ(far.line(chunk(sctp::kData).unfilled()),
            "to web2: 10.0.0.254 > 10.0.0.2 ttl 64 [192.0.2.7:40000 > 198.51.100.10:3868 sctp 0 ttl 63]");
}

TEST(Sctp, AnUnfilledChecksumLeavesFilledBecauseNobodyAfterUsKnowsItsKind) {
  for (const auto method : {TANDEM_NAT, TANDEM_DR}) {
    Associated director(method);
    const auto sent = director.send(chunk(sctp::kData).unfilled());
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].frame.offload, Offload{});
    EXPECT_EQ(sent[0].text.find("BAD"), std::string::npos) << sent[0].text;
  }
}

TEST(Sctp, APacketThatCameInBrokenGoesOutBrokenByTheSameBits) {
  Associated director;
  Frame frame = chunk(sctp::kData).build();
  frame.ip()[40] ^= std::byte{0x10};
  const auto sent = director.send(frame);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_THAT(sent[0].text, HasSubstr("BAD CRC32c"));
  Frame mended = sent[0].frame;
  mended.ip()[40] ^= std::byte{0x10};
  EXPECT_EQ(checksum_fault(mended.ip()), std::nullopt);
}

TEST(Sctp, AnAssociationIsFollowedFromItsInitToItsShutdown) {
  Associated director;
  EXPECT_EQ(director.state(), FlowState::kSctpInit1);
  const auto answer = [&](uint8_t type) {
    director.send(packet().ipv4("10.0.0.2", "192.0.2.7").sctp(13868, 40000, type).payload(16));
  };
  answer(sctp::kInitAck);
  director.send(chunk(sctp::kCookieEcho));
  answer(sctp::kCookieAck);
  EXPECT_EQ(director.state(), FlowState::kSctpEstablished);
  EXPECT_EQ(director.server("diameter", "web2").active.load(), 1);
  director.send(chunk(sctp::kShutdown));
  answer(sctp::kShutdownAck);
  director.send(chunk(sctp::kShutdownComplete));
  EXPECT_EQ(director.state(), FlowState::kSctpClosed);
  EXPECT_EQ(director.server("diameter", "web2").inactive.load(), 1);
  // The port used again: placed anew, in place.
  EXPECT_THAT(director.line(chunk(sctp::kInit)), HasSubstr("to web1"));
}

TEST(Sctp, WhatNoAssociationKnowsIsAborted) {
  Director director;
  director.apply({diameter()});
  EXPECT_EQ(director.line(chunk(sctp::kData)), "nothing") << "the peer may have it";
  director.pass(10s);
  const auto sent = director.send(chunk(sctp::kData));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].text, "to 192.0.2.7: 198.51.100.10:3868 > 192.0.2.7:40000 sctp 6 ttl 64");
  // RFC 9260, 8.4 (8): the tag is sent back, and the T bit says so.
  EXPECT_EQ(wire_at<SctpHeader>(sent[0].frame.ip(), 20)->verification_tag.value(), 0x01020304u);
  EXPECT_EQ(wire_at<SctpChunk>(sent[0].frame.ip(), 32)->flags, 1);
  for (const uint8_t type : {sctp::kAbort, sctp::kShutdownComplete, sctp::kCookieAck, sctp::kError})
    EXPECT_EQ(director.line(chunk(type)), "nothing") << int{type};
}

TEST(Sctp, AServiceWithoutServersSaysSo) {
  Director director;
  ServiceSetting empty = diameter();
  empty.servers.clear();
  director.apply({empty});
  EXPECT_THAT(director.line(chunk(sctp::kInit)), HasSubstr("icmp 3/3"));
}

TEST(Sctp, AnErrorAboutAnAssociationIsRelayed) {
  Associated director;
  const auto inside = director.send(chunk(sctp::kData));
  EXPECT_THAT(
      director.line(packet().ipv4("10.0.0.2", "192.0.2.7").icmp(3, 2).quoting(inside[0].frame.ip(), 28)),
      HasSubstr(
          "to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/2 ttl 63 about [192.0.2.7:40000 > 198.51.100.10:3868 sctp"));
}

TEST(Sctp, NoPrefixOfAPacketIsReadBeyondItsEnd) {
  Associated director;
  const Frame whole = chunk(sctp::kCookieEcho).build();
  for (size_t length = 0; length < whole.length; ++length) {
    Frame cut = frame_of(whole.ip().first(length));
    if (length >= 20) wire_at<Ipv4Header>(cut.ip())->total_length = static_cast<uint16_t>(length);
    const auto parsed = parse(cut.in());
    EXPECT_EQ(parsed.has_value(), length >= 20 + 12 + 4) << length;
    director.send(std::move(cut));
  }
}

// set_sctp_state: an ABORT may stand behind a cookie.
TEST(Sctp, AnAbortBehindACookieIsWhatThePacketIsAbout) {
  Frame frame = packet().ipv4("192.0.2.7", "198.51.100.10").sctp(1, 2, sctp::kCookieEcho).payload(10).build();
  EXPECT_EQ(parse(frame.in())->sctp_chunk, sctp::kCookieEcho);
  wire_at<SctpChunk>(frame.ip(), 32)->length = 5;  // padded to eight
  wire_at<SctpChunk>(frame.ip(), 40)->type = sctp::kAbort;
  EXPECT_EQ(parse(frame.in())->sctp_chunk, sctp::kAbort);
}

ServiceSetting ike(tandem_method method) {
  ServiceSetting setting = web(method);
  setting.name = "ike";
  setting.port = 500;
  setting.protocol = kUdp;
  for (ServerSetting& server : setting.servers) server.port = 500;
  return setting;
}

// ip_vs_proto_ah_esp.c: they go where the client's key exchange went.
TEST(AhEsp, FollowTheKeyExchangeOfTheirClient) {
  for (const uint8_t protocol : {kEsp, kAh}) {
    const std::string word = protocol == kEsp ? "esp" : "ah";
    Director director;
    director.apply({ike(TANDEM_DR)});
    const auto esp = [&](std::string_view client) {
      return packet().ipv4(client, "198.51.100.10").protocol(protocol).payload(64);
    };
    EXPECT_EQ(director.line(esp("192.0.2.7")), "nothing") << "nobody knows the client";
    EXPECT_THAT(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").udp(500, 500).payload(99)),
                HasSubstr("to web2"));
    EXPECT_THAT(director.line(packet().ipv4("192.0.2.8", "198.51.100.10").udp(500, 500).payload(99)),
                HasSubstr("to web1"));
    EXPECT_EQ(director.line(esp("192.0.2.7")), "to web2: 192.0.2.7 > 198.51.100.10 " + word + " ttl 63");
    EXPECT_EQ(director.line(esp("192.0.2.8")), "to web1: 192.0.2.8 > 198.51.100.10 " + word + " ttl 63");
    EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.11").protocol(protocol).payload(9)), "not ours");
  }
}

TEST(AhEsp, KeepTheirFlowAliveAndGoThroughATunnel) {
  Director director;
  director.apply({ike(TANDEM_TUN)});
  director.services.set_next_hop(director.server("ike", "web2").slot, {.mtu = 1500, .tunnel_source = ip("10.0.0.254")});
  director.send(packet().ipv4("192.0.2.7", "198.51.100.10").udp(500, 500));
  const auto esp = packet().ipv4("192.0.2.7", "198.51.100.10").protocol(kEsp).payload(64);
  for (int i = 0; i < 5; ++i) {
    director.pass(200s);  // a UDP flow lives 300 s
    director.sweep();
    EXPECT_EQ(director.line(esp), "to web2: 10.0.0.254 > 10.0.0.2 ttl 64 [192.0.2.7 > 198.51.100.10 esp ttl 63]");
  }
  director.pass(301s);
  director.sweep();
  EXPECT_EQ(director.line(esp), "nothing");
}

TEST(AhEsp, AreTheKernelsWhereNatIsTheOnlyMethod) {
  Director director;
  director.apply({ike(TANDEM_NAT)});
  director.send(packet().ipv4("192.0.2.7", "198.51.100.10").udp(500, 500));
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").protocol(kEsp).payload(64)), "not ours");
  EXPECT_EQ(director.count(Counter::kDropOutOfState), 0u);
}

TEST(AhEsp, GoNowhereByNatBesideOtherMethods) {
  Director director;
  ServiceSetting mixed = ike(TANDEM_NAT);
  mixed.servers[0].method = TANDEM_DR;
  mixed.servers[0].port = 500;
  director.apply({mixed});
  const std::string exchange = director.line(packet().ipv4("192.0.2.7", "198.51.100.10").udp(500, 500));
  EXPECT_THAT(exchange, HasSubstr("to web2"));
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").protocol(kEsp).payload(64)), "nothing");
  EXPECT_EQ(director.count(Counter::kDropOutOfState), 1u);
}

}  // namespace
}  // namespace tandem::forwarding
