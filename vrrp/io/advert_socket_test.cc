// Two sockets on the two ends of a virtual cable, in a network namespace that goes with the process.
#include "vrrp/io/advert_socket.hpp"

#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>

#include <cstdlib>

namespace tandem::vrrp {
namespace {

Ipv4Address ip(const char* text) {
  return *Ipv4Address::parse(text);
}

class Cable : public ::testing::Test {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs the right to make a network namespace";
    ASSERT_EQ(std::system("ip link set lo up && ip link add t0 type veth peer name t1 && ip link set t0 up && "
                          "ip link set t1 up && ip addr add 192.0.2.1/24 dev t0 && "
                          "ip addr add 192.0.2.7/24 dev t0 && ip addr add 192.0.2.2/24 dev t1 && "
                          // Both ends are on one box here, which would call the other's address a martian.
                          "sysctl -qw net.ipv4.conf.t1.accept_local=1 net.ipv4.conf.t1.rp_filter=0 "
                          "net.ipv4.conf.all.rp_filter=0"),
              0);
  }

  AdvertSocket open(const char* name) {
    auto socket = AdvertSocket::open(static_cast<int>(if_nametoindex(name)), name);
    EXPECT_TRUE(socket) << socket.error();
    return std::move(*socket);
  }

  std::optional<AdvertSocket::Packet> next(AdvertSocket& socket) {
    pollfd ready{socket.fd(), POLLIN, 0};
    poll(&ready, 1, 500);
    return socket.receive(buffer_);
  }

  std::array<std::byte, 4096> buffer_{};
};

Advert advert(Ipv4Address source) {
  return {.vrid = 51, .priority = 100, .advert_interval = 1s, .source = source, .addresses = {ip("192.0.2.10")}};
}

// RFC 9568, 5.1.1: TTL 255, group 224.0.0.18, the source that was said, not the one the kernel would choose.
TEST_F(Cable, WhatOneSendsTheOtherBelieves) {
  AdvertSocket here = open("t0");
  AdvertSocket there = open("t1");
  ASSERT_EQ(here.send(advert(ip("192.0.2.7"))), 0);
  const auto packet = next(there);
  ASSERT_TRUE(packet);
  EXPECT_EQ(std::to_integer<int>(packet->bytes[1]), kTrafficClass);
  const std::array<Prefix, 1> local{*Prefix::parse("192.0.2.2/24")};
  const auto heard = decode_ipv4(packet->bytes, {.local = local, .vrids = std::bitset<256>{}.set(51)});
  ASSERT_TRUE(heard) << text(heard.error());
  EXPECT_EQ(*heard, advert(ip("192.0.2.7")));
}

// Such a router would be deaf and would not know it.
TEST_F(Cable, AFirewallOfTheHostDoesNotMakeItDeaf) {
  ASSERT_EQ(std::system("nft 'table inet f { chain i { type filter hook input priority 0; policy drop; }; }'"), 0);
  AdvertSocket here = open("t0");
  AdvertSocket there = open("t1");
  ASSERT_EQ(here.send(advert(ip("192.0.2.1"))), 0);
  EXPECT_TRUE(next(there));
}

TEST_F(Cable, HearsNothingOfItself) {
  AdvertSocket here = open("t0");
  ASSERT_EQ(here.send(advert(ip("192.0.2.1"))), 0);
  EXPECT_FALSE(next(here));
}

TEST_F(Cable, PacketsThatAreNotForTheGroupDoNotArrive) {
  AdvertSocket here = open("t0");
  AdvertSocket there = open("t1");
  Advert unicast = advert(ip("192.0.2.1"));
  unicast.destination = ip("192.0.2.255");  // a broadcast of the network
  (void)here.send(unicast);
  EXPECT_FALSE(next(there));
}

TEST_F(Cable, AnAddressThatIsNotOursCannotBeTheSource) {
  AdvertSocket here = open("t0");
  EXPECT_NE(here.send(advert(ip("198.51.100.1"))), 0);
}

TEST_F(Cable, AnInterfaceThatIsNotThereIsAnErrorInWords) {
  const auto socket = AdvertSocket::open(4711, "nosuch0");
  ASSERT_FALSE(socket);
  EXPECT_NE(socket.error().find("nosuch0"), std::string::npos) << socket.error();
}

}  // namespace
}  // namespace tandem::vrrp
