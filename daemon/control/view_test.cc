// The view of everything said, and its two prints.
#include "daemon/control/view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/control/metrics.hpp"

namespace tandem::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

bus::ServerHealth health(const std::string& server, bool up) {
  return {.service = "web", .server = server, .up = up, .known = true, .weight = up ? 10u : 0u, .reason = "said so"};
}

TEST(View, KeepsTheLastMessageOfEachKey) {
  View view;
  view.apply(health("web1", true));
  view.apply(health("web2", true));
  view.apply(health("web1", false));
  const auto status = boost::json::parse(view.status());
  const auto& servers = status.at("ServerHealth").as_array();
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(servers[0].at("server").as_string(), "web1");
  EXPECT_FALSE(servers[0].at("up").as_bool());
}

TEST(View, ForgetsWhatItIsToldToForget) {
  View view;
  view.apply(health("web1", true));
  view.apply(bus::Forget{.kind = "ServerHealth", .of_key = "web/web1"});
  view.apply(bus::Forget{.kind = "NoSuchKind", .of_key = "x"});
  EXPECT_TRUE(boost::json::parse(view.status()).at("ServerHealth").as_array().empty());
}

TEST(View, KeepsTheNewestEventsOnly) {
  View view;
  for (int i = 0; i < 1000; ++i) view.apply(bus::Event{.id = "E" + std::to_string(i)});
  const auto status = boost::json::parse(view.status());
  const auto& events = status.at("Event").as_array();
  EXPECT_EQ(events.size(), 200U);
  EXPECT_EQ(events.back().at("id").as_string(), "E999");
}

TEST(View, TellsTheSiteAsConfigured) {
  View view;
  view.apply(bus::SiteText{.text = R"(
site: ams1
directors:
  dir-a: { priority: 150 }
virtual_routers:
  web: { interface: eth0, id: 51, addresses: [198.51.100.10/24] }
services:
  web: { address: 198.51.100.10, port: 80, forward: dr, scheduler: rr, servers: { w1: { address: 10.0.1.11 } } }
)",
                           .path = "x.yaml",
                           .director = "dir-a",
                           .digest = "d1",
                           .generation = 3});
  const auto status = boost::json::parse(view.status());
  EXPECT_EQ(status.at("site").as_string(), "ams1");
  EXPECT_EQ(status.at("director").as_string(), "dir-a");
  EXPECT_EQ(status.at("generation").to_number<int>(), 3);
  EXPECT_EQ(
      boost::json::serialize(status.at("services")),
      R"([{"name":"web","address":"198.51.100.10","addresses":["198.51.100.10"],"port":80,"ports":"80","protocol":"tcp","forward":"dr","scheduler":"rr","router":"web"}])");
}

TEST(Metrics, TellAServicesDropsByMethodAndReason) {
  View view;
  view.apply(bus::ServiceStats{.service = "web", .method = "nat", .connections = 5, .drops = {{"drop_no_server", 7}}});
  const std::string text = metrics_text(view);
  EXPECT_THAT(text, HasSubstr("tandem_service_connections_total{service=\"web\",method=\"nat\"} 5\n"));
  EXPECT_THAT(text,
              HasSubstr("tandem_service_drops_total{service=\"web\",method=\"nat\",reason=\"drop_no_server\"} 7\n"));
}

TEST(Metrics, TellAServersMethod) {
  View view;
  view.apply(bus::ServerStats{.service = "web", .server = "web1", .method = "dr", .packets_in = 9});
  EXPECT_THAT(metrics_text(view),
              HasSubstr("tandem_server_packets_in_total{service=\"web\",server=\"web1\",method=\"dr\"} 9\n"));
}

TEST(Metrics, HeadEachFamilyOnceAndEscapeLabels) {
  View view;
  view.apply(health("we\"b\\1\n", true));
  view.apply(health("web2", false));
  const std::string text = metrics_text(view);
  EXPECT_THAT(text, HasSubstr("# TYPE tandem_server_up gauge\n"
                              "tandem_server_up{service=\"web\",server=\"we\\\"b\\\\1\\n\"} 1\n"
                              "tandem_server_up{service=\"web\",server=\"web2\"} 0\n"));
  EXPECT_EQ(text.find("# TYPE tandem_server_up"), text.rfind("# TYPE tandem_server_up"));
}

TEST(Metrics, TellTheStateOfARouterAsOneOfFour) {
  View view;
  view.apply(bus::InstanceState{.router = "web", .state = bus::RouterState::kBackup, .priority = 100});
  const std::string text = metrics_text(view);
  EXPECT_THAT(text, HasSubstr("tandem_router_state{router=\"web\",state=\"backup\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tandem_router_state{router=\"web\",state=\"active\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("tandem_router_priority{router=\"web\"} 100\n"));
}

TEST(Metrics, OfAnEmptyViewNameNoFamilyWithoutSamples) {
  EXPECT_THAT(metrics_text(View()), Not(HasSubstr("tandem_server_up")));
}

}  // namespace
}  // namespace tandem::control
