// RST and FIN: the true ones end a connection, a blind forger's do not.
#include "forwarding/tcp_window.hpp"

#include <gtest/gtest.h>

#include <random>

#include "forwarding/packet.hpp"

namespace tandem::forwarding {
namespace {

TcpSegment client(uint8_t flags, uint32_t sequence, uint32_t acknowledgment = 0, uint32_t payload = 0) {
  return {sequence, acknowledgment, payload, flags, true};
}
TcpSegment server(uint8_t flags, uint32_t sequence, uint32_t acknowledgment = 0, uint32_t payload = 0) {
  return {sequence, acknowledgment, payload, flags, false};
}

// After the handshake of a connection whose sides begin at 1000 and 9000.
SeenSequences open() {
  SeenSequences seen = remember({}, client(kSyn, 1000));
  seen = remember(seen, server(kSyn | kAck, 9000, 1001));
  return remember(seen, client(kAck, 1001, 9001));
}

TEST(TcpWindow, RemembersWhereBothSidesBegan) {
  EXPECT_EQ(open(), (SeenSequences{1001, 9001}));
}

TEST(TcpWindow, ATrueResetAndATrueFinEndAConnection) {
  EXPECT_TRUE(may_end(open(), client(kRst, 1001)));
  EXPECT_TRUE(may_end(open(), client(kFin | kAck, 1001, 9001)));
  EXPECT_TRUE(may_end(open(), server(kRst | kAck, 9001, 1001)));
}

TEST(TcpWindow, AForgedOneDoesNot) {
  EXPECT_FALSE(may_end(open(), client(kRst, 500'000'000)));
  EXPECT_FALSE(may_end(open(), client(kFin, 3'000'000'000)));
  EXPECT_FALSE(may_end(open(), server(kRst, 2'000'000'000)));
  EXPECT_TRUE(may_end(open(), client(kAck, 500'000'000))) << "only RST and FIN are asked";
}

TEST(TcpWindow, ABlindForgerHitsOnceInSixteenThousand) {
  std::mt19937 random(1);
  int hits = 0;
  for (int i = 0; i < 1'000'000; ++i) hits += may_end(open(), client(kRst, static_cast<uint32_t>(random()))) ? 1 : 0;
  EXPECT_LT(hits, 200);
  EXPECT_GT(hits, 10);
}

TEST(TcpWindow, TheRefusalOfASynIsKnownByWhatItAcknowledges) {
  const SeenSequences seen = remember({}, client(kSyn, 1000));
  EXPECT_TRUE(may_end(seen, server(kRst | kAck, 0, 1001)));
  EXPECT_FALSE(may_end(seen, server(kRst | kAck, 0, 777'777'777)));
}

TEST(TcpWindow, IsWrittenOnceInThirtyTwoKilobytes) {
  SeenSequences seen = open();
  uint32_t sequence = 1001;
  int writes = 0;
  for (int i = 0; i < 1000; ++i) {
    const SeenSequences after = remember(seen, client(kAck, sequence, 9001, 1448));
    writes += after == seen ? 0 : 1;
    seen = after;
    sequence += 1448;
    ASSERT_TRUE(may_end(seen, client(kFin | kAck, sequence, 9001)));
  }
  EXPECT_EQ(writes, 1448 * 1000 / (32 * 1024 / 1448 * 1448 + 1448));
}

TEST(TcpWindow, GoesOnOverTheEndOfTheNumbers) {
  SeenSequences seen = remember({}, client(kSyn, 0xffff'f000));
  uint32_t sequence = 0xffff'f001;
  for (int i = 0; i < 100; ++i) {
    seen = remember(seen, client(kAck, sequence, 1, 1448));
    sequence += 1448;
  }
  EXPECT_LT(seen.client, 200'000u);
  EXPECT_TRUE(may_end(seen, client(kRst, sequence)));
}

TEST(TcpWindow, ASegmentFromNowhereIsNotFollowed) {
  EXPECT_EQ(remember(open(), client(kAck, 2'000'000'000, 9001, 100)).client, 1001u);
  EXPECT_EQ(remember(open(), client(kRst, 50'000)), open());
}

TEST(TcpWindow, LearnsTheServersSideFromAcknowledgmentsAlone) {
  SeenSequences seen = remember({}, client(kSyn, 1000));
  EXPECT_EQ(seen.server, 0u);
  seen = remember(seen, client(kAck, 1001, 9001));
  EXPECT_EQ(seen.server, 9001u);
}

TEST(TcpWindow, AFlowAPeerToldIsLearntFromItsFirstSegments) {
  EXPECT_TRUE(may_end({}, client(kRst, 77))) << "nothing is known yet";
  const SeenSequences seen = remember({}, server(kAck, 70'000, 80'000, 100));
  EXPECT_EQ(seen, (SeenSequences{80'000, 70'100}));
}

TEST(TcpWindow, AForgedSynPreparesNoForgedReset) {
  EXPECT_EQ(remember(open(), client(kSyn, 700'000'000)), open());
}

}  // namespace
}  // namespace tandem::forwarding
