#include "checkers/verdict.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tandem::checkers {
namespace {

struct Row {
  uint32_t need;  // 0: all
  const char*
      checks;  // '+' passes, '-' fails, '?' has no answer yet, 'u' the same but begins up; then "!N": it does not
               // count, and leaves N % while it fails
  bool up, known;
  uint32_t share = 100;
};

class Fixture {
 public:
  explicit Fixture(uint32_t need, const std::string& letters) {
    set_.need = need;
    for (size_t i = 0; i < letters.size(); ++i) {
      Check check;
      const char letter = letters[i];
      if (i + 1 < letters.size() && letters[i + 1] == '!') {
        check.weight_when_down = static_cast<uint8_t>(std::stoi(letters.substr(i + 2, 2)));
        i += 3;
      }
      set_.checks.push_back({.name = std::string(1, static_cast<char>('a' + set_.checks.size())),
                             .check = std::make_shared<const Check>(check)});
      healths_.push_back(Health({.up = letter == '+' || letter == 'u',
                                 .known = letter == '+' || letter == '-',
                                 .reason = letter == '+' ? "connected" : "connection refused"}));
    }
    for (const Health& health : healths_) pointers_.push_back(&health);
  }
  Verdict verdict() const { return verdict_of(set_, pointers_); }
  std::string words() const { return words_of(set_, pointers_, verdict()); }

 private:
  CheckSet set_;
  std::vector<Health> healths_;
  std::vector<const Health*> pointers_;
};

TEST(Verdict, FollowsTheTable) {
  const Row rows[] = {
      {0, "", true, true},  // not checked
      {0, "+", true, true},
      {0, "-", false, true},
      {0, "?", false, false},
      {0, "u", true, false},
      // all
      {0, "++", true, true},
      {0, "+-", false, true},
      {0, "+?", false, false},
      {0, "-?", false, true},  // one failure settles it
      {0, "+u", true, false},
      // any
      {1, "+-", true, true},
      {1, "+?", true, true},  // one success settles it
      {1, "-?", false, false},
      {1, "--", false, true},
      // two of three
      {2, "++-", true, true},
      {2, "+--", false, true},
      {2, "+?-", false, false},
      {2, "--?", false, true},
      {9, "++", true, true},  // more than there are: all
      // those that do not count
      {0, "+-!50", true, true, 50},
      {0, "+?!50", true, true, 100},
      {0, "-+!50", false, true, 100},
      {0, "+-!50-!50", true, true, 25},
      {0, "+-!01-!01", true, true, 1},  // of something there is always something left,
      {0, "+-!00", true, true, 0},      // unless nothing was said
      {1, "-+-!50", true, true, 50},
  };
  for (const Row& row : rows)
    EXPECT_EQ(Fixture(row.need, row.checks).verdict(), (Verdict{row.up, row.known, row.share}))
        << row.need << " of " << row.checks;
}

TEST(Verdict, IsToldInTheChecksOwnWordsWhereThereIsOne) {
  EXPECT_EQ(Fixture(0, "").words(), "not checked");
  EXPECT_EQ(Fixture(0, "+").words(), "connected");
  EXPECT_EQ(Fixture(0, "-+!50").words(), "connection refused");
  EXPECT_EQ(Fixture(0, "++").words(), "2 of 2 checks pass");
  EXPECT_EQ(Fixture(0, "+-").words(), "b: connection refused (1 of 2 checks pass)");
  EXPECT_EQ(Fixture(1, "+-").words(), "1 of 2 checks pass, 1 needed; b: connection refused");
  EXPECT_EQ(Fixture(2, "+--").words(), "b: connection refused; c: connection refused (1 of 3 checks pass, 2 needed)");
}

}  // namespace
}  // namespace tandem::checkers
