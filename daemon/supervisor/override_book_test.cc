#include "daemon/supervisor/override_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

bus::Override word(const std::string& server, bus::OverrideKind kind = bus::OverrideKind::kDrain) {
  return {.service = "web", .server = server, .kind = kind, .weight = 3, .since_unix_ms = 9};
}

TEST(OverrideBook, ReadsWhatItWrote) {
  OverrideBook book;
  EXPECT_TRUE(book.set(word("a")));
  EXPECT_TRUE(book.set(word("b", bus::OverrideKind::kWeight)));
  OverrideBook again;
  EXPECT_THAT(again.read(book.text()), IsEmpty());
  EXPECT_EQ(again.text(), book.text());
  EXPECT_EQ(again.words().at("web/b").weight, 3U);
  EXPECT_EQ(again.words().at("web/b").since_unix_ms, 9U);
}

TEST(OverrideBook, KnowsWhatChangesNothing) {
  OverrideBook book;
  EXPECT_TRUE(book.set(word("a")));
  EXPECT_FALSE(book.set(word("a")));
  EXPECT_TRUE(book.set(word("a", bus::OverrideKind::kDisable)));
  EXPECT_FALSE(book.forget("web/b"));
  EXPECT_TRUE(book.set(word("a", bus::OverrideKind::kNone)));
  EXPECT_EQ(book.text(), "");
}

TEST(OverrideBook, LeavesOutLinesThatAreNoneAndNamesThem) {
  OverrideBook first;
  first.set(word("a"));
  OverrideBook book;
  EXPECT_THAT(book.read("rubbish\n" + first.text() + "{\"Maintenance\":{\"on\":true,\"since_unix_ms\":1}}\n\n" +
                        std::string(10000, '[') + "\n{\"Override\":{\"service\":\"web\"}}"),
              ElementsAre(1, 3, 5, 6));
  EXPECT_EQ(book.words().size(), 1U);
}

TEST(OverrideBook, AWordEndsWithItsServer) {
  OverrideBook book;
  book.set(word("a"));
  book.set(word("b"));
  EXPECT_THAT(book.keep_only([](const bus::Override& each) { return each.server == "a"; }), ElementsAre("web/b"));
  EXPECT_EQ(book.words().size(), 1U);
}

}  // namespace
}  // namespace tandem::supervisor
