#include "forwarding/sync/peer_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/sync/test_table.hpp"

namespace tandem::forwarding::sync {
namespace {

template <class Action>
bool has(const PeerActions& actions) {
  return std::ranges::any_of(actions, [](const auto& a) { return std::holds_alternative<Action>(a); });
}

// dir-a, whose peer is dir-b; or the other way around for the one that listens.
class Machine : public ::testing::Test {
 protected:
  explicit Machine(std::string self = "dir-a", std::string peer = "dir-b")
      : machine_({.site = "ams1", .self = self, .peer = peer, .digest = "d1", .boot_id = 1}, *table_,
                 std::make_shared<const Names>(test_names())) {}

  PeerActions at(Duration when, const PeerEvent& event) {
    now_ = kBegin + when;
    return machine_.on(event, now_);
  }
  template <class Said>
  PeerActions hear(Duration when, const Said& said) {
    Buffer frame;
    encode(frame, said);
    return at(when, FrameReceived{wire_at<FrameHeader>(Bytes(frame))->type, Bytes(frame).subspan(sizeof(FrameHeader))});
  }
  Hello hello() const { return {.boot_id = 2, .site = "ams1", .director = machine_.settings().peer, .digest = "d1"}; }

  // The types of all that the machine says now, until it has nothing more.
  std::vector<FrameType> says() {
    Buffer out;
    while (machine_.fill(out, now_)) machine_.on(Written{}, now_);
    std::vector<FrameType> types;
    for (size_t where = 0; where < out.size();) {
      const auto* header = wire_at<FrameHeader>(Bytes(out), where);
      types.push_back(static_cast<FrameType>(header->type));
      where += sizeof(be32) + header->length;
    }
    return types;
  }
  void bring_up() {
    at(0s, Start{});
    at(0s, DeadlineReached{});
    at(0s, LinkUp{});
    says();
    hear(0s, hello());
    says();
  }
  std::optional<Duration> deadline() const {
    const auto deadline = machine_.deadline();
    return deadline ? std::optional(*deadline - kBegin) : std::nullopt;
  }
  PeerPhase phase() const { return machine_.status().phase; }

  TestTable table_;
  PeerMachine machine_;
  TimePoint now_ = kBegin;
};

class ListeningMachine : public Machine {
 protected:
  ListeningMachine() : Machine("dir-b", "dir-a") {}
};

TEST_F(Machine, TheOneWhoseNameSortsFirstConnectsAtOnce) {
  EXPECT_FALSE(deadline());
  at(0s, Start{});
  EXPECT_EQ(deadline(), 0s);
  EXPECT_TRUE(has<Connect>(at(0s, DeadlineReached{})));
  EXPECT_EQ(phase(), PeerPhase::kConnecting);
}

TEST_F(ListeningMachine, TheOtherOneWaitsWithoutADeadline) {
  at(0s, Start{});
  EXPECT_FALSE(deadline());
  EXPECT_FALSE(has<Connect>(at(10s, DeadlineReached{})));
}

TEST_F(Machine, TriesAgainEverMoreSlowlyUpToASecond) {
  at(0s, Start{});
  Duration when = 0s;
  for (const Duration pause : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    EXPECT_TRUE(has<Connect>(at(when, DeadlineReached{})));
    at(when, ConnectFailed{"connection refused"});
    EXPECT_EQ(deadline(), when + pause);
    when += pause;
  }
  EXPECT_EQ(machine_.status().reason, "connection refused");
}

TEST_F(Machine, AGreetingResetsThePause) {
  at(0s, Start{});
  for (int i = 0; i < 6; ++i) {
    at(Duration(10s) * i, DeadlineReached{});
    at(Duration(10s) * i, ConnectFailed{"no"});
  }
  at(70s, DeadlineReached{});
  at(70s, LinkUp{});
  hear(70s, hello());
  at(71s, LinkLost{"reset"});
  EXPECT_EQ(deadline(), 71s + 100ms);
}

TEST_F(Machine, AnAttemptThatHangsIsGivenUp) {
  at(0s, Start{});
  at(0s, DeadlineReached{});
  EXPECT_EQ(deadline(), 3s);
  EXPECT_TRUE(has<CloseLink>(at(3s, DeadlineReached{})));
  EXPECT_EQ(phase(), PeerPhase::kDown);
}

TEST_F(Machine, GreetsAndNamesBeforeAnythingElse) {
  at(0s, Start{});
  at(0s, DeadlineReached{});
  EXPECT_TRUE(has<AskForMore>(at(0s, LinkUp{})));
  EXPECT_THAT(says(), ::testing::ElementsAre(FrameType::kHello, FrameType::kNames));
  EXPECT_FALSE(machine_.status().connected());
  EXPECT_TRUE(has<StatusChanged>(hear(0s, hello())));
  EXPECT_TRUE(machine_.status().connected());
  EXPECT_THAT(says(), ::testing::ElementsAre(FrameType::kAlive, FrameType::kTableEnd));
}

TEST_F(Machine, APeerThatDoesNotGreetIsGivenUp) {
  at(0s, Start{});
  at(0s, LinkUp{});
  says();
  EXPECT_EQ(deadline(), 3s);
  EXPECT_TRUE(has<CloseLink>(at(3s, DeadlineReached{})));
}

TEST_F(Machine, APeerThatSaysSomethingElseFirstIsGivenUp) {
  at(0s, Start{});
  at(0s, LinkUp{});
  EXPECT_TRUE(has<CloseLink>(hear(0s, TableEnd{})));
  EXPECT_FALSE(machine_.status().in_step);
}

TEST_F(Machine, AnotherSiteAnotherDirectorOrAnotherVersionIsGivenUp) {
  for (int wrong = 0; wrong < 3; ++wrong) {
    Hello other = hello();
    if (wrong == 0) other.site = "fra1";
    if (wrong == 1) other.director = "dir-c";
    if (wrong == 2) other.version = kVersion + 1;
    at(0s, Start{});
    at(0s, LinkUp{});
    EXPECT_TRUE(has<CloseLink>(hear(0s, other))) << wrong;
    EXPECT_EQ(phase(), PeerPhase::kDown);
  }
}

TEST_F(Machine, IsInStepOnlyAfterTheEndOfTheTable) {
  bring_up();
  hear(0s, NamesPart{.first = true, .last = true, .names = test_names()});
  const FlowRecord record{
      .client_address = 1, .client_port = 2, .service = 1, .server = 11, .state = 1, .remaining_ms = 60'000};
  hear(0s, std::span(&record, 1));
  EXPECT_EQ(table_.count(), 1U);
  EXPECT_FALSE(machine_.status().in_step);
  EXPECT_TRUE(has<StatusChanged>(hear(0s, TableEnd{})));
  EXPECT_TRUE(machine_.status().in_step);
}

TEST_F(Machine, ALostLinkIsNoLongerInStep) {
  bring_up();
  hear(0s, TableEnd{});
  EXPECT_TRUE(has<StatusChanged>(at(1s, LinkLost{"connection reset by peer"})));
  EXPECT_FALSE(machine_.status().in_step);
  EXPECT_FALSE(machine_.status().connected());
  EXPECT_EQ(machine_.status().reason, "connection reset by peer");
}

TEST_F(Machine, SaysItIsAliveTenTimesASecond) {
  bring_up();
  int alive = 0;
  for (Duration when = 0ms; when < 1s; when = *deadline()) {
    hear(when, Alive{});  // the peer is alive too
    at(when, DeadlineReached{});
    alive += static_cast<int>(std::ranges::count(says(), FrameType::kAlive));
  }
  EXPECT_THAT(alive, ::testing::AllOf(::testing::Ge(9), ::testing::Le(11)));
}

TEST_F(Machine, APeerThatGoesSilentForASecondIsGone) {
  bring_up();
  hear(500ms, Alive{});
  at(1499ms, DeadlineReached{});
  EXPECT_TRUE(machine_.status().connected());
  EXPECT_TRUE(has<CloseLink>(at(1500ms, DeadlineReached{})));
  EXPECT_EQ(machine_.status().reason, "the peer went silent");
}

TEST_F(Machine, SaysNothingWhileTheSocketIsBusyAndHasNoDeadlineForIt) {
  bring_up();
  table_.packet(1, 2, 1, 11, FlowState::kEstablished, kBegin);
  at(5ms, DeadlineReached{});
  Buffer out;
  EXPECT_TRUE(machine_.fill(out, now_));
  table_.packet(1, 3, 1, 11, FlowState::kEstablished, kBegin);
  EXPECT_FALSE(has<AskForMore>(at(10ms, DeadlineReached{})));
  EXPECT_FALSE(machine_.fill(out, now_));
  EXPECT_EQ(deadline(), 1s);  // only the peer's silence
  EXPECT_TRUE(has<AskForMore>(at(20ms, Written{})));
  EXPECT_TRUE(machine_.fill(out, now_));
}

TEST_F(Machine, APeerThatTakesNothingIsGivenUp) {
  bring_up();
  at(100ms, DeadlineReached{});
  Buffer out;
  ASSERT_TRUE(machine_.fill(out, now_));
  for (Duration when = 200ms; when < 3100ms; when += 100ms) {
    hear(when, Alive{});
    EXPECT_FALSE(has<CloseLink>(at(when, DeadlineReached{})));
  }
  hear(3100ms, Alive{});
  EXPECT_TRUE(has<CloseLink>(at(3100ms, DeadlineReached{})));
  EXPECT_EQ(machine_.status().reason, "the peer does not take what it is sent");
}

TEST_F(Machine, WithNothingToTellItSleepsUntilItsNextSignOfLife) {
  bring_up();
  EXPECT_FALSE(table_->take_news());
  EXPECT_EQ(deadline(), 100ms);
}

TEST_F(Machine, DirtyFlowsAreToldAtOnceAndAfterThatEveryFiveMilliseconds) {
  bring_up();
  table_.packet(1, 2, 1, 11, FlowState::kEstablished, kBegin);
  EXPECT_TRUE(table_->take_news());
  at(50ms, FlowsDirty{});
  EXPECT_EQ(deadline(), 50ms);
  at(50ms, DeadlineReached{});
  EXPECT_THAT(says(), ::testing::ElementsAre(FrameType::kFlows));
  EXPECT_EQ(deadline(), 100ms);
  table_.packet(1, 2, 1, 11, FlowState::kCloseWait, kBegin);
  EXPECT_TRUE(table_->take_news());
  at(51ms, FlowsDirty{});
  EXPECT_EQ(deadline(), 55ms);
  at(55ms, DeadlineReached{});
  EXPECT_THAT(says(), ::testing::ElementsAre(FrameType::kFlows));
}

TEST_F(Machine, NewsThatComesWhileAPieceIsBeingWrittenIsNotForgotten) {
  bring_up();
  table_.packet(1, 2, 1, 11, FlowState::kEstablished, kBegin);
  at(50ms, FlowsDirty{});
  at(50ms, DeadlineReached{});
  Buffer piece;
  ASSERT_TRUE(machine_.fill(piece, now_));
  table_.packet(1, 3, 1, 11, FlowState::kEstablished, kBegin);
  EXPECT_TRUE(table_->take_news());
  at(51ms, FlowsDirty{});
  machine_.on(Written{}, now_);
  EXPECT_EQ(says(), std::vector<FrameType>{FrameType::kFlows});
  EXPECT_FALSE(table_->take_news());
}

TEST_F(Machine, NewNamesGoBeforeTheFlowsThatUseThem) {
  bring_up();
  table_.packet(1, 2, 1, 11, FlowState::kEstablished, kBegin);
  at(5ms, NamesChanged{std::make_shared<const Names>(test_names())});
  EXPECT_THAT(says(), ::testing::ElementsAre(FrameType::kNames, FrameType::kFlows));
}

TEST_F(Machine, AsksForTheTableAgainWhenAReloadCanPlaceMore) {
  bring_up();
  Names more = test_names();
  more.servers.push_back(
      {.number = 13, .service = 1, .port = 8080, .address = Ipv4Address{0x0a000103}, .name = "web3"});
  hear(0s, NamesPart{.first = true, .last = true, .names = more});
  EXPECT_EQ(machine_.status().unmatched, 1U);
  at(1ms, NamesChanged{std::make_shared<const Names>(more)});
  EXPECT_THAT(says(), ::testing::ElementsAre(FrameType::kNames, FrameType::kTableRequest));
  EXPECT_EQ(machine_.status().unmatched, 0U);
}

TEST_F(Machine, TellsItsWholeTableAgainWhenAsked) {
  table_.packet(1, 2, 1, 11, FlowState::kEstablished, kBegin);
  bring_up();
  EXPECT_EQ(machine_.status().flows_sent, 1U);
  EXPECT_TRUE(has<AskForMore>(hear(1ms, TableRequest{})));
  EXPECT_THAT(says(), ::testing::ElementsAre(FrameType::kFlows, FrameType::kTableEnd));
}

TEST_F(Machine, HearsAndForgetsThePeersRouters) {
  bring_up();
  const std::vector<RouterReport> routers{{.name = "web", .state = 2, .priority = 150}};
  EXPECT_TRUE(has<RoutersHeard>(hear(10ms, Alive{routers})));
  EXPECT_FALSE(has<RoutersHeard>(hear(20ms, Alive{routers})));
  EXPECT_EQ(machine_.peer_routers(), routers);
  EXPECT_TRUE(has<RoutersHeard>(at(30ms, LinkLost{"gone"})));
  EXPECT_TRUE(machine_.peer_routers().empty());
}

TEST_F(Machine, SaysAtOnceThatItsRoutersChanged) {
  bring_up();
  EXPECT_TRUE(has<AskForMore>(at(10ms, RoutersChanged{{{.name = "web", .state = 2}}})));
  EXPECT_THAT(says(), ::testing::Contains(FrameType::kAlive));
}

TEST_F(Machine, AnotherConfigurationOverThereIsKnownAndNoReasonToPart) {
  bring_up();
  Hello reloaded = hello();
  reloaded.digest = "d2";
  EXPECT_TRUE(has<StatusChanged>(hear(10ms, reloaded)));
  EXPECT_FALSE(machine_.status().same_digest);
  EXPECT_TRUE(machine_.status().connected());
  EXPECT_TRUE(has<StatusChanged>(at(20ms, DigestChanged{"d2"})));
  EXPECT_TRUE(machine_.status().same_digest);
  EXPECT_THAT(says(), ::testing::Contains(FrameType::kHello));
}

TEST_F(ListeningMachine, APeerThatConnectsAnewReplacesItsOldConnection) {
  bring_up();
  hear(0s, TableEnd{});
  at(100ms, LinkUp{});
  EXPECT_EQ(phase(), PeerPhase::kGreeting);
  EXPECT_FALSE(machine_.status().in_step);
  EXPECT_THAT(says(), ::testing::ElementsAre(FrameType::kHello, FrameType::kNames));
  Hello restarted = hello();
  restarted.boot_id = 3;
  hear(100ms, restarted);
  EXPECT_EQ(machine_.status().reason, "connected; the peer has been started anew");
}

TEST_F(Machine, UnknownFramesAreSkippedAndWrongOnesEndTheLink) {
  bring_up();
  EXPECT_FALSE(has<CloseLink>(at(10ms, FrameReceived{200, {}})));
  EXPECT_TRUE(has<CloseLink>(at(20ms, FrameReceived{static_cast<uint8_t>(FrameType::kAlive), {}})));
}

TEST_F(Machine, StopsAndTellsNobodyAnyMore) {
  bring_up();
  EXPECT_TRUE(has<CloseLink>(at(10ms, Stop{})));
  EXPECT_FALSE(deadline());
  table_.packet(1, 2, 1, 11, FlowState::kEstablished, kBegin);
  EXPECT_TRUE(says().empty());
}

}  // namespace
}  // namespace tandem::forwarding::sync
