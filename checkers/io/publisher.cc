#include "checkers/io/publisher.hpp"

#include <string>
#include <utility>

namespace tandem::checkers {

void publish(bus::RoomLink& board, const PublishServer& said) {
  bus::ServerHealth message{.service = said.service,
                            .server = said.server,
                            .up = said.health.up,
                            .known = said.health.known,
                            .weight = said.weight,
                            .reason = said.health.reason,
                            .since_unix_ms = said.health.since_unix_ms,
                            .attempts = said.health.attempts,
                            .failures = said.health.failures,
                            .last_duration_us = said.health.last_duration_us};
  for (const AttemptRun& run : said.health.recent)
    message.recent.push_back({.passed = run.passed,
                              .words = run.words,
                              .count = run.count,
                              .first_unix_ms = run.first_unix_ms,
                              .last_unix_ms = run.last_unix_ms,
                              .last_duration_us = run.last_duration_us});
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
                                   .up = said.up,
                                   .servers_up = said.servers_up,
                                   .servers_total = said.servers_total,
                                   .since_unix_ms = said.since_unix_ms});
  if (!said.turned) return;
  if (said.up) {
    board.event(bus::Severity::kNotice, "CHECK_SERVICE_UP", said.service, said.service + " has a server again");
  } else {
    board.event(bus::Severity::kError, "CHECK_SERVICE_DOWN", said.service,
                said.service + " has no server left that takes connections");
  }
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

Restored::Server restored(const bus::ServerHealth& message) {
  std::vector<AttemptRun> recent;
  for (const bus::CheckRun& run : message.recent)
    recent.push_back({.passed = run.passed,
                      .words = run.words,
                      .count = run.count,
                      .first_unix_ms = run.first_unix_ms,
                      .last_unix_ms = run.last_unix_ms,
                      .last_duration_us = run.last_duration_us});
  return {.service = message.service,
          .server = message.server,
          .health = {.up = message.up,
                     .known = message.known,
                     .reason = message.reason,
                     .since_unix_ms = message.since_unix_ms,
                     .attempts = message.attempts,
                     .failures = message.failures,
                     .last_duration_us = message.last_duration_us,
                     .recent = std::move(recent)},
          .weight = message.weight};
}

Restored::Service restored(const bus::ServiceHealth& message) {
  return {.service = message.service,
          .up = message.up,
          .servers_up = message.servers_up,
          .servers_total = message.servers_total,
          .since_unix_ms = message.since_unix_ms};
}

}  // namespace tandem::checkers
