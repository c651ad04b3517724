#include "vrrp/io/plan.hpp"

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

config::Site site() {
  config::Site site;
  site.directors = {{.name = "a", .priority = 150}, {.name = "b", .priority = 90}};
  config::VirtualRouter router;
  router.name = "web";
  router.interface = "eth0";
  router.id = 51;
  router.advert_interval = 250ms;
  router.preempt = {.enabled = false, .delay = 3s};
  router.priorities = {{"b", 120}};
  router.addresses = {{*Prefix::parse("192.0.2.10/24"), "eth0"}, {*Prefix::parse("10.0.0.1/24"), "eth1"}};
  router.track_interfaces = {"eth2"};
  site.virtual_routers = {router};
  return site;
}

TEST(Plan, TakesEveryWordOfARouterOver) {
  const auto plan = make_plan(site(), "b");
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_FALSE(plan->peer_link);
  const Settings& settings = plan->routers.at("web").settings;
  EXPECT_EQ(settings, (Settings{.priority = 120,
                                .advert_interval = 250ms,
                                .preempt = false,
                                .preempt_delay = 3s,
                                .linger = 30ms,
                                .start_hold = 30s,
                                .legs = {{.router = "web",
                                          .vrid = 51,
                                          .interface = "eth0",
                                          .addresses = {{*Prefix::parse("192.0.2.10/24"), "eth0"},
                                                        {*Prefix::parse("10.0.0.1/24"), "eth1"}}}},
                                .needs = {"eth2"}}));
  EXPECT_TRUE(plan->gives("web", {*Prefix::parse("10.0.0.1/24"), "eth1"}));
  EXPECT_FALSE(plan->gives("web", {*Prefix::parse("10.0.0.1/24"), "eth0"}));
  EXPECT_FALSE(plan->gives("other", {*Prefix::parse("10.0.0.1/24"), "eth1"}));
}

TEST(Plan, APeerLinkNeedsAPeer) {
  config::Site with_link = site();
  with_link.peer_link = config::PeerLink{.key_file = "/k"};
  EXPECT_TRUE(make_plan(with_link, "a")->peer_link);
  with_link.directors.pop_back();
  with_link.virtual_routers[0].priorities.clear();
  EXPECT_FALSE(make_plan(with_link, "a")->peer_link);
}

TEST(Plan, RefusesADirectorThatTheSiteDoesNotKnow) {
  EXPECT_NE(make_plan(site(), "c").error().find("'c'"), std::string::npos);
}

}  // namespace
}  // namespace tandem::vrrp
