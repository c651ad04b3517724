// fullnat: what the server sees, how its answers find their client, who gets which source, and when a source is free again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "forwarding/sources.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

ServiceSetting full(std::vector<IpAddress> pool = {ip("10.0.0.100")}) {
  ServiceSetting setting = web(TANDEM_FULLNAT);
  for (ServerSetting& server : setting.servers) server.port = 8080;
  setting.source_pool = std::move(pool);
  return setting;
}

ServiceSetting full6() {
  ServiceSetting setting = full({any_ip("fd00::100")});
  setting.name = "web6";
  setting.vip = any_ip("2001:db8::10");
  setting.servers[0].address = any_ip("fd00::1");
  setting.servers[1].address = any_ip("fd00::2");
  return setting;
}

TEST(FullNat, TheServerSeesASourceOfThePoolAndTheClientTheVip) {
  Director director;
  director.apply({full()});
  EXPECT_EQ(director.line(from_client().syn()), "to web2: 10.0.0.100:40000 > 10.0.0.2:8080 tcp S ttl 63");
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "10.0.0.100").tcp(8080, 40000).syn().ack()),
            "to 192.0.2.7: 198.51.100.10:80 > 192.0.2.7:40000 tcp SA ttl 63");
  EXPECT_EQ(director.line(from_client().ack().payload(10)), "to web2: 10.0.0.100:40000 > 10.0.0.2:8080 tcp A ttl 63");
}

TEST(FullNat, TheSameInIpv6) {
  Director director;
  director.apply({full6()});
  const auto client = packet().ipv6("2001:db8:c::7", "2001:db8::10").tcp(40000, 80);
  EXPECT_EQ(director.line(PacketBuilder(client).syn()), "to web2: [fd00::100]:40000 > [fd00::2]:8080 tcp S ttl 63");
  EXPECT_EQ(director.line(packet().ipv6("fd00::2", "fd00::100").tcp(8080, 40000).syn().ack()),
            "to 2001:db8:c::7: [2001:db8::10]:80 > [2001:db8:c::7]:40000 tcp SA ttl 63");
}

TEST(FullNat, CarriesUdpAndUnfilledChecksums) {
  Director director;
  ServiceSetting names = dns();
  names.method = TANDEM_FULLNAT;
  names.source_pool = {ip("10.0.0.100")};
  director.apply({full(), names});
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").udp(5353, 53).payload(30)),
            "to ns1: 10.0.0.100:5353 > 10.0.0.3:5300 udp ttl 63");
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.3", "10.0.0.100").udp(5300, 5353).payload(60)),
            "to 192.0.2.7: 198.51.100.10:53 > 192.0.2.7:5353 udp ttl 63");
  const auto sent = director.send(from_client().syn().unfilled());
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].frame.offload.checksum_unfilled);
  EXPECT_EQ(sent[0].text, "to web2: 10.0.0.100:40000 > 10.0.0.2:8080 tcp S ttl 63");
}

// The heart of it: whatever the client, the port and the contents, an answer comes out, byte for byte, as the VIP would have
// sent it; and each packet's checksums are compared with a full recomputation.
TEST(FullNat, AnAnswerIsThePacketTheVipWouldHaveSent) {
  for (const bool six : {false, true}) {
    std::mt19937 random(7);
    Director director;
    director.apply({six ? full6() : full()});
    for (int i = 0; i < 600; ++i) {
      const std::string client =
          six ? "2001:db8:c::" + std::to_string(1 + random() % 50) : "192.0.2." + std::to_string(1 + random() % 50);
      const std::string vip = six ? "2001:db8::10" : "198.51.100.10";
      const auto between = [&](std::string_view a, std::string_view b) {
        return six ? packet().ipv6(a, b) : packet().ipv4(a, b);
      };
      const auto port = static_cast<uint16_t>(1 + random() % 65000);
      const size_t size = random() % 1400;
      const auto sent = director.send(between(client, vip).tcp(port, 80).syn().payload(size));
      ASSERT_EQ(sent.size(), 1u);
      ASSERT_EQ(sent[0].text.find("BAD"), std::string::npos) << sent[0].text;
      const auto seen = parse(Frame(sent[0].frame).in());
      ASSERT_TRUE(seen.has_value());
      const auto back = director.send(between(seen->destination.text(), seen->source.text())
                                          .tcp(seen->destination_port, seen->source_port)
                                          .ack(static_cast<uint32_t>(random()))
                                          .payload(size));
      ASSERT_EQ(back.size(), 1u);
      ASSERT_EQ(back[0].text.find("BAD"), std::string::npos) << back[0].text;
      ASSERT_THAT(back[0].text, HasSubstr(six ? "[" + vip + "]:80 > [" + client + "]:" + std::to_string(port) + " "
                                              : vip + ":80 > " + client + ":" + std::to_string(port) + " "));
    }
  }
}

TEST(FullNat, APortServesAFlowForEachServer) {
  Director director;
  director.apply({full()});
  EXPECT_THAT(director.line(from_client().syn()), HasSubstr("to web2: 10.0.0.100:40000 > 10.0.0.2:8080"));
  const auto other = packet().ipv4("192.0.2.8", "198.51.100.10").tcp(40000, 80);
  EXPECT_THAT(director.line(PacketBuilder(other).syn()), HasSubstr("to web1: 10.0.0.100:40000 > 10.0.0.1:8080"));
  EXPECT_THAT(director.line(packet().ipv4("10.0.0.2", "10.0.0.100").tcp(8080, 40000).ack()),
              HasSubstr("> 192.0.2.7:40000"));
  EXPECT_THAT(director.line(packet().ipv4("10.0.0.1", "10.0.0.100").tcp(8080, 40000).ack()),
              HasSubstr("> 192.0.2.8:40000"));
}

TEST(FullNat, NoTwoFlowsToOneServerHaveOneSource) {
  Director director(16384);
  ServiceSetting one = full({ip("10.0.0.100"), ip("10.0.0.101")});
  one.servers.resize(1);
  director.apply({one});
  std::set<std::pair<IpAddress, uint16_t>> sources;
  size_t flows = 0;
  for (int client = 0; client < 100; ++client)
    for (uint16_t port = 2000; port < 2200; ++port, ++flows) {
      const auto sent =
          director.send(packet().ipv4("192.0.2." + std::to_string(client), "198.51.100.10").tcp(port, 80).syn());
      ASSERT_EQ(sent.size(), 1u);
      const auto seen = parse(Frame(sent[0].frame).in());
      ASSERT_TRUE(sources.insert({seen->source, seen->source_port}).second) << sent[0].text;
      ASSERT_GE(seen->source_port, Sources::kFirstPort);
    }
  EXPECT_EQ(sources.size(), flows);
  EXPECT_EQ(director.count(Counter::kDropNoSource), 0u);
}

// 64,512 ports and one address and server: exhaustion is counted, costs a bounded number of looks, and hurts nobody who has one.
TEST(FullNat, AFullPoolIsCountedAndEveryFlowThatHasASourceGoesOn) {
  Director director(65536);
  ServiceSetting one = full();
  one.servers.resize(1);
  director.apply({one});
  size_t placed = 0;
  for (uint32_t client = 0; client < 70; ++client)
    for (uint32_t i = 0; i < 1000; ++i) {
      Frame frame = packet()
                        .ipv4("192.0.2." + std::to_string(client), "198.51.100.10")
                        .tcp(static_cast<uint16_t>(10'000 + i), 80)
                        .syn()
                        .build();
      director.outputs.clear();
      director.engine.handle(frame.in(), director.now, director.outputs);
      placed += director.outputs.packets().size();
    }
  EXPECT_GT(placed, size_t{Sources::kPorts} * 97 / 100);
  EXPECT_LE(placed, size_t{Sources::kPorts});
  EXPECT_EQ(director.count(Counter::kDropNoSource), 70'000 - placed);
  EXPECT_EQ(director.server("web", "web1").total_connections(), static_cast<int64_t>(placed));
  EXPECT_THAT(director.line(packet().ipv4("192.0.2.0", "198.51.100.10").tcp(10'000, 80).ack()), HasSubstr("to web1"));
}

TEST(FullNat, ASourceIsFreeAgainWhenItsFlowIsOver) {
  Director director;
  ServiceSetting one = full();
  one.servers.resize(1);
  director.apply({one});
  const auto other = packet().ipv4("192.0.2.8", "198.51.100.10").tcp(40000, 80);
  EXPECT_THAT(director.line(from_client().syn()), HasSubstr("10.0.0.100:40000 >"));
  const std::string second = director.line(PacketBuilder(other).syn());
  EXPECT_EQ(second.find("10.0.0.100:40000 >"), std::string::npos) << second;
  director.pass(70s);  // a connection that only began lives a minute
  director.sweep();
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.1", "10.0.0.100").tcp(8080, 40000).ack()), "nothing");
  EXPECT_EQ(director.count(Counter::kDropAnswerWithoutFlow), 1u);
  EXPECT_THAT(director.line(PacketBuilder(other).syn()), HasSubstr("10.0.0.100:40000 >"));
}

TEST(FullNat, AnErrorFromTheServersSideReachesTheClientAndHidesBoth) {
  for (const bool whole : {false, true}) {
    Director director;
    director.apply({full()});
    const auto sent = director.send(from_client().syn().payload(200));
    const auto error = director.send(
        packet().ipv4("10.0.0.2", "10.0.0.100").icmp(3, 3).quoting(sent[0].frame.ip(), whole ? 2000 : 28));
    ASSERT_EQ(error.size(), 1u);
    EXPECT_THAT(error[0].text, HasSubstr("to 192.0.2.7: 198.51.100.10 > 192.0.2.7 icmp 3/3 ttl 63 about "
                                         "[192.0.2.7:40000 > 198.51.100.10:80 tcp"));
    EXPECT_EQ(error[0].text.find("BAD"), std::string::npos);
    if (whole) {
      EXPECT_EQ(checksum_fault(error[0].frame.ip().subspan(28)), std::nullopt);
    }
  }
}

TEST(FullNat, AnErrorFromTheClientsSideReachesTheServerFromTheSourceItKnows) {
  Director director;
  director.apply({full()});
  director.send(from_client().syn());
  const Frame answer = packet().ipv4("198.51.100.10", "192.0.2.7").tcp(80, 40000).ack().payload(1000).build();
  const auto error =
      director.send(packet().ipv4("203.0.113.1", "198.51.100.10").icmp(3, 4, 1400).quoting(answer.ip(), 2000));
  ASSERT_EQ(error.size(), 1u);
  EXPECT_EQ(error[0].text,
            "to web2: 10.0.0.100 > 10.0.0.2 icmp 3/4 mtu 1400 ttl 63 about "
            "[10.0.0.2:8080 > 10.0.0.100:40000 tcp A ttl 64]");
  EXPECT_EQ(checksum_fault(error[0].frame.ip().subspan(28)), std::nullopt);
}

TEST(FullNat, ErrorsInIpv6AreRewrittenWithThePseudoHeader) {
  Director director;
  director.apply({full6()});
  const auto sent = director.send(packet().ipv6("2001:db8:c::7", "2001:db8::10").tcp(40000, 80).syn().payload(100));
  const auto up = director.send(packet().ipv6("fd00::2", "fd00::100").icmp6(1, 4).quoting(sent[0].frame.ip(), 2000));
  ASSERT_EQ(up.size(), 1u);
  EXPECT_THAT(up[0].text, HasSubstr("to 2001:db8:c::7: 2001:db8::10 > 2001:db8:c::7 icmp6 1/4"));
  EXPECT_THAT(up[0].text, HasSubstr("[[2001:db8:c::7]:40000 > [2001:db8::10]:80 tcp"));
  EXPECT_EQ(up[0].text.find("BAD"), std::string::npos) << up[0].text;
  const Frame answer = packet().ipv6("2001:db8::10", "2001:db8:c::7").tcp(80, 40000).ack().payload(900).build();
  const auto down =
      director.send(packet().ipv6("2001:db8:99::1", "2001:db8::10").icmp6(2, 0, 1300).quoting(answer.ip(), 900));
  ASSERT_EQ(down.size(), 1u);
  EXPECT_THAT(down[0].text, HasSubstr("to web2: fd00::100 > fd00::2 icmp6 2/0 mtu 1300"));
  EXPECT_THAT(down[0].text, HasSubstr("[[fd00::2]:8080 > [fd00::100]:40000 tcp"));
  EXPECT_EQ(down[0].text.find("BAD"), std::string::npos) << down[0].text;
}

TEST(FullNat, WhatNobodyAskedForStopsAtTheDirector) {
  Director director;
  director.apply({full()});
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "10.0.0.100").tcp(8080, 40000).syn()), "nothing");
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.66", "10.0.0.100").tcp(22, 22).ack()), "nothing");
  director.send(from_client().syn());
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "10.0.0.100").tcp(8081, 40000).ack()), "nothing") << "another port";
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "10.0.0.100").udp(8080, 40000)), "nothing") << "another protocol";
  EXPECT_EQ(director.count(Counter::kDropAnswerWithoutFlow), 4u);
}

TEST(FullNat, AReloadThatTakesAPoolsAddressAwayEndsItsConnections) {
  Director director;
  director.apply({full({ip("10.0.0.100")})});
  director.send(from_client().syn());
  director.send(from_client().ack());
  director.pass(10s);
  director.apply({full({ip("10.0.0.101")})});
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "10.0.0.100").tcp(8080, 40000).ack()), "not ours");
  EXPECT_THAT(director.line(from_client().ack()), HasSubstr("198.51.100.10:80 > 192.0.2.7:40000 tcp R"));
  director.sweep();
  EXPECT_EQ(director.count(Counter::kOrphaned), 1u);
  EXPECT_THAT(director.line(from_client(40001).syn()), HasSubstr("10.0.0.101:40001 >"));
  // The former address comes back: its number is the old one, its flows are gone.
  director.apply({full({ip("10.0.0.100"), ip("10.0.0.101")})});
  EXPECT_THAT(director.line(from_client(40001).ack()), HasSubstr("10.0.0.101:40001 >"));
}

TEST(FullNat, AFlowKeepsItsSourceOverAReloadThatLeavesItAndOverARestart) {
  Director director;
  director.apply({full()});
  director.send(from_client().syn());
  director.send(from_client().ack());
  director.apply({full({ip("10.0.0.99"), ip("10.0.0.100")})});
  EXPECT_THAT(director.line(from_client().ack()), HasSubstr("10.0.0.100:40000 >"));
  FlowTable again = *FlowTable::attach(director.mapping.bytes());
  ServiceTable services(again);
  services.apply({full()}, director.now);
  Engine engine(again, services);
  Outputs outputs;
  Frame answer = packet().ipv4("10.0.0.2", "10.0.0.100").tcp(8080, 40000).ack().build();
  engine.handle(answer.in(), director.now, outputs);
  ASSERT_EQ(outputs.packets().size(), 1u);
  EXPECT_THAT(text_of(outputs.packets()[0].packet), HasSubstr("198.51.100.10:80 > 192.0.2.7:40000"));
}

TEST(FullNat, AConnectionOfADeadServerIsResetAtBothEnds) {
  Director director;
  ServiceSetting setting = full();
  setting.flows_on_down = FlowsOnDown::kReset;
  director.apply({setting});
  director.send(from_client().syn());
  director.send(packet().ipv4("10.0.0.2", "10.0.0.100").tcp(8080, 40000).syn().ack());
  director.send(from_client().ack());
  director.services.set_standing("web", "web2", {.weight = 0, .up = false, .in_rotation = false});
  const auto lines = director.lines(packet().ipv4("10.0.0.2", "10.0.0.100").tcp(8080, 40000).ack().payload(10));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("to 10.0.0.2: 10.0.0.100:40000 > 10.0.0.2:8080 tcp R"));
  EXPECT_THAT(lines[1], HasSubstr("to 192.0.2.7: 198.51.100.10:80 > 192.0.2.7:40000 tcp"));
}

TEST(FullNat, AFlowThatMovesToAServerWithoutFullnatLosesItsSource) {
  Director director;
  ServiceSetting setting = full();
  setting.servers[0].method = TANDEM_NAT;
  setting.flows_on_down = FlowsOnDown::kReselect;
  director.apply({setting});
  director.send(from_client().syn());
  director.services.set_standing("web", "web2", {.weight = 0, .up = false, .in_rotation = false});
  EXPECT_THAT(director.line(from_client().syn()), HasSubstr("to web1: 192.0.2.7:40000 > 10.0.0.1:8080"));
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "10.0.0.100").tcp(8080, 40000).ack()), "nothing");
}

// Sources are given by several workers at once: whoever gets one is the only one.
TEST(Sources, AreGivenOnceByManyThreads) {
  Mapping mapping(FlowTable::bytes_needed(1 << 14));
  FlowTable flows = format_table(mapping, 1 << 14);
  ServiceTable services(flows);
  ServiceSetting one = full();
  one.servers.resize(1);
  services.apply({one}, TimePoint{Duration(1000s)});
  const uint16_t server = services.server_slot("web", "web1"), service = services.service_slot("web");
  constexpr uint32_t kThreads = 4, kEach = 4000;
  std::vector<std::vector<uint32_t>> given(kThreads);
  {
    std::vector<std::jthread> threads;
    for (uint32_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        Sources sources(flows);
        for (uint32_t i = 0; i < kEach; ++i) {
          const EndPoint client{Ipv4Address{0xc0000200 + t}, static_cast<uint16_t>(2000 + i)};
          const auto in = flows.insert(kTcp, client.address, client.port, service, tandem_flow_value(server, 3, 0, 1));
          if (sources.allocate(in.flow, services.find("web")->pool, client))
            given[t].push_back(flows.source_at(in.flow.index));
        }
      });
  }
  std::set<uint32_t> all;
  size_t count = 0;
  for (const auto& each : given) all.insert(each.begin(), each.end()), count += each.size();
  EXPECT_EQ(count, kThreads * kEach);
  EXPECT_EQ(all.size(), count);
}

TEST(Sources, CostSoMuchMemoryAFlowAndNoMore) {
  // Per place of a table that is half full at most: the flow, its sequences, its source, its share of the ways back; then dirty
  // and occupied bits (flow_table.h). docs/decisions.md has the sum.
  constexpr uint32_t kBuckets = 1 << 16;
  const double slots = kBuckets * 4.0;
  const double places = 16 + 8 + 4 + 3, places6 = places + 16;
  EXPECT_LE(places * 2 + 1, 64);
  EXPECT_LE(places6 * 2 + 1, 128);
  const double sections = static_cast<double>(FlowTable::bytes_needed(kBuckets)) -
                          static_cast<double>(FlowTable::bytes_needed(kBuckets / 2));
  EXPECT_LT(sections / (slots / 2), places6 + 1);
}

TEST(Sources, HaveNumbersThatStayWithTheirAddresses) {
  Mapping mapping(FlowTable::bytes_needed(64));
  FlowTable flows = format_table(mapping, 64);
  Sources sources(flows);
  EXPECT_EQ(sources.number_of(ip("10.0.0.1")), 0);
  std::vector<IpAddress> many;
  for (uint32_t i = 0; i < TANDEM_SOURCE_SLOTS - 1; ++i) many.emplace_back(Ipv4Address{0x0a000000 + i});
  EXPECT_TRUE(sources.take_pools(many).empty());
  std::map<IpAddress, uint16_t> numbers;
  for (const IpAddress& address : many) numbers[address] = sources.number_of(address);
  EXPECT_TRUE(std::ranges::all_of(numbers, [](const auto& each) { return each.second != 0; }));
  EXPECT_THAT(sources.take_pools(std::vector<IpAddress>{any_ip("fd00::1")}), ::testing::ElementsAre(any_ip("fd00::1")))
      << "none is left, because flows may know the former ones";
  EXPECT_EQ(sources.number_of(many[5]), 0) << "of no pool any more";
  sources.take_pools(std::vector<IpAddress>{many[5]});
  EXPECT_EQ(sources.number_of(many[5]), numbers[many[5]]);
}

}  // namespace
}  // namespace tandem::forwarding
