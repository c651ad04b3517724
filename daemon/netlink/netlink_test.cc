// These tests talk to the real kernel, in a network namespace of their own that goes with the
// process. Without the right to make one they skip.
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "daemon/netlink/address_book.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/monitor.hpp"
#include "daemon/netlink/route.hpp"

namespace tandem::netlink {
namespace {

Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}
IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

void run(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

class Kernel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs the right to make a network namespace";
    run("ip link set lo up");
    run("ip link add t0 mtu 1400 address 02:00:00:00:00:01 type veth peer name t1");
    run("ip link set t1 up");
    run("ip link set t0 up");
    run("ip addr add 192.0.2.1/24 dev t0");
    auto opened = Connection::open();
    ASSERT_TRUE(opened) << opened.error().text();
    connection_.emplace(std::move(*opened));
    auto link = find_link(*connection_, "t0");
    ASSERT_TRUE(link) << link.error().text();
    index_ = link->index;
  }

  Connection& kernel() { return *connection_; }
  std::vector<InterfaceAddress> addresses() { return list_addresses(kernel(), index_).value(); }
  bool has(const char* text) {
    return std::ranges::any_of(addresses(), [&](const auto& a) { return a.prefix == prefix(text); });
  }

  std::optional<Connection> connection_;
  int index_ = 0;
};

TEST_F(Kernel, TellsWhatAnInterfaceIs) {
  const auto link = find_link(kernel(), "t0");
  ASSERT_TRUE(link);
  EXPECT_EQ(link->mac, *MacAddress::parse("02:00:00:00:00:01"));
  EXPECT_EQ(link->mtu, 1400);
  EXPECT_TRUE(link->usable());
  EXPECT_EQ(find_link(kernel(), link->index).value(), *link);
  EXPECT_EQ(list_links(kernel())->size(), 3);
}

TEST_F(Kernel, CarrierIsNotTheSameAsUp) {
  run("ip link set t1 down");
  const auto link = find_link(kernel(), "t0");
  EXPECT_TRUE(link->up);
  EXPECT_FALSE(link->carrier);
  EXPECT_FALSE(link->usable());
}

TEST_F(Kernel, AnInterfaceThatIsNotThereIsNotFound) {
  EXPECT_EQ(find_link(kernel(), "nosuch0").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(find_link(kernel(), "a-name-longer-than-any-can-be").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(find_link(kernel(), 4711).error().kind, ErrorKind::kNotFound);
}

TEST_F(Kernel, AddsAnAddressOnceAndTagsIt) {
  ASSERT_TRUE(add_address(kernel(), index_, prefix("192.0.2.10/24")));
  ASSERT_TRUE(add_address(kernel(), index_, prefix("192.0.2.10/24")));
  const auto ours = list_our_addresses(kernel());
  ASSERT_TRUE(ours);
  ASSERT_EQ(ours->size(), 1);
  EXPECT_EQ(ours->front().prefix, prefix("192.0.2.10/24"));
  EXPECT_EQ(ours->front().interface_index, index_);
  EXPECT_TRUE(ours->front().secondary);
}

TEST_F(Kernel, RemovesAnAddressAndMindsNotThatItIsGone) {
  ASSERT_TRUE(add_address(kernel(), index_, prefix("192.0.2.10/24")));
  ASSERT_TRUE(remove_address(kernel(), index_, prefix("192.0.2.10/24")));
  EXPECT_FALSE(has("192.0.2.10/24"));
  EXPECT_TRUE(has("192.0.2.1/24"));
  EXPECT_TRUE(remove_address(kernel(), index_, prefix("192.0.2.10/24")));
  EXPECT_TRUE(remove_address(kernel(), 4711, prefix("192.0.2.10/24")));
}

TEST_F(Kernel, RefusesWhatTheKernelRefusesWithItsWords) {
  const auto added = add_address(kernel(), 4711, prefix("192.0.2.10/24"));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(added.error().text().find("adding an address: No such device"), std::string::npos) << added.error().text();
}

TEST_F(Kernel, ThePrimaryAddressIsNeverOneOfOurs) {
  run("ip addr flush dev t0");
  ASSERT_TRUE(add_address(kernel(), index_, prefix("203.0.113.1/24")));
  EXPECT_EQ(primary_ipv4(addresses(), index_), std::nullopt);
  run("ip addr add 169.254.1.1/16 dev t0 scope link");
  EXPECT_EQ(primary_ipv4(addresses(), index_), Ipv4Address::parse("169.254.1.1"));
  run("ip addr add 198.51.100.7/24 dev t0");
  EXPECT_EQ(primary_ipv4(addresses(), index_), Ipv4Address::parse("198.51.100.7"));
}

TEST_F(Kernel, AddsIpv6AddressesWithoutDuplicateDetection) {
  ASSERT_TRUE(add_address(kernel(), index_, prefix("2001:db8::10/64")));
  EXPECT_TRUE(has("2001:db8::10/64"));
  EXPECT_EQ(list_our_addresses(kernel())->size(), 1);
  ASSERT_TRUE(remove_address(kernel(), index_, prefix("2001:db8::10/64")));
  EXPECT_FALSE(has("2001:db8::10/64"));
}

TEST_F(Kernel, AnIpv6AddressOfOursIsNoSourceOfItsOwnAccord) {
  run("ip addr add 2001:db8::1/64 dev t0 nodad");
  ASSERT_TRUE(add_address(kernel(), index_, prefix("2001:db8::10/64")));
  ASSERT_TRUE(add_address(kernel(), index_, prefix("2001:db8::11/128"), false));
  for (const char* other : {"2001:db8::12", "2001:db8::77"})
    EXPECT_EQ(route_to(kernel(), address(other))->preferred_source, address("2001:db8::1"));
}

TEST_F(Kernel, FindsTheWayToADestination) {
  run("ip route add 203.0.113.0/24 via 192.0.2.254");
  const auto direct = route_to(kernel(), address("192.0.2.77"));
  ASSERT_TRUE(direct) << direct.error().text();
  EXPECT_EQ(direct->interface_index, index_);
  EXPECT_EQ(direct->gateway, std::nullopt);
  EXPECT_EQ(direct->preferred_source, address("192.0.2.1"));
  EXPECT_EQ(direct->next_hop(address("192.0.2.77")), address("192.0.2.77"));

  const auto far = route_to(kernel(), address("203.0.113.9"));
  ASSERT_TRUE(far);
  EXPECT_EQ(far->gateway, address("192.0.2.254"));

  EXPECT_EQ(route_to(kernel(), address("192.0.2.1"))->kind, RouteKind::kLocal);
  EXPECT_EQ(route_to(kernel(), address("8.8.8.8")).error().kind, ErrorKind::kUnreachable);
}

TEST_F(Kernel, ABlackholeIsNoWay) {
  run("ip route add blackhole 198.18.0.0/15");
  run("ip route add prohibit 198.51.100.0/24");
  EXPECT_EQ(route_to(kernel(), address("198.18.0.1")).error().kind, ErrorKind::kUnreachable);
  EXPECT_EQ(route_to(kernel(), address("198.51.100.1")).error().kind, ErrorKind::kUnreachable);
}

TEST_F(Kernel, ResolvesANeighbourWhenAsked) {
  const IpAddress unknown = address("192.0.2.99");
  EXPECT_EQ(find_neighbour(kernel(), index_, unknown).error().kind, ErrorKind::kNotFound);
  const auto asked = ask_neighbour(kernel(), index_, unknown);
  ASSERT_TRUE(asked) << asked.error().text();
  const auto found = find_neighbour(kernel(), index_, unknown);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->state, NeighbourState::kIncomplete);
  EXPECT_FALSE(found->usable());

  run("ip neigh replace 192.0.2.99 lladdr 02:00:00:00:00:99 dev t0 nud reachable");
  const auto all = list_neighbours(kernel(), index_);
  ASSERT_TRUE(all);
  const auto known = std::ranges::find(*all, unknown, &Neighbour::address);
  ASSERT_NE(known, all->end());
  EXPECT_EQ(known->mac, *MacAddress::parse("02:00:00:00:00:99"));
  EXPECT_TRUE(known->usable());
}

TEST_F(Kernel, ReportsChangesAsTheyHappen) {
  auto monitor = Monitor::open({.links = true, .addresses = true, .routes = true, .neighbours = true});
  ASSERT_TRUE(monitor) << monitor.error().text();
  EXPECT_TRUE(monitor->read()->empty());
  ASSERT_TRUE(add_address(kernel(), index_, prefix("198.51.100.10/24")));
  ASSERT_TRUE(remove_address(kernel(), index_, prefix("198.51.100.10/24")));
  run("ip neigh replace 192.0.2.99 lladdr 02:00:00:00:00:99 dev t0 nud reachable");
  run("ip link set t1 down");
  bool added = false, removed = false, route = false, neighbour = false, lost_carrier = false;
  // The kernel tells of a carrier from a work queue of its own, up to a second later.
  pollfd readable{.fd = monitor->fd(), .events = POLLIN, .revents = 0};
  while (!(added && removed && route && neighbour && lost_carrier) && poll(&readable, 1, 5000) == 1) {
    const auto changes = monitor->read();
    ASSERT_TRUE(changes);
    for (const Change& change : *changes) {
      if (const auto* a = std::get_if<AddressChange>(&change)) (a->removed ? removed : added) |= a->address.ours();
      if (const auto* r = std::get_if<RouteChange>(&change))
        route |= !r->removed && r->destination == prefix("198.51.100.0/24");
      if (const auto* n = std::get_if<NeighbourChange>(&change))
        neighbour |= n->neighbour.address == address("192.0.2.99") && n->neighbour.usable();
      if (const auto* l = std::get_if<LinkChange>(&change))
        lost_carrier |= l->link.name == "t0" && l->link.up && !l->link.carrier;
    }
  }
  EXPECT_TRUE(added && removed && route && neighbour);
  EXPECT_TRUE(lost_carrier);
}

TEST_F(Kernel, AnOverrunAsksForResynchronisation) {
  auto monitor = Monitor::open({.addresses = true}, 4096);
  ASSERT_TRUE(monitor);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(add_address(kernel(), index_, prefix("198.51.100.10/24")));
    ASSERT_TRUE(remove_address(kernel(), index_, prefix("198.51.100.10/24")));
  }
  bool resynchronise = false;
  const auto changes = monitor->read();
  ASSERT_TRUE(changes);
  for (const Change& change : *changes) resynchronise |= std::holds_alternative<Resynchronise>(change);
  EXPECT_TRUE(resynchronise);
}

}  // namespace
}  // namespace tandem::netlink
