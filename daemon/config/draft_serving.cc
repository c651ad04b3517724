#include "daemon/config/draft_serving.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "daemon/config/draft_check.hpp"
#include "daemon/config/words.hpp"

namespace tandem::config {
namespace {

// A weight in hundredths still fits.
constexpr uint32_t kMostSharedWeight = 655;

bool counts(const NamedCheck& named) {
  return !named.check.weight_when_down;
}

// `where` is written, or it is what the checks belong to.
void examine_need(Fields& fields, const CheckSet& set) {
  if (set.checks.empty()) return;
  const auto counting = static_cast<uint32_t>(std::ranges::count_if(set.checks, counts));
  if (counting == 0)
    fields.error(set.single ? "check" : "checks", "expected at least one check without weight_when_down");
  else if (set.need > counting)
    fields.error("need", "expected at most " + std::to_string(counting) + ", the number of checks that count, found " +
                             std::to_string(set.need));
}

// A single `check`, which may be none.
CheckSet set_of(Check check) {
  CheckSet set;
  if (check.type != CheckType::kNone) set.checks.push_back({"check", std::move(check)});
  return set;
}

const Check* find(const CheckSet& set, const std::string& name) {
  const auto found = std::ranges::find(set.checks, name, &NamedCheck::name);
  return found == set.checks.end() ? nullptr : &found->check;
}

bool shares_by_weight(Scheduler scheduler) {
  switch (scheduler) {
    case Scheduler::kWeightedRoundRobin:
    case Scheduler::kWeightedLeastConnection:
    case Scheduler::kShortestDelay:
    case Scheduler::kNeverQueue:
    case Scheduler::kSourceHash:
    case Scheduler::kMaglev:
    case Scheduler::kTwoChoices:
    case Scheduler::kLeastLatency:
      return true;
    default:
      return false;
  }
}

const CheckSet& checks_of(const Service& service, const Server& server) {
  return server.checks ? *server.checks : service.checks;
}

class Examination {
 public:
  Examination(Fields& fields, const Service& service) : fields_(fields), service_(service), rules_(service.serving) {}

  void run() {
    quorum();
    groups();
    shares();
    passive();
    if (rules_.flows_on_down != FlowsOnDown::kKeep && service_.protocol != Protocol::kTcp)
      fields_.error("action_on_down",
                    "expected keep with protocol: " + std::string(word(service_.protocol)) +
                        (service_.protocol == Protocol::kUdp ? ", whose flows leave a dead server at once"
                                                             : ", whose associations end with their server"));
  }

 private:
  static uint64_t of(const Amount& amount, uint64_t total, bool round_up) {
    return amount.percent ? (total * amount.value + (round_up ? 99 : 0)) / 100 : amount.value;
  }

  void quorum() {
    uint64_t total = 0;
    bool has_serving = false;
    for (const Server& server : service_.servers) {
      if (server.sorry) continue;
      has_serving = true;
      total += rules_.quorum_of == QuorumOf::kServers ? 1 : server.weight;
    }
    if (!service_.servers.empty() && !has_serving)
      fields_.error("servers", "expected at least one server without sorry: true");
    if (total == 0) return;
    const std::string all =
        std::to_string(total) + (rules_.quorum_of == QuorumOf::kServers ? ", the number of all servers"
                                                                        : ", the weight of all servers together");
    const uint64_t needed = std::max<uint64_t>(of(rules_.quorum, total, true), 1);
    const uint64_t margin = of(rules_.hysteresis, total, false);
    const std::string sum = "quorum is " + std::to_string(needed) + ", hysteresis " + std::to_string(margin);
    if (needed > total)
      fields_.error("quorum", "expected at most " + all + ", found " + text_of(rules_.quorum));
    else if (margin >= needed)
      fields_.error("hysteresis", "expected less than the quorum (" + sum + ")");
    else if (needed + margin > total)
      fields_.error("hysteresis", "expected quorum and hysteresis together to be at most " + all + " (" + sum +
                                      "); a service that is down would never come up");
  }

  void groups() {
    const bool has_spares = std::ranges::any_of(service_.servers, [](const Server& s) { return s.group > 1; });
    if (fields_.entry("group_minimum") != nullptr && !has_spares)
      fields_.error("group_minimum", "has no effect; expected a server with a group of 2 or more");
  }

  void shares() {
    std::string why;
    if (rules_.slow_start != Duration::zero()) why = "slow_start";
    if (rules_.weight_from == WeightFrom::kLatency) why = "weight";
    const auto leaves_a_share = [](const NamedCheck& named) { return named.check.weight_when_down.value_or(0) > 0; };
    for (const Server& server : service_.servers)
      if (why.empty() && std::ranges::any_of(checks_of(service_, server).checks, leaves_a_share))
        why = server.checks ? "servers" : service_.checks.single ? "check" : "checks";
    if (why.empty()) return;
    const std::string what = why == "slow_start" ? "" : why == "weight" ? "latency: " : "weight_when_down: ";
    if (!shares_by_weight(service_.scheduler))
      fields_.error(why, what +
                             "expected a scheduler that deals by weight (wrr, wlc, sed, nq, sh, mh, twos or "
                             "least_latency), found " +
                             std::string(word(service_.scheduler)));
    for (const Server& server : service_.servers)
      if (server.weight > kMostSharedWeight) {
        fields_.error(why, what + "shares of weights are counted in hundredths; expected weights up to " +
                               std::to_string(kMostSharedWeight) + ", found " + std::to_string(server.weight) +
                               " of server '" + server.name + "'");
        break;
      }
    if (rules_.weight_from == WeightFrom::kLatency) all_checked("weight", "latency: nothing is measured");
  }

  void all_checked(std::string_view key, const std::string& why) {
    for (const Server& server : service_.servers)
      if (!server.sorry && checks_of(service_, server).checks.empty()) {
        fields_.error(key, why + "; expected a check of server '" + server.name + "'");
        return;
      }
  }

  void passive() {
    if (!rules_.passive) return;
    const auto past = std::ranges::find_if(service_.servers, [](const Server& s) { return !translates(s.forward); });
    if (past != service_.servers.end() || !translates(service_.forward)) {
      const bool whole = !translates(service_.forward);
      fields_.error("passive", "expected forward: nat or fullnat" + (whole ? "" : " for server '" + past->name + "'") +
                                   ", because the answers of a server behind forward: " +
                                   std::string(word(whole ? service_.forward : past->forward)) +
                                   " go past the director");
    }
    if (service_.protocol != Protocol::kTcp)
      fields_.error("passive",
                    "expected protocol: tcp; silence of " + std::string(word(service_.protocol)) + " may be an answer");
    all_checked("passive", "nothing would bring a server back");
  }

  Fields& fields_;
  const Service& service_;
  const ServingRules& rules_;
};

}  // namespace

void read_checks(Fields& fields, Service& service, std::vector<NamedFile>& files) {
  const Entry* const one = fields.entry("check");
  const Entry* const several = fields.entry("checks");
  if (one != nullptr && several != nullptr) fields.error("checks", "expected either check or checks, found both");
  if (several == nullptr) {
    Check check;
    if (one != nullptr)
      read_check(fields.findings(), *one, nullptr, check, files);
    else
      check.type = service.protocol == Protocol::kTcp ? CheckType::kTcp : CheckType::kNone;
    service.checks = set_of(std::move(check));
  } else {
    service.checks.single = false;
    for (const Entry* entry : fields.named("checks")) {
      NamedCheck& named = service.checks.checks.emplace_back();
      named.name = entry->key;
      read_check(fields.findings(), *entry, nullptr, named.check, files);
      if (named.check.type != CheckType::kNone) continue;
      fields.findings().error(entry->value->place, entry->key + ": expected a check, found none; leave it out");
      service.checks.checks.pop_back();
    }
  }
  take(service.checks.need, fields.need("need"));
  if (service.checks.single && fields.entry("need") != nullptr)
    fields.error("need", "has no effect with a single check; expected checks");
  else
    examine_need(fields, service.checks);
}

void read_own_checks(Fields& fields, const Service& service, Server& server, std::vector<NamedFile>& files) {
  const Entry* const one = fields.entry("check");
  const Entry* const several = fields.entry("checks");
  const bool other_need = fields.entry("need") != nullptr;
  if (one == nullptr && several == nullptr && !other_need) return;
  const CheckSet& former = service.checks;
  CheckSet set = former;
  if (one != nullptr && (several != nullptr || !former.single)) {
    fields.error("check", several != nullptr ? "expected either check or checks, found both"
                                             : "the service has several checks; expected checks");
  } else if (one != nullptr) {
    Check inherited;
    inherited.type = CheckType::kNone;
    if (!former.checks.empty()) inherited = former.checks[0].check;
    Check check = inherited;
    read_check(fields.findings(), *one, &inherited, check, files);
    set = set_of(std::move(check));
  } else if (several != nullptr) {
    if (former.single) set = CheckSet{.checks = {}, .need = 0, .single = false};
    for (const Entry* entry : fields.named("checks")) {
      const Check* const inherited = find(set, entry->key);
      Check check = inherited != nullptr ? *inherited : Check{};
      read_check(fields.findings(), *entry, inherited, check, files);
      const auto at = std::ranges::find(set.checks, entry->key, &NamedCheck::name);
      if (check.type == CheckType::kNone && at == set.checks.end())
        fields.findings().error(entry->value->place,
                                entry->key + ": none leaves a check of the service out, and it has none of that name");
      else if (check.type == CheckType::kNone)
        set.checks.erase(at);
      else if (at == set.checks.end())
        set.checks.push_back({entry->key, std::move(check)});
      else
        at->check = std::move(check);
    }
  }
  if (other_need) take(set.need, fields.need("need"));
  if (other_need && set.single)
    fields.error("need", "has no effect with a single check; expected checks");
  else
    examine_need(fields, set);
  server.checks = std::move(set);
}

void read_serving(Fields& fields, ServingRules& rules) {
  take(rules.quorum, fields.amount("quorum"));
  take(rules.quorum_of, fields.choice<QuorumOf>("quorum_of"));
  take(rules.hysteresis, fields.amount("hysteresis"));
  take(rules.group_minimum, fields.integer("group_minimum"));
  take(rules.weight_from, fields.choice<WeightFrom>("weight"));
  take(rules.slow_start, fields.time("slow_start"));
  take(rules.on_down, fields.choice<OnDown>("on_down"));
  take(rules.flows_on_down, fields.choice<FlowsOnDown>("action_on_down"));
  const Entry* const entry = fields.entry("passive");
  if (entry == nullptr) return;
  PassiveChecks& passive = rules.passive.emplace();
  Fields inner(fields.findings(), Section::kPassive, *entry->value, entry->key_place);
  take(passive.failures, inner.percent("failures"));
  take(passive.minimum, inner.integer("minimum"));
  take(passive.clients, inner.integer("clients"));
  take(passive.window, inner.time("window"));
  take(passive.hold, inner.time("hold"));
  take(passive.most_down, inner.percent("most_down"));
  if (passive.clients > passive.minimum)
    inner.error("clients", "expected at most `minimum`, " + std::to_string(passive.minimum));
}

void examine_serving(Fields& fields, const Service& service) {
  Examination(fields, service).run();
}

}  // namespace tandem::config
