#include "checkers/io/site_settings.hpp"

#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

#include "daemon/config/reader.hpp"

namespace tandem::checkers {
namespace {

static_assert(static_cast<int>(CheckKind::kRedis) == static_cast<int>(config::CheckType::kRedis));

std::optional<IpAddress> known(const IpAddress& address) {
  return address == IpAddress() ? std::nullopt : std::optional(address);
}

BodyMatch body_of(const config::Check& from) {
  using Kind = BodyMatch::Kind;
  if (!from.body.empty()) return {Kind::kContains, from.body};
  if (!from.body_regex.empty()) return {Kind::kRegex, from.body_regex};
  if (!from.body_sha256.empty()) return {Kind::kSha256, from.body_sha256};
  return {};
}

std::vector<std::string> words_of(const std::string& command) {
  std::istringstream stream(command);
  return {std::istream_iterator<std::string>(stream), {}};
}

Check check_of(const config::Check& from) {
  Check check{.kind = static_cast<CheckKind>(from.type),
              .interval = from.interval,
              .timeout = from.timeout,
              .interval_while_changing = from.interval_while_changing,
              .initially_up = from.initially_up,
              .rise = from.rise,
              .fall = from.fall,
              .port = from.port,
              .address = known(from.address),
              .source = known(from.source),
              .interface = from.interface,
              .mark = from.mark,
              .path = from.path,
              .host = from.host,
              .ca_file = from.ca_file,
              .verify = from.verify,
              .method = from.method,
              .headers = from.headers,
              .body = body_of(from),
              .name = from.name,
              .record = from.record,
              .answer = from.answer,
              .payload = from.payload,
              .starttls = from.starttls,
              .user = from.user,
              .password = from.password,
              .database = from.database,
              .command = words_of(from.command),
              .file = from.file};
  check.expect.clear();
  for (const config::StatusRange& range : from.expect) check.expect.push_back({range.low, range.high});
  return check;
}

}  // namespace

Configure settings_of(const config::Site& site) {
  Configure configure;
  for (const config::Service& from : site.services) {
    ServiceSettings service{.name = from.name, .check = std::make_shared<const Check>(check_of(from.check))};
    for (const config::Server& server : from.servers)
      service.servers.push_back(
          {.name = server.name,
           .address = server.address,
           .port = server.port,
           .weight = server.weight,
           .check = server.check ? std::make_shared<const Check>(check_of(*server.check)) : nullptr});
    configure.services.push_back(std::move(service));
  }
  return configure;
}

Prepared prepare(const bus::SiteText& text) {
  Prepared prepared{.generation = text.generation};
  const config::Reading reading = config::read_site(text.text, text.path);
  if (!reading.site) {
    prepared.error = reading.errors.empty() ? "no site in it" : reading.errors.front().render();
    return prepared;
  }
  prepared.settings = settings_of(*reading.site);
  std::vector<std::shared_ptr<const Check>> checks;
  for (const ServiceSettings& service : prepared.settings.services) {
    checks.push_back(service.check);
    for (const ServerSettings& server : service.servers)
      if (server.check) checks.push_back(server.check);
  }
  prepared.trust = TrustStore::load(checks);
  return prepared;
}

}  // namespace tandem::checkers
