#include "daemon/supervisor/program_desk.hpp"

#include <gmock/gmock.h>

#include <utility>

namespace tandem::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ProgramName name(int server) {
  return {"web", "w" + std::to_string(server), "app"};
}

class ProgramDeskTest : public ::testing::Test {
 protected:
  ProgramDeskTest() { configure(200); }

  ProgramActions configure(int servers, Duration timeout = 2s) {
    const auto program =
        std::make_shared<const Program>(Program{.words = {"/bin/ask"}, .user = "app", .timeout = timeout});
    Programs programs;
    for (int i = 0; i < servers; ++i) programs[name(i)] = program;
    return desk_.configure(std::move(programs), now_);
  }
  // Asks for servers first to last, each with its number as id.
  ProgramActions ask(int first, int last) {
    ProgramActions all;
    for (int i = first; i <= last; ++i)
      for (auto& action : desk_.asked(static_cast<uint64_t>(i), name(i), now_)) all.push_back(std::move(action));
    return all;
  }
  template <class T>
  static std::vector<T> of(const ProgramActions& actions) {
    std::vector<T> those;
    for (const ProgramAction& action : actions)
      if (const auto* one = std::get_if<T>(&action)) those.push_back(*one);
    return those;
  }
  // Lets time pass as the deadline says, until everything that may run does.
  std::vector<RunProgram> let_all_start(Duration most) {
    std::vector<RunProgram> runs;
    for (const TimePoint end = now_ + most; desk_.deadline() && *desk_.deadline() <= end;) {
      EXPECT_GE(*desk_.deadline(), now_) << "a deadline that has passed spins";
      now_ = std::max(now_ + 1ns, *desk_.deadline());
      for (auto& run : of<RunProgram>(desk_.deadline_reached(now_))) runs.push_back(run);
    }
    return runs;
  }

  TimePoint now_{1h};
  ProgramDesk desk_;
};

TEST_F(ProgramDeskTest, RunsWhatTheSiteSaysOfTheCheckThatIsNamed) {
  const auto runs = of<RunProgram>(ask(3, 3));
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_THAT(runs[0].program->words, ElementsAre("/bin/ask"));
  EXPECT_EQ(runs[0].limit, 2s);
  EXPECT_EQ(desk_.ended(runs[0].run, now_).answer_to, 3U);
  EXPECT_EQ(desk_.running(), 0U);
}

TEST_F(ProgramDeskTest, ACheckThatTheSiteDoesNotHaveRunsNothing) {
  const auto refused = of<ProgramNotRun>(desk_.asked(7, {"web", "w1", "other"}, now_));
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].id, 7U);
  EXPECT_EQ(desk_.running() + desk_.waiting(), 0U);
}

TEST_F(ProgramDeskTest, TheyBeginAtABoundedPaceAndNeverTooManyAtOnce) {
  EXPECT_THAT(of<RunProgram>(ask(0, 199)), SizeIs(kMostProgramsAtOnce));
  const TimePoint begin = now_;
  auto runs = let_all_start(900ms);
  EXPECT_EQ(desk_.running(), kMostPrograms);
  EXPECT_LT(now_ - begin, kProgramSpacing * (kMostPrograms + 2));
  // Each that ends makes room for the next.
  now_ += 100ms;
  EXPECT_THAT(of<RunProgram>(desk_.ended(runs[0].run, now_).actions), SizeIs(1));
  EXPECT_EQ(desk_.running(), kMostPrograms);
}

TEST_F(ProgramDeskTest, APauseIsNotMadeUpForByMoreThanOneTurnsBeginnings) {
  now_ += 1h;
  EXPECT_THAT(of<RunProgram>(ask(0, 199)), SizeIs(kMostProgramsAtOnce));
}

TEST_F(ProgramDeskTest, OneThatHasWaitedForHalfOfItsTimeIsNotRunAndThatIsSaidOnce) {
  const TimePoint begin = now_;
  ask(0, 99);
  let_all_start(900ms);
  ASSERT_EQ(desk_.waiting(), 100 - kMostPrograms);
  now_ = begin + 1s;
  const auto actions = desk_.deadline_reached(now_);
  EXPECT_THAT(of<ProgramNotRun>(actions), SizeIs(100 - kMostPrograms));
  ASSERT_THAT(of<ProgramsLate>(actions), SizeIs(1));
  EXPECT_FALSE(of<ProgramsLate>(actions)[0].over);
  // And once more when it is over.
  EXPECT_EQ(desk_.deadline(), now_ + kProgramsInTimeAfter);
  now_ += kProgramsInTimeAfter;
  const auto later = of<ProgramsLate>(desk_.deadline_reached(now_));
  ASSERT_THAT(later, SizeIs(1));
  EXPECT_TRUE(later[0].over);
  EXPECT_EQ(desk_.deadline(), std::nullopt);
}

TEST_F(ProgramDeskTest, WaitingCountsIntoACheckTime) {
  ask(0, 63);
  let_all_start(500ms);
  ask(64, 64);
  now_ += 300ms;
  const auto runs = of<RunProgram>(desk_.ended(1, now_).actions);
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].limit, 2s - 300ms);
}

TEST_F(ProgramDeskTest, ACheckHasOneProgramAtATime) {
  ask(1, 1);
  EXPECT_THAT(of<RunProgram>(desk_.asked(100, name(1), now_)), IsEmpty()) << "its predecessor runs";
  EXPECT_THAT(of<ProgramNotRun>(desk_.asked(101, name(1), now_)), SizeIs(1)) << "it is asked for already";
  EXPECT_EQ(desk_.deadline(), now_ + 1s) << "only its lateness is waited for";
  const auto ended = desk_.ended(1, now_);
  EXPECT_EQ(ended.answer_to, 1U);
  EXPECT_THAT(of<RunProgram>(ended.actions), SizeIs(1));
}

TEST_F(ProgramDeskTest, WhatIsCancelledIsEndedAndNobodyIsTold) {
  const auto run = of<RunProgram>(ask(1, 1)).at(0).run;
  const auto ends = of<EndProgram>(desk_.cancelled(1, now_));
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_EQ(ends[0].run, run);
  EXPECT_THAT(desk_.cancelled(1, now_), IsEmpty());
  EXPECT_EQ(desk_.ended(run, now_).answer_to, std::nullopt);
  // One that waits is taken off the queue.
  ask(0, 99);
  EXPECT_THAT(desk_.cancelled(99, now_), IsEmpty());
  EXPECT_EQ(desk_.running() + desk_.waiting(), 99U);
}

TEST_F(ProgramDeskTest, AReloadThatTakesTheCheckAwayTakesItOffTheQueue) {
  ask(0, 99);
  const auto refused = of<ProgramNotRun>(configure(50));
  EXPECT_THAT(refused, SizeIs(50));
  let_all_start(900ms);
  EXPECT_EQ(desk_.running(), 50U);
}

TEST_F(ProgramDeskTest, ADeadAskersProgramsAreEndedAndItsNextLifeIsNotToldOfThem) {
  ask(0, 9);
  let_all_start(100ms);
  EXPECT_THAT(of<EndProgram>(desk_.asker_gone(now_)), SizeIs(10));
  EXPECT_EQ(desk_.waiting(), 0U);
  now_ += 1s;
  EXPECT_THAT(of<RunProgram>(desk_.asked(0, name(20), now_)), SizeIs(1)) << "the same id again";
  EXPECT_EQ(desk_.ended(1, now_).answer_to, std::nullopt);
  EXPECT_EQ(desk_.ended(11, now_).answer_to, 0U);
}

}  // namespace
}  // namespace tandem::supervisor
