#include "forwarding/io/tap_filter.hpp"

#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <stdexcept>
#include <string>

#include "daemon/base/bytes.hpp"

namespace tandem::forwarding {
namespace {

IpAddress at(const char* text) {
  return *IpAddress::parse(text);
}

// A frame as the kernel sees it at the tap.
struct Frame {
  IpAddress source, destination;
  uint8_t protocol = IPPROTO_TCP;
  uint8_t packet_type = PACKET_HOST;
  bool tagged = false;
  uint16_t tag = 0;  // priority and VLAN; it outlives the tag, as in Linux 6.1
  std::array<uint8_t, 6> to_mac = {2, 0, 0, 0, 0, 1};
  uint16_t ether_type = 0;  // 0: the addresses' own
  uint8_t icmp6_type = 1;

  std::vector<uint8_t> bytes() const {
    std::vector<uint8_t> ethernet(ETH_HLEN);
    std::ranges::copy(to_mac, ethernet.begin());
    const std::vector<uint8_t> ip = packet();
    ethernet.insert(ethernet.end(), ip.begin(), ip.end());
    return ethernet;
  }
  std::vector<uint8_t> packet() const {
    std::vector<uint8_t> bytes(60);
    const auto put = [&](size_t offset, const IpAddress& address) {
      if (!address.is_v4()) {
        std::ranges::copy(address.v6.bytes, bytes.begin() + static_cast<ptrdiff_t>(offset));
        return;
      }
      for (size_t i = 0; i < 4; ++i) bytes[offset + i] = static_cast<uint8_t>(address.v4.value >> (24 - 8 * i));
    };
    const bool four = source.is_v4();
    bytes[four ? 9 : 6] = protocol;
    if (!four) bytes[40] = icmp6_type;
    put(four ? 12 : 8, source);
    put(four ? 16 : 24, destination);
    return bytes;
  }
};

// Runs a classic BPF program (Documentation/networking/filter.rst): the instructions ours are made of. `bytes` are those that
// stand where the kernel runs it.
uint32_t run(const std::vector<sock_filter>& program, const Frame& frame, const std::vector<uint8_t>& bytes) {
  std::array<uint32_t, BPF_MEMWORDS> memory{};
  uint32_t a = 0, x = 0;
  const auto load = [&](uint32_t k, size_t size) -> uint32_t {
    const auto offset = static_cast<int32_t>(k);
    if (offset == SKF_AD_OFF + SKF_AD_PROTOCOL)
      return frame.ether_type != 0 ? frame.ether_type : frame.source.is_v4() ? ETH_P_IP : ETH_P_IPV6;
    if (offset == SKF_AD_OFF + SKF_AD_PKTTYPE) return frame.packet_type;
    if (offset == SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT) return frame.tagged ? 1 : 0;
    if (offset == SKF_AD_OFF + SKF_AD_VLAN_TAG) return frame.tag;
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | bytes.at(k + i);
    return value;
  };
  for (size_t at = 0;; ++at) {
    const sock_filter& step = program.at(at);
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        a = load(step.k, 4);
        break;
      case BPF_LD | BPF_B | BPF_ABS:
        a = load(step.k, 1);
        break;
      case BPF_LD | BPF_W | BPF_MEM:
        a = memory.at(step.k);
        break;
      case BPF_LDX | BPF_W | BPF_MEM:
        x = memory.at(step.k);
        break;
      case BPF_ST:
        memory.at(step.k) = a;
        break;
      case BPF_MISC | BPF_TAX:
        x = a;
        break;
      case BPF_ALU | BPF_XOR | BPF_X:
        a ^= x;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= step.k;
        break;
      case BPF_ALU | BPF_MUL | BPF_K:
        a *= step.k;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        a >>= step.k;
        break;
      case BPF_JMP | BPF_JA:
        at += step.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += a == step.k ? step.jt : step.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += a >= step.k ? step.jt : step.jf;
        break;
      case BPF_RET | BPF_K:
        return step.k;
      case BPF_RET | BPF_A:
        return a;
      default:
        throw std::runtime_error("instruction " + std::to_string(step.code));
    }
  }
}

uint32_t at_tap(const std::vector<sock_filter>& program, const Frame& frame) {
  return run(program, frame, frame.bytes());
}
uint32_t at_group(const std::vector<sock_filter>& program, const Frame& frame) {
  return run(program, frame, frame.packet());
}

TapAddresses a_site() {
  return {.services = {at("198.51.100.10"), at("198.51.100.11"), at("2001:db8::10")},
          .servers = {at("10.0.1.11"), at("10.0.1.12"), at("2001:db8:1::11")},
          .own = {at("198.51.100.10"), at("198.51.100.2"), at("10.0.1.2"), at("2001:db8:1::2")}};
}

bool wants(const Frame& frame) {
  return at_tap(wanted_frames(a_site()), frame) != 0;
}

TEST(TapFilter, WantsWhatComesToAServiceAndWhatANatServerAnswers) {
  EXPECT_TRUE(wants({.source = at("192.0.2.7"), .destination = at("198.51.100.10")}));
  EXPECT_TRUE(wants({.source = at("192.0.2.7"), .destination = at("198.51.100.11"), .protocol = IPPROTO_UDP}));
  EXPECT_TRUE(wants({.source = at("10.0.1.12"), .destination = at("192.0.2.7")}));
  EXPECT_TRUE(wants({.source = at("2001:db8:9::7"), .destination = at("2001:db8::10")}));
  EXPECT_TRUE(wants({.source = at("2001:db8:1::11"), .destination = at("2001:db8:9::7")}));
}

TEST(TapFilter, LeavesTheDirectorsOwnTrafficToTheKernel) {
  // Answers to its health checks, and whoever comes to the box itself.
  EXPECT_FALSE(wants({.source = at("10.0.1.11"), .destination = at("10.0.1.2")}));
  EXPECT_FALSE(wants({.source = at("2001:db8:1::11"), .destination = at("2001:db8:1::2")}));
  EXPECT_FALSE(wants({.source = at("192.0.2.7"), .destination = at("198.51.100.2")}));
  EXPECT_FALSE(wants({.source = at("192.0.2.7"), .destination = at("203.0.113.5")}));
  // A server that is a client of a service.
  EXPECT_TRUE(wants({.source = at("10.0.1.11"), .destination = at("198.51.100.10")}));
}

TEST(TapFilter, WantsEveryIcmpMessageForWhatItMayQuote) {
  EXPECT_TRUE(wants({.source = at("203.0.113.1"), .destination = at("192.0.2.7"), .protocol = IPPROTO_ICMP}));
  EXPECT_TRUE(wants({.source = at("203.0.113.1"), .destination = at("10.0.1.2"), .protocol = IPPROTO_ICMP}));
  EXPECT_TRUE(wants({.source = at("2001:db8:7::1"), .destination = at("2001:db8:9::7"), .protocol = IPPROTO_ICMPV6}));
  // Neighbour discovery is the kernel's.
  Frame solicitation{.source = at("2001:db8:1::9"), .destination = at("2001:db8:1::2"), .protocol = IPPROTO_ICMPV6};
  solicitation.icmp6_type = 135;
  EXPECT_FALSE(wants(solicitation));
}

TEST(TapFilter, LeavesOtherHostsFramesAndTaggedOnesAlone) {
  Frame frame{.source = at("192.0.2.7"), .destination = at("198.51.100.10")};
  for (const int type : {PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST, PACKET_OUTGOING}) {
    frame.packet_type = static_cast<uint8_t>(type);
    EXPECT_FALSE(wants(frame)) << type;
  }
  frame.packet_type = PACKET_HOST;
  frame.tagged = true;
  frame.tag = 10;
  EXPECT_FALSE(wants(frame));
  frame.tagged = false;
  frame.ether_type = ETH_P_ARP;
  EXPECT_FALSE(wants(frame));
}

TEST(TapFilter, TakesAFrameWhoseTagIsPriorityAlone) {
  Frame frame{.source = at("192.0.2.7"), .destination = at("198.51.100.10"), .tagged = true};
  for (const uint16_t priority : std::initializer_list<uint16_t>{0, 5, 7}) {
    frame.tag = static_cast<uint16_t>(priority << 13);
    EXPECT_TRUE(wants(frame)) << priority;
    frame.tag |= 1;
    EXPECT_FALSE(wants(frame)) << priority;
  }
}

TEST(TapFilter, OnTheVlansOwnInterfaceTheNumberThatIsLeftOfTheTagDoesNotCount) {
  EXPECT_TRUE(wants({.source = at("192.0.2.7"), .destination = at("198.51.100.10"), .tag = 10}));
}

TEST(TapFilter, TakesFramesForAVirtualRoutersMacAddress) {
  // RFC 9568, 7.3.
  Frame frame{.source = at("192.0.2.7"), .destination = at("198.51.100.10"), .packet_type = PACKET_OTHERHOST};
  for (const uint8_t family : std::initializer_list<uint8_t>{1, 2}) {
    frame.to_mac = {0, 0, 0x5e, 0, family, 51};
    EXPECT_TRUE(wants(frame));
  }
  frame.to_mac = {0, 0, 0x5e, 0, 3, 51};
  EXPECT_FALSE(wants(frame));
}

TEST(TapFilter, WantsNothingButIcmpWhenThereAreNoAddresses) {
  const auto program = wanted_frames({});
  EXPECT_EQ(at_tap(program, {.source = at("192.0.2.7"), .destination = at("198.51.100.10")}), 0U);
  EXPECT_NE(at_tap(program, {.source = at("192.0.2.7"), .destination = at("198.51.100.10"), .protocol = IPPROTO_ICMP}),
            0U);
  EXPECT_EQ(at_tap(no_frames(), {.source = at("192.0.2.7"), .destination = at("198.51.100.10")}), 0U);
}

// Any set of addresses, neighbours and IPv6 addresses of equal folds among them.
TEST(TapFilter, FindsEveryAddressOfASetAndNoOther) {
  std::mt19937 random(5);
  for (const size_t count : {1, 2, 3, 17, 120}) {
    TapAddresses addresses;
    for (size_t i = 0; i < count; ++i) {
      addresses.services.insert(Ipv4Address{static_cast<uint32_t>(0xc6336400 + random() % (2 * count))});
      Ipv6Address six;
      six.bytes[3] = static_cast<uint8_t>(random() % 3);
      six.bytes[7] = static_cast<uint8_t>(random() % 3);
      six.bytes[15] = static_cast<uint8_t>(random() % 3);
      if (addresses.services.size() < 100) addresses.services.insert(six);
    }
    const auto program = wanted_frames(addresses);
    for (uint32_t i = 0; i < 2 * count + 2; ++i) {
      const IpAddress four = Ipv4Address{0xc63363ff + i};
      EXPECT_EQ(at_tap(program, {.source = at("192.0.2.7"), .destination = four}) != 0,
                addresses.services.contains(four));
    }
    for (uint32_t i = 0; i < 27; ++i) {
      Ipv6Address six;
      six.bytes[3] = static_cast<uint8_t>(i % 3);
      six.bytes[7] = static_cast<uint8_t>(i / 3 % 3);
      six.bytes[15] = static_cast<uint8_t>(i / 9);
      EXPECT_EQ(at_tap(program, {.source = at("2001:db8::7"), .destination = six}) != 0,
                addresses.services.contains(six));
    }
  }
}

TEST(TapFilter, WantsEveryIpFrameWhenThereAreTooManyAddressesForAProgram) {
  TapAddresses addresses = a_site();
  for (uint32_t i = 0; i < kMostTapAddresses; ++i) addresses.servers.insert(Ipv4Address{0x0a010000 + i});
  const auto program = wanted_frames(addresses);
  EXPECT_LE(program.size(), size_t{BPF_MAXINSNS});
  EXPECT_NE(at_tap(program, {.source = at("192.0.2.7"), .destination = at("203.0.113.5")}), 0U);
  EXPECT_EQ(at_tap(program, {.source = at("192.0.2.7"), .destination = at("203.0.113.5"), .tagged = true, .tag = 10}),
            0U);
}

TEST(TapFilter, AProgramOfEveryIpFrameIsShortAndWantsNothingElse) {
  const auto program = any_frames();
  EXPECT_LT(program.size(), 60U);
  Frame frame{.source = at("2001:db8:9::7"), .destination = at("2001:db8:77::1")};
  EXPECT_NE(at_tap(program, frame), 0U);
  frame.ether_type = ETH_P_ARP;
  EXPECT_EQ(at_tap(program, frame), 0U);
  frame.ether_type = 0;
  frame.packet_type = PACKET_OTHERHOST;
  EXPECT_EQ(at_tap(program, frame), 0U);
}

// The kernel makes some fifteen instructions of one that reads the frame, and counts them.
TEST(TapFilter, ReadsTheFrameNoMoreOftenForMoreAddresses) {
  const auto reads = [](size_t count) {
    TapAddresses addresses;
    for (size_t i = 0; i < count; ++i) {
      Ipv6Address six = at("2001:db8::").v6;
      six.bytes[15] = static_cast<uint8_t>(i);
      for (auto* set : {&addresses.services, &addresses.servers, &addresses.own}) set->insert(six);
    }
    return std::ranges::count(wanted_frames(addresses), BPF_LD | BPF_W | BPF_ABS, &sock_filter::code);
  };
  EXPECT_EQ(reads(30), reads(1));
}

TEST(TapFilter, AsManyAddressesAsThereMayBeFitIntoAProgram) {
  TapAddresses four, six;
  for (uint32_t i = 0; i < kMostTapAddresses; ++i) four.services.insert(Ipv4Address{0x0a010000 + 3 * i});
  for (uint32_t i = 0; i < kMostTapAddresses / 4; ++i) {
    Ipv6Address address;
    address.bytes = {
        0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    six.services.insert(address);
  }
  EXPECT_LE(wanted_frames(four).size(), size_t{BPF_MAXINSNS});
  EXPECT_LE(wanted_frames(six).size(), size_t{BPF_MAXINSNS});
  EXPECT_LE(number_of_client(four).size(), size_t{BPF_MAXINSNS});
  EXPECT_EQ(at_tap(wanted_frames(four), {.source = at("192.0.2.7"), .destination = at("203.0.113.5")}), 0U);
}

TEST(TapFilter, BothWaysOfAConnectionAndItsFragmentsHaveTheClientsNumber) {
  const auto program = number_of_client(a_site());
  for (const char* client : {"192.0.2.7", "192.0.2.8", "203.0.113.200"}) {
    const uint32_t there = at_group(program, {.source = at(client), .destination = at("198.51.100.10")});
    EXPECT_EQ(there, at_group(program, {.source = at("10.0.1.11"), .destination = at(client)}));
    EXPECT_EQ(there,
              at_group(program, {.source = at(client), .destination = at("198.51.100.11"), .protocol = IPPROTO_UDP}));
  }
  const uint32_t six = at_group(program, {.source = at("2001:db8:9::7"), .destination = at("2001:db8::10")});
  EXPECT_EQ(six, at_group(program, {.source = at("2001:db8:1::11"), .destination = at("2001:db8:9::7")}));
}

TEST(TapFilter, ClientsAreSpreadOverWorkers) {
  const auto program = number_of_client(a_site());
  for (const uint32_t workers : {2, 3, 4, 16}) {
    std::map<uint32_t, int> clients;
    for (uint32_t i = 0; i < 1000; ++i)
      ++clients[at_group(program, {.source = Ipv4Address{0xc0000200 + i}, .destination = at("198.51.100.10")}) %
                workers];
    EXPECT_EQ(clients.size(), workers);
    for (const auto& [worker, count] : clients) EXPECT_NEAR(count, 1000 / workers, 1000 / workers / 2);
  }
}

}  // namespace
}  // namespace tandem::forwarding
