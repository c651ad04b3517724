#include "daemon/control/query.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::control {
namespace {

using ::testing::HasSubstr;

bus::FlowQuestion flows(std::string_view target, std::string_view method = "GET") {
  const auto query = parse_query(target);
  if (!query) return {.state = "no query"};
  const auto question = question_of(*query, method);
  return question ? std::get<bus::FlowQuestion>(*question) : bus::FlowQuestion{.state = question.error().why};
}

TEST(Query, IsReadWithItsEscapes) {
  const auto query = parse_query("/v1/flows?client=192.0.2.0%2f24&service=web-1&limit=5&");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->path, "/v1/flows");
  EXPECT_EQ(query->values.at("client"), "192.0.2.0/24");
  EXPECT_EQ(query->values.size(), 3u);
  EXPECT_TRUE(parse_query("/v1/flows")->values.empty());
  EXPECT_EQ(parse_query("/v1/flows?x")->values.at("x"), "");
}

TEST(Query, IsRefusedWhenItIsHurt) {
  for (const char* target : {"/v1/flows?client=%", "/v1/flows?client=%2", "/v1/flows?client=%zz", "/v1/flows?a=1&a=2",
                             "/v1/flows?=1", "/v1/flows?client=%00", "/v1/flows?client=%80", "/%0a"})
    EXPECT_FALSE(parse_query(target)) << target;
}

TEST(Query, BecomesAQuestionForFlows) {
  const bus::FlowQuestion question =
      flows("/v1/flows?client=192.0.2.7&client_port=40000&service=web&server=web1&state=established&limit=7");
  EXPECT_EQ(question.client, "192.0.2.7");
  EXPECT_EQ(question.client_port, 40000);
  EXPECT_EQ(question.service, "web");
  EXPECT_EQ(question.server, "web1");
  EXPECT_EQ(question.state, "established");
  EXPECT_EQ(question.limit, 7u);
  EXPECT_FALSE(question.kill);
  EXPECT_EQ(flows("/v1/flows").limit, 100u);
}

TEST(Query, SaysWhatIsWrongWithAQuestion) {
  EXPECT_EQ(flows("/v1/flows?clint=1").state, "clint: there is no such condition");
  EXPECT_EQ(flows("/v1/flows?limit=1501").state, "limit: expected a number from 0 to 1500");
  EXPECT_EQ(flows("/v1/flows?client_port=65536").state, "client_port: expected a number from 1 to 65535");
  EXPECT_EQ(flows("/v1/flows?client_port=1x").state, "client_port: expected a number from 1 to 65535");
  EXPECT_EQ(flows("/v1/flows?service=").state, "service: it is empty");
  EXPECT_EQ(flows("/v1/flows?service=" + std::string(129, 's')).state, "service: it is longer than 128 characters");
  EXPECT_EQ(flows("/v1/flows", "DELETE").state, "another method is wanted");
}

TEST(Query, KillsEverythingOnlyWhenThatIsSaid) {
  EXPECT_EQ(flows("/v1/flows", "POST").state, "all flows are to be killed only with all=1");
  EXPECT_TRUE(flows("/v1/flows?all=1", "POST").kill);
  for (const char* condition : {"client=192.0.2.7", "virtual_address=192.0.2.10", "virtual_port=80", "protocol=udp"})
    EXPECT_TRUE(flows(std::string("/v1/flows?") + condition, "POST").kill) << condition;
  EXPECT_EQ(flows("/v1/flows?all=1").state, "all: there is no such condition");
  EXPECT_EQ(flows("/v1/flows?all=yes", "POST").state, "all: expected 1");
}

TEST(Query, BecomesATrace) {
  const auto question = question_of(*parse_query("/v1/trace?client=192.0.2.7&client_port=5&service=web"), "GET");
  ASSERT_TRUE(question);
  const auto& trace = std::get<bus::TraceRequest>(*question);
  EXPECT_EQ(trace.client, "192.0.2.7");
  EXPECT_EQ(trace.client_port, 5);
  EXPECT_EQ(trace.service, "web");
  EXPECT_EQ(question_of(*parse_query("/v1/trace"), "GET").error().why, "client: it is missing");
  EXPECT_EQ(question_of(*parse_query("/v1/trace?client=1"), "POST").error().status, 405u);
}

}  // namespace
}  // namespace tandem::control
