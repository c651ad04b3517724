// Two machines, two tables, and a wire between them that takes its time and breaks. The machines are the shipped ones; a
// seed replays what happened.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "forwarding/sync/peer_machine.hpp"
#include "forwarding/sync/test_table.hpp"

namespace tandem::forwarding::sync {
namespace {

struct Director {
  Director(const std::string& self, const std::string& peer, uint16_t first_number)
      : table(2048, first_number + 1U),
        offset(first_number),
        machine({.site = "ams1", .self = self, .peer = peer, .boot_id = 1U + first_number}, *table,
                std::make_shared<const Names>(test_names(first_number))) {}

  uint16_t number(int n) const { return static_cast<uint16_t>(offset + n); }

  TestTable table;
  uint16_t offset;
  PeerMachine machine;
  FrameSplitter splitter;
  // Pieces on their way to this director, with when they arrive.
  std::deque<std::pair<TimePoint, Buffer>> inbound;
  std::optional<TimePoint> write_ends;
  uint64_t link = 0;  // which connection this is
};

class Pair {
 public:
  explicit Pair(uint64_t seed) : random_(seed) {
    for (Director* d : {&a, &b}) act(*d, d->machine.on(Start{}, now));
  }

  Director a{"dir-a", "dir-b", 0};
  Director b{"dir-b", "dir-a", 40};
  TimePoint now = kBegin;
  bool cable = true;  // false: nothing arrives, connects fail
  Duration latency = 200us;
  Duration write_time = 50us;  // until the socket takes the next piece

  // Loses the connection and all that is in flight, on both ends.
  void cut() {
    for (Director* d : {&a, &b}) {
      reset(*d);
      act(*d, d->machine.on(LinkLost{"cut"}, now));
    }
  }

  void run(Duration time) {
    const TimePoint end = now + time;
    while (now < end) {
      TimePoint next = end;
      for (Director* d : {&a, &b}) {
        if (d->table->take_news()) act(*d, d->machine.on(FlowsDirty{}, now));
        if (const auto deadline = d->machine.deadline()) next = std::min(next, *deadline);
        if (!d->inbound.empty()) next = std::min(next, d->inbound.front().first);
        if (d->write_ends) next = std::min(next, *d->write_ends);
      }
      now = std::max(now, next);
      for (Director* d : {&a, &b}) {
        while (!d->inbound.empty() && d->inbound.front().first <= now) arrive(*d);
        if (d->write_ends && *d->write_ends <= now) {
          d->write_ends.reset();
          act(*d, d->machine.on(Written{}, now));
        }
        if (const auto deadline = d->machine.deadline(); deadline && *deadline <= now)
          act(*d, d->machine.on(DeadlineReached{}, now));
      }
    }
  }

  bool in_step() const { return a.machine.status().in_step && b.machine.status().in_step; }

 private:
  Director& other(Director& d) { return &d == &a ? b : a; }

  static void reset(Director& d) {
    d.inbound.clear();
    d.write_ends.reset();
    d.splitter = {};
    ++d.link;
  }

  void act(Director& d, const PeerActions& actions) {
    for (const PeerAction& action : actions) {
      if (std::holds_alternative<Connect>(action)) {
        if (!cable) {
          act(d, d.machine.on(ConnectFailed{"no cable"}, now));
          continue;
        }
        for (Director* end : {&a, &b}) reset(*end);
        hole_ = false;
        for (Director* end : {&a, &b}) act(*end, end->machine.on(LinkUp{}, now));
      } else if (std::holds_alternative<CloseLink>(action)) {
        reset(d);
        reset(other(d));
        act(other(d), other(d).machine.on(LinkLost{"closed by the peer"}, now));
      } else if (std::holds_alternative<AskForMore>(action)) {
        Buffer piece;
        if (!d.machine.fill(piece, now)) continue;
        d.write_ends = now + write_time;
        hole_ |= !cable;  // TCP never delivers what stands behind a hole
        if (!hole_) other(d).inbound.emplace_back(now + latency, std::move(piece));
      }
    }
  }

  void arrive(Director& d) {
    const Buffer piece = std::move(d.inbound.front().second);
    d.inbound.pop_front();
    const uint64_t link = d.link;
    // TCP knows no frames: it comes in pieces of any size.
    for (size_t at = 0; at < piece.size();) {
      const size_t count = std::min<size_t>(piece.size() - at, 1 + random_() % 20'000);
      const MutableBytes space = d.splitter.space();
      const size_t fits = std::min(count, space.size());
      std::memcpy(space.data(), piece.data() + at, fits);
      d.splitter.received(fits);
      at += fits;
      for (;;) {
        const auto raw = d.splitter.next();
        ASSERT_TRUE(raw.has_value());
        if (!raw->has_value()) break;
        act(d, d.machine.on(FrameReceived{(*raw)->type, (*raw)->body}, now));
        if (d.link != link) return;  // that ended the connection
      }
    }
  }

  bool hole_ = false;  // in what was sent on this connection
  std::mt19937_64 random_;
};

// What a table says, in numbers both directors share; times are left out.
using Picture = std::map<std::tuple<uint32_t, uint16_t, int>, std::tuple<int, int>>;
Picture picture(Director& d, TimePoint now) {
  Picture flows;
  d.table->scan(0, d.table->slots(), [&](const Flow& flow) {
    const Duration age{int64_t{age_of(flow.last_seen(), tick_of(now))} << TANDEM_TICK_SHIFT};
    if (age > timeout_of(static_cast<FlowState>(flow.state())) - 2s) return;  // at the edge the two may differ
    flows[{tandem_key_client_address(flow.key), flow.client_port(), flow.service() - d.offset}] = {
        flow.server() - d.offset, flow.state()};
  });
  return flows;
}

TEST(PeerPair, ANewPeerLearnsTheWholeTableInBothDirections) {
  Pair pair(1);
  for (uint16_t port = 1; port <= 400; ++port) {
    pair.a.table.packet(1, port, pair.a.number(1), pair.a.number(11), FlowState::kEstablished, pair.now, false);
    pair.b.table.packet(2, port, pair.b.number(2), pair.b.number(22), FlowState::kEstablished, pair.now, false);
  }
  pair.run(100ms);
  EXPECT_TRUE(pair.in_step());
  EXPECT_EQ(pair.a.table.count(), 800U);
  EXPECT_EQ(picture(pair.a, pair.now), picture(pair.b, pair.now));
}

TEST(PeerPair, AChangeIsKnownOverThereWithinMilliseconds) {
  Pair pair(2);
  pair.run(1s);
  pair.a.table.packet(1, 1, pair.a.number(1), pair.a.number(11), FlowState::kSynRecv, pair.now);
  pair.run(6ms);
  ASSERT_TRUE(pair.b.table.find(1, 1, pair.b.number(1)));
  pair.a.table.packet(1, 1, pair.a.number(1), pair.a.number(11), FlowState::kEstablished, pair.now);
  pair.run(6ms);
  EXPECT_EQ(pair.b.table.find(1, 1, pair.b.number(1))->state(), static_cast<uint8_t>(FlowState::kEstablished));
}

TEST(PeerPair, WhatIsSaidIsNotSaidBack) {
  Pair pair(3);
  pair.run(1s);
  for (uint16_t port = 1; port <= 100; ++port)
    pair.a.table.packet(1, port, pair.a.number(1), pair.a.number(11), FlowState::kEstablished, pair.now);
  pair.run(2s);
  EXPECT_EQ(pair.a.machine.status().flows_sent, 100U);
  EXPECT_EQ(pair.b.machine.status().flows_sent, 0U);
}

TEST(PeerPair, AConnectionLostInTheMiddleOfTheTableIsMadeGood) {
  Pair pair(4);
  pair.write_time = 10ms;  // a slow socket, so that the table takes a while
  for (uint16_t port = 1; port <= 1900; ++port)
    pair.a.table.packet(port, port, pair.a.number(1), pair.a.number(11), FlowState::kEstablished, pair.now, false);
  pair.run(15ms);
  const size_t before = pair.b.table.count();
  EXPECT_LT(before, pair.a.table.count());
  EXPECT_FALSE(pair.b.machine.status().in_step);
  pair.cut();
  pair.run(50ms);
  EXPECT_FALSE(pair.b.machine.status().in_step);
  pair.run(1s);
  EXPECT_TRUE(pair.in_step());
  EXPECT_EQ(picture(pair.a, pair.now), picture(pair.b, pair.now));
}

TEST(PeerPair, ADirectorThatComesBackEmptyIsGivenItsFlowsAgain) {
  Pair pair(5);
  for (uint16_t port = 1; port <= 200; ++port)
    pair.a.table.packet(1, port, pair.a.number(1), pair.a.number(11), FlowState::kEstablished, pair.now);
  pair.run(1s);
  pair.a.table->scan(0, pair.a.table->slots(), [&](const Flow& flow) { pair.a.table->remove(flow); });
  pair.cut();
  pair.run(1s);
  EXPECT_TRUE(pair.in_step());
  EXPECT_EQ(pair.a.table.count(), 200U);
}

TEST(PeerPair, APulledCableIsNoticedWithinASecondAndAHalf) {
  Pair pair(6);
  pair.run(1s);
  EXPECT_TRUE(pair.in_step());
  pair.cable = false;
  pair.run(1500ms);
  EXPECT_FALSE(pair.a.machine.status().connected());
  EXPECT_FALSE(pair.b.machine.status().connected());
  pair.cable = true;
  pair.run(1500ms);
  EXPECT_TRUE(pair.in_step());
}

// Random packets at random directors, cables pulled and connections cut; then quiet. A flow has a home at any time (the
// director its packets go to), and homes move, as they do when a virtual router changes hands.
TEST(PeerPair, AfterWhateverHappenedBothTablesSayTheSame) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Pair pair(seed);
    std::mt19937_64 random(seed * 1000);
    const auto roll = [&](uint64_t n) { return random() % n; };
    Director* home = &pair.a;
    constexpr std::array kStates{FlowState::kSynRecv, FlowState::kEstablished, FlowState::kFinWait,
                                 FlowState::kTimeWait};
    for (int step = 0; step < 400; ++step) {
      pair.latency = 100us * static_cast<int64_t>(1 + roll(30));
      for (uint64_t packets = roll(20); packets > 0; --packets) {
        const auto port = static_cast<uint16_t>(1 + roll(300));
        const int service = static_cast<int>(1 + port % 2);
        const int server = static_cast<int>(service * 10 + 1 + (port / 2) % 2);
        home->table.packet(1, port, home->number(service), home->number(server), kStates[roll(4)], pair.now);
      }
      if (roll(40) == 0) pair.cut();
      if (roll(60) == 0) pair.cable = !pair.cable;
      // A home moves when the old one's packets have had their time to be told or are lost with it.
      if (roll(50) == 0) {
        pair.run(300ms);
        home = home == &pair.a ? &pair.b : &pair.a;
      }
      pair.run(Duration(1ms) * static_cast<int64_t>(roll(30)));
    }
    pair.cable = true;
    pair.run(4s);
    EXPECT_TRUE(pair.in_step());
    EXPECT_EQ(picture(pair.a, pair.now), picture(pair.b, pair.now));
    EXPECT_FALSE(picture(pair.a, pair.now).empty());
  }
}

}  // namespace
}  // namespace tandem::forwarding::sync
