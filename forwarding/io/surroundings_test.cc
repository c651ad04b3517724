#include "forwarding/io/surroundings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::forwarding {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

const MacAddress kMac{{2, 0, 0, 0, 0, 1}};

netlink::InterfaceAddress address(int index, const char* text) {
  return {.interface_index = index, .prefix = *Prefix::parse(text)};
}
netlink::Link link(int index, const char* name, const MacAddress& mac = kMac, int master = 0) {
  netlink::Link made;
  made.index = index;
  made.name = name;
  made.mac = mac;
  made.master = master;
  return made;
}
auto named(const char* name) {
  return Field(&PacketInterface::name, name);
}

TEST(Surroundings, AnInterfaceWithAnAddressOfEitherFamilyIsServed) {
  const auto found = surroundings_of({address(1, "127.0.0.1/8"), address(2, "10.0.0.1/24"), address(3, "fd00::1/64")},
                                     {link(1, "lo", {}), link(2, "eth0"), link(3, "eth1"), link(4, "eth2")}, false);
  EXPECT_THAT(found.interfaces, ElementsAre(named("eth0"), named("eth1")));
  EXPECT_THAT(found.own_addresses,
              ElementsAre(*IpAddress::parse("127.0.0.1"), *IpAddress::parse("10.0.0.1"), *IpAddress::parse("fd00::1")));
}

TEST(Surroundings, ALinkLocalAddressIsEnoughWhereIpv6IsForwarded) {
  const std::vector<netlink::InterfaceAddress> addresses = {address(2, "fe80::2/64")};
  EXPECT_THAT(surroundings_of(addresses, {link(2, "eth0")}, true).interfaces, ElementsAre(named("eth0")));
  EXPECT_THAT(surroundings_of(addresses, {link(2, "eth0")}, false).interfaces, IsEmpty());
}

TEST(Surroundings, APortOfABridgeIsNotServedForItsLinkLocalAddress) {
  const std::vector<netlink::InterfaceAddress> addresses = {address(2, "fe80::2/64"), address(3, "fe80::3/64"),
                                                            address(3, "fd00::3/64")};
  EXPECT_THAT(surroundings_of(addresses, {link(2, "eth0", kMac, 9), link(3, "in-a-vrf", kMac, 9)}, true).interfaces,
              ElementsAre(named("in-a-vrf")));
}

}  // namespace
}  // namespace tandem::forwarding
