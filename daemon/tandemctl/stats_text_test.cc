#include "daemon/tandemctl/stats_text.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace tandem::ctl {
namespace {

TEST(StatsText, TellsServicesTheirServersAndWhatWasDropped) {
  const auto status = boost::json::parse(R"({
    "ServiceStats":[{"service":"web","method":"nat","active_connections":3,"connections":1000,
      "rates":{"connections":12,"packets_in":34567,"bytes_in":8900000},"drops":[{"name":"drop_no_server","value":7}]}],
    "ServerStats":[{"service":"web","server":"web1","active_connections":2,"rates":{"connections":5}},
      {"service":"mail","server":"m1"}]})");
  const std::string text = stats_text(status, {});
  for (const char* word : {"(nat)", "1000", "12", "34k", "8.9M", "web1", "drop_no_server", "7"})
    EXPECT_NE(text.find(word), std::string::npos) << word << " in:\n" << text;
  EXPECT_EQ(text.find("m1"), std::string::npos);
  EXPECT_EQ(stats_text(boost::json::parse("{}"), {}), "no service is forwarded here\n");
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
