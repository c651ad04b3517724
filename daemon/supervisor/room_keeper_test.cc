// The room keeper, told what happened at times made up here.
#include "daemon/supervisor/room_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/bus/describe.hpp"

namespace tandem::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kStart{100s};

// Actions as short sentences; statuses are left out unless asked for.
std::vector<std::string> words(const Actions& actions, bool with_status = false) {
  std::vector<std::string> out;
  for (const auto& action : actions) {
    if (const auto* start = std::get_if<StartRoom>(&action)) out.push_back("start " + start->room);
    if (const auto* ask = std::get_if<AskToStop>(&action)) out.push_back("stop " + ask->room);
    if (const auto* kill = std::get_if<KillRoom>(&action)) out.push_back("kill " + kill->room);
    if (const auto* abandon = std::get_if<Abandon>(&action)) out.push_back("abandon " + abandon->room);
    if (const auto* ready = std::get_if<WholeReady>(&action))
      out.push_back("ready " + std::to_string(ready->generation));
    if (const auto* end = std::get_if<AllEnded>(&action)) out.emplace_back(end->orderly ? "ended" : "ended badly");
    if (const auto* say = std::get_if<Say>(&action)) {
      if (const auto* event = std::get_if<bus::Event>(&say->message)) out.push_back(event->id + ' ' + event->subject);
      const auto* status = std::get_if<bus::RoomStatus>(&say->message);
      if (status != nullptr && with_status)
        out.push_back(status->room + ' ' + std::string(bus::word_of(status->phase)));
    }
  }
  return out;
}

class Keeper : public testing::Test {
 protected:
  void start_all() {
    keeper_.start(1, kStart);
    for (const char* room : {"vrrp", "checkers"}) {
      keeper_.started(room, 7);
      keeper_.ready(room, 1, kStart);
    }
  }
  RoomKeeper keeper_{{"vrrp", "checkers"}};
};

TEST_F(Keeper, StartsAllRoomsAtOnceAndIsReadyWhenTheLastOneIs) {
  EXPECT_THAT(words(keeper_.start(1, kStart)), ElementsAre("start vrrp", "start checkers"));
  EXPECT_THAT(words(keeper_.started("vrrp", 7), true), ElementsAre("vrrp starting"));
  keeper_.started("checkers", 8);
  EXPECT_THAT(words(keeper_.ready("checkers", 1, kStart), true), ElementsAre("checkers running"));
  EXPECT_THAT(keeper_.not_ready(), ElementsAre("vrrp"));
  EXPECT_THAT(words(keeper_.ready("vrrp", 1, kStart)), ElementsAre("ready 1"));
  EXPECT_THAT(words(keeper_.ready("vrrp", 1, kStart)), IsEmpty());
}

TEST_F(Keeper, StartsADeadRoomAtOnceAndSaysHowLongItWasMissed) {
  start_all();
  EXPECT_THAT(words(keeper_.ended("vrrp", "signal 9 (Killed)", kStart + 60s), true),
              ElementsAre("ROOM_DIED vrrp", "vrrp dead", "start vrrp"));
  keeper_.started("vrrp", 9);
  const auto actions = keeper_.ready("vrrp", 1, kStart + 60s + 23ms);
  EXPECT_THAT(words(actions), ElementsAre("ROOM_BACK vrrp", "ready 1"));
  EXPECT_EQ(std::get<bus::Event>(std::get<Say>(actions[0]).message).text, "works again after 23 ms");
}

TEST_F(Keeper, BacksOffOnlyWhileARoomKeepsDyingAtOnceAndNeverForMoreThan100Milliseconds) {
  start_all();
  TimePoint now = kStart + 60s;
  for (const Duration wait : {0ms, 0ms, 20ms, 50ms, 100ms, 100ms, 100ms}) {
    keeper_.ended("vrrp", "signal 11", now);
    if (wait == Duration::zero()) {
      EXPECT_FALSE(keeper_.deadline());
    } else {
      ASSERT_EQ(keeper_.deadline(), now + wait);
      EXPECT_THAT(words(keeper_.deadline_reached(now + wait)), ElementsAre("start vrrp"));
    }
    now += wait + 1ms;
  }
  now += kStableAfter;
  keeper_.ended("vrrp", "signal 11", now);
  EXPECT_FALSE(keeper_.deadline()) << "it lived long enough to be started at once";
}

TEST_F(Keeper, GivesUpWhatARoomHeldOnceItKeepsDyingAndAgainOnlyAfterItWorked) {
  start_all();
  const auto abandoned = [&](int deaths, TimePoint from) {
    int count = 0;
    for (int i = 0; i < deaths; ++i) {
      const auto heard = words(keeper_.ended("vrrp", "signal 11", from + i * 200ms));
      count += static_cast<int>(std::ranges::count(heard, "abandon vrrp"));
      keeper_.deadline_reached(from + i * 200ms + 100ms);
    }
    return count;
  };
  EXPECT_EQ(abandoned(4, kStart + 60s), 0) << "the first one had worked";
  EXPECT_EQ(abandoned(10, kStart + 61s), 1);
  keeper_.started("vrrp", 9);
  keeper_.ready("vrrp", 1, kStart + 80s);
  EXPECT_EQ(abandoned(5, kStart + 80s), 1) << "it worked in between";
}

TEST_F(Keeper, GivesNothingUpOfARoomThatWorksEachTimeItIsBack) {
  start_all();
  for (int i = 0; i < 20; ++i) {
    const TimePoint now = kStart + 60s + i * 200ms;
    EXPECT_EQ(std::ranges::count(words(keeper_.ended("vrrp", "signal 9", now)), "abandon vrrp"), 0);
    keeper_.deadline_reached(now + 100ms);
    keeper_.started("vrrp", 10 + i);
    keeper_.ready("vrrp", 1, now + 120ms);
  }
}

TEST_F(Keeper, SaysOnlySoManyDeathsAMinuteAndSumsUpTheRest) {
  start_all();
  size_t said = 0;
  TimePoint now = kStart;
  for (int i = 0; i < 50; ++i, now += 100ms) {
    const auto heard = words(keeper_.ended("vrrp", "signal 11", now));
    said += static_cast<size_t>(std::ranges::count(heard, "ROOM_DIED vrrp"));
    keeper_.deadline_reached(now + 100ms);
  }
  EXPECT_EQ(said, kMostDeathsSaid);
  EXPECT_THAT(words(keeper_.ended("vrrp", "signal 11", kStart + 60s)),
              ElementsAre("ROOM_KEEPS_DYING vrrp", "ROOM_DIED vrrp", "start vrrp"));
}

TEST_F(Keeper, TriesAgainWhenAProcessCannotBeStarted) {
  keeper_.start(1, kStart);
  EXPECT_THAT(words(keeper_.could_not_start("vrrp", "no memory", kStart)), ElementsAre("ROOM_DIED vrrp", "start vrrp"));
  EXPECT_THAT(words(keeper_.could_not_start("vrrp", "no memory", kStart)), ElementsAre("ROOM_DIED vrrp"));
  EXPECT_EQ(keeper_.deadline(), kStart + 20ms);
}

TEST_F(Keeper, EndsARoomThatHungUpButLives) {
  start_all();
  EXPECT_THAT(words(keeper_.line_lost("vrrp", "hung up")), ElementsAre("ROOM_LINE_LOST vrrp", "kill vrrp"));
}

TEST_F(Keeper, IsReadyAgainOnlyWhenEveryRoomWorksWithTheNewGeneration) {
  start_all();
  EXPECT_THAT(words(keeper_.new_generation(2)), IsEmpty());
  EXPECT_THAT(words(keeper_.ready("vrrp", 2, kStart)), IsEmpty());
  EXPECT_THAT(words(keeper_.ready("checkers", 1, kStart)), IsEmpty()) << "said before it heard of generation 2";
  EXPECT_THAT(words(keeper_.ready("checkers", 2, kStart)), ElementsAre("ready 2"));
}

TEST_F(Keeper, StopsOneRoomAfterTheOtherInTheOrderGiven) {
  start_all();
  EXPECT_THAT(words(keeper_.stop(kStart)), ElementsAre("stop vrrp"));
  EXPECT_THAT(words(keeper_.ended("vrrp", "exit code 0", kStart + 1s)), ElementsAre("stop checkers"));
  EXPECT_THAT(words(keeper_.ended("checkers", "exit code 0", kStart + 2s)), ElementsAre("ended"));
  EXPECT_FALSE(keeper_.deadline());
}

TEST_F(Keeper, KillsARoomThatDoesNotEndInTimeAndCallsTheEndDisorderly) {
  start_all();
  keeper_.stop(kStart);
  ASSERT_EQ(keeper_.deadline(), kStart + kStopPatience);
  EXPECT_THAT(words(keeper_.deadline_reached(kStart + kStopPatience)), ElementsAre("ROOM_KILLED vrrp", "kill vrrp"));
  EXPECT_THAT(words(keeper_.ended("vrrp", "signal 9 (Killed)", kStart + 6s)), ElementsAre("stop checkers"));
  EXPECT_THAT(words(keeper_.ended("checkers", "exit code 0", kStart + 6s)), ElementsAre("ended badly"));
}

TEST_F(Keeper, KillsAllWhenAskedTwice) {
  start_all();
  keeper_.stop(kStart);
  EXPECT_THAT(words(keeper_.stop(kStart)), ElementsAre("kill vrrp", "kill checkers"));
  EXPECT_THAT(words(keeper_.ended("checkers", "signal 9 (Killed)", kStart)), IsEmpty());
  EXPECT_THAT(words(keeper_.ended("vrrp", "signal 9 (Killed)", kStart)), ElementsAre("ended badly"));
}

TEST_F(Keeper, StartsNothingThatDiesWhileItStops) {
  start_all();
  keeper_.ended("checkers", "signal 11", kStart);
  keeper_.ended("checkers", "signal 11", kStart);  // waits 20 ms for its start
  keeper_.stop(kStart);
  EXPECT_THAT(words(keeper_.deadline_reached(kStart + 20ms)), IsEmpty());
  EXPECT_THAT(words(keeper_.ended("vrrp", "exit code 0", kStart + 1s)), ElementsAre("ended"));
}

TEST_F(Keeper, EndsAtOnceWhenNoRoomLives) {
  RoomKeeper keeper({});
  keeper.start(1, kStart);
  EXPECT_THAT(words(keeper.stop(kStart)), ElementsAre("ended"));
}

}  // namespace
}  // namespace tandem::supervisor
