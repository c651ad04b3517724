// The message board and what waits to be sent from it.
#include "daemon/bus/board.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/bus/describe.hpp"
#include "daemon/bus/frame_reader.hpp"
#include "daemon/bus/send_queue.hpp"

namespace tandem::bus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> told(const std::vector<Delivery>& deliveries) {
  std::vector<std::string> words;
  for (const auto& delivery : deliveries) {
    const auto frame = decode_frame(*delivery.frame, kMostBytesFromSupervisor);
    EXPECT_TRUE(frame);
    const auto* message = std::get_if<Message>(&*frame);
    words.push_back(delivery.room + ' ' +
                    (message == nullptr ? "CaughtUp" : std::string(kind_of(*message)) + ':' + key_of(*message)));
  }
  return words;
}

ServerHealth server(const std::string& name, bool up = true) {
  return {.service = "web", .server = name, .up = up};
}

TEST(Board, HandsARoomThatComesEverythingRetainedOfItsKindsAndThenCaughtUp) {
  Board board;
  ASSERT_TRUE(board.publish("checkers", server("w2")));
  ASSERT_TRUE(board.publish("checkers", server("w1")));
  ASSERT_TRUE(board.publish("vrrp", InstanceState{.router = "web"}));
  ASSERT_TRUE(board.publish("supervisor", SiteText{.text = "x"}));
  EXPECT_THAT(told(board.subscribe("forwarding", {{"ServerHealth", "SiteText"}})),
              ElementsAre("forwarding SiteText:", "forwarding ServerHealth:web/w1", "forwarding ServerHealth:web/w2",
                          "forwarding CaughtUp"));
}

TEST(Board, KeepsOnlyTheLastMessageOfAKey) {
  Board board;
  ASSERT_TRUE(board.publish("checkers", server("w1", true)));
  ASSERT_TRUE(board.publish("checkers", server("w1", false)));
  const auto deliveries = board.subscribe("control", {{"ServerHealth"}});
  ASSERT_EQ(deliveries.size(), 2U);
  EXPECT_FALSE(std::get<ServerHealth>(*decode(*deliveries[0].frame, 1000)).up);
}

TEST(Board, TellsListenersOfTheKindButNotTheSpeaker) {
  Board board;
  board.subscribe("vrrp", {{"InstanceState"}});
  board.subscribe("control", {{"InstanceState", "Event"}});
  board.subscribe("forwarding", {{"ServerHealth"}});
  EXPECT_THAT(told(*board.publish("vrrp", InstanceState{.router = "web"})), ElementsAre("control InstanceState:web"));
  EXPECT_THAT(told(*board.publish("vrrp", Event{.room = "vrrp"})), ElementsAre("control Event:"));
}

TEST(Board, GivesARoomItsOwnLastWordsBackAfterARestart) {
  Board board;
  ASSERT_TRUE(board.publish("vrrp", InstanceState{.router = "web"}));
  board.leave("vrrp");
  EXPECT_THAT(told(board.subscribe("vrrp", {{"InstanceState"}})),
              ElementsAre("vrrp InstanceState:web", "vrrp CaughtUp"));
}

TEST(Board, DeliversNothingToARoomThatLeft) {
  Board board;
  board.subscribe("control", {{"InstanceState"}});
  board.leave("control");
  EXPECT_THAT(*board.publish("vrrp", InstanceState{}), IsEmpty());
}

TEST(Board, DoesNotKeepWhatIsSaidOnce) {
  Board board;
  ASSERT_TRUE(board.publish("vrrp", Event{.room = "vrrp"}));
  EXPECT_EQ(board.retained(), 0U);
}

TEST(Board, ForgetsAndTellsThoseWhoHeardTheKind) {
  Board board;
  ASSERT_TRUE(board.publish("checkers", server("w1")));
  board.subscribe("control", {{"ServerHealth", "Forget"}});
  board.subscribe("vrrp", {{"Forget"}});
  EXPECT_THAT(told(*board.publish("checkers", Forget{"ServerHealth", "web/w1"})), ElementsAre("control Forget:"));
  EXPECT_EQ(board.retained(), 0U);
}

TEST(Board, RefusesWhatARoomNeverSays) {
  Board board;
  EXPECT_EQ(board.publish("checkers", SiteText{}).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.publish("checkers", InstanceState{}).error(), BoardError::kNotItsWord);
  // Each room its own step of a handover: only the peer's word makes this box take over.
  EXPECT_EQ(board.publish("control", Handover{.step = HandoverStep::kTake}).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.publish("vrrp", Handover{.step = HandoverStep::kTake}).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.publish("forwarding", Handover{.step = HandoverStep::kOffer}).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.publish("checkers", FlowQuestion{.kill = true}).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.publish("checkers", TraceAnswer{}).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.publish("checkers", ReloadRequest{}).error(), BoardError::kNotItsWord);
  // Programs are run for the checkers alone.
  EXPECT_EQ(board.publish("control", ExecRequest{}).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.publish("checkers", ExecResult{}).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.publish("checkers", Forget{"InstanceState", "web"}).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.publish("checkers", Forget{"Event", ""}).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.publish("stranger", server("w1")).error(), BoardError::kNotItsWord);
  EXPECT_EQ(board.refused(), 13U);
  EXPECT_EQ(board.retained(), 0U);
}

TEST(Board, RefusesAWordInAnotherRoomsName) {
  Board board;
  EXPECT_EQ(board.publish("checkers", Event{.room = "vrrp"}).error(), BoardError::kInAnotherName);
  EXPECT_EQ(board.publish("checkers", RoomReady{.room = "vrrp"}).error(), BoardError::kInAnotherName);
}

TEST(Board, LeavesOutOfASubscriptionWhatARoomMayNotHear) {
  Board board;
  board.subscribe("checkers", {{"ReloadRequest", "Nonsense"}});
  board.subscribe("control", {{"ExecRequest", "ExecResult"}});
  EXPECT_EQ(board.refused(), 4U);
  EXPECT_THAT(*board.publish("control", ReloadRequest{1}), IsEmpty());
}

TEST(Board, EndsTheGrowthOfARoomThatInventsKeys) {
  auto health = server("0");
  health.reason = std::string(800, 'x');
  Board board(10 * encode(health).size());
  size_t taken = 0;
  for (; taken < 100; ++taken) {
    health.server = std::to_string(taken);
    if (!board.publish("checkers", health)) break;
  }
  EXPECT_EQ(taken, 10U);
  ASSERT_TRUE(board.publish("vrrp", InstanceState{}));  // the others are not held back
  health.server = "0";
  ASSERT_TRUE(board.publish("checkers", health)) << "a key that is there already is replaced";
  ASSERT_TRUE(board.publish("checkers", Forget{"ServerHealth", "web/0"}));
  EXPECT_TRUE(board.publish("checkers", health));
}

std::shared_ptr<const std::string> frame(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

std::vector<std::string> frames_of(const std::string& bytes) {
  FrameReader reader(1000);
  reader.add(bytes);
  std::vector<std::string> frames;
  while (auto next = *reader.next()) frames.emplace_back(*next);
  return frames;
}

TEST(SendQueue, ReplacesAWaitingFrameOfTheSameSlotAndSaysItLast) {
  SendQueue queue(1000);
  queue.push(frame("a1"), "a");
  queue.push(frame("event"), "");
  queue.push(frame("a2"), "a");
  EXPECT_EQ(queue.bytes(), 7U);
  EXPECT_THAT(frames_of(queue.take(1000)), ElementsAre("event", "a2"));
  EXPECT_EQ(queue.dropped(), 0U);
}

TEST(SendQueue, DropsTheOldestEventFirstWhenItIsFull) {
  SendQueue queue(10);
  queue.push(frame("aaaa"), "a");
  queue.push(frame("1111"), "");
  queue.push(frame("22"), "");
  queue.push(frame("bbbb"), "b");
  EXPECT_THAT(frames_of(queue.take(1000)), ElementsAre("aaaa", "22", "bbbb"));
  EXPECT_EQ(queue.dropped(), 1U);
}

TEST(SendQueue, KeepsOneFrameThatIsLargerThanTheBound) {
  SendQueue queue(2);
  queue.push(frame("a site file"), "site");
  EXPECT_THAT(frames_of(queue.take(4)), ElementsAre("a site file"));
}

TEST(SendQueue, TakesNoMoreThanAskedExceptTheFirst) {
  SendQueue queue(1000);
  for (const char* text : {"1111", "2222", "3333"}) queue.push(frame(text), "");
  EXPECT_THAT(frames_of(queue.take(16)), ElementsAre("1111", "2222"));
  EXPECT_THAT(frames_of(queue.take(16)), ElementsAre("3333"));
  EXPECT_TRUE(queue.empty());
}

TEST(FrameReader, PutsTogetherAFrameThatArrivesByteByByte) {
  FrameReader reader(1000);
  const std::string bytes("\0\0\0\2hi\0\0\0\0", 10);
  std::vector<std::string> frames;
  for (const char byte : bytes) {
    reader.add({&byte, 1});
    while (auto next = *reader.next()) frames.emplace_back(*next);
  }
  EXPECT_THAT(frames, ElementsAre("hi", ""));
}

TEST(FrameReader, RefusesALengthOverTheCapAtOnce) {
  FrameReader reader(1000);
  reader.add(std::string_view("\0\0\3\xe9", 4));
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace tandem::bus
