#include "forwarding/fast_path.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "forwarding/packet.hpp"
#include "forwarding/testing/fast_memory.hpp"

namespace tandem::forwarding {
namespace {

using testing::any_ip;
using testing::FastVectors;

std::string hex(const uint8_t* bytes, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}
template <size_t N>
std::string hex(const uint8_t (&bytes)[N]) {
  return hex(bytes, N);
}
std::string hex(const uint16_t& port) {
  uint8_t bytes[2];
  std::memcpy(bytes, &port, sizeof bytes);
  return hex(bytes);
}

FastPath::ServerRecord record(std::string_view address, uint16_t port = 8080) {
  return {.translates = true,
          .protocol = kTcp,
          .address = any_ip(address),
          .port = port,
          .way = {.ifindex = 3, .mtu = 1500, .source = {{2, 0, 0, 0, 0, 1}}, .destination = {{2, 0, 0, 0, 0, 2}}}};
}

struct Fast : FastVectors {
  explicit Fast(size_t processors = 1) : FastVectors(1024, processors), fast(memory()) {}
  // As the flow table does, without one.
  void put(size_t index, uint64_t key) { EXPECT_TRUE(fast.flows().put(index, key, 1, false, 0)); }
  bool is_usable(uint16_t hop) const { return hops[hop].usable != 0; }
  FastPath fast;
};

FastWay way(uint32_t number) {
  return {.ifindex = 3,
          .mtu = 1500,
          .source = {{2, 0, 0, 0, 0, 1}},
          .destination = {{4, 0, 0, 0, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)}}};
}

const TimePoint kBegin{1000s};

// ---- servers and fronts

TEST(FastPath, AServerIsWrittenAsItStandsInPackets) {
  Fast fast;
  fast.fast.set_server(7, record("10.1.2.3"));
  const tandem_fast_server& four = fast.servers[7];
  EXPECT_EQ(four.usable, 1);
  EXPECT_EQ(four.method, TANDEM_NAT);
  EXPECT_EQ(four.protocol, 6);
  EXPECT_EQ(four.is_ipv6, 0);
  EXPECT_EQ(four.ifindex, 3u);
  EXPECT_EQ(four.mtu, 1500);
  EXPECT_EQ(hex(four.port), "1f90");
  EXPECT_EQ(hex(four.source_mac), "020000000001");
  EXPECT_EQ(hex(four.destination_mac), "020000000002");
  EXPECT_EQ(hex(four.address), "00000000000000000000ffff0a010203");

  FastPath::ServerRecord other = record("2001:db8::1:2");
  other.translates = false;
  fast.fast.set_server(8, other);
  EXPECT_EQ(fast.servers[8].method, TANDEM_DR);
  EXPECT_EQ(fast.servers[8].is_ipv6, 1);
  EXPECT_EQ(hex(fast.servers[8].address), "20010db8000000000000000000010002");
}

TEST(FastPath, NothingIsLeftOfAFormerAddress) {
  Fast fast;
  fast.fast.set_server(7, record("2001:db8::1"));
  fast.fast.set_server(7, record("10.1.2.3"));
  EXPECT_EQ(hex(fast.servers[7].address), "00000000000000000000ffff0a010203");
  EXPECT_EQ(fast.servers[7].is_ipv6, 0);
}

TEST(FastPath, AFrontIsWrittenAsItStandsInPackets) {
  Fast fast;
  fast.fast.set_front(9, {.protocol = kUdp, .address = any_ip("198.51.100.10"), .port = 53});
  EXPECT_EQ(fast.fronts[9].usable, 1);
  EXPECT_EQ(fast.fronts[9].protocol, 17);
  EXPECT_EQ(hex(fast.fronts[9].port), "0035");
  EXPECT_EQ(hex(fast.fronts[9].address), "00000000000000000000ffffc633640a");
  fast.fast.set_front(9, {.protocol = kTcp, .address = any_ip("2001:db8::10"), .port = 443});
  EXPECT_EQ(hex(fast.fronts[9].port), "01bb");
  EXPECT_EQ(hex(fast.fronts[9].address), "20010db8000000000000000000000010");
}

TEST(FastPath, ARecordThatIsWrittenHasAnotherVersionThatIsEven) {
  Fast fast;
  uint32_t before = 0;
  const auto has_gone_on = [&before](uint32_t version) {
    const bool holds = version % 2 == 0 && version != before;
    before = version;
    return holds;
  };
  fast.fast.set_server(7, record("10.1.2.3"));
  EXPECT_TRUE(has_gone_on(fast.servers[7].version));
  fast.fast.set_server(7, record("10.1.2.3"));
  EXPECT_TRUE(has_gone_on(fast.servers[7].version));
  fast.fast.forget_server(7);
  EXPECT_TRUE(has_gone_on(fast.servers[7].version));
  before = 0;
  fast.fast.set_front(9, {.protocol = kTcp, .address = any_ip("198.51.100.10"), .port = 80});
  EXPECT_TRUE(has_gone_on(fast.fronts[9].version));
  fast.fast.forget_front(9);
  EXPECT_TRUE(has_gone_on(fast.fronts[9].version));
}

TEST(FastPath, AVersionThatAKilledProcessLeftOddIsEvenAfterTheNextWrite) {
  Fast fast;
  fast.servers[7].version = 5;
  fast.fast.set_server(7, record("10.1.2.3"));
  EXPECT_EQ(fast.servers[7].version, 6u);
}

TEST(FastPath, WhatIsForgottenIsNotUsable) {
  Fast fast;
  EXPECT_FALSE(fast.fast.is_usable(7));
  fast.fast.set_server(7, record("10.1.2.3"));
  fast.fast.set_front(9, {.protocol = kTcp, .address = any_ip("198.51.100.10"), .port = 80});
  EXPECT_TRUE(fast.fast.is_usable(7));
  fast.fast.forget_server(7);
  fast.fast.forget_front(9);
  EXPECT_FALSE(fast.fast.is_usable(7));
  EXPECT_EQ(fast.servers[7].usable, 0);
  EXPECT_EQ(fast.fronts[9].usable, 0);
  fast.fast.set_server(7, record("10.1.2.3"));
  EXPECT_TRUE(fast.fast.is_usable(7));
}

TEST(FastPath, AServerWithANumberBeyondItsPlacesIsTheEnginesAlone) {
  Fast fast;
  fast.fast.set_server(TANDEM_FAST_SERVERS, record("10.1.2.3"));
  fast.fast.forget_server(TANDEM_FAST_SERVERS);
  EXPECT_FALSE(fast.fast.is_usable(TANDEM_FAST_SERVERS));
  EXPECT_FALSE(fast.fast.is_usable(0xffff));
  EXPECT_EQ(fast.fast.traffic(0xffff), ServerTraffic{});
  fast.fast.set_server(TANDEM_FAST_SERVERS - 1, record("10.1.2.3"));
  EXPECT_TRUE(fast.fast.is_usable(TANDEM_FAST_SERVERS - 1));
}

// A reader as the programs are: version, record, version.
TEST(FastPath, NoHalfOfARecordIsSeenBetweenTwoLooksAtOneEvenVersion) {
  Fast fast;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (uint32_t i = 0; i < 200'000; ++i) {
      FastPath::ServerRecord one = record("10.1.2.3", static_cast<uint16_t>(i));
      one.way.mtu = static_cast<uint16_t>(i);
      fast.fast.set_server(7, one);
    }
    done = true;
  });
  const tandem_fast_server& there = fast.servers[7];
  uint64_t whole = 0, torn = 0;
  while (!done || whole == 0) {
    const uint32_t before = __atomic_load_n(&there.version, __ATOMIC_SEQ_CST);
    const uint16_t mtu = __atomic_load_n(&there.mtu, __ATOMIC_RELAXED);
    const uint16_t port = __atomic_load_n(&there.port, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (before % 2 != 0 || __atomic_load_n(&there.version, __ATOMIC_SEQ_CST) != before) continue;
    ++whole;
    torn += mtu != __builtin_bswap16(port);
  }
  writer.join();
  EXPECT_EQ(torn, 0u);
}

// ---- ways to clients

TEST(FastPath, AFlowWantsAWayWhileItHasACopyAndNoWay) {
  Fast fast;
  EXPECT_FALSE(fast.fast.wants_hop(5, 500)) << "without a copy";
  fast.put(5, 500);
  EXPECT_TRUE(fast.fast.wants_hop(5, 500));
  EXPECT_FALSE(fast.fast.wants_hop(5, 501)) << "another flow's place";
  fast.fast.set_hop(5, 500, way(1), kBegin);
  EXPECT_FALSE(fast.fast.wants_hop(5, 500));
  EXPECT_TRUE(fast.fast.flows().has(5, 500));
  const tandem_fast_hop& hop = fast.hops[fast.flow(5).hop];
  EXPECT_EQ(hop.usable, 1);
  EXPECT_EQ(hop.ifindex, 3u);
  EXPECT_EQ(hop.mtu, 1500);
  EXPECT_EQ(hex(hop.source_mac), "020000000001");
  EXPECT_EQ(hex(hop.destination_mac), "040000000001");
}

TEST(FastPath, EqualWaysHaveOneNumberAndOthersAnother) {
  Fast fast;
  const auto number_of = [&](size_t index, const FastWay& its) {
    fast.put(index, 500);
    fast.fast.set_hop(index, 500, its, kBegin);
    return fast.flow(index).hop;
  };
  FastWay narrow = way(1), elsewhere = way(1), from_another = way(1);
  narrow.mtu = 1400, elsewhere.ifindex = 4, from_another.source.bytes[0] = 6;
  const uint16_t one = number_of(1, way(1));
  EXPECT_NE(one, 0);
  EXPECT_EQ(number_of(2, way(1)), one);
  const std::set<uint16_t> numbers{one, number_of(3, way(2)), number_of(4, narrow), number_of(5, elsewhere),
                                   number_of(6, from_another)};
  EXPECT_EQ(numbers.size(), 5u);
}

TEST(FastPath, AWayIsNotGivenToAFlowWhoseCopyIsGone) {
  Fast fast;
  fast.put(5, 500);
  fast.put(5, 501);
  fast.fast.set_hop(5, 500, way(1), kBegin);
  EXPECT_EQ(fast.flow(5).hop, 0);
  fast.fast.flows().withdraw(5);
  fast.fast.set_hop(5, 501, way(1), kBegin);
  EXPECT_EQ(fast.flow(5).key, 0u);
  EXPECT_EQ(fast.flow(5).hop, 0);
}

TEST(FastPath, AFlowThatIsPutDownAnewHasNoWay) {
  Fast fast;
  fast.put(5, 500);
  fast.fast.set_hop(5, 500, way(1), kBegin);
  fast.put(5, 501);
  EXPECT_TRUE(fast.fast.wants_hop(5, 501));
}

TEST(FastPath, WhenWaysAreForgottenEachFlowWantsOneAndItsNumberIsNew) {
  Fast fast;
  EXPECT_TRUE(fast.fast.forget_hops(kBegin)) << "there are none";
  std::set<uint16_t> before, after;
  for (uint32_t i = 0; i < 3; ++i) {
    fast.put(i, 500);
    fast.fast.set_hop(i, 500, way(i), kBegin);
    before.insert(fast.flow(i).hop);
  }
  EXPECT_TRUE(fast.fast.forget_hops(kBegin));
  for (const uint16_t number : before) EXPECT_FALSE(fast.is_usable(number));
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(fast.fast.wants_hop(i, 500));
    fast.fast.set_hop(i, 500, way(i), kBegin);
    after.insert(fast.flow(i).hop);
  }
  for (const uint16_t number : before) {
    EXPECT_FALSE(after.contains(number)) << "flows that have it may not have been told anew";
    EXPECT_FALSE(fast.is_usable(number));
  }
  EXPECT_EQ(after.size(), 3u);
}

TEST(FastPath, WaysAreForgottenOnceASecondAndWhoIsToldNoComesAgain) {
  Fast fast;
  fast.put(1, 500);
  fast.fast.set_hop(1, 500, way(1), kBegin);
  EXPECT_TRUE(fast.fast.forget_hops(kBegin));
  fast.fast.set_hop(1, 500, way(1), kBegin);
  EXPECT_FALSE(fast.fast.forget_hops(kBegin + 999ms));
  EXPECT_FALSE(fast.fast.wants_hop(1, 500));
  EXPECT_TRUE(fast.fast.forget_hops(kBegin + 1s));
  EXPECT_TRUE(fast.fast.wants_hop(1, 500));
}

// Gives flow `index` the way of this number.
void tell(Fast& fast, size_t index, uint32_t number, TimePoint now) {
  if (!fast.fast.flows().has(index, 500)) fast.put(index, 500);
  fast.fast.set_hop(index, 500, way(number), now);
}

TEST(FastPath, WhenAllNumbersAreUsedUpTheyBeginAgainAndNoFlowKeepsItsOwn) {
  Fast fast;
  constexpr uint32_t kNumbers = TANDEM_FAST_HOPS - 1;
  static_assert(kNumbers == 4095);
  std::set<uint16_t> numbers;
  for (uint32_t i = 0; i < kNumbers; ++i) {
    tell(fast, i, i, kBegin);
    numbers.insert(fast.flow(i).hop);
  }
  EXPECT_EQ(numbers.size(), kNumbers);
  EXPECT_FALSE(numbers.contains(0));

  tell(fast, kNumbers, kNumbers, kBegin);
  EXPECT_EQ(fast.flow(kNumbers).hop, 1) << "begun again";
  EXPECT_TRUE(fast.is_usable(1));
  for (uint16_t number = 2; number < TANDEM_FAST_HOPS; ++number) EXPECT_FALSE(fast.is_usable(number)) << number;
  for (size_t index = 0; index < kNumbers; ++index) EXPECT_EQ(fast.flow(index).hop, 0) << index;
  EXPECT_TRUE(fast.fast.wants_hop(0, 500)) << "not the way that has its former number now";
  tell(fast, 0, 0, kBegin);
  EXPECT_EQ(fast.flow(0).hop, 2);
}

TEST(FastPath, NumbersBeginAgainOnceInTenSecondsAtMost) {
  Fast fast;
  uint32_t next = 0;
  const auto use_up = [&](TimePoint now) {
    for (uint32_t i = 0; i < TANDEM_FAST_HOPS; ++i) {
      fast.fast.flows().withdraw(1);
      tell(fast, 1, next++, now);
    }
  };
  use_up(kBegin);  // the last is the first of the second round
  EXPECT_EQ(fast.flow(1).hop, 1);
  const TimePoint later = kBegin + 9s;
  use_up(later);  // for the last two there is no number
  EXPECT_EQ(fast.flow(1).hop, 0) << "none is left, and the flow's answers go by the engine";
  EXPECT_TRUE(fast.fast.wants_hop(1, 500));
  tell(fast, 2, next - 3, later);
  EXPECT_EQ(fast.flow(2).hop, TANDEM_FAST_HOPS - 1) << "what has a number keeps it";
  tell(fast, 1, next, kBegin + 10s);
  EXPECT_EQ(fast.flow(1).hop, 1);
  EXPECT_EQ(fast.flow(2).hop, 0);
}

TEST(FastPath, ForgottenNumbersAreUsedUpAsWell) {
  Fast fast;
  TimePoint now = kBegin;
  fast.put(1, 500);
  for (uint32_t i = 1; i < TANDEM_FAST_HOPS; ++i, now += 1s) {
    fast.fast.set_hop(1, 500, way(1), now);
    ASSERT_EQ(fast.flow(1).hop, i);
    ASSERT_TRUE(fast.fast.forget_hops(now));
  }
  fast.fast.set_hop(1, 500, way(1), now);
  EXPECT_EQ(fast.flow(1).hop, 1);
}

// ---- counts

TEST(FastPath, TrafficIsTheSumOfAllProcessors) {
  Fast fast(3);
  for (size_t processor = 0; processor < 3; ++processor) {
    const uint64_t times = processor + 1;
    fast.counts[processor * TANDEM_FAST_SERVERS + 7] = {1 * times, 100 * times, 2 * times, 3000 * times};
    fast.counts[processor * TANDEM_FAST_SERVERS + 8] = {50, 50, 50, 50};
    fast.counts[processor * TANDEM_FAST_SERVERS + 0] = {10 * times, 0, 20 * times, 0};
  }
  EXPECT_EQ(fast.fast.traffic(7), (ServerTraffic{6, 600, 12, 18000}));
  EXPECT_EQ(fast.fast.traffic(9), ServerTraffic{});
  EXPECT_EQ(fast.fast.frames().to_servers, 60u);
  EXPECT_EQ(fast.fast.frames().to_clients, 120u);
}

// ---- picks

TEST(FastPath, PicksAreDealtInRoundsThatBeginWithNothingTaken) {
  Fast fast;
  EXPECT_EQ(fast.fast.dealt(5).picks, 0u);
  const std::vector<uint16_t> picks{3, 1, 4, 1, 5};
  (void)fast.fast.take_back(5);
  fast.fast.deal(5, picks);
  tandem_fast_deck& deck = fast.decks[5];
  const uint64_t half = deck.taken >> 32 & 1;
  for (size_t i = 0; i < picks.size(); ++i)
    EXPECT_EQ(fast.picks[(10 + half) * TANDEM_FAST_PICKS / 4 + i / 4].servers[i % 4], picks[i]);
  deck.taken += 2;
  EXPECT_EQ(fast.fast.dealt(5).picks, 5u);
  EXPECT_EQ(fast.fast.dealt(5).taken, 2u);
  deck.taken += 10;  // wished for
  EXPECT_EQ(fast.fast.dealt(5).taken, 5u);
  const FastPath::Dealt was = fast.fast.take_back(5);
  EXPECT_EQ(was.picks, 5u);
  EXPECT_EQ(was.taken, 5u);
  EXPECT_EQ(fast.fast.dealt(5).picks, 0u);
}

TEST(FastPath, AServiceBeyondTheDecksIsDealtNothing) {
  Fast fast;
  const std::vector<uint16_t> picks(4, 1), too_many(TANDEM_FAST_PICKS + 1, 1);
  fast.fast.deal(TANDEM_FAST_DECKS, picks);
  EXPECT_EQ(fast.fast.dealt(TANDEM_FAST_DECKS).picks, 0u);
  EXPECT_EQ(fast.fast.take_back(TANDEM_FAST_DECKS).picks, 0u);
  fast.fast.deal(1, too_many);
  EXPECT_EQ(fast.fast.dealt(1).picks, 0u);
  fast.fast.set_front(9,
                      {.protocol = kTcp, .address = any_ip("198.51.100.10"), .port = 80, .service = TANDEM_FAST_DECKS});
  EXPECT_EQ(fast.fronts[9].deck, 0);
}

TEST(FastPath, AFrontThatIsForgottenBeginsNothing) {
  Fast fast;
  fast.fast.set_front(9,
                      {.protocol = kTcp, .address = any_ip("198.51.100.10"), .port = 80, .service = 7, .clamps = true});
  EXPECT_EQ(fast.fronts[9].deck, 7);
  EXPECT_EQ(fast.fronts[9].clamps, 1);
  fast.fast.forget_front(9);
  EXPECT_EQ(fast.fronts[9].deck, 0);
}

TEST(FastPath, AnAddressIsReadAsItWasWritten) {
  for (const char* text : {"192.0.2.7", "0.0.0.0", "2001:db8::1", "::1", "::"}) {
    uint8_t bytes[16];
    put_fast_address(any_ip(text), bytes);
    EXPECT_EQ(fast_address(bytes), any_ip(text));
  }
}

}  // namespace
}  // namespace tandem::forwarding
