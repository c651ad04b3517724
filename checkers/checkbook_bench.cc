// What the core costs: the time of one plan of the schedule, and of one whole check (start, end, next plan) through the
// checkbook. Run by hand: checkers_bench
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "checkers/checkbook.hpp"

namespace tandem::checkers {
namespace {

double seconds_of(auto&& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void bench_schedule(uint32_t servers) {
  constexpr int kRounds = 2'000'000;
  Schedule schedule;
  Jitter jitter(1);
  for (uint32_t id = 0; id < servers; ++id) schedule.plan(id, TimePoint(jitter.within(1s)));
  const double seconds = seconds_of([&] {
    for (int i = 0; i < kRounds; ++i) {
      const auto due = *schedule.take_due(TimePoint::max());
      schedule.plan(due.id, due.at + jitter.around(1s));
    }
  });
  std::printf("schedule, %6u servers: %4.0f ns to take one and plan it anew\n", servers, seconds * 1e9 / kRounds);
}

void bench_checkbook(uint32_t servers) {
  constexpr uint32_t kSeconds = 20;
  Checkbook book(1, servers);
  Configure configure;
  CheckSet set;
  set.checks.push_back({.name = "check", .check = std::make_shared<const Check>(Check{.interval = 1s})});
  ServiceSettings service{.name = "web", .checks = std::make_shared<const CheckSet>(std::move(set))};
  for (uint32_t i = 0; i < servers; ++i)
    service.servers.push_back({.name = "server-" + std::to_string(i), .address = Ipv4Address{i}, .port = 80});
  configure.services.push_back(service);
  const double reload = seconds_of([&] { book.on(configure, {}); });
  const double same = seconds_of([&] { book.on(configure, {}); });

  size_t checks = 0, messages = 0;
  std::vector<AttemptId> open;
  const double seconds = seconds_of([&] {
    for (TimePoint now{}; now < TimePoint(std::chrono::seconds(kSeconds)); now = *book.deadline()) {
      const auto take = [&](const Actions& actions) {
        for (const Action& action : actions) {
          if (const auto* start = std::get_if<StartAttempt>(&action)) open.push_back(start->attempt);
          messages += std::holds_alternative<PublishServer>(action);
        }
      };
      take(book.on(DeadlineReached{}, {now}));
      while (!open.empty()) {
        const AttemptId attempt = open.back();
        open.pop_back();
        ++checks;
        take(book.on(AttemptEnded{attempt, {}}, {now}));
      }
    }
  });
  std::printf("checkbook, %5u servers: %4.0f ns a check (%zu checks, %zu messages); configure %.1f ms, again %.1f ms\n",
              servers, seconds * 1e9 / static_cast<double>(checks), checks, messages, reload * 1e3, same * 1e3);
}

}  // namespace
}  // namespace tandem::checkers

int main() {
  for (const uint32_t servers : {100U, 10'000U, 50'000U}) tandem::checkers::bench_schedule(servers);
  for (const uint32_t servers : {100U, 10'000U, 50'000U}) tandem::checkers::bench_checkbook(servers);
}
