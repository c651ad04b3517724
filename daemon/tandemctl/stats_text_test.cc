#include "daemon/tandemctl/stats_text.hpp"

#include <gtest/gtest.h>

#include <string>

#include <boost/json/parse.hpp>

namespace tandem::ctl {
namespace {

constexpr const char* kStatus = R"({
    "ServiceStats":[{"service":"web","method":"nat","active_connections":3,"connections":1000,"packets_in":7654321,
      "rates":{"connections":12,"packets_in":34567,"bytes_in":8900000},"drops":[{"name":"drop_no_server","value":7}]},
      {"service":"dns","method":"dr"}],
    "ServerStats":[{"service":"web","server":"web1","active_connections":2,"bytes_out":1200,"rates":{"connections":5}},
      {"service":"mail","server":"m1"}],
    "EngineStats":[{"engine":"af_packet","counters":[{"name":"drop_no_server","value":7},{"name":"drop_no_route","value":0},
      {"name":"port_receive_dropped","value":4711},{"name":"frames","value":99999}]}]})";

bool has(const std::string& text, const char* words) {
  return text.find(words) != std::string::npos;
}

TEST(StatsText, TellsServicesTheirServersAndWhatWasDropped) {
  const std::string text = stats_text(boost::json::parse(kStatus), {}, {});
  for (const char* word : {"(nat)", "1000", "12", "34k", "8.9M", "web1", "drop_no_server", "7"})
    EXPECT_TRUE(has(text, word)) << word << " in:\n" << text;
  EXPECT_FALSE(has(text, "m1"));
  EXPECT_EQ(stats_text(boost::json::parse("{}"), {}, {}), "no service is forwarded here\n");
}

TEST(StatsText, TellsWhatBelongsToNoService) {
  const std::string text = stats_text(boost::json::parse(kStatus), {}, {});
  EXPECT_TRUE(has(text, "port_receive_dropped")) << text;
  EXPECT_TRUE(has(text, "4711")) << text;
  EXPECT_FALSE(has(text, "drop_no_route")) << "nothing was, and nothing is told";
  EXPECT_FALSE(has(text, "99999")) << "no loss";
}

TEST(StatsText, TellsHowMuchOfAllWentByTheFastPathWhereThereIsOne) {
  const std::string counters = R"("counters":[{"name":"to_server","value":1234567},{"name":"to_client","value":2000},
      {"name":"fast_to_servers","value":1200000},{"name":"fast_to_clients","value":0}]}]})";
  const auto told = [&](const char* state) {
    const std::string status = R"({"ServiceStats":[{"service":"web"}],"EngineStats":[{"fast_path":)";
    return stats_text(boost::json::parse(status + state + "," + counters), {}, {});
  };
  EXPECT_TRUE(
      has(told("true"), "the fast path is on; by it went 1.2M of 1.2M frames to servers and 0 of 2.0k to clients"))
      << told("true");
  EXPECT_TRUE(has(told("false"), "the fast path is off; by it went 1.2M of")) << "before it was switched off";
  EXPECT_FALSE(has(stats_text(boost::json::parse(kStatus), {}, {}), "fast path"));
}

TEST(StatsText, TellsTotalsInPlaceOfRates) {
  const std::string text = stats_text(boost::json::parse(kStatus), {.totals = true, .service = {}}, {});
  for (const char* word : {"IN PKTS", "OUT BYTES", "7.6M", "1.2k"})
    EXPECT_TRUE(has(text, word)) << word << " in:\n" << text;
  EXPECT_FALSE(has(text, "34k"));
  EXPECT_FALSE(has(text, "/S"));
}

TEST(StatsText, TellsOneServiceAlone) {
  const auto status = boost::json::parse(kStatus);
  const std::string text = stats_text(status, {.totals = false, .service = "dns"}, {});
  EXPECT_TRUE(has(text, "(dr)"));
  EXPECT_FALSE(has(text, "web"));
  EXPECT_FALSE(has(text, "port_receive_dropped"));
  EXPECT_EQ(stats_text(status, {.totals = false, .service = "ftp"}, {}), "no service ftp is forwarded here\n");
}

TEST(StatsText, GivesProgramsTheSameAsTheyCame) {
  const auto status = boost::json::parse(kStatus);
  const auto all = stats_json(status, {}).as_object();
  EXPECT_EQ(all.at("ServiceStats"), status.at("ServiceStats"));
  EXPECT_EQ(all.at("EngineStats"), status.at("EngineStats"));
  const auto web = stats_json(status, {.totals = false, .service = "web"}).as_object();
  EXPECT_EQ(web.at("ServiceStats").as_array().size(), 1U);
  EXPECT_EQ(web.at("ServerStats").as_array().size(), 1U);
  EXPECT_TRUE(web.at("EngineStats").as_array().empty());
}

TEST(StatsText, SaysEachServersMethodWhereTheyDiffer) {
  const auto status = boost::json::parse(R"({
    "ServiceStats":[{"service":"web","method":"dr+nat"}],
    "ServerStats":[{"service":"web","server":"web1","method":"dr"},{"service":"web","server":"web2","method":"nat"}]})");
  const std::string text = stats_text(status, {}, {});
  for (const char* word : {"(dr+nat)", "web1 (dr)", "web2 (nat)"})
    EXPECT_NE(text.find(word), std::string::npos) << word << " in:\n" << text;
}

TEST(StatsText, WritesNumbersShort) {
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(999), "999");
  EXPECT_EQ(short_number(1000), "1.0k");
  EXPECT_EQ(short_number(1949), "1.9k");
  EXPECT_EQ(short_number(10'000), "10k");
  EXPECT_EQ(short_number(999'999), "999k");
  EXPECT_EQ(short_number(1'000'000), "1.0M");
  EXPECT_EQ(short_number(123'456'789'012), "123G");
  EXPECT_EQ(short_number(18'446'744'073'709'551'615u), "18E");
}

}  // namespace
}  // namespace tandem::ctl
