#include "daemon/tandemctl/flows_text.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace tandem::ctl {
namespace {

TEST(FlowsText, ListsFlowsAndSaysHowManyThereAre) {
  const auto answer = boost::json::parse(R"({"matched":3,"flows":[
    {"service":"web","protocol":"tcp","client":"192.0.2.7","client_port":40000,"virtual_address":"198.51.100.10",
     "virtual_port":80,"virtual_last_port":80,"server":"web1","server_address":"10.0.0.1","server_port":8080,
     "source_address":"","source_port":0,"state":"ESTABLISHED","idle_ms":4000,"expires_ms":896000,"learnt":false},
    {"service":"web6","protocol":"tcp","client":"2001:db8::7","client_port":1,"server":"web2","state":"CLOSE","learnt":true}]})");
  const std::string text = flows_text(answer, {});
  for (const char* word : {"192.0.2.7:40000  198.51.100.10:80", "web1", "10.0.0.1:8080", "ESTABLISHED", "4 s", "14:56",
                           "here", "[2001:db8::7]:1  -", "the peer", "3 flows, 2 of them listed\n"})
    EXPECT_NE(text.find(word), std::string::npos) << word << " in:\n" << text;
}

TEST(FlowsText, SaysWhatTheServerSeesWhereThatIsNotTheClient) {
  const auto answer = boost::json::parse(R"({"matched":2,"flows":[
    {"client":"192.0.2.7","client_port":40000,"virtual_address":"198.51.100.10","virtual_port":80,"virtual_last_port":80,
     "source_address":"10.0.0.100","source_port":1024},{"client":"192.0.2.8","client_port":1}]})");
  const std::string text = flows_text(answer, {});
  EXPECT_NE(text.find("198.51.100.10:80  10.0.0.100:1024"), std::string::npos) << text;
  EXPECT_NE(text.find("SOURCE"), std::string::npos) << text;
}

TEST(FlowsText, SaysARangeWhereTheClientsPortIsNotKept) {
  const auto answer = boost::json::parse(R"({"matched":2,"flows":[
    {"client":"192.0.2.7","client_port":7,"virtual_address":"2001:db8::10","virtual_port":8000,"virtual_last_port":8100,
     "server_address":"fd00::1","server_port":0},
    {"client":"192.0.2.7","client_port":8,"virtual_address":"198.51.100.10","virtual_port":1,"virtual_last_port":65535,
     "server_address":"10.0.0.1","server_port":0}]})");
  const std::string text = flows_text(answer, {});
  for (const char* word : {"[2001:db8::10]:8000-8100", "[fd00::1]:8000-8100", "198.51.100.10:any", "10.0.0.1:any"})
    EXPECT_NE(text.find(word), std::string::npos) << word << " in:\n" << text;
}

TEST(FlowsText, CountsTheStates) {
  EXPECT_EQ(flows_text(boost::json::parse(R"({"matched":5,"states":[{"name":"ESTABLISHED","value":4},
                                               {"name":"SYN_RECV","value":1}]})"),
                       {}),
            "5 flows (4 ESTABLISHED, 1 SYN_RECV), 0 of them listed\n");
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
