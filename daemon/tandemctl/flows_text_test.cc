#include "daemon/tandemctl/flows_text.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace tandem::ctl {
namespace {

TEST(FlowsText, ListsFlowsAndSaysHowManyThereAre) {
  const auto answer = boost::json::parse(R"({"matched":3,"flows":[
    {"service":"web","protocol":"tcp","client":"192.0.2.7","client_port":40000,"server":"web1","state":"ESTABLISHED",
     "idle_ms":4000,"expires_ms":896000,"learnt":false},
    {"service":"web6","protocol":"tcp","client":"2001:db8::7","client_port":1,"server":"web2","state":"CLOSE","learnt":true}]})");
  const std::string text = flows_text(answer, {});
  for (const char* word : {"192.0.2.7:40000", "web1", "ESTABLISHED", "4 s", "14 min", "here", "[2001:db8::7]:1",
                           "the peer", "3 flows, 2 of them listed\n"})
    EXPECT_NE(text.find(word), std::string::npos) << word << " in:\n" << text;
}

TEST(FlowsText, OfNothingIsOneLine) {
  EXPECT_EQ(flows_text(boost::json::parse("{}"), {}), "0 flows\n");
  EXPECT_EQ(flows_text(boost::json::parse("[]"), {}), "0 flows\n");
}

TEST(FlowsText, KnowsWhetherMoreAreToBeKilled) {
  EXPECT_TRUE(flow_counts(boost::json::parse("{}")).complete);
  const FlowCounts counts = flow_counts(boost::json::parse(R"({"matched":70000,"killed":65536,"complete":false})"));
  EXPECT_EQ(counts.killed, 65536u);
  EXPECT_FALSE(counts.complete);
}

}  // namespace
}  // namespace tandem::ctl
