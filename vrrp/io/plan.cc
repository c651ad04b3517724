#include "vrrp/io/plan.hpp"

#include <algorithm>
#include <cstring>

#include "daemon/config/reader.hpp"

namespace tandem::vrrp {
namespace {

// A gratuitous ARP reaches every host in far less; two boxes answering for so long harm nobody, because both forward.
constexpr Duration kLinger = 30ms;

std::optional<Password> to_password(const std::string& words) {
  if (words.empty()) return std::nullopt;
  Password password{};
  std::memcpy(password.data(), words.data(), std::min(words.size(), password.size()));
  return password;
}

ChecksumPolicy to_policy(config::Checksum checksum) {
  switch (checksum) {
    case config::Checksum::kRfc9568:
      return ChecksumPolicy::kRfc9568;
    case config::Checksum::kRfc5798:
      return ChecksumPolicy::kRfc5798;
    case config::Checksum::kAuto:
      break;
  }
  return ChecksumPolicy::kAuto;
}

}  // namespace

bool Plan::gives(const std::string& router, const VirtualAddress& address) const {
  const auto found = routers.find(router);
  return found != routers.end() && std::ranges::find(found->second.addresses, address) != found->second.addresses.end();
}

Result<Plan, std::string> make_plan(const config::Site& site, const std::string& director) {
  if (site.director(director) == nullptr)
    return Failure<std::string>("the site file does not name this director, '" + director + "'");
  Plan plan;
  plan.peer_link = site.peer_link.has_value() && site.directors.size() > 1;
  for (const config::VirtualRouter& router : site.virtual_routers) {
    Settings settings{.vrid = router.id,
                      .priority = site.priority_of(router.name, director),
                      .advert_interval = router.advert_interval,
                      .preempt = router.preempt.enabled,
                      .preempt_delay = router.preempt.delay,
                      .linger = kLinger,
                      .start_hold = router.start_hold_down,
                      .interface = router.interface,
                      .track_interfaces = router.track_interfaces,
                      .checksum = to_policy(router.checksum),
                      .version = router.version == 2 ? Version::kV2 : Version::kV3,
                      .password = to_password(router.password)};
    for (const config::VirtualAddress& address : router.addresses)
      settings.addresses.push_back({address.prefix, address.interface.empty() ? router.interface : address.interface});
    plan.routers.emplace(router.name, std::move(settings));
  }
  return plan;
}

Result<Plan, std::string> read_plan(const std::string& text, const std::string& path, const std::string& director) {
  const config::Reading reading = config::read_site(text, path);
  if (reading.site) return make_plan(*reading.site, director);
  std::string words;
  for (const config::Diagnostic& error : reading.errors) words += (words.empty() ? "" : "\n") + error.render();
  return Failure<std::string>(words);
}

}  // namespace tandem::vrrp
