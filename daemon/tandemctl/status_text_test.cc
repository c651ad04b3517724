// What a person sees: the table, and the status laid out in it.
#include "daemon/tandemctl/status_text.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "daemon/tandemctl/table.hpp"

namespace tandem::ctl {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCellAndNumbersStandRight) {
  Table table({"NAME", "COUNT", "NOTE"});
  table.row({"a", Cell::number(7), "x"});
  table.row({"longer", Cell::number(12345), ""});
  EXPECT_EQ(table.render(false),
            "NAME    COUNT  NOTE\n"
            "a           7  x\n"
            "longer  12345\n");
}

TEST(Table, ColourAddsNoWidth) {
  Table table({"STATE", "NEXT"});
  table.row({Cell("up", Tone::kGood), "x"});
  EXPECT_EQ(table.render(true), "\x1b[2mSTATE\x1b[0m  \x1b[2mNEXT\x1b[0m\n\x1b[32mup\x1b[0m     x\n");
}

TEST(Table, CountsLettersNotBytes) {
  EXPECT_EQ(columns_of("Zürich"), 6U);
}

TEST(Table, WithoutRowsIsNothing) {
  EXPECT_EQ(Table({"A"}).render(false), "");
}

TEST(Age, IsTheLargestUnitThatStillTellsSomething) {
  const unsigned long long now = 1'000'000'000;
  EXPECT_EQ(age(0, now), "-");
  EXPECT_EQ(age(now - 119'000, now), "119 s");
  EXPECT_EQ(age(now - 120'000, now), "2 min");
  EXPECT_EQ(age(now - 3 * 3'600'000, now), "3 h");
  EXPECT_EQ(age(now - 3 * 86'400'000ULL, now), "3 d");
  EXPECT_EQ(age(now + 5'000, now), "0 s");  // the clocks of two processes may differ by a little
}

constexpr const char* kStatus = R"({
  "director": "dir-a", "site": "ams1", "version": "0.1.0", "generation": 2,
  "services": [{"name": "web", "address": "198.51.100.10", "port": 80, "protocol": "tcp", "forward": "nat", "scheduler": "wlc"}],
  "InstanceState": [{"router": "web", "state": "active", "reason": "no advertisement from the active router",
    "since_unix_ms": 1000, "interface": "eth0", "vrid": 51, "priority": 150, "addresses": ["198.51.100.10/24"]}],
  "ServerHealth": [
    {"service": "web", "server": "web1", "up": true, "known": true, "weight": 10, "since_unix_ms": 1000, "reason": "HTTP 200"},
    {"service": "web", "server": "web2", "up": false, "known": true, "weight": 0, "since_unix_ms": 1000,
     "reason": "connection refused"},
    {"service": "web", "server": "web3", "up": false, "known": false, "weight": 0, "since_unix_ms": 0, "reason": ""}],
  "ServerStats": [{"service": "web", "server": "web1", "active_connections": 3, "inactive_connections": 4, "connections": 99}],
  "SyncStatus": [{"peer": "dir-b", "connected": true, "in_step": false, "since_unix_ms": 1000, "reason": "receiving"}],
  "RoomStatus": [{"room": "vrrp", "phase": "running", "pid": 42, "since_unix_ms": 1000, "restarts": 1, "reason": "killed by signal 9"}],
  "EngineStats": [{"engine": "af_packet", "flows": 7, "flow_capacity": 100, "fast_path": true}],
  "ReloadResult": [{"applied": false, "unix_ms": 1000, "lines": ["a.yaml:3:5: unknown key 'x'"]}]
})";

TEST(StatusText, TellsWhoIsActiveWhatIsUpAndWhatIsNot) {
  const std::string text = status_text(boost::json::parse(kStatus), {.colour = false, .now_unix_ms = 61'000});
  EXPECT_EQ(
      text,
      "dir-a   site ams1   Tandem 0.1.0   configuration 2\n"
      "\n"
      "ROUTER  STATE   SINCE  VRID  PRIORITY  INTERFACE  ADDRESSES         WHY\n"
      "web     active  60 s     51       150  eth0       198.51.100.10/24  no advertisement from the active router\n"
      "\n"
      "SERVICE  SERVER                        STATE    SINCE  WEIGHT  ACTIVE  INACTIVE  CONNECTIONS  REASON\n"
      "web      198.51.100.10:80/tcp nat wlc\n"
      "         web1                          up       60 s       10       3         4           99  HTTP 200\n"
      "         web2                          down     60 s        0       0         0            0  connection "
      "refused\n"
      "         web3                          unknown  -           0       0         0            0\n"
      "\n"
      "PEER   LINK         SINCE  FLOWS SENT  RECEIVED  REASON\n"
      "dir-b  catching up  60 s            0         0  receiving\n"
      "\n"
      "ROOM  STATE    PID  SINCE  RESTARTS  LAST END\n"
      "vrrp  running   42  60 s          1  killed by signal 9\n"
      "\n"
      "engine af_packet: 7 flows of 100, fast path\n"
      "the last reload (60 s ago) was refused; the configuration before it is in force:\n"
      "  a.yaml:3:5: unknown key 'x'\n");
}

TEST(WhyText, TellsTheLastTransitionsAndWhatWasCounted) {
  const auto status = boost::json::parse(R"({"InstanceState":[{"router":"mail"},{"router":"web","state":"backup",
    "reason":"handed over to another router","since_unix_ms":1000,"active_address":"192.0.2.2",
    "history":[{"unix_ms":500,"from":"backup","to":"active","reason":"no advertisement from an active router"}],
    "counters":[{"name":"adverts_sent","value":7},{"name":"assertions","value":0}]}]})");
  const auto text = why_text(status, "web", {.now_unix_ms = 61'000});
  ASSERT_TRUE(text);
  for (const char* word :
       {"web is backup since 60 s", "handed over", "active is 192.0.2.2", "no advertisement from", "adverts_sent", "7"})
    EXPECT_NE(text->find(word), std::string::npos) << word << " in:\n" << *text;
  EXPECT_EQ(text->find("assertions"), std::string::npos) << "zeros are left out";
  EXPECT_EQ(why_text(status, "wep", {}).error(),
            "there is no virtual router, service or server 'wep' here; there are the routers mail, web");
}

TEST(StatusText, WhyTellsAServersLastAttemptsThoseThatEndedAlikeInOneLine) {
  const auto status = boost::json::parse(R"json({"ServerHealth":[
    {"service":"www","server":"web1","up":false,"weight":0,"reason":"connection refused (3 in a row)","since_unix_ms":1000,
     "known":true,"attempts":73,"failures":3,"checks":[{"name":"check","type":"http","attempts":73,"failures":3,"recent":[
      {"passed":true,"words":"HTTP 200","count":70,"first_unix_ms":500,"last_unix_ms":800,"last_duration_us":1234},
      {"passed":false,"words":"connection refused","count":3,"first_unix_ms":900,"last_unix_ms":1000,"last_duration_us":200}]}]},
    {"service":"mail","server":"web1","up":true,"weight":1,"reason":"connected"}]})json");
  const auto text = why_text(status, "www/web1", {.now_unix_ms = 61'000});
  ASSERT_TRUE(text);
  for (const char* word : {"web1 of www is down since 60 s: connection refused (3 in a row)", "73 attempts, 3 failed",
                           "HTTP 200", "1.2 ms", "70", "passed", "failed"})
    EXPECT_NE(text->find(word), std::string::npos) << word << " in:\n" << *text;
  EXPECT_EQ(text->find("mail"), std::string::npos);
  EXPECT_NE(why_text(status, "web1", {})->find("web1 of mail is up"), std::string::npos) << "in every service";
}

TEST(StatusText, WritesIpv6AddressesInBracketsBeforeAPort) {
  const auto status = boost::json::parse(R"({
    "services": [{"name": "six", "address": "2001:db8::10", "addresses": ["2001:db8::10", "2001:db8::11"], "port": 53,
      "ports": "53", "protocol": "udp", "forward": "nat", "scheduler": "rr"}],
    "ServerHealth": [{"service": "six", "server": "ns1", "up": true, "known": true, "weight": 1, "since_unix_ms": 1000}]})");
  EXPECT_NE(status_text(status, {}).find("six      [2001:db8::10],[2001:db8::11]:53/udp nat rr\n"), std::string::npos)
      << status_text(status, {});
}

constexpr const char* kServing = R"json({
  "services": [{"name": "web", "address": "198.51.100.10", "port": 80, "protocol": "tcp", "forward": "nat", "scheduler": "wlc"}],
  "ServiceHealth": [{"service":"web","up":false,"sorry_in_use":true,"groups_in_use":2,"servers_up":3,"servers_total":5,
    "servers_overridden":2,"quorum_of":"weight","quorum_has":3,"quorum_total":10,"quorum":5,"hysteresis":1,
    "since_unix_ms":1000}],
  "ServerHealth": [
    {"service":"web","server":"web1","up":true,"known":true,"in_rotation":true,"weight":30,"configured_weight":1,"scale":100,
     "share":30,"group":1,"override":"none","ramp_since_unix_ms":31000,"latency_us":2340,"reason":"2 of 2 checks pass",
     "since_unix_ms":31000,"attempts":9,"failures":1,"checks":[
       {"name":"app","type":"http","up":true,"known":true,"reason":"HTTP 200","attempts":5,"failures":0,"recent":[]},
       {"name":"cache","type":"tcp","up":false,"known":true,"reason":"connection refused","attempts":4,"failures":1,
        "weight_when_down":"50%","recent":[{"passed":false,"words":"connection refused","count":1}]}]},
    {"service":"web","server":"web2","up":true,"known":true,"in_rotation":true,"weight":0,"configured_weight":4,"scale":100,
     "share":100,"group":1,"override":"drain","override_since_unix_ms":1000,"reason":"connected"},
    {"service":"web","server":"web3","up":false,"known":true,"in_rotation":false,"weight":0,"configured_weight":4,"scale":100,
     "share":100,"group":1,"override":"disable","override_since_unix_ms":1000,"reason":"disabled by the operator"},
    {"service":"web","server":"web4","up":true,"known":true,"in_rotation":false,"weight":0,"configured_weight":1,"scale":100,
     "share":100,"group":2,"override":"none","reason":"connected"},
    {"service":"web","server":"web9","up":true,"known":true,"in_rotation":true,"weight":105,"configured_weight":1,"scale":100,
     "share":100,"group":1,"sorry":true,"override":"none","reason":"not checked"}]})json";

void expect_words(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words) EXPECT_NE(text.find(word), std::string::npos) << word << " in:\n" << text;
}

TEST(StatusText, AServicesLineTellsTheQuorumTheSorryServerAndWhatTheOperatorSet) {
  const std::string text = status_text(boost::json::parse(kServing), {.now_unix_ms = 61'000});
  expect_words(
      text, {"down since 60 s: weight up 3 of 10, quorum 5 +-1; the sorry server has the new connections; groups 1 to "
             "2 in use; 2 servers set by the operator",
             "0.3", "its weight grows since 30 s; has 30% of its weight", "drained by the operator 60 s ago", "standby",
             "spare of group 2", "disabled", "1.05", "sorry server, in use",
             "keeps 50% because cache fails: connection refused"});
}

TEST(StatusText, AServiceOfWhichThereIsNothingToSayHasNothingSaid) {
  const std::string text = status_text(
      boost::json::parse(R"({"ServiceHealth": [{"service":"web","up":true,"quorum_of":"weight","quorum_has":2,
        "quorum_total":2,"quorum":1,"groups_in_use":1}], "ServerHealth": [{"service":"web","server":"a","up":true,
        "in_rotation":true,"weight":1,"scale":1,"share":100,"group":1,"override":"none","reason":"connected"}]})"),
      {});
  expect_words(text, {"web\n", "connected\n"});
}

TEST(StatusText, WhyTellsOfAServiceWhoGetsNewConnectionsAndWhatWouldChangeThat) {
  auto status = boost::json::parse(kServing);
  expect_words(*why_text(status, "web", {.now_unix_ms = 61'000}),
               {"web is down since 60 s: weight up 3 of 10; it goes down below 4 and comes up from 6 on",
                "new connections go to its sorry server alone", "web4", "standby"});
  auto& service = status.as_object()["ServiceHealth"].as_array()[0].as_object();
  service["sorry_in_use"] = false;
  expect_words(*why_text(status, "web", {}), {"groups 1 to 2, because those before have too few servers"});
  service["groups_in_use"] = 1;
  expect_words(*why_text(status, "web", {}), {"group 1; the others are spares"});
  auto& servers = status.as_object()["ServerHealth"].as_array();
  for (auto& server : servers) server.as_object()["group"] = 1;
  expect_words(*why_text(status, "web", {}), {"no sorry server is up to stand in"});
  for (auto& server : servers) server.as_object()["sorry"] = false;
  expect_words(*why_text(status, "web", {}), {"although the quorum is gone: there is no sorry server"});
  service["up"] = true;
  expect_words(*why_text(status, "web", {}), {"new connections go to the servers that have a weight\n"});
  for (auto& server : servers) server.as_object()["weight"] = 0;
  expect_words(*why_text(status, "web", {}), {"nobody, and are answered as on_no_server says"});
}

TEST(StatusText, WhyTellsOfAServerEachOfItsChecksByName) {
  expect_words(*why_text(boost::json::parse(kServing), "web1", {.now_unix_ms = 61'000}),
               {"web1 of web is up since 30 s: 2 of 2 checks pass", "weight 0.3 of 1 configured", "answers in 2.3 ms",
                "check app (http) passes", "check cache (tcp) fails",
                "does not count, leaves 50% of the weight while it fails"});
}

TEST(StatusText, ShowsWhatItUnderstandsOfADaemonOfAnotherVersion) {
  for (const char* text : {"{}", "[]", "null", R"({"InstanceState": 7, "ServerHealth": [1, "x", {"up": "yes"}]})"}) {
    EXPECT_FALSE(status_text(boost::json::parse(text), {}).empty()) << text;
  }
}

}  // namespace
}  // namespace tandem::ctl
