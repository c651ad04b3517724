#include "checkers/io/site_settings.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

#include "daemon/config/reader.hpp"
#include "daemon/loop/script.hpp"

namespace tandem::checkers {
namespace {

static_assert(static_cast<int>(CheckKind::kGrpc) == static_cast<int>(config::CheckType::kGrpc));

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

Check check_of(const config::Check& from) {
  Check check{.kind = static_cast<CheckKind>(from.type),
              .interval = from.interval,
              .timeout = from.timeout,
              .interval_while_changing = from.interval_while_changing,
              .initially_up = from.initially_up,
              .rise = from.rise,
              .fall = from.fall,
              .weight_when_down = from.weight_when_down,
              .port = from.port,
              .address = known(from.address),
              .source = known(from.source),
              .interface = from.interface,
              .mark = from.mark,
              .path = from.path,
              .host = from.host,
              .ca_file = from.ca_file,
              .verify = from.verify,
              .crl_file = from.crl_file,
              .certificate = from.certificate,
              .private_key = from.private_key,
              .warn_before_expiry = from.warn_before_expiry,
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
              .command = loop::words_of(from.command),
              .account = from.account,
              .file = from.file,
              .service = from.service,
              .tls = from.tls};
  check.expect.clear();
  for (const config::StatusRange& range : from.expect) check.expect.push_back({range.low, range.high});
  return check;
}

Amount amount_of(const config::Amount& from) {
  return {.value = from.value, .percent = from.percent};
}

// Sets that many servers have alike become one.
class SetMaker {
 public:
  std::shared_ptr<const CheckSet> make(const config::CheckSet& from) {
    if (last_ != nullptr && made_of_ != nullptr && *made_of_ == from) return last_;
    CheckSet set{.checks = {}, .need = from.need};
    for (const config::NamedCheck& named : from.checks)
      set.checks.push_back({.name = named.name, .check = std::make_shared<const Check>(check_of(named.check))});
    made_of_ = &from;
    last_ = std::make_shared<const CheckSet>(std::move(set));
    return last_;
  }

 private:
  const config::CheckSet* made_of_ = nullptr;
  std::shared_ptr<const CheckSet> last_;
};

ServicePolicy policy_of(const config::Service& service) {
  const config::ServingRules& from = service.serving;
  ServicePolicy policy{.quorum = {.quorum = amount_of(from.quorum),
                                  .hysteresis = amount_of(from.hysteresis),
                                  .of_servers = from.quorum_of == config::QuorumOf::kServers},
                       .group_minimum = from.group_minimum,
                       .inhibit = from.on_down == config::OnDown::kInhibit,
                       .slow_start = from.slow_start,
                       .by_latency = from.weight_from == config::WeightFrom::kLatency};
  const auto leaves_a_share = [](const config::CheckSet& set) {
    return std::ranges::any_of(set.checks,
                               [](const auto& each) { return each.check.weight_when_down.value_or(0) > 0; });
  };
  policy.hundredths = policy.slow_start > Duration::zero() || policy.by_latency || leaves_a_share(service.checks) ||
                      std::ranges::any_of(service.servers, [&](const config::Server& server) {
                        return server.checks && leaves_a_share(*server.checks);
                      });
  if (from.passive)
    policy.passive = {.on = true,
                      .failures = from.passive->failures,
                      .minimum = from.passive->minimum,
                      .clients = from.passive->clients,
                      .window = from.passive->window,
                      .hold = from.passive->hold,
                      .most_down = from.passive->most_down};
  return policy;
}

}  // namespace

Configure settings_of(const config::Site& site) {
  Configure configure;
  for (const config::Service& from : site.services) {
    SetMaker of_service, of_servers;
    ServiceSettings service{.name = from.name, .checks = of_service.make(from.checks), .policy = policy_of(from)};
    service.servers.reserve(from.servers.size());
    for (const config::Server& server : from.servers)
      service.servers.push_back({.name = server.name,
                                 .address = server.address,
                                 // One that has the port its client came to is asked on the first.
                                 .port = server.port != 0 ? server.port : from.port,
                                 .weight = server.weight,
                                 .group = server.group,
                                 .sorry = server.sorry,
                                 .checks = server.checks ? of_servers.make(*server.checks) : nullptr});
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
  const auto take = [&](const std::shared_ptr<const CheckSet>& set) {
    for (const NamedCheck& named : set->checks) checks.push_back(named.check);
  };
  const CheckSet* last = nullptr;
  for (const ServiceSettings& service : prepared.settings.services) {
    take(service.checks);
    for (const ServerSettings& server : service.servers)
      if (server.checks && std::exchange(last, server.checks.get()) != server.checks.get()) take(server.checks);
  }
  prepared.trust = TrustStore::load(checks);
  return prepared;
}

}  // namespace tandem::checkers
