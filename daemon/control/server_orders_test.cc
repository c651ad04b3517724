#include "daemon/control/server_orders.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::control {
namespace {

using ::testing::ElementsAre;

config::Site site() {
  config::Service web, mail;
  web.name = "web";
  mail.name = "mail";
  for (const char* name : {"box1", "box2"}) {
    config::Server server;
    server.name = name;
    server.weight = 10;
    web.servers.push_back(server);
  }
  mail.servers.push_back(web.servers[0]);
  config::Site site;
  site.services = {web, mail};
  return site;
}

std::expected<ServerOrders, QueryRefusal> ask(std::string_view target, std::string_view method = "POST") {
  return orders_of(*parse_query(target), method, site(), 77);
}
std::string refused(std::string_view target, std::string_view method = "POST") {
  const auto orders = ask(target, method);
  EXPECT_FALSE(orders) << target;
  return orders ? "" : std::to_string(orders.error().status) + ' ' + orders.error().why;
}

TEST(ServerOrders, AServerOfOneServiceIsMeantAlone) {
  const auto orders = ask("/v1/server?service=web&server=box1&set=drain");
  ASSERT_TRUE(orders);
  ASSERT_EQ(orders->words.size(), 1U);
  const auto& word = std::get<bus::Override>(orders->words[0]);
  EXPECT_EQ(word.key(), "web/box1");
  EXPECT_EQ(word.kind, bus::OverrideKind::kDrain);
  EXPECT_EQ(word.since_unix_ms, 77U);
  EXPECT_THAT(orders->lines, ElementsAre("web/box1: drained; it gets no new connections and keeps those it has"));
}

TEST(ServerOrders, ABareNameIsMeantInEveryServiceThatHasIt) {
  const auto orders = ask("/v1/server?server=box1&set=weight&weight=3");
  ASSERT_TRUE(orders);
  EXPECT_THAT(orders->lines, ElementsAre("web/box1: weight 3 instead of 10", "mail/box1: weight 3 instead of 10"));
  EXPECT_EQ(std::get<bus::Override>(orders->words[1]).weight, 3U);
  EXPECT_EQ(ask("/v1/server?server=box2&set=disable")->words.size(), 1U);
}

TEST(ServerOrders, EnableTakesTheWordBack) {
  const auto orders = ask("/v1/server?server=box2&set=enable");
  ASSERT_TRUE(orders);
  const auto& forget = std::get<bus::Forget>(orders->words[0]);
  EXPECT_EQ(forget.kind, "Override");
  EXPECT_EQ(forget.of_key, "web/box2");
}

TEST(ServerOrders, WhatIsWrongIsSaid) {
  EXPECT_EQ(refused("/v1/server?server=box1&set=drain", "GET"), "405 another method is wanted");
  EXPECT_EQ(refused("/v1/server?set=drain"), "400 server: it is missing");
  EXPECT_EQ(refused("/v1/server?server=box1"), "400 set: expected weight, drain, disable or enable");
  EXPECT_EQ(refused("/v1/server?server=box1&set=weight"), "400 weight: expected a whole number from 0 to 65535");
  EXPECT_EQ(refused("/v1/server?server=box1&set=weight&weight=65536"),
            "400 weight: expected a whole number from 0 to 65535");
  EXPECT_EQ(refused("/v1/server?server=box1&set=weight&weight=-1"),
            "400 weight: expected a whole number from 0 to 65535");
  EXPECT_EQ(refused("/v1/server?server=box1&set=drain&weight=1"), "400 weight: only with set=weight");
  EXPECT_EQ(refused("/v1/server?server=box1&set=drain&colour=1"), "400 colour: there is no such condition");
  EXPECT_EQ(refused("/v1/server?server=box9&set=drain"), "404 no service has a server 'box9'");
  EXPECT_EQ(refused("/v1/server?service=web&server=box9&set=drain"),
            "404 service 'web' has no server 'box9'; it has box1, box2");
  EXPECT_EQ(refused("/v1/server?service=wep&server=box1&set=drain"),
            "404 there is no service 'wep' here; there are web, mail");
}

}  // namespace
}  // namespace tandem::control
