// The whole core against a reference that knows no sums, no heap and no differences: it recomputes everything after each
// answer from the rules as README.md has them. Random outcomes, reloads, operators and restarts of the room.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "checkers/checkbook.hpp"
#include "checkers/checkbook_driver.hpp"

namespace tandem::checkers {
namespace {

struct ModelCheck {
  std::shared_ptr<const Check> check;
  bool known = false, up = false;
  uint32_t contrary = 0;
  std::optional<Weight> said;

  bool counts() const { return !check->weight_when_down; }
  void on(const Outcome& outcome) {
    if (outcome.says_nothing()) return;
    if (outcome.ok()) said = outcome.weight;
    contrary = outcome.ok() == up ? 0 : contrary + 1;
    if (!known || contrary >= (up ? check->fall : check->rise)) up = outcome.ok(), contrary = 0;
    known = true;
  }
};

struct ModelServer {
  ServerSettings settings;
  uint32_t need = 0;
  std::vector<std::pair<std::string, ModelCheck>> checks;  // in the set's order
  Override override;

  bool verdict(uint32_t unknown_bits, bool use_bits) const {
    uint32_t counting = 0, passing = 0, unknown = 0;
    for (const auto& [name, check] : checks) {
      if (!check.counts()) continue;
      ++counting;
      passing += check.known || !use_bits ? check.up : (unknown_bits >> unknown++ & 1) != 0;
    }
    return passing >= (need == 0 ? counting : std::min(need, counting));
  }
  bool passes() const { return verdict(0, false); }
  // However the checks that nobody answered yet turn out.
  bool settled() const {
    for (uint32_t bits = 0; bits < 8; ++bits)
      if (verdict(bits, true) != verdict(0, true)) return false;
    return true;
  }
  bool disabled() const { return override.kind == Override::Kind::kDisable; }
  bool up() const { return passes() && !disabled(); }
  bool known() const { return settled() || disabled(); }
  uint32_t weight() const {
    if (override.kind == Override::Kind::kWeight) return override.weight;
    if (override.kind == Override::Kind::kDrain) return 0;
    std::vector<uint32_t> said;
    for (const auto& [name, check] : checks)
      if (check.said) said.push_back(check.said->of(settings.weight));
    return said.empty() ? settings.weight : *std::ranges::min_element(said);
  }
  bool takes() const { return up() && weight() > 0; }
  uint32_t weight_with_shares() const {
    if (weight() == 0) return 0;
    uint32_t share = 100;
    for (const auto& [name, check] : checks)
      if (!check.counts() && check.known && !check.up) share = share * *check.check->weight_when_down / 100;
    return std::max(1U, weight() * share);
  }
};

struct ModelService {
  ServicePolicy policy;
  std::map<std::string, ModelServer> servers;
  bool up = false, sorry = false, settled = false;
  uint32_t groups = 1;

  void decide() {
    uint64_t has = 0, perhaps = 0, total = 0;
    bool all_known = true, sorry_ready = false;
    const bool heads = policy.quorum.of_servers;
    for (const auto& [name, s] : servers) {
      if (s.settings.sorry) {
        sorry_ready = sorry_ready || s.takes();
        continue;
      }
      const uint32_t counted = heads ? s.weight() > 0 : s.weight();
      total += heads ? 1 : s.settings.weight;
      if (s.up()) has += counted;
      if (!s.up() && !s.known()) perhaps += counted, all_known = all_known && s.weight() == 0;
    }
    settled = settled || all_known;
    const auto of = [&](const Amount& a, uint64_t round) {
      return a.percent ? (total * a.value + round) / 100 : a.value;
    };
    const uint64_t quorum = std::max<uint64_t>(1, of(policy.quorum.quorum, 99));
    const uint64_t margin = std::min(of(policy.quorum.hysteresis, 0), quorum - 1);
    const auto holds = [&](uint64_t w) { return w > 0 && (up ? w >= quorum - margin : w >= quorum + margin); };
    const bool could_hold = holds(has + (settled ? 0 : perhaps));
    up = holds(has);
    sorry = !up && !could_hold && sorry_ready;
    uint32_t last = 1;
    for (const auto& [name, s] : servers)
      if (!s.settings.sorry) last = std::max<uint32_t>(last, s.settings.group);
    for (groups = 1; groups < last; ++groups) {
      uint64_t enough = 0;
      for (const auto& [name, s] : servers)
        if (!s.settings.sorry && s.settings.group <= groups)
          enough += s.takes() || (!settled && !s.up() && !s.known() && s.weight() > 0);
      if (enough >= policy.group_minimum) break;
    }
  }
  bool serves(const ModelServer& s) const { return s.settings.sorry ? sorry : !sorry && s.settings.group <= groups; }
};

class Model {
 public:
  std::map<std::string, ModelService> services;
  std::map<std::string, Override> overrides;

  void configure(const Configure& configure) {
    std::map<std::string, ModelService> before = std::exchange(services, {});
    for (const ServiceSettings& wanted : configure.services) {
      ModelService& service = services[wanted.name];
      std::map<std::string, ModelServer> former;
      if (const auto was = before.find(wanted.name); was != before.end()) {
        service = was->second;
        former = std::exchange(service.servers, {});
      }
      service.policy = wanted.policy;
      for (const ServerSettings& settings : wanted.servers) {
        const auto was = former.find(settings.name);
        const bool kept = was != former.end() && was->second.settings.address == settings.address;
        ModelServer& server = service.servers[settings.name];
        server.settings = settings;
        const CheckSet& set = settings.checks ? *settings.checks : *wanted.checks;
        server.need = set.need;
        if (const auto spoken = overrides.find(wanted.name + '/' + settings.name); spoken != overrides.end())
          server.override = spoken->second;
        for (const NamedCheck& named : set.checks)
          server.checks.emplace_back(named.name, begin(named, kept ? &was->second : nullptr));
      }
      service.decide();
    }
  }

  static ModelCheck begin(const NamedCheck& named, const ModelServer* was) {
    ModelCheck check{.check = named.check, .up = named.check->initially_up};
    if (was == nullptr) return check;
    for (const auto& [name, former] : was->checks) {
      if (name != named.name) continue;
      check = former;
      check.check = named.check;
      if (*former.check != *named.check) check.contrary = 0, check.said.reset();
      return check;
    }
    if (was->settled()) check.up = was->passes(), check.known = !was->checks.empty();
    return check;
  }

  void override(const std::string& service, const std::string& server, Override word) {
    if (word.kind == Override::Kind::kNone)
      overrides.erase(service + '/' + server);
    else
      overrides[service + '/' + server] = word;
    const auto found = services.find(service);
    if (found == services.end()) return;
    const auto it = found->second.servers.find(server);
    if (it == found->second.servers.end()) return;
    it->second.override = word;
    found->second.decide();
  }
};

class World {
 public:
  explicit World(uint64_t seed) : dice_(seed) { begin(); }

  void play(int rounds);

 private:
  void begin() {
    driver_ = std::make_unique<CheckbookDriver>(dice_());
    driver_->answer = [this](const Target& target) {
      const uint64_t roll = dice_() % 20;
      Outcome outcome = roll < 12   ? Outcome{}
                        : roll < 19 ? kRefusedOutcome
                                    : Outcome{.reason = Outcome::Reason::kCancelled};
      if (outcome.ok() && dice_() % 4 == 0)
        outcome.weight = Weight{static_cast<uint32_t>(dice_() % 60), dice_() % 2 == 0};
      for (auto& [name, service] : model_.services)
        for (auto& [server_name, server] : service.servers)
          for (auto& [check_name, check] : server.checks)
            if (check.check == target.check && server.settings.address == target.address) {
              check.on(outcome);
              service.decide();
            }
      return CheckbookDriver::Answer{outcome, 0ns};
    };
  }

  // The room dies and begins anew from what it said last: rows of results are lost, nothing else.
  void restart() {
    Restored restored;
    for (const auto& [key, said] : driver_->servers) {
      restored.servers.push_back({.service = said.service,
                                  .server = said.server,
                                  .health = said.health,
                                  .weight = said.weight,
                                  .in_rotation = said.in_rotation,
                                  .ramp_since_unix_ms = said.ramp_since_unix_ms,
                                  .latency_us = said.latency_us});
      for (const auto& check : said.checks)
        restored.servers.back().checks.push_back({.name = check.name, .health = check.health, .said = check.said});
    }
    for (const auto& [name, said] : driver_->services)
      restored.services.push_back({.service = name,
                                   .regime = said.regime,
                                   .quorum = said.quorum,
                                   .of_servers = said.of_servers,
                                   .servers_up = said.servers_up,
                                   .servers_total = said.servers_total,
                                   .servers_overridden = said.servers_overridden,
                                   .since_unix_ms = said.since_unix_ms});
    const TimePoint now = driver_->now;
    const auto servers = driver_->servers;
    const auto services = driver_->services;
    begin();
    driver_->now = now;
    driver_->tell(restored);
    for (const auto& [key, word] : model_.overrides) driver_->tell(Overridden{key.substr(0, 1), key.substr(2), word});
    driver_->servers = servers;  // what the board has
    driver_->services = services;
    driver_->tell(in_force_);
    for (auto& [name, service] : model_.services) {
      service.settled = true;
      for (auto& [server_name, server] : service.servers)
        for (auto& [check_name, check] : server.checks) check.contrary = 0;
      service.decide();
    }
    ASSERT_EQ(driver_->log, std::vector<std::string>()) << "a restart is no event";
  }

  std::string pick(std::vector<std::string> words) { return words[dice_() % words.size()]; }

  Override any_override() {
    return {.kind = static_cast<Override::Kind>(dice_() % 4), .weight = static_cast<uint32_t>(dice_() % 5)};
  }

  std::shared_ptr<const CheckSet> any_set() {
    CheckSet set;
    for (const char* name : {"p", "q", "r"}) {
      if (dice_() % 3 == 0) continue;
      Check check{.interval = std::chrono::milliseconds(100 + dice_() % 300),
                  .initially_up = dice_() % 6 == 0,
                  .rise = 1 + static_cast<uint32_t>(dice_() % 3),
                  .fall = 1 + static_cast<uint32_t>(dice_() % 3)};
      if (!set.checks.empty() && dice_() % 3 == 0) check.weight_when_down = static_cast<uint8_t>(10 + dice_() % 80);
      set.checks.push_back({.name = name, .check = std::make_shared<const Check>(check)});
    }
    set.need = static_cast<uint32_t>(dice_() % 3);
    return std::make_shared<const CheckSet>(std::move(set));
  }

  Configure any_configuration() {
    Configure configure;
    for (const char* name : {"x", "y"}) {
      if (dice_() % 5 == 0) continue;
      ServiceSettings service{.name = name, .checks = any_set()};
      service.policy.hundredths = true;
      service.policy.inhibit = dice_() % 2 == 0;
      service.policy.group_minimum = 1 + static_cast<uint32_t>(dice_() % 3);
      service.policy.quorum = {.quorum = {1 + static_cast<uint32_t>(dice_() % 5), false},
                               .hysteresis = {static_cast<uint32_t>(dice_() % 3), false},
                               .of_servers = dice_() % 2 == 0};
      if (dice_() % 3 == 0) service.policy.quorum.quorum = {1 + static_cast<uint32_t>(dice_() % 80), true};
      if (dice_() % 3 == 0) service.policy.quorum.hysteresis = {static_cast<uint32_t>(dice_() % 30), true};
      uint32_t host = name[0] == 'x' ? 0x0a000100 : 0x0a000200;
      for (const char* server : {"a", "b", "c", "d", "e"}) {
        host += 2;
        if (dice_() % 4 == 0) continue;
        service.servers.push_back({.name = server,
                                   .address = Ipv4Address{host + static_cast<uint32_t>(dice_() % 8 == 0)},
                                   .port = 80,
                                   .weight = static_cast<uint32_t>(dice_() % 4),
                                   .group = static_cast<uint8_t>(1 + dice_() % 3),
                                   .sorry = dice_() % 5 == 0,
                                   .checks = dice_() % 4 == 0 ? any_set() : nullptr});
      }
      configure.services.push_back(std::move(service));
    }
    return configure;
  }

  void compare(const std::string& when) {
    ASSERT_EQ(driver_->services.size(), model_.services.size()) << when;
    size_t servers = 0;
    for (const auto& [name, service] : model_.services) {
      const PublishService& said = driver_->services.at(name);
      ASSERT_EQ(said.regime, (Regime{service.up, service.sorry, static_cast<uint8_t>(service.groups)}))
          << when << ": " << name;
      for (const auto& [server_name, server] : service.servers) {
        ++servers;
        const std::string key = std::string(name).append("/").append(server_name);
        const std::string where = std::string(when).append(": ").append(key);
        const PublishServer& told = driver_->servers.at(key);
        const bool serves = service.serves(server);
        ASSERT_EQ(told.health.up, server.up()) << where;
        ASSERT_EQ(told.health.known, server.known()) << where;
        ASSERT_EQ(told.in_rotation, serves && (server.up() || (service.policy.inhibit && server.known()))) << where;
        ASSERT_EQ(told.weight, serves && server.up() ? server.weight_with_shares() : 0) << where;
        ASSERT_EQ(told.override.kind, server.override.kind) << where;
      }
    }
    ASSERT_EQ(driver_->servers.size(), servers) << when;
  }

  std::mt19937_64 dice_;
  Model model_;
  Configure in_force_;
  std::unique_ptr<CheckbookDriver> driver_;
};

void World::play(int rounds) {
  for (int round = 0; round < rounds; ++round) {
    const uint64_t roll = dice_() % 8;
    if (round > 0 && dice_() % 12 == 0) {
      restart();
    } else if (round == 0 || roll == 0) {
      in_force_ = any_configuration();
      model_.configure(in_force_);
      driver_->tell(in_force_);
    } else if (roll < 3) {
      const Override word = any_override();
      const std::string service = pick({"x", "y"}), server = pick({"a", "b", "c", "d", "e"});
      model_.override(service, server, word);
      driver_->tell(Overridden{service, server, word});
    } else {
      driver_->run_for(std::chrono::milliseconds(1 + dice_() % 900));
    }
    compare("round " + std::to_string(round));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(CheckbookModel, AgreesWithAReferenceThatRecomputesEverything) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World(seed).play(120);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace tandem::checkers
