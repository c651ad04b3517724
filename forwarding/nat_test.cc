// NAT from the client's SYN to the server's last FIN: golden packets in and out, and that a
// rewritten packet's way back restores it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "forwarding/apply.hpp"
#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

PacketBuilder from_web(std::string_view server = "10.0.0.2", uint16_t client_port = 40000) {
  return packet().ipv4(server, "192.0.2.7").tcp(8080, client_port);
}

TEST(Nat, RewritesTheDestinationToTheServerAndTheAnswersSourceToTheVip) {
  Director director;
  director.apply({web()});
  EXPECT_EQ(director.line(from_client().syn()), "to web2: 192.0.2.7:40000 > 10.0.0.2:8080 tcp S ttl 63");
  EXPECT_EQ(director.line(from_web().syn().ack()), "to 192.0.2.7: 198.51.100.10:80 > 192.0.2.7:40000 tcp SA ttl 63");
  EXPECT_EQ(director.line(from_client().ack().psh().payload("GET / HTTP/1.1\r\n\r\n")),
            "to web2: 192.0.2.7:40000 > 10.0.0.2:8080 tcp PA ttl 63");
}

TEST(Nat, SendsEveryPacketOfAFlowToTheSameServer) {
  Director director;
  director.apply({web()});
  EXPECT_THAT(director.line(from_client(40000).syn()), ::testing::HasSubstr("to web2"));
  EXPECT_THAT(director.line(from_client(40001).syn()), ::testing::HasSubstr("to web1"));
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(director.line(from_client(40000).ack()), ::testing::HasSubstr("to web2"));
    EXPECT_THAT(director.line(from_client(40001).ack()), ::testing::HasSubstr("to web1"));
  }
  EXPECT_EQ(director.count(Counter::kNewFlows), 2u);
}

TEST(Nat, CarriesAnUnfilledChecksumThrough) {
  Director director;
  director.apply({web()});
  const auto sent = director.send(from_client().syn().unfilled());
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].frame.offload.checksum_unfilled);
  EXPECT_EQ(sent[0].text, "to web2: 192.0.2.7:40000 > 10.0.0.2:8080 tcp S ttl 63");
}

TEST(Nat, TakesASuperPacketOf64KilobytesAsOneFrame) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn());
  const auto sent = director.send(from_client().ack().payload(65000).in_segments_of(1448));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].frame.offload.gso_size, 1448);
  EXPECT_EQ(sent[0].frame.length, 65040u);
  const ServerTraffic traffic = director.engine.traffic(director.server("web", "web2").slot);
  EXPECT_EQ(traffic.packets_in, 1u + 45u);  // as the wire sees them
  EXPECT_EQ(traffic.bytes_in, 40u + 65000 + 45 * 40);
}

TEST(Nat, ForwardsUdpBothWays) {
  Director director;
  director.apply({dns()});
  EXPECT_EQ(director.line(packet().ipv4("192.0.2.7", "198.51.100.10").udp(5353, 53).payload(30)),
            "to ns1: 192.0.2.7:5353 > 10.0.0.3:5300 udp ttl 63");
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.3", "192.0.2.7").udp(5300, 5353).payload(60)),
            "to 192.0.2.7: 198.51.100.10:53 > 192.0.2.7:5353 udp ttl 63");
}

// RFC 768: a checksum of zero says that none was made.
TEST(Nat, LeavesAnAbsentUdpChecksumAbsent) {
  Director director;
  director.apply({dns()});
  const auto sent =
      director.send(packet().ipv4("192.0.2.7", "198.51.100.10").udp(5353, 53).without_checksum().payload(30));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(wire_at<UdpHeader>(sent[0].frame.ip(), 20)->checksum, 0);
}

// RFC 768: a sum that comes out as zero is sent as all ones.
TEST(Nat, NeverMakesAUdpChecksumOfZero) {
  const tandem_recipe recipe{.server_address = ip("10.0.0.3").value, .server_port = 5300};
  bool met = false;
  for (uint32_t i = 0; i < 65536; ++i) {
    Frame frame = packet().ipv4("192.0.2.7", "198.51.100.10").udp(static_cast<uint16_t>(i), 53).payload("ab").build();
    Packet parsed = *parse(frame.in());
    nat_to_server(parsed, recipe);
    const uint16_t checksum = wire_at<UdpHeader>(frame.ip(), 20)->checksum;
    ASSERT_NE(checksum, 0);
    met = met || checksum == 0xffff;
    ASSERT_EQ(checksum_fault(frame.ip()), std::nullopt);
  }
  EXPECT_TRUE(met);
}

TEST(Nat, KeepsIpOptions) {
  Director director;
  director.apply({web()});
  const auto sent = director.send(from_client().ip_options(3).syn().tcp_options(5));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].frame.length, 20u + 12 + 20 + 20);
  EXPECT_EQ(sent[0].text, "to web2: 192.0.2.7:40000 > 10.0.0.2:8080 tcp S ttl 63");
}

TEST(Nat, TrimsEthernetsPadding) {
  Director director;
  director.apply({web()});
  Frame frame = from_client().syn().build();
  frame.buffer.resize(frame.buffer.size() + 6, std::byte{0xee});
  frame.length += 6;
  const auto sent = director.send(frame);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].frame.length, 40u);
}

TEST(Nat, DropsAndCountsAnAnswerThatNoFlowAskedFor) {
  Director director;
  director.apply({web()});
  EXPECT_EQ(director.line(from_web().syn().ack()), "nothing");
  EXPECT_EQ(director.count(Counter::kDropAnswerWithoutFlow), 1u);
}

TEST(Nat, LeavesAnswersToOwnHealthChecksToTheKernel) {
  Director director;
  director.apply({web()});
  director.services.set_own_addresses({ip("10.0.0.254"), ip("192.0.2.7")});
  EXPECT_EQ(director.line(from_web().syn().ack()), "not ours");
}

TEST(Nat, MatchesAnAnswerByTheServerItComesFrom) {
  Director director;
  director.apply({web()});
  director.send(from_client().syn());  // web2 has it
  EXPECT_EQ(director.line(from_web("10.0.0.1").syn().ack()), "nothing");
  EXPECT_NE(director.line(from_web("10.0.0.2").syn().ack()), "nothing");
}

TEST(Nat, TellsServicesApartThatShareAServer) {
  Director director;
  ServiceSetting other = web();
  other.name = "web-other", other.vip = ip("198.51.100.11");
  director.apply({web(), other});
  director.send(from_client(40000).syn());
  director.send(packet().ipv4("192.0.2.7", "198.51.100.11").tcp(40001, 80).syn());
  EXPECT_EQ(director.line(from_web("10.0.0.2", 40000).ack()),
            "to 192.0.2.7: 198.51.100.10:80 > 192.0.2.7:40000 tcp A ttl 63");
  EXPECT_EQ(director.line(from_web("10.0.0.2", 40001).ack()),
            "to 192.0.2.7: 198.51.100.11:80 > 192.0.2.7:40001 tcp A ttl 63");
}

// Property: whatever a client sends, the packet rewritten to the server and back is the same again
// (but for two steps of TTL), and its checksums are those of a full recomputation at every step.
TEST(Nat, RestoresAnyPacketOnItsWayBack) {
  std::mt19937 random(7);
  const auto any16 = [&] { return static_cast<uint16_t>(random()); };
  for (int i = 0; i < 5000; ++i) {
    const Ipv4Address client{static_cast<uint32_t>(random())}, vip{static_cast<uint32_t>(random())};
    const tandem_recipe recipe{.server_address = static_cast<uint32_t>(random()),
                               .virtual_address = vip.value,
                               .server_port = any16(),
                               .virtual_port = any16()};
    PacketBuilder builder = packet().ipv4(client.text(), vip.text()).payload(random() % 200);
    if (random() % 2) {
      builder.tcp(any16(), recipe.virtual_port).ack(static_cast<uint32_t>(random()));
    } else {
      builder.udp(any16(), recipe.virtual_port);
    }
    if (random() % 3 == 0) builder.unfilled();
    Frame frame = builder.build();
    const Frame original = frame;
    Packet there = *parse(frame.in());
    nat_to_server(there, recipe);
    ASSERT_EQ(checksum_fault(frame.ip(), frame.offload), std::nullopt);
    // The server's view as the client's: source and destination change places, and back.
    const auto turn = [&] {
      auto& header = *wire_at<Ipv4Header>(frame.ip());
      auto& ports = *wire_at<PortsAndMore>(frame.ip(), 20);
      std::swap(header.source, header.destination);
      std::swap(ports.source_port, ports.destination_port);
    };
    turn();
    Packet back = *parse(frame.in());
    nat_to_client(back, recipe);
    ASSERT_EQ(checksum_fault(frame.ip(), frame.offload), std::nullopt);
    turn();
    ASSERT_EQ(frame.buffer, original.buffer);
  }
}

}  // namespace
}  // namespace tandem::forwarding
