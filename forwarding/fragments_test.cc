// Datagrams in pieces: every order, every way to lie about where a piece stands, and the bounds.
#include "forwarding/fragments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tandem::forwarding {
namespace {

using Verdict = Fragments::Verdict;

const TimePoint kStart{Duration(1000s)};
const Decision kWay{Step::kToServer, Counter::kToServer, 7};

DatagramName datagram(uint32_t id = 1, uint8_t protocol = kUdp) {
  return {Ipv4Address{0xc0000207}, Ipv4Address{0xc633640a}, id, protocol};
}
std::vector<std::byte> bytes(size_t count) {
  return std::vector<std::byte>(count, std::byte{0x5a});
}
Fragments::Later put(Fragments& fragments, Part part, uint32_t id = 1, TimePoint now = kStart) {
  return fragments.later(datagram(id), part, bytes(part.length + 20), 3, now);
}
std::vector<HeldPart> first(Fragments& fragments, Part part, uint32_t id = 1, TimePoint now = kStart) {
  EXPECT_EQ(fragments.first(datagram(id), part, now), Verdict::kFollow);
  return fragments.decided(datagram(id), kWay, now).waited;
}

TEST(Fragments, LaterPartsGoTheWayOfTheFirst) {
  Fragments fragments(1);
  EXPECT_TRUE(first(fragments, {0, 1480, false}).empty());
  const auto second = put(fragments, {1480, 1480, false});
  EXPECT_EQ(second.verdict, Verdict::kFollow);
  EXPECT_EQ(second.decision.server, 7);
  EXPECT_EQ(put(fragments, {2960, 100, true}).verdict, Verdict::kFollow);
  EXPECT_EQ(fragments.datagrams(), 0u) << "a whole datagram is forgotten: its identification comes again";
  EXPECT_EQ(fragments.take_given_up(), 0u);
}

TEST(Fragments, EarlyPartsWaitForTheFirst) {
  Fragments fragments(1);
  EXPECT_EQ(put(fragments, {1480, 100, true}).verdict, Verdict::kHeld);
  EXPECT_EQ(fragments.held_bytes(), 120u);
  const auto held = first(fragments, {0, 1480, false});
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(held[0].packet.size(), 120u);
  EXPECT_EQ(held[0].ifindex, 3u);
  EXPECT_EQ(fragments.held_bytes(), 0u);
  EXPECT_EQ(fragments.datagrams(), 0u);
}

// A first part that cannot go before the last one has come.
Fragments::Decided first_that_waits(Fragments& fragments, Part part) {
  EXPECT_EQ(fragments.first(datagram(), part, kStart), Verdict::kFollow);
  return fragments.decided(datagram(), kWay, kStart, HeldPart{bytes(part.length + 20), 3, 0});
}

TEST(Fragments, AFirstPartWaitsForTheLengthThatTheLastOneTells) {
  Fragments fragments(1);
  EXPECT_TRUE(first_that_waits(fragments, {0, 1480, false}).kept);
  EXPECT_EQ(fragments.held_bytes(), 1500u);
  EXPECT_FALSE(put(fragments, {1480, 1480, false}).first);
  const auto last = put(fragments, {2960, 100, true});
  EXPECT_EQ(last.verdict, Verdict::kFollow);
  ASSERT_TRUE(last.first.has_value());
  EXPECT_EQ(last.first->datagram_length, 3060u);
  EXPECT_EQ(last.first->ifindex, 3u);
  EXPECT_EQ(fragments.held_bytes(), 0u);
  EXPECT_EQ(fragments.datagrams(), 0u);
}

TEST(Fragments, AFirstPartNeedNotWaitWhereTheLastOneCameBefore) {
  Fragments fragments(1);
  put(fragments, {2960, 100, true});
  const auto decided = first_that_waits(fragments, {0, 1480, false});
  EXPECT_FALSE(decided.kept);
  ASSERT_EQ(decided.waited.size(), 2u);
  EXPECT_EQ(decided.waited[0].datagram_length, 3060u);
  EXPECT_EQ(decided.waited[1].datagram_length, 0u);
  EXPECT_EQ(fragments.held_bytes(), 0u);
  EXPECT_EQ(put(fragments, {1480, 1480, false}).verdict, Verdict::kFollow);
  EXPECT_EQ(fragments.datagrams(), 0u);
}

TEST(Fragments, AFirstPartWaitsNoLongerThanEarlyOnesAndWithinTheSameBound) {
  Fragments fragments(1);
  first_that_waits(fragments, {0, 1480, false});
  fragments.expire(kStart + Fragments::kHoldTime);
  EXPECT_EQ(fragments.held_bytes(), 0u);
  EXPECT_EQ(fragments.take_given_up(), 1u);

  for (uint32_t id = 2; fragments.held_bytes() + 60'020 <= Fragments::kMostHeldBytes; ++id)
    put(fragments, {8, 60'000, false}, id);
  const auto decided = first_that_waits(fragments, {0, 60'000, false});
  EXPECT_TRUE(decided.no_room && !decided.kept);
  EXPECT_EQ(put(fragments, {60'000, 8, true}).verdict, Verdict::kRefused) << "what else comes of it would be in vain";
}

TEST(Fragments, EveryOrderOfFivePartsBringsAllOfThemOut) {
  std::vector<Part> parts = {{0, 8, false}, {8, 16, false}, {24, 8, false}, {32, 40, false}, {72, 3, true}};
  std::ranges::sort(parts, {}, &Part::offset);
  do {
    Fragments fragments(1);
    size_t out = 0;
    for (const Part& part : parts) {
      if (part.offset == 0) {
        out += 1 + first(fragments, part).size();
      } else {
        out += put(fragments, part).verdict == Verdict::kFollow ? 1 : 0;
      }
    }
    EXPECT_EQ(out, 5u);
    EXPECT_EQ(fragments.datagrams(), 0u);
    EXPECT_EQ(fragments.held_bytes(), 0u);
  } while (std::ranges::next_permutation(parts, {}, &Part::offset).found);
}

TEST(Fragments, APartThatOverlapsTakesItsDatagramWithIt) {
  Fragments fragments(1);
  first(fragments, {0, 80, false});
  EXPECT_EQ(put(fragments, {72, 80, false}).verdict, Verdict::kRefused);
  EXPECT_EQ(put(fragments, {80, 80, false}).verdict, Verdict::kRefused) << "RFC 5722: the rest as well";
}

TEST(Fragments, AnEarlyPartThatIsOverlappedIsLetGo) {
  Fragments fragments(1);
  put(fragments, {80, 80, false});
  EXPECT_EQ(put(fragments, {120, 80, false}).verdict, Verdict::kRefused);
  EXPECT_EQ(fragments.held_bytes(), 0u);
  EXPECT_EQ(fragments.first(datagram(), {0, 80, false}, kStart), Verdict::kRefused);
}

TEST(Fragments, ADuplicateGoesAlone) {
  Fragments fragments(1);
  first(fragments, {0, 80, false});
  EXPECT_EQ(put(fragments, {80, 80, false}).verdict, Verdict::kFollow);
  EXPECT_EQ(put(fragments, {80, 80, false}).verdict, Verdict::kDuplicate);
  EXPECT_EQ(put(fragments, {88, 16, false}).verdict, Verdict::kDuplicate);
  EXPECT_EQ(fragments.first(datagram(), {0, 80, false}, kStart), Verdict::kDuplicate);
  EXPECT_EQ(put(fragments, {160, 4, true}).verdict, Verdict::kFollow);
}

TEST(Fragments, NothingMayLieBehindTheLastPart) {
  Fragments fragments(1);
  first(fragments, {0, 80, false});
  put(fragments, {160, 8, true});
  EXPECT_EQ(put(fragments, {168, 8, false}).verdict, Verdict::kRefused);

  put(fragments, {160, 8, false}, 2);
  EXPECT_EQ(put(fragments, {80, 8, true}, 2).verdict, Verdict::kRefused);

  put(fragments, {160, 8, true}, 3);
  EXPECT_EQ(put(fragments, {80, 8, true}, 3).verdict, Verdict::kRefused) << "two last parts";
}

TEST(Fragments, PartsThatNoSenderMakesAreRefused) {
  Fragments fragments(1);
  EXPECT_EQ(put(fragments, {8, 0, true}, 1).verdict, Verdict::kRefused) << "empty";
  EXPECT_EQ(put(fragments, {8, 12, false}, 2).verdict, Verdict::kRefused) << "not the last, and no multiple of eight";
  EXPECT_EQ(put(fragments, {65528, 8, true}, 3).verdict, Verdict::kRefused) << "the ping of death";
  EXPECT_EQ(fragments.later(datagram(4, kTcp), {8, 80, false}, bytes(100), 1, kStart).verdict, Verdict::kRefused)
      << "RFC 3128: over the TCP header";
  EXPECT_EQ(fragments.later(datagram(5, kTcp), {24, 80, false}, bytes(100), 1, kStart).verdict, Verdict::kHeld);
}

TEST(Fragments, DatagramsAreToldApartByAllOfTheirName) {
  Fragments fragments(1);
  first(fragments, {0, 80, false});
  EXPECT_EQ(put(fragments, {80, 80, false}, 2).verdict, Verdict::kHeld);
  DatagramName other = datagram();
  other.protocol = kTcp;
  EXPECT_EQ(fragments.later(other, {80, 80, false}, bytes(100), 1, kStart).verdict, Verdict::kHeld);
  other = datagram();
  std::swap(other.source, other.destination);
  EXPECT_EQ(fragments.later(other, {80, 80, false}, bytes(100), 1, kStart).verdict, Verdict::kHeld);
}

TEST(Fragments, AfterThirtySecondsTheRestIsAnotherDatagram) {
  Fragments fragments(1);
  first(fragments, {0, 80, false});
  EXPECT_EQ(put(fragments, {80, 80, false}, 1, kStart + 29s).verdict, Verdict::kFollow);
  EXPECT_EQ(put(fragments, {160, 80, false}, 1, kStart + 30s).verdict, Verdict::kHeld);
  EXPECT_EQ(fragments.take_given_up(), 1u);
}

TEST(Fragments, TheOldestGoesWhenThereAreTooMany) {
  Fragments fragments(1);
  for (uint32_t id = 0; id < Fragments::kMostDatagrams; ++id) first(fragments, {0, 8, false}, id);
  first(fragments, {0, 8, false}, 1'000'000);
  EXPECT_EQ(fragments.datagrams(), Fragments::kMostDatagrams);
  EXPECT_EQ(fragments.take_given_up(), 1u);
  EXPECT_EQ(put(fragments, {8, 8, false}, 1).verdict, Verdict::kFollow);
  EXPECT_EQ(put(fragments, {8, 8, false}, 0).verdict, Verdict::kHeld) << "the first one is forgotten";
}

TEST(Fragments, AFloodOfEarlyPartsHoldsNoMoreThanItMay) {
  Fragments fragments(1);
  size_t refused = 0;
  for (uint32_t id = 0; id < 10'000; ++id) {
    const auto later = fragments.later(datagram(id), {8, 1472, false}, bytes(1492), 1, kStart);
    refused += later.verdict == Verdict::kNoRoom ? 1 : 0;
    EXPECT_LE(fragments.held_bytes(), Fragments::kMostHeldBytes);
  }
  EXPECT_GT(refused, 0u);
  EXPECT_LE(fragments.datagrams(), Fragments::kMostDatagrams);
}

TEST(Fragments, ADatagramOfManyGapsIsRefused) {
  Fragments fragments(1);
  for (uint32_t i = 0; i < Fragments::kMostRanges; ++i)
    EXPECT_EQ(put(fragments, {8 + i * 16, 8, false}).verdict, Verdict::kHeld);
  EXPECT_EQ(put(fragments, {8 + 2000 * 16, 8, false}).verdict, Verdict::kRefused);
}

TEST(Fragments, IdentificationsThatComeAgainLeaveNothingBehind) {
  Fragments fragments(1);
  for (uint32_t round = 0; round < 100'000; ++round) {
    first(fragments, {0, 8, false}, round % 16);
    ASSERT_EQ(put(fragments, {8, 8, true}, round % 16).verdict, Verdict::kFollow);
  }
  EXPECT_EQ(fragments.datagrams(), 0u);
}

// Against a bitmap of bytes: what overlaps is refused, what is there is a duplicate, the rest goes on.
TEST(Fragments, RandomPartsAreJudgedAsABitmapJudgesThem) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    Fragments fragments(1);
    std::vector<bool> there(512);
    bool refused = false;
    first(fragments, {0, 8, false});
    std::fill_n(there.begin(), 8, true);
    for (int i = 0; i < 12; ++i) {
      const Part part{8 + 8 * static_cast<uint32_t>(random() % 30), 8 + 8 * static_cast<uint32_t>(random() % 6), false};
      const auto begin = there.begin() + part.offset, end = there.begin() + part.end();
      const bool all = std::all_of(begin, end, [](bool bit) { return bit; });
      const bool none = std::none_of(begin, end, [](bool bit) { return bit; });
      Verdict expected = refused ? Verdict::kRefused
                         : all   ? Verdict::kDuplicate
                         : none  ? Verdict::kFollow
                                 : Verdict::kRefused;
      ASSERT_EQ(put(fragments, part).verdict, expected) << "round " << round << " part " << part.offset;
      if (expected == Verdict::kFollow) std::fill(begin, end, true);
      refused |= expected == Verdict::kRefused;
    }
  }
}

}  // namespace
}  // namespace tandem::forwarding
