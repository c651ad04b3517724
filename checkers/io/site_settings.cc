#include "checkers/io/site_settings.hpp"

#include <utility>

#include "daemon/config/reader.hpp"

namespace tandem::checkers {
namespace {

CheckKind kind_of(config::CheckType type) {
  switch (type) {
    case config::CheckType::kNone:
      return CheckKind::kNone;
    case config::CheckType::kTcp:
      return CheckKind::kTcp;
    case config::CheckType::kHttp:
      return CheckKind::kHttp;
    case config::CheckType::kHttps:
      return CheckKind::kHttps;
  }
  return CheckKind::kNone;
}

Check check_of(const config::Check& from) {
  Check check{.kind = kind_of(from.type),
              .interval = from.interval,
              .timeout = from.timeout,
              .rise = from.rise,
              .fall = from.fall,
              .port = from.port,
              .path = from.path,
              .host = from.host,
              .ca_file = from.ca_file,
              .verify = from.verify};
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
          {.name = server.name, .address = server.address, .port = server.port, .weight = server.weight});
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
  for (const ServiceSettings& service : prepared.settings.services) checks.push_back(service.check);
  prepared.trust = TrustStore::load(checks);
  return prepared;
}

}  // namespace tandem::checkers
