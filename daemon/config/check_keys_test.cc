// What a check can ask, as the site file says it; and what it may not say.
#include <gmock/gmock.h>

#include <algorithm>

#include "daemon/config/testing.hpp"

namespace tandem::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kHttp = "http: { path: /healthz }";

Check check_of(const std::string& words) {
  const Reading reading = read_site(site_with(kHttp, words), "s");
  EXPECT_TRUE(reading.errors.empty()) << words << ": " << (reading.errors.empty() ? "" : reading.errors[0].render());
  return reading.site ? reading.site->services[0].checks.checks.at(0).check : Check{};
}
std::vector<std::string> errors_with(const std::string& words) {
  return errors_of(site_with(kHttp, words));
}

TEST(CheckKeys, EveryTypeIsReadWithItsKeys) {
  EXPECT_EQ(check_of("tls: { host: www.example }").type, CheckType::kTls);
  const Check smtp = check_of("smtp: { name: lb.example, starttls: true, verify: false }");
  EXPECT_EQ(smtp.type, CheckType::kSmtp);
  EXPECT_EQ(smtp.name, "lb.example");
  EXPECT_TRUE(smtp.starttls);
  EXPECT_FALSE(smtp.verify);
  const Check dns = check_of("dns: { name: www.example, type: AAAA, answer: \"2001:db8::1\" }");
  EXPECT_EQ(dns.record, "AAAA");
  EXPECT_EQ(dns.answer, "2001:db8::1");
  EXPECT_EQ(check_of("ping:").type, CheckType::kPing);
  EXPECT_EQ(check_of("udp: { payload: \"a\\x01b\", answer: ok }").payload,
            "a\x01"
            "b");
  EXPECT_EQ(check_of("exec: { command: /bin/true --fast }").command, "/bin/true --fast");
  EXPECT_EQ(check_of("exec: { command: /bin/true }").account, "");
  EXPECT_EQ(check_of("exec: { command: /bin/true, user: nobody }").account, "nobody");
  EXPECT_EQ(check_of("file: { path: /etc/tandem/web1.state }").file, "/etc/tandem/web1.state");
  EXPECT_EQ(check_of("agent: { send: \"status\\n\" }, port: 9000").payload, "status\n");
  EXPECT_EQ(check_of("mysql: { user: lb, password: \"p w\" }").password, "p w");
  EXPECT_EQ(check_of("pgsql: { user: lb, database: shop }").database, "shop");
  EXPECT_EQ(check_of("redis:").type, CheckType::kRedis);
  const Check grpc = check_of("grpc: { service: shop.v1.Cart, tls: true, host: cart.example, verify: false }");
  EXPECT_EQ(grpc.type, CheckType::kGrpc);
  EXPECT_EQ(grpc.service, "shop.v1.Cart");
  EXPECT_TRUE(grpc.tls);
  EXPECT_EQ(grpc.host, "cart.example");
  EXPECT_FALSE(grpc.verify);
  EXPECT_FALSE(check_of("grpc:").tls);
}

TEST(CheckKeys, WhoSpeaksTlsTakesACertificateAndListsAndWarns) {
  const std::string keys = "crl_file: /c.pem, certificate: /me.pem, key: /me.key, warn_before_expiry: 48h";
  for (const char* kind : {"https", "tls", "smtp", "grpc"}) {
    const std::string on = std::string(kind) == "smtp"   ? "starttls: true, "
                           : std::string(kind) == "grpc" ? "tls: true, "
                                                         : "";
    const Reading reading = read_site(site_with(kHttp, std::string(kind) + ": { " + on + keys + " }"), "s");
    ASSERT_TRUE(reading.site) << kind << ": " << reading.errors[0].render();
    EXPECT_TRUE(reading.warnings.empty()) << kind;
    const Check& check = reading.site->services[0].checks.checks.at(0).check;
    EXPECT_EQ(check.crl_file, "/c.pem");
    EXPECT_EQ(check.certificate, "/me.pem");
    EXPECT_EQ(check.private_key, "/me.key");
    EXPECT_EQ(check.warn_before_expiry, std::chrono::hours(48));
    EXPECT_EQ(reading.files.size(), 4U) << "and the peer link's key";
  }
  EXPECT_THAT(errors_with("https: { key: /me.key }"), ElementsAre(HasSubstr("key: expected `certificate`")));
}

TEST(CheckKeys, HttpAsksWithAMethodHeadersAndABody) {
  const Check check =
      check_of("http: { method: POST, headers: [\"X-Check: tandem\", \"Accept: text/plain\"], body: ready }");
  EXPECT_EQ(check.method, "POST");
  EXPECT_THAT(check.headers, ElementsAre("X-Check: tandem", "Accept: text/plain"));
  EXPECT_EQ(check.body, "ready");
}

TEST(CheckKeys, WhatCannotBeIsRefusedWithItsReason) {
  EXPECT_THAT(errors_with("http: { body_regex: \"ready(\" }"),
              ElementsAre(HasSubstr("body_regex: it does not compile: missing closing parenthesis")));
  EXPECT_THAT(errors_with("http: { body: a, body_regex: b }"), ElementsAre(HasSubstr("expected at most one of body")));
  EXPECT_THAT(errors_with("http: { body_sha256: abc }"), ElementsAre(HasSubstr("body_sha256: expected 64 hex digits")));
  EXPECT_THAT(errors_with("http: { headers: [\"no colon\"] }"),
              ElementsAre(HasSubstr("headers: expected a header line")));
  EXPECT_THAT(errors_with("http: { headers: [\"A: b\\r\\nC: d\"] }"),
              ElementsAre(HasSubstr("headers: expected a header line")));
  EXPECT_THAT(errors_with("http: { method: \"GET /\" }"), ElementsAre(HasSubstr("method: expected capital letters")));
  EXPECT_THAT(errors_with("gopher: {}"), testing::Contains(HasSubstr("unknown key")));
  EXPECT_THAT(errors_with("tcp:, http:"), ElementsAre(HasSubstr("expected exactly one of tcp, http, https, tls")));
  EXPECT_THAT(errors_with("exec: { command: check.sh }"), ElementsAre(HasSubstr("expected a program's path")));
  EXPECT_THAT(errors_with("http:, address: 10.0.0.1, source: \"2001:db8::1\""),
              ElementsAre(HasSubstr("source: expected an address of the same family")));
}

// Who logs in to a database is no user of this box.
TEST(CheckKeys, TheUserOfAProgramIsNotTheUserOfADatabase) {
  std::string text(site_with(kHttp, "mysql: { user: lb }"));
  const std::string server = "address: 10.0.1.11, port: 8080, weight: 10";
  text.replace(text.find(server), server.size(), server + ", check: { exec: { command: /bin/true } }");
  const Reading reading = read_site(text, "s");
  ASSERT_TRUE(reading.site) << reading.errors[0].render();
  EXPECT_EQ(reading.site->services[0].servers[0].checks.value().checks[0].check.account, "");
  for (const NamedFile& file : reading.files) EXPECT_NE(file.key, "user");
}

TEST(CheckKeys, TheUserOfAProgramIsLookedUpWhereItIsWritten) {
  const Reading reading = read_site(site_with(kHttp, "exec: { command: /bin/true -x, user: nobody }"), "s");
  const auto found = std::ranges::find(reading.files, "user", &NamedFile::key);
  ASSERT_NE(found, reading.files.end());
  EXPECT_EQ(found->path, "nobody");
  EXPECT_EQ(found->place.line, 20);
  const auto command = std::ranges::find(reading.files, "command", &NamedFile::key);
  ASSERT_NE(command, reading.files.end());
  EXPECT_EQ(command->path, "/bin/true");
  EXPECT_EQ(command->user, "nobody");
}

TEST(CheckKeys, AServersCheckChangesWhatItWritesAndNothingElse) {
  const std::string text(site_with("address: 10.0.1.11, port: 8080, weight: 10",
                                   "address: 10.0.1.11, port: 8080, weight: 10, check: { fall: 7, port: 9000 }"));
  const Reading reading = read_site(text, "s");
  ASSERT_TRUE(reading.site) << reading.errors[0].render();
  const Service& service = reading.site->services[0];
  const Check& own = service.servers[0].checks.value().checks[0].check;
  EXPECT_EQ(own.fall, 7u);
  EXPECT_EQ(own.port, 9000);
  EXPECT_EQ(own.interval, service.checks.checks[0].check.interval);
  EXPECT_EQ(own.path, service.checks.checks[0].check.path);
  EXPECT_EQ(own.type, CheckType::kHttp);
  EXPECT_FALSE(service.servers[1].checks);
}

}  // namespace
}  // namespace tandem::config
