#include "forwarding/io/next_hops.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>
#include <vector>

#include "forwarding/io/server_hops.hpp"

namespace tandem::forwarding {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const Ipv4Address kGateway{0x0a000001};
const Ipv4Address kClient{0xc0000201};
const MacAddress kOurs{{2, 0, 0, 0, 0, 1}};
const MacAddress kTheirs{{2, 0, 0, 0, 0, 2}};
const MacAddress kOther{{2, 0, 0, 0, 0, 3}};

// One interface, 2, with a gateway to everything.
class OneGateway final : public NetworkView {
 public:
  std::optional<netlink::RouteAnswer> route_to(const IpAddress&) override {
    ++routes_asked;
    if (!has_route) return std::nullopt;
    netlink::RouteAnswer answer;
    answer.interface_index = 2;
    if (!on_link) answer.gateway = kGateway;
    answer.preferred_source = source;
    answer.mtu = route_mtu;
    return answer;
  }
  std::optional<netlink::Neighbour> neighbour(int, const IpAddress&) override {
    if (state == netlink::NeighbourState::kNone) return std::nullopt;
    return gateway(state, kTheirs);
  }
  void ask(int, const IpAddress& address) override { asked.push_back(address.v4); }
  std::optional<Interface> interface(int) override { return Interface{kOurs, 1500}; }

  static netlink::Neighbour gateway(netlink::NeighbourState state, MacAddress mac) {
    return {.interface_index = 2, .address = kGateway, .mac = mac, .state = state};
  }

  bool has_route = true;
  bool on_link = false;  // each destination is its own next hop
  Ipv4Address source{0x0a000002};
  uint32_t route_mtu = 0;
  netlink::NeighbourState state = netlink::NeighbourState::kReachable;
  int routes_asked = 0;
  std::vector<Ipv4Address> asked;
};

class NextHopsTest : public testing::Test {
 protected:
  void send_packet(uint8_t mark = 0, Ipv4Address to = kClient) {
    packet_[0] = std::byte{mark};
    hops_.send(to, packet_, {}, now_, sender_);
  }

  OneGateway network_;
  NextHops hops_{network_};
  TimePoint now_{1000s};
  std::array<std::byte, 40> packet_{};
  std::vector<Way> ways_;
  std::vector<uint8_t> marks_;
  NextHops::Send sender_ = [this](MutableBytes packet, const Offload&, const Way& way) {
    marks_.push_back(std::to_integer<uint8_t>(packet[0]));
    ways_.push_back(way);
  };
};

TEST_F(NextHopsTest, ARouteIsAskedForOnceForEachDestination) {
  for (int i = 0; i < 100; ++i) send_packet();
  EXPECT_EQ(network_.routes_asked, 1);
  ASSERT_THAT(ways_, SizeIs(100));
  EXPECT_EQ(ways_[0].destination, kTheirs);
  EXPECT_EQ(ways_[0].source, kOurs);
  EXPECT_EQ(ways_[0].mtu, 1500u);
  send_packet(0, {kClient.value + 1});
  EXPECT_EQ(network_.routes_asked, 2);
}

TEST_F(NextHopsTest, TheRoutesOwnMtuCounts) {
  network_.route_mtu = 1400;
  send_packet();
  EXPECT_EQ(ways_.at(0).mtu, 1400u);
}

TEST_F(NextHopsTest, ThreePacketsWaitForANeighbourAndLeaveInOrder) {
  network_.state = netlink::NeighbourState::kNone;
  for (uint8_t mark = 1; mark <= 5; ++mark) send_packet(mark);
  EXPECT_THAT(marks_, IsEmpty());
  EXPECT_THAT(network_.asked, ElementsAre(kGateway));
  EXPECT_EQ(hops_.counters().dropped_waiting, 2u);
  hops_.on_neighbour(OneGateway::gateway(netlink::NeighbourState::kReachable, kTheirs), false, sender_);
  EXPECT_THAT(marks_, ElementsAre(1, 2, 3));
  EXPECT_FALSE(hops_.waiting());
}

TEST_F(NextHopsTest, WhatWaitedASecondIsDroppedAndTheNeighbourAskedForAgain) {
  network_.state = netlink::NeighbourState::kNone;
  send_packet();
  now_ += 1s;
  hops_.tick(now_);
  EXPECT_FALSE(hops_.waiting());
  EXPECT_EQ(hops_.counters().dropped_waiting, 1u);
  send_packet();
  EXPECT_THAT(network_.asked, SizeIs(2));
}

TEST_F(NextHopsTest, ANewMacAddressIsUsedAtOnce) {
  send_packet();
  hops_.on_neighbour(OneGateway::gateway(netlink::NeighbourState::kStale, kOther), false, sender_);
  send_packet();
  EXPECT_EQ(ways_.at(1).destination, kOther);
}

TEST_F(NextHopsTest, AStaleNeighbourIsUsedAndConfirmedEveryHalfMinute) {
  network_.state = netlink::NeighbourState::kStale;
  send_packet();
  send_packet();
  EXPECT_THAT(network_.asked, SizeIs(1));
  now_ += 29s;
  send_packet();
  EXPECT_THAT(network_.asked, SizeIs(1));
  now_ += 1s;
  send_packet();
  EXPECT_THAT(network_.asked, SizeIs(2));
  EXPECT_THAT(ways_, SizeIs(4));
}

TEST_F(NextHopsTest, ANeighbourThatJustWentStaleIsAskedForWithTheNextPacket) {
  send_packet();
  EXPECT_THAT(network_.asked, IsEmpty());
  hops_.on_neighbour(OneGateway::gateway(netlink::NeighbourState::kStale, kTheirs), false, sender_);
  send_packet();
  send_packet();
  EXPECT_THAT(network_.asked, SizeIs(1));
  EXPECT_THAT(ways_, SizeIs(3));
}

TEST_F(NextHopsTest, ANeighbourThatFailedIsNotSentTo) {
  send_packet();
  hops_.on_neighbour(OneGateway::gateway(netlink::NeighbourState::kFailed, {}), false, sender_);
  now_ += 1s;
  send_packet();
  EXPECT_THAT(ways_, SizeIs(1));
  EXPECT_THAT(network_.asked, SizeIs(1));
}

TEST_F(NextHopsTest, OnlyDestinationsInsideOfAChangedRouteAreAskedAgain) {
  send_packet();
  hops_.forget_routes(*Prefix::parse("203.0.113.0/24"));
  send_packet();
  EXPECT_EQ(network_.routes_asked, 1);
  hops_.forget_routes(*Prefix::parse("192.0.2.0/24"));
  send_packet();
  EXPECT_EQ(network_.routes_asked, 2);
  hops_.forget_routes(*Prefix::parse("0.0.0.0/0"));
  send_packet();
  EXPECT_EQ(network_.routes_asked, 3);
}

TEST_F(NextHopsTest, ADestinationWithoutARouteIsAskedForOnceASecond) {
  network_.has_route = false;
  for (int i = 0; i < 10; ++i) send_packet();
  EXPECT_EQ(network_.routes_asked, 1);
  EXPECT_EQ(hops_.counters().dropped_no_route, 10u);
  network_.has_route = true;
  now_ += 1s;
  send_packet();
  EXPECT_THAT(ways_, SizeIs(1));
}

TEST_F(NextHopsTest, MoreDestinationsThanPlacesStillReachTheirNextHop) {
  for (uint32_t i = 0; i < 3 * NextHops::kRoutes; ++i) send_packet(0, {0x30000000 + i});
  EXPECT_THAT(ways_, SizeIs(3 * NextHops::kRoutes));
}

// ---- for those who send by a way that they were told once

TEST_F(NextHopsTest, SendTellsTheWayThatWasTakenAndNoneWhereAPacketWaits) {
  network_.route_mtu = 1400;
  const Way* way = hops_.send(kClient, packet_, {}, now_, sender_);
  ASSERT_NE(way, nullptr);
  EXPECT_EQ(way->ifindex, 2u);
  EXPECT_EQ(way->source, kOurs);
  EXPECT_EQ(way->destination, kTheirs);
  EXPECT_EQ(way->mtu, 1400u);
  hops_.on_neighbour(OneGateway::gateway(netlink::NeighbourState::kFailed, {}), false, sender_);
  EXPECT_EQ(hops_.send(kClient, packet_, {}, now_, sender_), nullptr) << "it waits";
  network_.has_route = false;
  EXPECT_EQ(hops_.send({Ipv4Address{kClient.value + 1}}, packet_, {}, now_, sender_), nullptr) << "there is no route";
}

TEST_F(NextHopsTest, ANeighbourSaysWhetherAKnownWayDoesNotHoldAnyMore) {
  using State = netlink::NeighbourState;
  const auto hears = [&](State state, MacAddress mac, bool removed = false) {
    return hops_.on_neighbour(OneGateway::gateway(state, mac), removed, sender_);
  };
  EXPECT_FALSE(hears(State::kReachable, kTheirs)) << "nobody was ever sent there";
  network_.state = State::kNone;
  send_packet();
  EXPECT_FALSE(hears(State::kFailed, {})) << "nor known";
  EXPECT_FALSE(hears(State::kReachable, kTheirs)) << "known from now on";
  EXPECT_FALSE(hears(State::kStale, kTheirs));
  EXPECT_FALSE(hears(State::kReachable, kTheirs));
  EXPECT_TRUE(hears(State::kReachable, kOther)) << "moved";
  EXPECT_FALSE(hears(State::kReachable, kOther));
  EXPECT_TRUE(hears(State::kFailed, {})) << "gone";
  EXPECT_FALSE(hears(State::kFailed, {}));
  EXPECT_FALSE(hears(State::kReachable, kTheirs)) << "nobody has a way by it";
  EXPECT_TRUE(hears(State::kReachable, kTheirs, true)) << "removed";
  EXPECT_FALSE(hears(State::kReachable, kTheirs, true));
}

// The same questions at the same times, whether packets are sent here or elsewhere.
TEST_F(NextHopsTest, WaysThatOthersSendByAreConfirmedAsOftenAsSendWould) {
  OneGateway others;
  NextHops kept(others);
  kept.send(kClient, packet_, {}, now_, sender_);
  send_packet();
  const auto hears = [&](netlink::NeighbourState state, MacAddress mac) {
    hops_.on_neighbour(OneGateway::gateway(state, mac), false, sender_);
    kept.on_neighbour(OneGateway::gateway(state, mac), false, sender_);
  };
  for (int second = 1; second <= 300; ++second) {
    if (second == 20 || second == 150) hears(netlink::NeighbourState::kStale, kTheirs);
    if (second == 100) hears(netlink::NeighbourState::kReachable, kTheirs);
    now_ += 1s;
    send_packet();
    kept.keep_confirmed(now_);
    ASSERT_EQ(others.asked.size(), network_.asked.size()) << second;
  }
  EXPECT_THAT(others.asked, SizeIs(3 + 6));  // at once, and each half a minute after
}

TEST_F(NextHopsTest, AWayIsKnownOnceAPacketWentIt) {
  EXPECT_EQ(hops_.known_way(kClient), nullptr);
  EXPECT_EQ(network_.routes_asked, 0);
  send_packet();
  ASSERT_NE(hops_.known_way(kClient), nullptr);
  EXPECT_EQ(hops_.known_way(kClient)->destination, kTheirs);
  EXPECT_EQ(hops_.known_way(kClient)->mtu, 1500u);
  hops_.on_neighbour(OneGateway::gateway(netlink::NeighbourState::kFailed, {}), false, sender_);
  EXPECT_EQ(hops_.known_way(kClient), nullptr);
  EXPECT_EQ(network_.routes_asked, 1);
}

TEST_F(NextHopsTest, ARouteSaysWhetherItMayHaveBeenOneInUse) {
  EXPECT_FALSE(hops_.forget_routes(*Prefix::parse("0.0.0.0/0"))) << "nobody was sent to";
  send_packet();
  EXPECT_FALSE(hops_.forget_routes(*Prefix::parse("203.0.113.0/24")));
  EXPECT_TRUE(hops_.forget_routes(*Prefix::parse("192.0.2.0/24")));
  EXPECT_FALSE(hops_.forget_routes(*Prefix::parse("192.0.2.0/24"))) << "it has been told";
  for (uint32_t i = 0; i < 2 * NextHops::kRoutes; ++i) send_packet(0, {0x30000000 + i});
  EXPECT_TRUE(hops_.forget_routes(*Prefix::parse("203.0.113.0/24"))) << "not all are remembered";
}

TEST_F(NextHopsTest, WhoSendsByWaysHearsWhenTheyAreNotFollowedAnyMore) {
  network_.on_link = true;
  for (uint32_t i = 0; i < NextHops::kHops; ++i) send_packet(0, {0x30000000 + i});
  EXPECT_FALSE(hops_.take_lost());
  send_packet(0, {0x40000000});
  EXPECT_TRUE(hops_.take_lost());
  EXPECT_FALSE(hops_.take_lost());
}

TEST_F(NextHopsTest, ANeighbourThatIsGoneIsNotAskedForUntilAPacketWantsIt) {
  send_packet();
  hops_.on_neighbour(OneGateway::gateway(netlink::NeighbourState::kFailed, {}), false, sender_);
  for (int second = 1; second <= 100; ++second) hops_.keep_confirmed(now_ + std::chrono::seconds(second));
  EXPECT_THAT(network_.asked, IsEmpty());
}

class ServerHopsTest : public testing::Test {
 protected:
  ServerHopsTest() {
    server_.slot = 7;
    server_.address = kClient;
  }
  std::vector<HopChange> set() {
    const std::array<const Server*, 1> servers{&server_};
    return hops_.set_servers(servers, now_);
  }

  OneGateway network_;
  ServerHops hops_{network_};
  Server server_;
  TimePoint now_{1000s};
};

TEST_F(ServerHopsTest, AServersWayIsToldOnceAndThenWhenItChanges) {
  const auto changes = set();
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].slot, 7);
  EXPECT_TRUE(changes[0].neighbour_known);
  EXPECT_EQ(changes[0].hop.destination_mac, kTheirs);
  EXPECT_EQ(changes[0].hop.tunnel_source, Ipv4Address{0x0a000002});
  EXPECT_THAT(set(), IsEmpty());
  EXPECT_THAT(hops_.on_route(*Prefix::parse("192.0.2.0/24"), now_), IsEmpty());
  network_.route_mtu = 1400;
  EXPECT_THAT(hops_.on_route(*Prefix::parse("203.0.113.0/24"), now_), IsEmpty());
  EXPECT_THAT(hops_.on_route(*Prefix::parse("192.0.2.0/24"), now_), SizeIs(1));
}

TEST_F(ServerHopsTest, ANeighbourThatJustWentStaleIsAskedForAtOnceAndThenEveryHalfMinute) {
  set();
  hops_.every_second(now_);
  EXPECT_THAT(network_.asked, IsEmpty());
  EXPECT_THAT(hops_.on_neighbour({false, OneGateway::gateway(netlink::NeighbourState::kStale, kTheirs)}), IsEmpty());
  hops_.every_second(now_);
  hops_.every_second(now_ + 29s);
  EXPECT_THAT(network_.asked, SizeIs(1));
  hops_.every_second(now_ + 30s);
  EXPECT_THAT(network_.asked, SizeIs(2));
}

TEST_F(ServerHopsTest, ATunnelComesFromTheAddressTheKernelPrefersByNow) {
  server_.method = TANDEM_TUN;
  set();
  network_.source = Ipv4Address{0x0a000003};
  EXPECT_THAT(hops_.every_second(now_), IsEmpty());
  for (int i = 0; i < 100; ++i) hops_.on_address();
  const int asked = network_.routes_asked;
  const auto changes = hops_.every_second(now_);
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].slot, 7);
  EXPECT_EQ(changes[0].hop.tunnel_source, network_.source);
  EXPECT_THAT(hops_.every_second(now_), IsEmpty());
  EXPECT_EQ(network_.routes_asked, asked + 1);
}

TEST_F(ServerHopsTest, AnAddressThatIsNoTunnelsSourceCostsNothing) {
  set();
  const int asked = network_.routes_asked;
  hops_.on_address();
  hops_.every_second(now_);
  EXPECT_EQ(network_.routes_asked, asked);
  Server by_tunnel;  // the same server, of another service
  by_tunnel.slot = 8;
  by_tunnel.address = server_.address;
  by_tunnel.method = TANDEM_TUN;
  const std::array<const Server*, 2> servers{&server_, &by_tunnel};
  hops_.set_servers(servers, now_);
  hops_.on_address();
  hops_.every_second(now_);
  EXPECT_EQ(network_.routes_asked, asked + 1);
}

TEST_F(ServerHopsTest, ANeighbourIsAskedForAndFollowed) {
  network_.state = netlink::NeighbourState::kNone;
  const auto changes = set();
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_FALSE(changes[0].neighbour_known);
  EXPECT_EQ(changes[0].hop.mtu, 1500);  // the route's part is known
  EXPECT_THAT(network_.asked, ElementsAre(kGateway));
  const auto found = hops_.on_neighbour({false, OneGateway::gateway(netlink::NeighbourState::kReachable, kOther)});
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_TRUE(found[0].neighbour_known);
  EXPECT_EQ(found[0].hop.destination_mac, kOther);
  const auto gone = hops_.on_neighbour({true, OneGateway::gateway(netlink::NeighbourState::kReachable, kOther)});
  ASSERT_THAT(gone, SizeIs(1));
  EXPECT_FALSE(gone[0].neighbour_known);
}

}  // namespace
}  // namespace tandem::forwarding
