#include "daemon/config/key_table.hpp"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "daemon/config/durations.hpp"
#include "daemon/config/fields.hpp"
#include "daemon/config/manual.hpp"
#include "daemon/config/nearest.hpp"
#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using testing::HasSubstr;

TEST(KeyTable, IsSortedBySectionSoThatASectionsKeysAreFound) {
  size_t found = 0;
  for (const SectionInfo& info : sections()) {
    EXPECT_EQ(&section_info(info.section), &info);
    found += keys_of(info.section).size();
  }
  EXPECT_EQ(found, keys().size());
}

TEST(KeyTable, HasEachKeyOnceAndSaysWhatItMeansAndWhatHoldsWithoutIt) {
  std::set<std::pair<Section, std::string_view>> seen;
  for (const Key& row : keys()) {
    EXPECT_TRUE(seen.insert({row.section, row.name}).second) << row.name;
    EXPECT_FALSE(row.meaning.empty()) << row.name;
    EXPECT_FALSE(expectation(row).empty()) << row.name;
    const bool is_check_type = row.section == Section::kCheck && row.inside;
    EXPECT_EQ(row.required + !row.standard.empty() + !row.otherwise.empty(), is_check_type ? 0 : 1) << row.name;
  }
}

TEST(KeyTable, HasDefaultsThatPassItsOwnRules) {
  for (const Key& row : keys()) {
    if (row.standard.empty()) continue;
    Node node;
    node.kind = Node::Kind::kScalar;
    node.text = row.standard;
    switch (row.type) {
      case Type::kInteger:
        EXPECT_TRUE(parse_integer(row, node)) << row.name;
        break;
      case Type::kDuration:
        EXPECT_TRUE(parse_time(row, node)) << row.name;
        break;
      case Type::kBoolean:
      case Type::kBooleanOrMap:
        EXPECT_TRUE(parse_boolean(row, node)) << row.name;
        break;
      case Type::kChoice:
        EXPECT_TRUE(parse_choice(row, node)) << row.name;
        break;
      case Type::kAmount:
        EXPECT_TRUE(parse_amount(row, node)) << row.name;
        break;
      case Type::kPercent:
        EXPECT_TRUE(parse_percent(row, node)) << row.name;
        break;
      case Type::kNeed:
        EXPECT_TRUE(parse_need(row, node)) << row.name;
        break;
      case Type::kStatuses:
        EXPECT_TRUE(parse_statuses(row, node)) << row.name;
        break;
      default:
        EXPECT_TRUE(parse_text(row, node)) << row.name;
    }
  }
}

TEST(KeyTable, HasTheDefaultsThatTheStructsHave) {
  const Site site = site_of(
      "site: s\ndirectors: { d: {peer_address: 192.0.2.1} }\npeer_link: { key_file: /k }\n"
      "virtual_routers: { r: { interface: eth0, id: 1, addresses: [198.51.100.1] } }\n"
      "services: { s: { address: 198.51.100.1, port: 80, check: { https: }, servers: { w: { address: 10.0.0.1, port: "
      "80 } } } }\n");
  Director director;
  director.name = "d";
  director.peer_address = Ipv4Address{0xc0000201};
  EXPECT_EQ(site.directors[0], director);
  EXPECT_EQ(site.peer_link->port, PeerLink().port);
  EXPECT_EQ(site.virtual_routers[0].advert_interval, VirtualRouter().advert_interval);
  EXPECT_EQ(site.virtual_routers[0].preempt, Preempt());
  Check check;
  check.type = CheckType::kHttps;
  EXPECT_EQ(site.services[0].checks.checks, (std::vector<NamedCheck>{{"check", check}}));
  EXPECT_EQ(site.services[0].serving, ServingRules());
  EXPECT_EQ(site.services[0].flows, FlowRules());
  EXPECT_EQ(site.services[0].protocol, Service().protocol);
  EXPECT_EQ(site.services[0].forward, Service().forward);
  EXPECT_EQ(site.services[0].scheduler, Service().scheduler);
  EXPECT_EQ(site.services[0].no_server, Service().no_server);
  EXPECT_EQ(site.services[0].servers[0].weight, Server().weight);
}

// Every key, given a list of lists, is complained about by its own name or place: so the reader asks for every key.
TEST(KeyTable, HasNoKeyThatTheReaderDoesNotAskFor) {
  const std::pair<Section, std::string> homes[] = {
      {Section::kSite, std::string(kSmallSite) + "KEY: [[]]\n"},
      {Section::kDirector, site_with("priority: 150, peer_address: 192.0.2.11", "KEY: [[]]")},
      {Section::kPeerLink, site_with("key_file: /etc/tandem/peer.key", "KEY: [[]]")},
      {Section::kVirtualRouter,
       site_with("  web:\n    interface: eth0", "  web2:\n    KEY: [[]]\n  web:\n    interface: eth0")},
      {Section::kVirtualAddress, site_with("[198.51.100.10/24]", "[{ KEY: [[]] }]")},
      {Section::kPreempt, site_with("preempt: true", "preempt: { KEY: [[]] }")},
      {Section::kTrack, site_with("interfaces: [eth1]", "KEY: [[]]")},
      {Section::kService, site_with("services:\n", "services:\n  other:\n    KEY: [[]]\n")},
      {Section::kSchedulerOptions, site_with("scheduler: wlc", "scheduler: wlc\n    scheduler_options: { KEY: [[]] }")},
      {Section::kTunnel, site_with("scheduler: wlc", "scheduler: wlc\n    tunnel: { KEY: [[]] }")},
      {Section::kPersistence, site_with("scheduler: wlc", "scheduler: wlc\n    persistence: { KEY: [[]] }")},
      {Section::kPassive, site_with("scheduler: wlc", "scheduler: wlc\n    passive: { KEY: [[]] }")},
      {Section::kTimeouts, site_with("scheduler: wlc", "scheduler: wlc\n    timeouts: { KEY: [[]] }")},
      {Section::kLimits, site_with("scheduler: wlc", "scheduler: wlc\n    limits: { KEY: [[]] }")},
      {Section::kCheck, site_with("http: { path: /healthz }, interval: 2s, rise: 2", "KEY: [[]]")},
      {Section::kHttpCheck, site_with("path: /healthz", "KEY: [[]]")},
      {Section::kHttpsCheck, site_with("http: { path: /healthz }", "https: { KEY: [[]] }")},
      {Section::kTlsCheck, site_with("http: { path: /healthz }", "tls: { KEY: [[]] }")},
      {Section::kSmtpCheck, site_with("http: { path: /healthz }", "smtp: { KEY: [[]] }")},
      {Section::kDnsCheck, site_with("http: { path: /healthz }", "dns: { KEY: [[]] }")},
      {Section::kUdpCheck, site_with("http: { path: /healthz }", "udp: { KEY: [[]] }")},
      {Section::kExecCheck, site_with("http: { path: /healthz }", "exec: { KEY: [[]] }")},
      {Section::kFileCheck, site_with("http: { path: /healthz }", "file: { KEY: [[]] }")},
      {Section::kAgentCheck, site_with("http: { path: /healthz }", "agent: { KEY: [[]] }")},
      {Section::kMysqlCheck, site_with("http: { path: /healthz }", "mysql: { KEY: [[]] }")},
      {Section::kPgsqlCheck, site_with("http: { path: /healthz }", "pgsql: { KEY: [[]] }")},
      {Section::kRedisCheck, site_with("http: { path: /healthz }", "redis: { KEY: [[]] }")},
      {Section::kGrpcCheck, site_with("http: { path: /healthz }", "grpc: { KEY: [[]] }")},
      {Section::kServer, site_with("address: 10.0.1.11, port: 8080, weight: 10", "KEY: [[]]")},
  };
  for (const auto& [section, text] : homes) {
    for (const Key& row : keys_of(section)) {
      std::string with_key = text;
      const size_t at = with_key.find("KEY");
      with_key.replace(at, 3, row.name);
      const auto line = 1 + std::count(with_key.begin(), with_key.begin() + static_cast<ptrdiff_t>(at), '\n');
      // The top level has most keys already: there it is the second one that is wrong.
      const bool is_there = std::string(kSmallSite).find(std::string(row.name) + ":") != std::string::npos;
      const std::string complaint = section == Section::kSite && is_there ? "second time" : ", found a list";
      bool seen = false;
      for (const std::string& error : errors_of(with_key)) {
        const bool here = error.starts_with("s:" + std::to_string(line) + ":");
        seen = seen || (here && (error.find(complaint) != error.npos ||
                                 (row.type == Type::kInterfaces || row.type == Type::kVirtualAddresses)));
      }
      EXPECT_TRUE(seen) << row.name << " " << testing::PrintToString(errors_of(with_key));
    }
  }
}

TEST(Nearest, FindsWhatWasMeant) {
  const std::vector<Candidate> keys = {
      {"priority", ""}, {"priorities", ""}, {"id", "vrid virtual_router_id"}, {"path", ""}};
  EXPECT_EQ(nearest("prioritty", keys), "priority");
  EXPECT_EQ(nearest("PRIORITY", keys), "priority");
  EXPECT_EQ(nearest("priorites", keys), "priorities");
  EXPECT_EQ(nearest("pirority", keys), "priority");
  EXPECT_EQ(nearest("vrid", keys), "id");
  EXPECT_EQ(nearest("virtual_router_id", keys), "id");
  EXPECT_EQ(nearest("ID", keys), "id");
}

TEST(Nearest, IsSilentWhenNothingIsNear) {
  const std::vector<Candidate> keys = {{"priority", ""}, {"id", ""}, {"path", ""}};
  EXPECT_EQ(nearest("colour", keys), "");
  EXPECT_EQ(nearest("", keys), "");
  EXPECT_EQ(nearest("x", keys), "");
  EXPECT_EQ(nearest(std::string(1'000'000, 'p'), keys), "");
}

std::string file_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The file is what the table says; TANDEM_RENEW=1 writes it instead.
void expect_generated(const std::string& name, const std::string& generated) {
  const std::string path = std::string(TANDEM_SOURCE_DIR) + "/" + name;
  if (std::getenv("TANDEM_RENEW")) std::ofstream(path, std::ios::binary) << generated;
  EXPECT_TRUE(file_text(path) == generated)
      << name << " is not what the key table says. Renew it:\n"
      << "  TANDEM_RENEW=1 BUILD/daemon/config/config_test --gtest_filter='Manual.*'";
}

TEST(Manual, IsWhatTheKeyTableSays) {
  expect_generated("docs/configuration.md", configuration_manual());
}

TEST(Manual, HasASchemaThatIsWhatTheKeyTableSays) {
  expect_generated("etc/tandem.schema.json", configuration_schema());
}

TEST(Manual, NamesEveryKeyAndEveryWord) {
  const std::string manual = configuration_manual();
  for (const Key& row : keys()) {
    EXPECT_THAT(manual, HasSubstr("| `" + std::string(row.name) + "` |"));
    for (const Choice& choice : row.choices) EXPECT_THAT(manual, HasSubstr("`" + std::string(choice.word) + "`: "));
  }
}

TEST(Manual, ShowsASiteThatIsValid) {
  const std::string manual = configuration_manual();
  const size_t begin = manual.find("```yaml\n") + 8;
  EXPECT_THAT(warnings_of(manual.substr(begin, manual.find("```", begin) - begin)), testing::IsEmpty());
}

}  // namespace
}  // namespace tandem::config
