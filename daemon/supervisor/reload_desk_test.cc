// The reload desk, from the question to the answer.
#include "daemon/supervisor/reload_desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kNow{100s};

std::vector<std::string> words(const ReloadActions& actions) {
  std::vector<std::string> out;
  for (const auto& action : actions) {
    if (std::holds_alternative<ReadSite>(action)) out.emplace_back("read");
    if (std::holds_alternative<PublishSite>(action)) out.emplace_back("publish");
    if (std::holds_alternative<TellReloading>(action)) out.emplace_back("reloading");
    if (std::holds_alternative<TellReady>(action)) out.emplace_back("ready");
    if (const auto* answer = std::get_if<Answer>(&action)) {
      std::string line = std::to_string(answer->result.id) + (answer->result.applied ? " applied" : " refused");
      for (const auto& one : answer->result.lines) line += ": " + one;
      out.push_back(line);
    }
  }
  return out;
}

TEST(ReloadDesk, AnswersAfterEveryRoomWorksWithTheNewSite) {
  ReloadDesk desk;
  EXPECT_THAT(words(desk.ask(5, kNow)), ElementsAre("reloading", "read"));
  EXPECT_THAT(words(desk.read({.difference = {"web3: added"}}, kNow)), ElementsAre("publish"));
  EXPECT_THAT(words(desk.whole_ready(kNow)), ElementsAre("5 applied: web3: added", "ready"));
  EXPECT_FALSE(desk.deadline());
}

TEST(ReloadDesk, RefusesAnInvalidFileWithEveryErrorAndPublishesNothing) {
  ReloadDesk desk;
  desk.ask(5, kNow);
  EXPECT_THAT(words(desk.read({.errors = {"x:1:2: a", "x:3:4: b"}}, kNow)),
              ElementsAre("5 refused: x:1:2: a: x:3:4: b", "ready"));
  EXPECT_THAT(words(desk.whole_ready(kNow)), IsEmpty());
}

TEST(ReloadDesk, SaysThatNothingChangedWithoutANewGeneration) {
  ReloadDesk desk;
  desk.ask(5, kNow);
  EXPECT_THAT(words(desk.read({.same_text = true}, kNow)), ElementsAre("5 applied: nothing changed", "ready"));
}

TEST(ReloadDesk, PublishesAFileOfWhichOnlyTheTextChanged) {
  ReloadDesk desk;
  desk.ask(5, kNow);
  EXPECT_THAT(words(desk.read({}, kNow)), ElementsAre("publish"));
}

TEST(ReloadDesk, NamesTheRoomThatDoesNotFollow) {
  ReloadDesk desk;
  desk.ask(5, kNow);
  desk.read({.difference = {"a"}}, kNow);
  ASSERT_EQ(desk.deadline(), kNow + kReloadPatience);
  EXPECT_THAT(words(desk.deadline_reached({"checkers"}, kNow)), IsEmpty());
  EXPECT_THAT(
      words(desk.deadline_reached({"checkers"}, kNow + kReloadPatience)),
      ElementsAre("5 applied: a: warning: checkers does not work with it yet; see the log for what it says", "ready"));
  EXPECT_THAT(words(desk.whole_ready(kNow + kReloadPatience)), IsEmpty());
}

TEST(ReloadDesk, ReadsTheFileAgainForAQuestionThatCameMeanwhile) {
  ReloadDesk desk;
  desk.ask(5, kNow);
  EXPECT_THAT(words(desk.ask(6, kNow)), IsEmpty());
  EXPECT_THAT(words(desk.read({.same_text = true}, kNow)),
              ElementsAre("5 applied: nothing changed", "ready", "reloading", "read"));
  EXPECT_THAT(words(desk.read({.same_text = true}, kNow)), ElementsAre("6 applied: nothing changed", "ready"));
}

TEST(ReloadDesk, TakesManySignalsThatWaitForOne) {
  ReloadDesk desk;
  for (int i = 0; i < 100; ++i) desk.ask(0, kNow);
  size_t rounds = 0;
  for (auto actions = desk.read({.same_text = true}, kNow); !actions.empty(); ++rounds)
    actions = desk.read({.same_text = true}, kNow);
  EXPECT_EQ(rounds, 2U);
}

TEST(ReloadDesk, BoundsTheQuestionsThatWait) {
  ReloadDesk desk;
  for (uint64_t id = 1; id < 1000; ++id) desk.ask(id, kNow);
  size_t answers = 0;
  for (auto actions = desk.read({.same_text = true}, kNow); !actions.empty(); ++answers)
    actions = desk.read({.same_text = true}, kNow);
  EXPECT_EQ(answers, kMostReloadsWaiting);
}

}  // namespace
}  // namespace tandem::supervisor
