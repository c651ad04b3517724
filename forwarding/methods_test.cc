// Servers of one service that are reached by different methods.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/tcp_state.hpp"
#include "forwarding/testing/director.hpp"
#include "forwarding/trace.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// Dealt in turns, the last first: tun, then dr, then nat.
ServiceSetting mixed() {
  ServiceSetting setting = web();
  setting.servers = {{"near", ip("10.0.0.1"), 8080, 1, true},
                     {"direct", ip("10.0.0.2"), 80, 1, true},
                     {"far", ip("10.0.9.3"), 80, 1, true}};
  setting.servers[1].method = TANDEM_DR;
  setting.servers[2].method = TANDEM_TUN;
  return setting;
}

struct Mixed : Director {
  Mixed() {
    apply({mixed()});
    services.set_next_hop(server("web", "far").slot, {.ifindex = 2, .mtu = 1500, .tunnel_source = ip("10.0.0.254")});
    send(from_client(1).syn()), send(from_client(2).syn()), send(from_client(3).syn());
  }
  FlowState state_of(uint16_t port) {
    const auto flow = flows.find(kTcp, ip("192.0.2.7"), port, services.service_slot("web"));
    return flow ? static_cast<FlowState>(flow->state()) : FlowState::kNone;
  }
};

TEST(Methods, EachServerOfAServiceIsReachedByItsOwn) {
  Mixed director;
  EXPECT_EQ(director.line(from_client(1).ack()),
            "to far: 10.0.0.254 > 10.0.9.3 ttl 64 [192.0.2.7:1 > 198.51.100.10:80 tcp A ttl 63]");
  EXPECT_EQ(director.line(from_client(2).ack()), "to direct: 192.0.2.7:2 > 198.51.100.10:80 tcp A ttl 63");
  EXPECT_EQ(director.line(from_client(3).ack()), "to near: 192.0.2.7:3 > 10.0.0.1:8080 tcp A ttl 63");
}

// IPVS's tables differ: where answers are not seen, the client's FIN is the connection's.
TEST(Methods, AConnectionMovesByTheTableOfItsServersMethod) {
  Mixed director;
  director.send(packet().ipv4("10.0.0.1", "192.0.2.7").tcp(8080, 3).syn().ack());
  for (uint16_t port = 1; port <= 3; ++port) director.send(from_client(port).ack());
  for (uint16_t port = 1; port <= 3; ++port) EXPECT_EQ(director.state_of(port), FlowState::kEstablished) << port;
  for (uint16_t port = 1; port <= 3; ++port) director.send(from_client(port).fin().ack());
  EXPECT_EQ(director.state_of(1), FlowState::kFinWait);
  EXPECT_EQ(director.state_of(2), FlowState::kFinWait);
  EXPECT_EQ(director.state_of(3), FlowState::kCloseWait);
}

TEST(Methods, OnlyWhatComesFromANatServerIsAnAnswer) {
  Mixed director;
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.1", "192.0.2.7").tcp(8080, 3).syn().ack()),
            "to 192.0.2.7: 198.51.100.10:80 > 192.0.2.7:3 tcp SA ttl 63");
  EXPECT_EQ(director.line(packet().ipv4("10.0.0.2", "192.0.2.7").tcp(80, 2).syn().ack()), "not ours");
  EXPECT_EQ(director.line(packet().ipv4("10.0.9.3", "192.0.2.7").tcp(80, 1).syn().ack()), "not ours");
}

TEST(Methods, AReloadThatChangesAServersEndsItsConnectionsAndNoOthers) {
  Mixed director;
  for (uint16_t port = 1; port <= 3; ++port) director.send(from_client(port).ack());
  director.pass(10s);
  ServiceSetting other = mixed();
  other.servers[1].method = TANDEM_NAT;
  const uint16_t before = director.server("web", "direct").slot;
  director.apply({other});
  EXPECT_NE(director.server("web", "direct").slot, before);
  EXPECT_THAT(director.line(from_client(1).ack()), HasSubstr("to far"));
  EXPECT_THAT(director.line(from_client(2).ack()), HasSubstr("198.51.100.10:80 > 192.0.2.7:2 tcp R"));
  EXPECT_THAT(director.line(from_client(3).ack()), HasSubstr("to near"));
}

TEST(Methods, ATraceSaysAServersWhereItIsNotTheServices) {
  Mixed director;
  const TraceQuestion question{.client = ip("192.0.2.7"), .client_port = 2};
  std::string text;
  for (const std::string& line : trace(director.flows, director.services, question, director.now)) text += line + '\n';
  EXPECT_THAT(text, HasSubstr("its packets go to direct (10.0.0.2:80 by dr,"));
  EXPECT_THAT(text, HasSubstr("/tcp nat, scheduler rr"));
}

}  // namespace
}  // namespace tandem::forwarding
