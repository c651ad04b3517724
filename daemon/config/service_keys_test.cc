// What a service says of how its servers are chosen, as the site file says it; and what it may not say.
#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kScheduler = "scheduler: wlc";

Service service_with(const std::string& words) {
  const Site site = site_of(site_with(kScheduler, words));
  return site.services.empty() ? Service{} : site.services[0];
}
std::vector<std::string> errors_with(const std::string& words) {
  return errors_of(site_with(kScheduler, words));
}

TEST(ServiceKeys, EverySchedulerOfIpvsIsReadByItsName) {
  uint8_t number = 0;
  for (const char* name :
       {"rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "mh", "lblc", "lblcr", "fo", "ovf", "twos", "least_latency"})
    EXPECT_EQ(static_cast<uint8_t>(service_with("scheduler: " + std::string(name)).scheduler), number++) << name;
}

TEST(ServiceKeys, ASchedulerIsToldItsOptions) {
  const SchedulerOptions mh =
      service_with(
          "scheduler: mh\n    scheduler_options: { port: true, fallback: true, keep_slots: true, table_size: 4093 }")
          .scheduler_options;
  EXPECT_EQ(mh, (SchedulerOptions{.port = true, .fallback = true, .keep_slots = true, .table_size = 4093}));
  EXPECT_EQ(service_with("scheduler: sh\n    scheduler_options: { table_size: 4096 }").scheduler_options.table_size,
            4096u);
  EXPECT_EQ(service_with("scheduler: lblcr\n    scheduler_options: { expiration: 90s }").scheduler_options.expiration,
            90s);
}

TEST(ServiceKeys, AnOptionWithoutEffectIsRefused) {
  EXPECT_THAT(errors_with("scheduler: wlc\n    scheduler_options: { port: true }"),
              ElementsAre("s:20:32: port: has no effect with scheduler: wlc"));
  EXPECT_THAT(errors_with("scheduler: sh\n    scheduler_options: { keep_slots: true, expiration: 1h }"),
              ElementsAre(HasSubstr("keep_slots: has no effect with scheduler: sh"),
                          HasSubstr("expiration: has no effect with scheduler: sh")));
}

TEST(ServiceKeys, ATableHasASizeItsSchedulerCanHave) {
  EXPECT_THAT(
      errors_with("scheduler: mh\n    scheduler_options: { table_size: 4096 }"),
      ElementsAre("s:20:38: table_size: expected 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 65537 or "
                  "131071"));
  EXPECT_THAT(errors_with("scheduler: sh\n    scheduler_options: { table_size: 4093 }"),
              ElementsAre("s:20:38: table_size: expected a power of two from 16 to 1048576"));
}

TEST(ServiceKeys, IpvsFlagsAreUnderstoodAsAQuestion) {
  EXPECT_THAT(errors_with("scheduler: mh\n    mh-fallback: true"),
              ElementsAre(HasSubstr("did you mean 'scheduler_options'?")));
  EXPECT_THAT(errors_with("scheduler: maglev"), ElementsAre(HasSubstr("did you mean 'mh'?")));
}

TEST(ServiceKeys, PersistenceIsReadWithItsDefaults) {
  EXPECT_EQ(service_with("scheduler: rr").persistence, std::nullopt);
  EXPECT_EQ(service_with("scheduler: rr\n    persistence:").persistence, Persistence{});
  EXPECT_EQ(
      service_with(
          "scheduler: rr\n    persistence: { timeout: 30m, ipv4_prefix: 24, ipv6_prefix: 64, keep_drained: true }")
          .persistence,
      (Persistence{.timeout = std::chrono::minutes(30), .ipv4_prefix = 24, .ipv6_prefix = 64, .keep_drained = true}));
  EXPECT_THAT(errors_with("scheduler: rr\n    persistence: { timeout: 300 }"),
              ElementsAre(HasSubstr("a number needs its unit: 300s or 300ms?")));
  EXPECT_THAT(errors_with("scheduler: rr\n    persistence_timeout: 300s"),
              ElementsAre(HasSubstr("did you mean 'persistence'?")));
  EXPECT_THAT(errors_with("scheduler: rr\n    persistence: { ipv4_prefix: 0 }"),
              ElementsAre(HasSubstr("ipv4_prefix: expected a whole number from 1 to 32")));
}

TEST(ServiceKeys, AServerHasThresholds) {
  const Site site = site_of(site_with("10.0.1.11, port: 8080, weight: 10",
                                      "10.0.1.11, port: 8080, weight: 10, upper_threshold: 100, lower_threshold: 80"));
  EXPECT_EQ(site.services[0].servers[0].upper_threshold, 100u);
  EXPECT_EQ(site.services[0].servers[0].lower_threshold, 80u);
  EXPECT_EQ(site.services[0].servers[1].upper_threshold, 0u);
  EXPECT_THAT(errors_of(site_with("10.0.1.11, port: 8080, weight: 10",
                                  "10.0.1.11, port: 8080, weight: 10, upper_threshold: 10, lower_threshold: 11")),
              ElementsAre(HasSubstr("lower_threshold: expected at most upper_threshold, 10, found 11")));
}

TEST(ServiceKeys, WeightsThatDoNotCountOrStarveOthersAreSaid) {
  const auto warnings = [](const std::string& scheduler, const std::string& weight) {
    std::string text = site_with("10.0.1.11, port: 8080, weight: 10", "10.0.1.11, port: 8080, weight: " + weight);
    return warnings_of(text.replace(text.find(kScheduler), kScheduler.size(), scheduler));
  };
  EXPECT_THAT(warnings("scheduler: lc", "20"), ElementsAre(HasSubstr("wlc does")));
  EXPECT_THAT(warnings("scheduler: dh", "20"), ElementsAre(HasSubstr("dh does not look at the weights")));
  EXPECT_THAT(warnings("scheduler: sh", "300"),
              ElementsAre(HasSubstr("sh has 256 buckets for weights of 310 together")));
  EXPECT_THAT(warnings("scheduler: sh\n    scheduler_options: { table_size: 512 }", "300"), IsEmpty());
}

}  // namespace
}  // namespace tandem::config
