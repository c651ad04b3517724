#include "vrrp/handover_desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Offer = HandoverDesk::Offer;

constexpr TimePoint kNow{100s};

TEST(HandoverDesk, OffersEachRouterToTheFirstPeerAndTellsWhenAllAreGone) {
  HandoverDesk desk;
  const auto asked = desk.ask(7, {"web", "mail"}, {"b", "c"}, {}, kNow);
  EXPECT_THAT(asked.offers, ElementsAre(Offer{"web", "b"}, Offer{"mail", "b"}));
  EXPECT_THAT(asked.verdicts, IsEmpty());
  EXPECT_EQ(desk.deadline(), kNow + kHandoverPatience);
  EXPECT_THAT(desk.released("web", kNow + 12ms).verdicts, IsEmpty());
  const auto done = desk.released("mail", kNow + 15ms);
  ASSERT_EQ(done.verdicts.size(), 1u);
  EXPECT_EQ(done.verdicts[0].id, 7u);
  EXPECT_TRUE(done.verdicts[0].done);
  EXPECT_THAT(done.verdicts[0].lines, ElementsAre("web: b has it after 12 ms", "mail: b has it after 15 ms"));
  EXPECT_FALSE(desk.busy());
}

TEST(HandoverDesk, AsksTheNextPeerAndGivesUpAfterTheLast) {
  HandoverDesk desk;
  desk.ask(1, {"web"}, {"b", "c"}, {}, kNow);
  EXPECT_THAT(desk.deadline_reached(kNow + 499ms).offers, IsEmpty());
  EXPECT_THAT(desk.deadline_reached(kNow + 500ms).offers, ElementsAre(Offer{"web", "c"}));
  const auto end = desk.deadline_reached(kNow + 1s);
  ASSERT_EQ(end.verdicts.size(), 1u);
  EXPECT_FALSE(end.verdicts[0].done);
  EXPECT_THAT(end.verdicts[0].lines, ElementsAre("web: stays, because c did not take it over within 500 ms"));
  EXPECT_FALSE(desk.deadline());
}

TEST(HandoverDesk, TellsAtOnceWhatCannotBeTried) {
  HandoverDesk desk;
  const auto asked = desk.ask(1, {"web"}, {}, {"mail: is not active here"}, kNow);
  ASSERT_EQ(asked.verdicts.size(), 1u);
  EXPECT_FALSE(asked.verdicts[0].done);
  EXPECT_THAT(asked.verdicts[0].lines,
              ElementsAre("mail: is not active here",
                          "web: stays, because no other director is connected and in step (peer_link)"));
  EXPECT_TRUE(desk.ask(2, {}, {"b"}, {}, kNow).verdicts[0].done) << "nothing to do is done";
}

TEST(HandoverDesk, DoesNotBeginARouterTwice) {
  HandoverDesk desk;
  desk.ask(1, {"web"}, {"b"}, {}, kNow);
  const auto again = desk.ask(2, {"web"}, {"b"}, {}, kNow);
  EXPECT_THAT(again.offers, IsEmpty());
  EXPECT_THAT(again.verdicts.at(0).lines, ElementsAre("web: is being handed over already"));
  EXPECT_EQ(desk.released("web", kNow).verdicts.at(0).id, 1u);
  EXPECT_THAT(desk.released("web", kNow).verdicts, IsEmpty());
}

}  // namespace
}  // namespace tandem::vrrp
