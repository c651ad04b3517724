#include "checkers/outcome.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

TEST(Outcome, ReadsAsASentence) {
  const Check http{.kind = CheckKind::kHttp};
  const Check https{.kind = CheckKind::kHttps};
  const Check tcp{};
  const Check slow{.kind = CheckKind::kHttp, .timeout = 1500ms};
  const struct {
    Outcome outcome;
    Check check;
    const char* words;
  } rows[] = {
      {{}, tcp, "connected"},
      {{.number = 204}, http, "HTTP 204"},
      {{.number = 200}, https, "HTTP 200 over TLS"},
      {{.reason = Reason::kRefused}, tcp, "connection refused"},
      {{.reason = Reason::kHttpStatus, .number = 503}, http, "HTTP 503, expected 200-299"},
      {{.reason = Reason::kTimedOut, .stage = Stage::kHeader},
       http,
       "timed out after 2s while waiting for the answer's header"},
      {{.reason = Reason::kTimedOut, .stage = Stage::kConnect}, slow, "timed out after 1.5s while connecting"},
      {{.reason = Reason::kReset, .stage = Stage::kHandshake}, https, "connection reset while in the TLS handshake"},
      {{.reason = Reason::kTlsExpired, .number = 3 * 86400 + 5}, https, "TLS: certificate expired 3 days ago"},
      {{.reason = Reason::kTlsExpired, .number = 3600}, https, "TLS: certificate expired 1 hour ago"},
      {{.reason = Reason::kTlsNotYetValid, .number = 120}, https, "TLS: certificate is valid only in 2 minutes"},
      {{.reason = Reason::kTlsWrongName, .text = "a.example"},
       https,
       "TLS: certificate is for another name: a.example"},
      {{.reason = Reason::kTlsRevoked, .number = 7200}, https, "TLS: certificate was revoked 2 hours ago"},
      {{.reason = Reason::kTlsRevoked, .number = -1}, https, "TLS: certificate was revoked"},
      {{.number = 200, .warning = {Warning::Kind::kExpires, 2 * 86400 + 5}},
       https,
       "HTTP 200 over TLS; its certificate expires in 2 days"},
      {{.number = 200, .warning = {Warning::Kind::kIssuerExpires, 3600}},
       https,
       "HTTP 200 over TLS; a certificate that vouches for its own expires in 1 hour"},
      {{.number = 200, .warning = {Warning::Kind::kListOutOfDate, 60}},
       https,
       "HTTP 200 over TLS; the revocation list is out of date since 1 minute"},
  };
  for (const auto& row : rows) EXPECT_EQ(words(row.outcome, row.check), row.words);
}

TEST(Outcome, EveryReasonHasWordsOfItsOwn) {
  std::set<std::string> seen;
  const int last = static_cast<int>(Reason::kCancelled);
  for (int i = 0; i <= last; ++i)
    seen.insert(words({.reason = static_cast<Reason>(i)}, Check{.kind = CheckKind::kHttps}));
  EXPECT_EQ(seen.size(), static_cast<size_t>(last) + 1);
  EXPECT_FALSE(seen.contains(""));
}

TEST(Outcome, OnlyACauseOfOursSaysNothing) {
  for (int i = 0; i <= static_cast<int>(Reason::kCancelled); ++i) {
    const Outcome outcome{.reason = static_cast<Reason>(i)};
    EXPECT_EQ(outcome.says_nothing(), i >= static_cast<int>(Reason::kNoResources)) << i;
  }
}

TEST(Outcome, WhatAServerSaysIsCutAndCleaned) {
  EXPECT_EQ(printable("a\nb\x1b[31m\xff"), "a?b?[31m?");
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), kMaxText);
}

TEST(Outcome, DurationsAreWrittenAsTheSiteFileWritesThem) {
  EXPECT_EQ(text_of(2s), "2s");
  EXPECT_EQ(text_of(250ms), "250ms");
  EXPECT_EQ(text_of(1500ms), "1.5s");
}

TEST(HttpExpect, MatchesRangesWithBothEndsIncluded) {
  const std::vector<StatusRange> ranges{{200, 299}, {401, 401}};
  for (const uint32_t status : {200U, 204U, 299U, 401U}) EXPECT_TRUE(expects(ranges, status));
  for (const uint32_t status : {0U, 199U, 300U, 400U, 402U, 503U, 65736U}) EXPECT_FALSE(expects(ranges, status));
  EXPECT_EQ(text_of(ranges), "200-299, 401");
}

TEST(HttpRequest, NamesTheHostOrElseTheAddress) {
  const IpAddress v4 = *IpAddress::parse("192.0.2.7");
  const IpAddress v6 = *IpAddress::parse("2001:db8::7");
  const auto host_of = [](const std::string& request) {
    const size_t at = request.find("Host: ") + 6;
    return request.substr(at, request.find("\r\n", at) - at);
  };
  EXPECT_EQ(host_of(http_request({.path = "/", .host = "www.example"}, v4, 8080, 80)), "www.example");
  EXPECT_EQ(host_of(http_request({.path = "/", .host = ""}, v4, 80, 80)), "192.0.2.7");
  EXPECT_EQ(host_of(http_request({.path = "/", .host = ""}, v4, 8080, 80)), "192.0.2.7:8080");
  EXPECT_EQ(host_of(http_request({.path = "/", .host = ""}, v6, 8443, 443)), "[2001:db8::7]:8443");
}

TEST(HttpRequest, CannotBeBrokenOutOf) {
  const std::string request = http_request({.path = "/a\r\nX: 1 b", .host = "h\r\nY: 2"}, IpAddress(), 80, 80);
  EXPECT_TRUE(request.starts_with("GET /a%0D%0AX:%201%20b HTTP/1.1\r\nHost: hY:2\r\n")) << request;
  EXPECT_TRUE(request.ends_with("Connection: close\r\n\r\n"));
}

}  // namespace
}  // namespace tandem::checkers
