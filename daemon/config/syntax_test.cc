// What is no YAML, or YAML that no site file needs: in words that say what a person did.
#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Syntax, TabsAreShownAsTabsAndAllOfThem) {
  EXPECT_THAT(errors_of("site: s\ndirectors:\n\tdir-a:\n\t\tpriority: 1\n  \tdir-b:\n"),
              ElementsAre("s:3:1: a tab is used for indentation; YAML allows only spaces",
                          "s:4:1: a tab is used for indentation; YAML allows only spaces",
                          "s:5:3: a tab is used for indentation; YAML allows only spaces"));
}

TEST(Syntax, TabUnderACompleteKeyIsShownAsATab) {
  EXPECT_THAT(errors_of("site: s\n\tdirectors: {}\n"),
              ElementsAre("s:2:1: a tab is used for indentation; YAML allows only spaces"));
}

TEST(Syntax, TabsElsewhereAreNoError) {
  std::string text = site_with("site: ams1", "site:\tams1\t# a comment\n\t# another");
  text += "\t\n";
  EXPECT_THAT(errors_of(text), testing::IsEmpty());
}

TEST(Syntax, TabsBehindTheErrorAreNotBlamed) {
  EXPECT_THAT(errors_of("site: [1\ndirectors:\n  a: {}\n\tb: {}\n")[0],
              HasSubstr("s:2:1: a ',' or the closing ']' or '}' is missing before this"));
}

TEST(Syntax, KeyIndentedTooDeepIsShownAtItsLine) {
  EXPECT_THAT(errors_of("site: s\n  directors: {}\n"),
              ElementsAre("s:2:3: this line is indented deeper than the key above, which already has its value; keys "
                          "of one map begin in "
                          "the same column"));
}

TEST(Syntax, KeyBetweenTwoIndentationsIsShown) {
  EXPECT_THAT(errors_of("directors:\n    a: {}\n  b: {}\n"),
              ElementsAre(HasSubstr("s:3:3: this line is indented like no key above it")));
}

TEST(Syntax, BracketThatIsNotClosedIsShown) {
  EXPECT_THAT(errors_of("site: s\nlist: [a, b\n"), ElementsAre(HasSubstr("a list opened with '[' is not closed")));
  EXPECT_THAT(errors_of("site: s\nmap: { a: 1\n"), ElementsAre(HasSubstr("a map opened with '{' is not closed")));
  EXPECT_THAT(errors_of("site: s\nlist: [a]]\n"), ElementsAre("s:2:10: a ']' or '}' that closes nothing"));
}

TEST(Syntax, QuoteThatIsNotClosedIsShownWhereItOpens) {
  EXPECT_THAT(errors_of("site: 's\ndirectors: {}\n"), ElementsAre("s:1:7: a quote ' that is not closed in this line"));
  EXPECT_THAT(errors_of("site: \"s\ndirectors: {}\n"),
              ElementsAre("s:1:7: a quote \" that is not closed in this line"));
}

TEST(Syntax, QuotesWithinQuotesAreUnderstood) {
  EXPECT_THAT(errors_of("site: 'it''s'\n")[1], HasSubstr("found the text 'it's'"));
  EXPECT_THAT(errors_of("site: \"a\\\"b\"\n")[1], HasSubstr("found the text 'a\"b'"));
}

TEST(Syntax, CharacterThatBeginsNoValueIsShown) {
  EXPECT_THAT(errors_of("site: @x\n"),
              ElementsAre("s:1:7: this character cannot begin a value; put the value in quotes"));
}

TEST(Syntax, MissingColonIsShown) {
  EXPECT_THAT(errors_of("site: s\ndirectors\nservices: {}\n"),
              ElementsAre(HasSubstr("a ':' where no key can stand; is the line above complete")));
}

TEST(Syntax, EmptyFileIsShown) {
  for (const char* text : {"", "\n\n", "# nothing\n"})
    EXPECT_THAT(errors_of(text),
                ElementsAre(HasSubstr("s:1:1: the file is empty; expected a map that begins with the key 'site'")));
}

TEST(Syntax, SecondDocumentIsShown) {
  EXPECT_THAT(errors_of(std::string(kSmallSite) + "---\nsite: t\n"),
              ElementsAre(HasSubstr("s:24:1: something stands behind the end")));
}

TEST(Syntax, BlockOfTextIsShown) {
  EXPECT_THAT(errors_of("site: |\n  ams1\n"), ElementsAre(HasSubstr("a block of text (| or >)")));
}

TEST(Syntax, TagIsShown) {
  EXPECT_THAT(errors_of("site: !!str s\n"),
              ElementsAre(HasSubstr("the tag 'tag:yaml.org,2002:str'; a site file has no tags")));
}

TEST(Syntax, KeyThatIsNoWordIsShown) {
  EXPECT_THAT(errors_of("? [a]\n: b\n"), ElementsAre(HasSubstr("a list or map as a key")));
  EXPECT_THAT(errors_of("site: &a s\n*a : t\n"), ElementsAre(HasSubstr("an alias (*) is no key")));
  EXPECT_THAT(errors_of(": b\n"), ElementsAre(HasSubstr("a key is missing before ':'")));
}

TEST(Syntax, AliasToNothingIsShown) {
  EXPECT_THAT(errors_of("site: *ams\n"), ElementsAre("s:1:7: an alias (*) to an anchor (&) that is not defined above"));
}

TEST(Syntax, AliasToItselfIsShown) {
  EXPECT_THAT(errors_of("site: s\ndirectors: &d { a: *d }\n"),
              ElementsAre("s:2:20: an alias (*) to the very value it stands in"));
}

}  // namespace
}  // namespace tandem::config
