// What does not go together with a forwarding method.
#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The small site by fullnat; its router has these addresses beside the VIP.
std::string full_site(const std::string& pool, const std::string& of_router = "10.0.1.100/24",
                      const std::string& more = "") {
  std::string text = site_with("forward: nat", "forward: fullnat\n    source_pool: " + pool + more);
  const std::string vip = "[198.51.100.10/24]";
  return text.replace(text.find(vip), vip.size(),
                      "[198.51.100.10/24" + (of_router.empty() ? "" : ", " + of_router) + "]");
}

TEST(MethodRules, SourcesOfFullnatAreReadAndTheirPortsAreTheServersOwn) {
  const Service web = site_of(full_site("[10.0.1.100]")).services[0];
  EXPECT_EQ(web.forward, ForwardMethod::kFullnat);
  EXPECT_EQ(web.source_pool, std::vector<IpAddress>{*IpAddress::parse("10.0.1.100")});
  EXPECT_EQ(web.servers[0].port, 8080);
  EXPECT_THAT(warnings_of(full_site("10.0.1.100")), IsEmpty());
}

TEST(MethodRules, FullnatNeedsSourcesAndNothingElseHasThem) {
  EXPECT_THAT(
      errors_of(site_with("forward: nat", "forward: fullnat")),
      ElementsAre("s:15:3: web: source_pool is missing; forward: fullnat needs addresses that servers can answer to"));
  EXPECT_THAT(errors_of(site_with("forward: nat", "forward: nat\n    source_pool: 10.0.1.100")),
              ElementsAre("s:19:18: source_pool: has no effect; expected forward: fullnat"));
}

TEST(MethodRules, SourcesMoveWithTheServicesAddress) {
  EXPECT_THAT(errors_of(full_site("10.0.1.101")),
              ElementsAre(HasSubstr("source_pool: 10.0.1.101 belongs to no virtual router, 198.51.100.10 belongs to "
                                    "virtual router 'web'; expected addresses that move with it")));
  // Without a router each director has its own.
  std::string alone = full_site("10.0.1.100", "");
  const size_t from = alone.find("virtual_routers:"), to = alone.find("services:");
  alone.erase(from, to - from);
  EXPECT_THAT(warnings_of(alone), testing::Contains(HasSubstr("source_pool: no virtual router has 10.0.1.100")));
}

TEST(MethodRules, ASourceIsUsedForNothingElse) {
  EXPECT_THAT(
      errors_of(full_site("198.51.100.10")),
      ElementsAre(HasSubstr("198.51.100.10 is the address of service 'web'; expected addresses that are used for "
                            "nothing else")));
  EXPECT_THAT(errors_of(full_site("10.0.1.11", "10.0.1.11/24")),
              ElementsAre(HasSubstr("10.0.1.11 is the address of server 'web1'")));
  EXPECT_THAT(errors_of(full_site("[10.0.1.100, 10.0.1.100]")), ElementsAre(HasSubstr("stands here a second time")));
}

TEST(MethodRules, FullnatWantsSinglePorts) {
  std::string text = full_site("10.0.1.100");
  text.replace(text.find("port: 80\n"), 9, "port: 8000-8100\n");
  for (size_t at; (at = text.find("port: 8080, ")) != text.npos;) text.erase(at, 12);
  EXPECT_THAT(errors_of(text), ElementsAre(HasSubstr("port: forward: fullnat wants single ports")));
}

}  // namespace
}  // namespace tandem::config
