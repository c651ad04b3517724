// Files made to hurt: each costs an error, never a crash or more than a moment. The limits are those of tree.hpp,
// findings.hpp and reader.hpp.
#include "daemon/config/findings.hpp"
#include "daemon/config/testing.hpp"
#include "daemon/config/tree.hpp"

namespace tandem::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

std::string repeat(std::string_view piece, size_t times) {
  std::string text;
  text.reserve(piece.size() * times);
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

TEST(Hostile, FileOverTheLimitIsRefusedUnread) {
  EXPECT_THAT(errors_of(std::string(kSiteFileLimit + 1, '#')), ElementsAre("s:1:1: the file is larger than 16 MB"));
}

TEST(Hostile, NulByteIsShownWhereItStands) {
  EXPECT_THAT(errors_of(std::string("site: s\nab\0c", 12)), ElementsAre("s:2:3: a NUL byte; a site file is text"));
}

TEST(Hostile, ControlCharacterThatWouldEndTheParsersInputIsShown) {
  EXPECT_THAT(errors_of("site: s\n\x04"
                        "directors: {}\n"),
              ElementsAre("s:2:1: the control character 0x04; a site file is text"));
}

TEST(Hostile, CarriageReturnAloneIsShown) {
  EXPECT_THAT(errors_of("site: s\rdirectors: {}\n"),
              ElementsAre(HasSubstr("s:1:8: a carriage return (0x0d) without a line feed")));
}

TEST(Hostile, BytesThatAreNoUtf8AreShown) {
  for (const char* bytes : {"\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\xe2\x82"})
    EXPECT_THAT(errors_of(std::string("site: ") + bytes),
                ElementsAre(AllOf(HasSubstr("s:1:7: the byte 0x"), HasSubstr("is not UTF-8"))));
  EXPECT_THAT(errors_of("site: \xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x8e")[1],
              HasSubstr("found '\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x8e'"));
}

TEST(Hostile, NothingInAFileSpeaksToTheTerminal) {
  const auto errors = errors_of("\"\\e[31mred\\u009b\": 1\n");
  EXPECT_THAT(errors, testing::Contains(HasSubstr("unknown key '\\x1b[31mred\\xc2\\x9b'")));
  EXPECT_EQ((Diagnostic{"a\nb", 1, 2, "c\td"}.render()), "a\\x0ab:1:2: c\\x09d");
}

TEST(Hostile, LongWordIsCutInItsMessage) {
  const auto errors = errors_of("site: " + repeat("\xc3\xbc", 100'000) + "\ndirectors: { d: }\n");
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_LT(errors[0].size(), 200U);
  EXPECT_THAT(errors[0], HasSubstr("...'"));
}

TEST(Hostile, DeepNestingEndsEarly) {
  for (const char* piece : {"[", "{a: ", "- ", "? ", "[[]]: ["}) {
    const auto errors = errors_of("site: s\nx:\n  " + repeat(piece, 100'000));
    EXPECT_THAT(errors, SizeIs(1)) << piece;
  }
  EXPECT_THAT(errors_of("site: " + repeat("[", 100) + repeat("]", 100)),
              ElementsAre(HasSubstr("more than 32 levels inside each other")));
}

TEST(Hostile, DeepNestingByIndentationEndsEarly) {
  std::string text;
  for (size_t i = 0; i < 2000; ++i) text += std::string(i, ' ') + "a:\n";
  EXPECT_THAT(errors_of(text), ElementsAre("s:33:33: more than 32 levels inside each other"));
}

TEST(Hostile, MoreValuesThanAnySiteHasEndEarly) {
  EXPECT_THAT(errors_of("site: [" + repeat("a,", kMostNodes + 10) + "]\n"),
              ElementsAre(HasSubstr("more than 1000000 values; that is no site file")));
}

TEST(Hostile, ManyAliasesUnfoldNoFurtherThanTheLimit) {
  std::string text = "site: s\ndirectors: { d: }\nservices:\n";
  text += "  s0:\n    address: 192.0.2.1\n    port: 1\n    servers: &s\n";
  for (int i = 0; i < 5000; ++i)
    text += "      w" + std::to_string(i) + ": { address: 10.0." + std::to_string(i / 250) + "." +
            std::to_string(i % 250 + 1) + " }\n";
  for (int i = 1; i < 4000; ++i)
    text += "  s" + std::to_string(i) + ": { address: 192.0.2.1, port: " + std::to_string(i + 1) + ", servers: *s }\n";
  EXPECT_THAT(errors_of(text), testing::Contains(HasSubstr("more than 65535 servers in all services")));
}

TEST(Hostile, AliasesOfAliasesCostNothingWhereNobodyLooks) {
  std::string text = "site: s\nbomb:\n  - &a0 [x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 64; ++i) {
    const std::string before = "*a" + std::to_string(i - 1) + ", ";
    text += "  - &a" + std::to_string(i) + " [" + repeat(before, 8) + "]\n";
  }
  EXPECT_THAT(errors_of(text), testing::Contains(HasSubstr("unknown key 'bomb'")));
}

TEST(Hostile, ThousandsOfErrorsAreShownUpToALimitThatIsSaid) {
  std::string text(kSmallSite);
  for (int i = 0; i < 5000; ++i) text += "      x" + std::to_string(i) + ": { adress: 10.0.0.1 }\n";
  const auto errors = errors_of(text);
  EXPECT_THAT(errors, SizeIs(Findings::kMost + 1));
  EXPECT_THAT(errors.back(), HasSubstr("and more; only 1000 are shown"));
}

TEST(Hostile, KeyRepeatedAHundredThousandTimesIsNoWork) {
  EXPECT_THAT(errors_of("site: s\ndirectors: {" + repeat("d: , ", 100'000) + "}\n"), Not(testing::IsEmpty()));
  EXPECT_THAT(errors_of("{" + repeat("unknown: 1, ", 100'000) + "}\n"), SizeIs(Findings::kMost + 1));
}

TEST(Hostile, MoreServicesThanTheFlowTableCanNameAreAnError) {
  std::string text = "site: s\ndirectors: { d: }\nservices:\n";
  for (int i = 0; i < 4096; ++i)
    text += "  s" + std::to_string(i) + ": { address: 192.0.2.1, port: " + std::to_string(i + 1) + " }\n";
  EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr("services: expected 0 to 4095 entries, found 4096")));
}

TEST(Hostile, ASiteOfTheLargestSizeIsRead) {
  std::string text = "site: s\ndirectors: { d: }\nservices:\n";
  int server = 0;
  for (int i = 0; i < 4095; ++i) {
    text += "  s" + std::to_string(i) + ":\n    address: 192.0.2.1\n    port: " + std::to_string(i + 1) +
            "\n    servers:\n";
    for (int j = 0; j < 16 && server < 65535; ++j, ++server)
      text +=
          "      w" + std::to_string(j) + ": { address: 10.0.0." + std::to_string(j + 1) + ", port: 80, weight: 5 }\n";
  }
  const Reading reading = read_site(text, "s");
  EXPECT_THAT(rendered(reading.errors), testing::IsEmpty());
  EXPECT_THAT(reading.warnings, SizeIs(Findings::kMost + 1));  // no router has the address
}

}  // namespace
}  // namespace tandem::config
