#include "daemon/config/diff.hpp"

#include <functional>

#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What is said when the one place of `before` in the small site becomes `after`.
std::vector<std::string> difference(std::string_view before, std::string_view after) {
  return describe_difference(site_of(kSmallSite), site_of(site_with(before, after)));
}

TEST(Difference, OfEqualSitesIsEmpty) {
  EXPECT_THAT(describe_difference(site_of(kSmallSite), site_of(kSmallSite)), IsEmpty());
}

TEST(Difference, OfCommentsAndLayoutIsEmpty) {
  EXPECT_THAT(difference("    id: 51\n", "    # the id\n    id:   51\n"), IsEmpty());
}

TEST(Difference, OfADefaultWrittenOutIsEmpty) {
  EXPECT_THAT(difference("    port: 80\n", "    port: 80\n    protocol: tcp\n"), IsEmpty());
}

TEST(Difference, NamesAnAddedServer) {
  EXPECT_THAT(describe_difference(site_of(kSmallSite), site_of(std::string(kSmallSite) +
                                                               "      web3: { address: 10.0.1.13, weight: 10 }\n")),
              ElementsAre("services.web.servers.web3: added"));
}

TEST(Difference, NamesARemovedServer) {
  EXPECT_THAT(difference("      web2: { address: 10.0.1.12, port: 8080, weight: 10 }\n", ""),
              ElementsAre("services.web.servers.web2: removed"));
}

TEST(Difference, NamesARenamedServerAsRemovedAndAdded) {
  EXPECT_THAT(difference("web2:", "web9:"),
              ElementsAre("services.web.servers.web2: removed", "services.web.servers.web9: added"));
}

TEST(Difference, ShowsAServersValuesBeforeAndAfter) {
  EXPECT_THAT(difference("10.0.1.12, port: 8080, weight: 10", "10.0.1.22, port: 81, weight: 0"),
              ElementsAre("services.web.servers.web2: address: 10.0.1.12 -> 10.0.1.22",
                          "services.web.servers.web2: port: 8080 -> 81", "services.web.servers.web2: weight: 10 -> 0"));
}

TEST(Difference, ShowsAddedAndRemovedAddresses) {
  EXPECT_THAT(difference("[198.51.100.10/24]", "[198.51.100.10/24, { address: 10.0.1.1/24, interface: eth1 }]"),
              ElementsAre("virtual_routers.web: addresses: added 10.0.1.1/24 on eth1"));
}

TEST(Difference, ShowsAddressesInAnotherOrderBecauseTheyAreAdvertisedInIt) {
  const Site before = site_of(site_with("[198.51.100.10/24]", "[198.51.100.10/24, 198.51.100.11/24]"));
  const Site after = site_of(site_with("[198.51.100.10/24]", "[198.51.100.11/24, 198.51.100.10/24]"));
  EXPECT_THAT(describe_difference(before, after), ElementsAre("virtual_routers.web: addresses: in another order"));
}

TEST(Difference, ShowsSourcesAsTheRangesTheyAre) {
  Site before = site_of(kSmallSite), after = before;
  const auto add = [](Site& site, std::initializer_list<const char*> texts) {
    for (const char* text : texts) site.services[0].source_pool.push_back(*IpAddress::parse(text));
  };
  add(before, {"10.0.0.254", "10.0.0.255", "10.0.1.0", "fd00::ffff", "fd00::1:0"});
  add(after, {"10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1", "fd00::9"});
  EXPECT_THAT(describe_difference(before, after), ElementsAre("services.web: source_pool: removed 10.0.0.254-10.0.1.0",
                                                              "services.web: source_pool: removed fd00::ffff-fd00::1:0",
                                                              "services.web: source_pool: added 10.0.0.254-10.0.1.1",
                                                              "services.web: source_pool: added fd00::9"));
}

TEST(Difference, ShowsTheWordsOfTheSiteFile) {
  EXPECT_THAT(difference("scheduler: wlc", "scheduler: wrr"), ElementsAre("services.web: scheduler: wlc -> wrr"));
  EXPECT_THAT(difference("advert_interval: 1s", "advert_interval: 250ms"),
              ElementsAre("virtual_routers.web: advert_interval: 1s -> 250ms"));
  EXPECT_THAT(difference("preempt: true", "preempt: { delay: 30s }"),
              ElementsAre("virtual_routers.web: preempt.delay: 0s -> 30s"));
}

TEST(Difference, ShowsHowServersAreChosen) {
  EXPECT_THAT(difference("scheduler: wlc",
                         "scheduler: mh\n    scheduler_options: { port: true, table_size: 4093 }\n    persistence:"),
              ElementsAre("services.web: scheduler: wlc -> mh", "services.web: scheduler_options.port: false -> true",
                          "services.web: scheduler_options.table_size: 0 -> 4093", "services.web: persistence: added"));
  const Site before = site_of(site_with("scheduler: wlc", "scheduler: wlc\n    persistence: { timeout: 5m }"));
  const Site after =
      site_of(site_with("scheduler: wlc", "scheduler: wlc\n    persistence: { timeout: 1m, keep_drained: true }"));
  EXPECT_THAT(describe_difference(before, after), ElementsAre("services.web: persistence.timeout: 5m -> 1m",
                                                              "services.web: persistence.keep_drained: false -> true"));
  EXPECT_THAT(describe_difference(after, site_of(kSmallSite)), ElementsAre("services.web: persistence: removed"));
}

TEST(Difference, ShowsEachValueOfACheck) {
  EXPECT_THAT(difference("http: { path: /healthz }, interval: 2s",
                         "https: { path: /ok, expect: \"200,301-302\" }, interval: 5s, port: 443"),
              ElementsAre("services.web: check: http -> https", "services.web: check.interval: 2s -> 5s",
                          "services.web: check.port: the server's -> 443", "services.web: check.path: /healthz -> /ok",
                          "services.web: check.expect: 200-299 -> 200,301-302"));
}

TEST(Difference, ShowsThePeerLinkComeAndGo) {
  const Site with = site_of(kSmallSite);
  const Site without = site_of(site_with("peer_link: { key_file: /etc/tandem/peer.key }\n", ""));
  EXPECT_THAT(describe_difference(with, without), ElementsAre("peer_link: removed"));
  EXPECT_THAT(describe_difference(without, with), ElementsAre("peer_link: added"));
}

TEST(Difference, ShowsPrioritiesOfARouter) {
  EXPECT_THAT(difference("    preempt: true\n", "    preempt: true\n    priorities: { dir-b: 200 }\n"),
              ElementsAre("virtual_routers.web: priorities: added dir-b 200"));
}

// Every member of every struct, changed alone, is said: a member that was forgotten in diff.cc shows here.
TEST(Difference, IsEmptyOnlyForEqualSites) {
  const std::function<void(Site&)> changes[] = {
      [](Site& s) { s.name = "x"; },
      [](Site& s) { s.send_by = SendBy::kPacketSocket; },
      [](Site& s) { s.fast_path = FastPathUse::kOff; },
      [](Site& s) { s.workers = 2; },
      [](Site& s) { s.directors[0].priority = 1; },
      [](Site& s) { s.directors[0].peer_address = {}; },
      [](Site& s) { std::swap(s.directors[0], s.directors[1]); },
      [](Site& s) { s.peer_link->port = 1; },
      [](Site& s) { s.peer_link->key_file = "/x"; },
      [](Site& s) { s.virtual_routers[0].interface = "x"; },
      [](Site& s) { s.virtual_routers[0].id = 1; },
      [](Site& s) { s.virtual_routers[0].advert_interval = 3s; },
      [](Site& s) { s.virtual_routers[0].preempt.enabled = false; },
      [](Site& s) { s.virtual_routers[0].preempt.delay = 3s; },
      [](Site& s) { s.virtual_routers[0].addresses[0].interface = "x"; },
      [](Site& s) { s.virtual_routers[0].track_interfaces.clear(); },
      [](Site& s) { s.services[0].address = {}; },
      [](Site& s) { s.services[0].ports[0].first = 1; },
      [](Site& s) { s.services[0].ports.push_back({443, 443}); },
      [](Site& s) { s.services[0].other_addresses.push_back(s.services[0].address); },
      [](Site& s) { s.services[0].scheduler_options.fallback = true; },
      [](Site& s) { s.services[0].scheduler_options.keep_slots = true; },
      [](Site& s) { s.services[0].scheduler_options.expiration = 1s; },
      [](Site& s) { s.services[0].persistence.emplace(); },
      [](Site& s) { s.services[0].servers[0].upper_threshold = 1; },
      [](Site& s) { s.services[0].servers[0].lower_threshold = 1; },
      [](Site& s) { s.services[0].protocol = Protocol::kUdp; },
      [](Site& s) { s.services[0].forward = ForwardMethod::kTun; },
      [](Site& s) { s.services[0].no_server = NoServerPolicy::kDrop; },
      [](Site& s) { s.services[0].router = ""; },
      [](Site& s) { s.services[0].checks.checks.clear(); },
      [](Site& s) { s.services[0].checks.need = 1, s.services[0].checks.single = false; },
      [](Site& s) { s.services[0].checks.single = false, s.services[0].checks.checks[0].name = "x"; },
      [](Site& s) { s.services[0].checks.checks[0].check.weight_when_down = 50; },
      [](Site& s) { s.services[0].serving.quorum = {50, true}; },
      [](Site& s) { s.services[0].serving.hysteresis = {1, false}; },
      [](Site& s) { s.services[0].serving.quorum_of = QuorumOf::kServers; },
      [](Site& s) { s.services[0].serving.group_minimum = 2; },
      [](Site& s) { s.services[0].serving.weight_from = WeightFrom::kLatency; },
      [](Site& s) { s.services[0].serving.slow_start = 9s; },
      [](Site& s) { s.services[0].serving.on_down = OnDown::kInhibit; },
      [](Site& s) { s.services[0].serving.flows_on_down = FlowsOnDown::kReset; },
      [](Site& s) { s.services[0].serving.passive.emplace(); },
      [](Site& s) { s.services[0].flows.timeouts.established = 9s; },
      [](Site& s) { s.services[0].flows.timeouts.syn_sent = 9s; },
      [](Site& s) { s.services[0].flows.timeouts.syn_recv = 9s; },
      [](Site& s) { s.services[0].flows.timeouts.fin_wait = 9s; },
      [](Site& s) { s.services[0].flows.timeouts.time_wait = 9s; },
      [](Site& s) { s.services[0].flows.timeouts.close = 9s; },
      [](Site& s) { s.services[0].flows.timeouts.close_wait = 9s; },
      [](Site& s) { s.services[0].flows.timeouts.last_ack = 9s; },
      [](Site& s) { s.services[0].flows.timeouts.synack = 9s; },
      [](Site& s) { s.services[0].flows.timeouts.udp = 9s; },
      [](Site& s) { s.services[0].flows.limits.connections = 9; },
      [](Site& s) { s.services[0].flows.limits.per_second = 9; },
      [](Site& s) { s.services[0].flows.limits.client_connections = 9; },
      [](Site& s) { s.services[0].flows.limits.client_per_second = 9; },
      [](Site& s) { s.services[0].flows.limits.ipv4_prefix = 9; },
      [](Site& s) { s.services[0].flows.limits.ipv6_prefix = 9; },
      [](Site& s) { s.services[0].flows.ping = Ping::kNever; },
      [](Site& s) { s.services[0].flows.out_of_state = OutOfState::kAccept; },
      [](Site& s) { s.services[0].flows.clamp_mss = 1400; },
      [](Site& s) { s.services[0].servers[0].group = 2; },
      [](Site& s) { s.services[0].servers[0].sorry = true; },
      [](Site& s) { s.services[0].servers[0].checks = s.services[0].checks; },
      [](Site& s) { s.services[0].checks.checks[0].check.timeout = 9s; },
      [](Site& s) { s.services[0].checks.checks[0].check.rise = 9; },
      [](Site& s) { s.services[0].checks.checks[0].check.fall = 9; },
      [](Site& s) { s.services[0].checks.checks[0].check.host = "x"; },
      [](Site& s) { s.services[0].checks.checks[0].check.account = "x"; },
      [](Site& s) { s.services[0].checks.checks[0].check.ca_file = "/x"; },
      [](Site& s) { s.services[0].checks.checks[0].check.verify = false; },
      [](Site& s) { std::swap(s.services[0].servers[0], s.services[0].servers[1]); },
      [](Site& s) { s.services.clear(); },
      [](Site& s) { s.virtual_routers.clear(); },
  };
  const Site before = site_of(kSmallSite);
  for (const auto& change : changes) {
    Site after = before;
    change(after);
    ASSERT_NE(before, after);
    EXPECT_FALSE(describe_difference(before, after).empty()) << (&change - changes);
  }
}

}  // namespace
}  // namespace tandem::config
