#include "daemon/supervisor/notify_desk.hpp"

#include <gmock/gmock.h>

namespace tandem::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const NotifySubject kWeb{NotifyKind::kRouter, "web"};
const NotifySubject kShop{NotifyKind::kService, "shop"};
const NotifySubject kShop1{NotifyKind::kServer, "shop/1"};

class Notify : public ::testing::Test {
 protected:
  Notify() { desk_.configure({{kWeb, script()}, {kShop, script()}}); }

  static NotifyScript script(uint32_t attempts = 1) {
    return {.words = {"/bin/tell"}, .timeout = 5s, .attempts = attempts};
  }
  // What was started, each as its arguments.
  static std::vector<std::string> started(const NotifyActions& actions) {
    std::vector<std::string> all;
    for (const NotifyAction& action : actions)
      if (const auto* run = std::get_if<RunNotify>(&action)) {
        std::string line;
        for (size_t i = 1; i < run->script.words.size(); ++i) line += (i > 1 ? " " : "") + run->script.words[i];
        all.push_back(line);
      }
    return all;
  }
  auto sees(const NotifySubject& subject, const char* state, uint32_t measure = 100) {
    return started(desk_.seen(subject, state, measure, now_));
  }
  auto ends(const NotifySubject& subject, bool well = true) {
    return started(desk_.ended(subject, well, "exit code 1", now_));
  }

  TimePoint now_{1h};
  NotifyDesk desk_;
};

TEST_F(Notify, EachChangeIsToldWithTheOneBeforeAndANumber) {
  EXPECT_THAT(sees(kWeb, "backup"), ElementsAre("router web backup 100 none 1"));
  EXPECT_THAT(ends(kWeb), IsEmpty());
  EXPECT_THAT(sees(kWeb, "backup"), IsEmpty()) << "no change";
  EXPECT_THAT(sees(kWeb, "active", 150), ElementsAre("router web active 150 backup 2"));
  EXPECT_FALSE(desk_.idle());
  ends(kWeb);
  EXPECT_TRUE(desk_.idle());
}

TEST_F(Notify, OneRunsAtATimeAndWhatIsOverBeforeItsTurnIsLeftOut) {
  sees(kWeb, "backup");
  EXPECT_THAT(sees(kWeb, "active"), IsEmpty());
  EXPECT_THAT(sees(kWeb, "fault"), IsEmpty());
  EXPECT_THAT(ends(kWeb), ElementsAre("router web fault 100 backup 2"));
  EXPECT_THAT(ends(kWeb), IsEmpty());
}

TEST_F(Notify, WhoIsBackWhereItWasIsNotToldTwice) {
  sees(kWeb, "backup");
  sees(kWeb, "active");
  sees(kWeb, "backup");
  EXPECT_THAT(ends(kWeb), IsEmpty());
}

TEST_F(Notify, AFailureIsTriedAgainEachTimeLaterUntilItsAttemptsAreOver) {
  desk_.configure({{kWeb, script(3)}});
  sees(kWeb, "active");
  EXPECT_THAT(ends(kWeb, false), IsEmpty());
  EXPECT_EQ(desk_.deadline(), now_ + 1s);
  now_ += 1s;
  EXPECT_THAT(started(desk_.deadline_reached(now_)), ElementsAre("router web active 100 none 1")) << "the same number";
  ends(kWeb, false);
  EXPECT_EQ(desk_.deadline(), now_ + 2s);
  now_ += 2s;
  desk_.deadline_reached(now_);
  const NotifyActions actions = desk_.ended(kWeb, false, "exit code 1: no route", now_);
  ASSERT_THAT(actions, SizeIs(1));
  EXPECT_THAT(std::get<NotifyFailed>(actions[0]).words, HasSubstr("told active and did not end well: exit code 1"));
  EXPECT_TRUE(desk_.idle());
}

TEST_F(Notify, SomethingNewerEndsTheAttempts) {
  desk_.configure({{kWeb, script(3)}});
  sees(kWeb, "active");
  ends(kWeb, false);
  EXPECT_THAT(sees(kWeb, "backup"), ElementsAre("router web backup 100 none 2"));
  EXPECT_EQ(desk_.deadline(), std::nullopt);
}

TEST_F(Notify, NothingIsSaidOfWhatWasNeverUp) {
  EXPECT_THAT(sees(kWeb, "stopped"), IsEmpty());
  EXPECT_THAT(sees(kShop, "down"), IsEmpty());
  EXPECT_THAT(sees(kShop, "up"), ElementsAre("service shop up 100 none 1"));
  ends(kShop);
  EXPECT_THAT(sees(kShop, "down"), ElementsAre("service shop down 100 up 2"));
}

TEST_F(Notify, AServersChangesGoToItsServicesScriptAndItsBeginningToNobody) {
  EXPECT_THAT(sees(kShop1, "up"), IsEmpty());
  EXPECT_THAT(sees(kShop1, "down", 5), ElementsAre("server shop/1 down 5 up 1"));
  EXPECT_THAT(sees({NotifyKind::kServer, "mail/1"}, "up"), IsEmpty());
  EXPECT_THAT(sees({NotifyKind::kServer, "mail/1"}, "down"), IsEmpty()) << "nobody asked";
}

TEST_F(Notify, ANewScriptIsToldHowThingsStandAndAnUnchangedOneIsNot) {
  sees(kWeb, "active");
  ends(kWeb);
  EXPECT_THAT(started(desk_.configure({{kWeb, script()}})), IsEmpty());
  EXPECT_THAT(started(desk_.configure({{kWeb, script(2)}})), ElementsAre("router web active 100 none 2"));
  ends(kWeb);
  desk_.configure({});
  EXPECT_THAT(sees(kWeb, "backup"), IsEmpty());
  EXPECT_THAT(started(desk_.configure({{kWeb, script()}})), ElementsAre("router web backup 100 none 3"));
}

// The winner of a split that healed changes no state; whoever told a cloud where the address is must be told again.
TEST_F(Notify, AnActiveRouterThatWonAgainstAnotherIsToldAgain) {
  sees(kWeb, "active");
  ends(kWeb);
  EXPECT_THAT(started(desk_.asserted(kWeb, 1, now_ + 1s)), IsEmpty()) << "the loser's last words";
  now_ += 1h;
  EXPECT_THAT(started(desk_.asserted(kWeb, 1, now_)), IsEmpty()) << "no more than before";
  EXPECT_THAT(started(desk_.asserted(kWeb, 5, now_)), ElementsAre("router web reasserted 100 active 2"));
  ends(kWeb);
  EXPECT_THAT(started(desk_.asserted(kWeb, 9, now_ + 5s)), IsEmpty());
  EXPECT_THAT(started(desk_.asserted(kWeb, 10, now_ + 10s)), ElementsAre("router web reasserted 100 active 3"));
}

TEST_F(Notify, NoMoreThanEightRunAtTheSameTime) {
  std::map<NotifySubject, NotifyScript> scripts;
  for (char c = 'a'; c < 'a' + 12; ++c) scripts[{NotifyKind::kRouter, std::string(1, c)}] = script();
  desk_.configure(scripts);
  size_t begun = 0;
  for (const auto& [subject, each] : scripts) begun += sees(subject, "backup").size();
  EXPECT_EQ(begun, kMostScripts);
  EXPECT_THAT(ends({NotifyKind::kRouter, "a"}), ElementsAre("router i backup 100 none 1"));
}

TEST_F(Notify, WhatIsForgottenIsToldItsEnd) {
  sees(kWeb, "active");
  sees(kWeb, "stopped");
  desk_.forget(kWeb);
  EXPECT_THAT(ends(kWeb), ElementsAre("router web stopped 100 active 2"));
  ends(kWeb);
  EXPECT_TRUE(desk_.idle());
  EXPECT_THAT(sees(kWeb, "backup"), ElementsAre("router web backup 100 none 1")) << "another one of that name";
}

}  // namespace
}  // namespace tandem::supervisor
