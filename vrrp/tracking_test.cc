#include "vrrp/tracking.hpp"

#include <gmock/gmock.h>

namespace tandem::vrrp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using Kind = Tracked::Kind;

const Look kWell{.well = true, .words = "exit code 0"};
const Look kSick{.well = false, .words = "exit code 1"};

TEST(Tracking, WithoutAWeightWhatIsNotWellIsAFault) {
  Tracking tracking;
  tracking.set({{.name = "chk"}});
  EXPECT_THAT(tracking.note("chk", kSick), Optional(HasSubstr("script 'chk' is not well: exit code 1")));
  EXPECT_THAT(tracking.faults(), ElementsAre("script 'chk'"));
  EXPECT_EQ(tracking.priority(100), 100);
  EXPECT_THAT(tracking.note("chk", kWell), Optional(HasSubstr("well again")));
  EXPECT_THAT(tracking.faults(), IsEmpty());
}

TEST(Tracking, APositiveWeightIsAddedWhileWell) {
  Tracking tracking;
  tracking.set({{.name = "chk", .weight = 30}});
  EXPECT_EQ(tracking.priority(100), 130) << "what is not known yet counts as well";
  tracking.note("chk", kSick);
  EXPECT_EQ(tracking.priority(100), 100);
  EXPECT_THAT(tracking.faults(), IsEmpty());
}

TEST(Tracking, ANegativeWeightIsAddedWhileNot) {
  Tracking tracking;
  tracking.set({{.name = "chk", .weight = -30}, {.name = "other", .weight = -253}});
  EXPECT_EQ(tracking.priority(100), 100);
  tracking.note("chk", kSick);
  EXPECT_EQ(tracking.priority(100), 70);
  tracking.note("other", kSick);
  EXPECT_EQ(tracking.priority(100), 1) << "never 0, which would say that we give up";
}

TEST(Tracking, NeverReachesTheOwnersPriorityAndNeverTouchesIt) {
  Tracking tracking;
  tracking.set({{.name = "chk", .weight = 253}});
  EXPECT_EQ(tracking.priority(100), 254);
  tracking.set({{.name = "chk", .weight = -30}});
  tracking.note("chk", kSick);
  EXPECT_EQ(tracking.priority(255), 255);
}

TEST(Tracking, RiseAndFallDampWhatFlaps) {
  Tracking tracking;
  tracking.set({{.name = "chk", .weight = -10, .rise = 3, .fall = 2}});
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(tracking.note("chk", kSick), std::nullopt);
    EXPECT_EQ(tracking.note("chk", kWell), std::nullopt);
  }
  EXPECT_EQ(tracking.note("chk", kSick), std::nullopt);
  EXPECT_NE(tracking.note("chk", kSick), std::nullopt);
  EXPECT_EQ(tracking.note("chk", kWell), std::nullopt);
  EXPECT_EQ(tracking.note("chk", kWell), std::nullopt);
  EXPECT_NE(tracking.note("chk", kWell), std::nullopt);
}

TEST(Tracking, AFilesNumberIsMultipliedByItsWeight) {
  Tracking tracking;
  tracking.set({{.kind = Kind::kFile, .name = "load", .weight = -2}});
  EXPECT_EQ(tracking.priority(100), 100);
  EXPECT_THAT(tracking.note("load", {.well = true, .value = 7, .words = "7"}),
              Optional(HasSubstr("another number: 7")));
  EXPECT_EQ(tracking.priority(100), 86);
}

TEST(Tracking, AReloadForgetsOnlyWhatIsAnotherThing) {
  Tracking tracking;
  tracking.set({{.name = "chk", .subject = "/bin/a", .weight = -10}});
  tracking.note("chk", kSick);
  tracking.set({{.name = "chk", .subject = "/bin/a", .weight = -20}});
  EXPECT_EQ(tracking.priority(100), 80);
  tracking.set({{.name = "chk", .subject = "/bin/b", .weight = -20}});
  EXPECT_EQ(tracking.priority(100), 100);
}

TEST(Tracking, TellsWhatItKnows) {
  Tracking tracking;
  tracking.set({{.name = "a"}, {.name = "b", .weight = -5}});
  tracking.note("b", kSick);
  EXPECT_THAT(tracking.lines(),
              ElementsAre("script 'a' is well: not looked at yet", "script 'b' is not well (-5): exit code 1"));
}

}  // namespace
}  // namespace tandem::vrrp
