// HAProxy's agent-check lines, one sentence each.
#include "checkers/agent_words.hpp"

#include <gtest/gtest.h>

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

TEST(AgentWords, UpWithAShareOfTheWeight) {
  const Outcome outcome = agent_verdict("up 75%\n");
  EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.weight, (Weight{75, true}));
  EXPECT_EQ(outcome.weight->of(10), 7u);
  EXPECT_EQ(outcome.text, "up 75%");
}

TEST(AgentWords, APercentageAloneIsUp) {
  EXPECT_TRUE(agent_verdict("30%").ok());
  EXPECT_EQ(agent_verdict("1%").weight->of(2), 1u) << "a share of something is not nothing";
  EXPECT_EQ(agent_verdict("0%").weight->of(2), 0u);
  EXPECT_EQ(agent_verdict("ready, up, 50%, maxconn:30").weight, (Weight{50, true}));
}

TEST(AgentWords, DrainIsAWeightOfNothingWhateverElseIsSaid) {
  EXPECT_TRUE(agent_verdict("drain").ok());
  EXPECT_EQ(agent_verdict("drain 80%").weight->of(10), 0u);
  EXPECT_EQ(agent_verdict("80% drain").weight->of(10), 0u);
}

TEST(AgentWords, DownInEveryOfItsWordsKeepsTheReason) {
  for (const char* word : {"down", "fail", "failed", "stopped", "maint", "DOWN", "up 50% down"}) {
    EXPECT_EQ(agent_verdict(word).reason, Reason::kRefusedByWord) << word;
    EXPECT_FALSE(agent_verdict(word).weight) << word;
  }
  EXPECT_EQ(words(agent_verdict("down # disk full\nnever read"), Check{}), "the server says: down # disk full");
}

TEST(AgentWords, NoKnownWordIsMalformed) {
  EXPECT_EQ(agent_verdict("").reason, Reason::kMalformed);
  EXPECT_EQ(agent_verdict("HTTP/1.1 200 OK").reason, Reason::kMalformed);
  EXPECT_EQ(agent_verdict("# up").reason, Reason::kMalformed);
  EXPECT_EQ(agent_verdict("99999%").reason, Reason::kMalformed);
  EXPECT_TRUE(agent_verdict("", true).ok());
}

}  // namespace
}  // namespace tandem::checkers
