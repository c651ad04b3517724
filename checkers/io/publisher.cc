#include "checkers/io/publisher.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "daemon/config/words.hpp"

namespace tandem::checkers {

namespace {

std::string text_of(const std::optional<Weight>& weight) {
  return weight ? std::to_string(weight->value) + (weight->percent ? "%" : "") : std::string();
}

std::optional<Weight> weight_of(std::string_view text) {
  Weight weight;
  weight.percent = text.ends_with('%');
  if (weight.percent) text.remove_suffix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight.value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(weight) : std::nullopt;
}

std::vector<bus::CheckRun> runs_of(const HealthRecord& health) {
  std::vector<bus::CheckRun> runs;
  runs.reserve(health.recent.size());
  for (const AttemptRun& run : health.recent)
    runs.push_back({.passed = run.passed,
                    .words = run.words,
                    .count = run.count,
                    .first_unix_ms = run.first_unix_ms,
                    .last_unix_ms = run.last_unix_ms,
                    .last_duration_us = run.last_duration_us});
  return runs;
}

bus::CheckHealth told(const PublishServer::OfCheck& check) {
  return {.name = check.name,
          .type = std::string(config::word(static_cast<config::CheckType>(check.kind))),
          .up = check.health.up,
          .known = check.health.known,
          .reason = check.health.reason,
          .since_unix_ms = check.health.since_unix_ms,
          .attempts = check.health.attempts,
          .failures = check.health.failures,
          .last_duration_us = check.health.last_duration_us,
          .weight = text_of(check.said),
          .weight_when_down = check.weight_when_down ? std::to_string(*check.weight_when_down) + "%" : std::string(),
          .recent = runs_of(check.health)};
}

static_assert(static_cast<int>(Override::Kind::kDisable) == static_cast<int>(bus::OverrideKind::kDisable));

// "weight 6 of 10 is up, quorum 5"
std::string words_of(const PublishService& said) {
  const Quorum& quorum = said.quorum;
  return (said.of_servers ? "servers up: " : "weight up: ") + std::to_string(quorum.has) + " of " +
         std::to_string(quorum.total) + ", quorum " + std::to_string(quorum.needed) +
         (quorum.hysteresis == 0 ? "" : ", hysteresis " + std::to_string(quorum.hysteresis));
}

}  // namespace

void publish(bus::RoomLink& board, const PublishServer& said) {
  bus::ServerHealth message{.service = said.service,
                            .server = said.server,
                            .up = said.health.up,
                            .known = said.health.known,
                            .dead = said.dead,
                            .in_rotation = said.in_rotation,
                            .weight = said.weight,
                            .configured_weight = said.configured_weight,
                            .share = said.share,
                            .scale = said.hundredths ? 100U : 1U,
                            .group = said.group,
                            .sorry = said.sorry,
                            .override = static_cast<bus::OverrideKind>(said.override.kind),
                            .override_weight = said.override.weight,
                            .override_since_unix_ms = said.override.since_unix_ms,
                            .ramp_since_unix_ms = said.ramp_since_unix_ms,
                            .latency_us = said.latency_us,
                            .reason = said.health.reason,
                            .since_unix_ms = said.health.since_unix_ms,
                            .attempts = said.health.attempts,
                            .failures = said.health.failures,
                            .last_duration_us = said.health.last_duration_us};
  for (const auto& check : said.checks) message.checks.push_back(told(check));
  const std::string subject = message.key();
  board.publish(std::move(message));
  if (said.change == Health::Change::kUp) {
    board.event(bus::Severity::kNotice, "CHECK_SERVER_UP", subject,
                said.server + " of " + said.service + " is up: " + said.health.reason);
  } else if (said.change == Health::Change::kDown) {
    board.event(bus::Severity::kWarning, "CHECK_SERVER_DOWN", subject,
                said.server + " of " + said.service + " is down and gets no connections: " + said.health.reason);
  }
}

void publish(bus::RoomLink& board, const PublishService& said) {
  board.publish(bus::ServiceHealth{.service = said.service,
                                   .up = said.regime.up,
                                   .sorry_in_use = said.regime.sorry,
                                   .groups_in_use = said.regime.groups,
                                   .servers_up = said.servers_up,
                                   .servers_total = said.servers_total,
                                   .servers_overridden = said.servers_overridden,
                                   .quorum_of = said.of_servers ? "servers" : "weight",
                                   .quorum_has = said.quorum.has,
                                   .quorum_total = said.quorum.total,
                                   .quorum = said.quorum.needed,
                                   .hysteresis = said.quorum.hysteresis,
                                   .since_unix_ms = said.since_unix_ms});
  if (said.regime.up && !said.before.up)
    board.event(bus::Severity::kNotice, "CHECK_SERVICE_UP", said.service,
                said.service + " is up (" + words_of(said) + ")");
  if (!said.regime.up && said.before.up)
    board.event(bus::Severity::kError, "CHECK_SERVICE_DOWN", said.service,
                said.service +
                    (said.servers_up == 0 ? " has no server left that takes connections (" : " has lost its quorum (") +
                    words_of(said) + ")");
  if (said.regime.sorry && !said.before.sorry)
    board.event(bus::Severity::kWarning, "CHECK_SORRY_IN_USE", said.service,
                "new connections to " + said.service + " go to its sorry server until the quorum is there again");
  if (!said.regime.sorry && said.before.sorry)
    board.event(bus::Severity::kNotice, "CHECK_SORRY_OVER", said.service,
                "new connections to " + said.service + " go to its servers again");
  if (said.regime.groups != said.before.groups)
    board.event(
        said.regime.groups > said.before.groups ? bus::Severity::kWarning : bus::Severity::kNotice, "CHECK_GROUPS",
        said.service,
        said.service + (said.regime.groups == 1 ? " serves from its first group alone"
                                                : " serves from groups 1 to " + std::to_string(said.regime.groups)));
}

void publish(bus::RoomLink& board, const SparedServer& said) {
  board.event(bus::Severity::kWarning, "CHECK_PASSIVE_SPARED", said.service + '/' + said.server,
              said.server + " of " + said.service + " is left up although " + said.reason +
                  ": too few servers would be left without it");
}

void publish(bus::RoomLink& board, const WarnOfCheck& said) {
  const bool over = said.warning.kind == Warning::Kind::kNone;
  const std::string whose = said.server + " of " + said.service + " (" + said.check + ")";
  board.event(over ? bus::Severity::kNotice : bus::Severity::kWarning,
              over ? "CHECK_CERTIFICATE_WELL" : "CHECK_CERTIFICATE_WARNING", said.service + '/' + said.server,
              over ? "the certificate of " + whose + " is well again" : whose + " is up, but " + words(said.warning));
}

void publish(bus::RoomLink& board, const ForgetServer& gone) {
  board.publish(bus::Forget{.kind = std::string(bus::ServerHealth::kKind),
                            .of_key = bus::ServerHealth{.service = gone.service, .server = gone.server}.key()});
}

void publish(bus::RoomLink& board, const ForgetService& gone) {
  board.publish(bus::Forget{.kind = std::string(bus::ServiceHealth::kKind),
                            .of_key = bus::ServiceHealth{.service = gone.service}.key()});
}

void publish(bus::RoomLink& board, const Strain& strain) {
  const std::string limit = std::to_string(strain.limit);
  switch (strain.cause) {
    case Strain::Cause::kNone:
      board.event(bus::Severity::kInfo, "CHECK_STRAIN_OVER", {}, "checks are made in time again");
      return;
    case Strain::Cause::kConcurrency:
      board.event(bus::Severity::kWarning, "CHECK_STRAINED", {},
                  "checks are late by " + text_of(strain.lateness) + ": " + limit +
                      " are under way, which is all that the limit of open files allows; raise LimitNOFILE, or check "
                      "less often or with shorter timeouts");
      return;
    case Strain::Cause::kDescriptors:
      board.event(bus::Severity::kWarning, "CHECK_STRAINED", {},
                  "a check could not be made for want of file descriptors, local ports or memory; for now at most " +
                      limit + " are made at once, and no server is taken down for it");
      return;
  }
}

namespace {

HealthRecord record_of(const bus::CheckHealth& check) {
  HealthRecord record{.up = check.up,
                      .known = check.known,
                      .reason = check.reason,
                      .since_unix_ms = check.since_unix_ms,
                      .attempts = check.attempts,
                      .failures = check.failures,
                      .last_duration_us = check.last_duration_us};
  for (const bus::CheckRun& run : check.recent)
    record.recent.push_back({.passed = run.passed,
                             .words = run.words,
                             .count = run.count,
                             .first_unix_ms = run.first_unix_ms,
                             .last_unix_ms = run.last_unix_ms,
                             .last_duration_us = run.last_duration_us});
  return record;
}

}  // namespace

Restored::Server restored(const bus::ServerHealth& message) {
  Restored::Server server{.service = message.service,
                          .server = message.server,
                          .health = {.up = message.up,
                                     .known = message.known,
                                     .reason = message.reason,
                                     .since_unix_ms = message.since_unix_ms},
                          .weight = message.weight,
                          .in_rotation = message.in_rotation,
                          .ramp_since_unix_ms = message.ramp_since_unix_ms,
                          .latency_us = message.latency_us};
  for (const bus::CheckHealth& check : message.checks)
    server.checks.push_back({.name = check.name, .health = record_of(check), .said = weight_of(check.weight)});
  return server;
}

Restored::Service restored(const bus::ServiceHealth& message) {
  return {.service = message.service,
          .regime = {.up = message.up,
                     .sorry = message.sorry_in_use,
                     .groups = static_cast<uint8_t>(std::clamp<uint32_t>(message.groups_in_use, 1, kMostGroups))},
          .quorum = {.has = message.quorum_has,
                     .total = message.quorum_total,
                     .needed = message.quorum,
                     .hysteresis = message.hysteresis},
          .of_servers = message.quorum_of == "servers",
          .servers_up = message.servers_up,
          .servers_total = message.servers_total,
          .servers_overridden = message.servers_overridden,
          .since_unix_ms = message.since_unix_ms};
}

Overridden overridden(const bus::Override& message) {
  return {.service = message.service,
          .server = message.server,
          .override = {.kind = static_cast<Override::Kind>(message.kind),
                       .weight = std::min(message.weight, kMostWeight),
                       .since_unix_ms = message.since_unix_ms}};
}

PassiveSeen seen(const bus::PassiveHealth& message) {
  return {.service = message.service,
          .server = message.server,
          .report = {.opened = message.opened,
                     .unanswered = message.unanswered,
                     .resets = message.resets,
                     .client_marks = message.client_marks}};
}

}  // namespace tandem::checkers
