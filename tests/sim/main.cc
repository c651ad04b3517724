// sim: a VRRP site in a world of faults, from one seed.
//
//   sim --seeds N [--from S]   N runs; the first violation ends it and says how to see it again
//   sim --hours H [--from S]   as many runs as it takes to simulate H hours
//   sim --seed S --verbose     one run, told as a play
//   sim --prove                every deliberate mistake is caught by the invariant it breaks
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "tests/sim/world.hpp"

namespace {

using namespace tandem;
using namespace tandem::sim;

struct Totals {
  uint64_t runs = 0, adverts = 0, transitions = 0;
  Duration simulated{};
};

// Whether the run kept every invariant.
bool live(const Options& options, Totals& totals, const char* program) {
  World world(options);
  world.run();
  ++totals.runs;
  totals.adverts += world.adverts();
  totals.transitions += world.transitions();
  totals.simulated += world.simulated();
  const auto& violation = std::as_const(world).watch().violation();
  if (!violation) return true;
  std::printf("seed %llu: \"%s\" is broken after %.6f s: %s\nsee it again: %s --seed %llu --verbose\n",
              static_cast<unsigned long long>(options.seed), std::string(text(violation->invariant)).c_str(),
              std::chrono::duration<double>(violation->at - TimePoint{}).count(), violation->words.c_str(), program,
              static_cast<unsigned long long>(options.seed));
  return false;
}

int live_many(uint64_t from, uint64_t seeds, Duration enough, const char* program) {
  Totals totals;
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t seed = from; seed - from < seeds && totals.simulated < enough; ++seed)
    if (!live({.seed = seed}, totals, program)) return 1;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double hours = std::chrono::duration<double, std::ratio<3600>>(totals.simulated).count();
  std::printf("%llu runs, %.1f simulated hours in %.2f s; %llu adverts, %llu transitions, every invariant kept\n",
              static_cast<unsigned long long>(totals.runs), hours, seconds,
              static_cast<unsigned long long>(totals.adverts), static_cast<unsigned long long>(totals.transitions));
  return 0;
}

struct Proof {
  Mutation mutation;
  const char* words;
  Invariant invariant;
};

constexpr Proof kProofs[] = {
    {Mutation::kDeafActive, "an active router hears nobody", Invariant::kOneActive},
    {Mutation::kNeverTakesOver, "a backup loses its deadline", Invariant::kSomeActive},
    {Mutation::kReleaseRestartsSkew, "each priority 0 starts the skew timer anew", Invariant::kSomeActive},
    {Mutation::kBelievesLongInterval, "a learned interval is not bounded", Invariant::kSomeActive},
    {Mutation::kFollowsLower, "a backup follows a lower priority", Invariant::kBestActive},
    {Mutation::kHastyBackup, "a backup learns a quarter of the interval", Invariant::kStable},
    {Mutation::kKeepsAddresses, "addresses are not taken away", Invariant::kAddresses},
    {Mutation::kForgetsAddresses, "addresses are not added", Invariant::kAddresses},
    {Mutation::kSlowAdverts, "the advert timer is half an interval late", Invariant::kCadence},
    {Mutation::kRejectedRestartsTimer, "a refused advert restarts the timer", Invariant::kCadence},
    {Mutation::kSilentStop, "no priority 0 at an orderly stop", Invariant::kRelease},
    {Mutation::kIgnoresRelease, "priority 0 is not heard", Invariant::kQuickTakeover},
    {Mutation::kAdvertisesAfterSleep, "a sleeper does not notice", Invariant::kNoStaleAdvert},
    {Mutation::kRestartListensFirst, "a restarted room does not resume", Invariant::kQuietRestart},
    {Mutation::kBreaksHold, "a held preemption is not held", Invariant::kHold},
    {Mutation::kDoesNotReannounce, "the survivor of a split announces nothing", Invariant::kReannounce},
    {Mutation::kHandsOverEarly, "a handover breaks before it makes", Invariant::kHandover},
    {Mutation::kRefusesToHandOver, "a handover is not done", Invariant::kHandover},
    {Mutation::kBelievesSilence, "a peer's word against silence is not heard", Invariant::kCrossCheck},
    {Mutation::kFollowsForeigner, "a stranger's other addresses are followed", Invariant::kStable},
};

// Each mistake in up to `kSeeds` runs: caught when its own invariant breaks in one of them.
int prove() {
  constexpr uint64_t kSeeds = 200;
  int missed = 0;
  for (const Proof& proof : kProofs) {
    std::map<Invariant, uint64_t> others;
    uint64_t caught_at = 0;
    for (uint64_t seed = 1; seed <= kSeeds && caught_at == 0; ++seed) {
      World world({.seed = seed, .mutation = proof.mutation});
      world.run();
      const auto& violation = std::as_const(world).watch().violation();
      if (!violation) continue;
      if (violation->invariant == proof.invariant)
        caught_at = seed;
      else
        ++others[violation->invariant];
    }
    std::printf("%-46s %-15s ", proof.words, std::string(text(proof.invariant)).c_str());
    if (caught_at > 0)
      std::printf("caught, seed %llu\n", static_cast<unsigned long long>(caught_at));
    else
      std::printf("NOT CAUGHT\n");
    for (const auto& [invariant, count] : others)
      if (caught_at == 0)
        std::printf("    but %s %llu times\n", std::string(text(invariant)).c_str(),
                    static_cast<unsigned long long>(count));
    missed += caught_at == 0 ? 1 : 0;
  }
  return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const bool flag = name == "--verbose" || name == "--prove";
    arguments[name] = flag || i + 1 == argc ? "1" : argv[++i];
  }
  const auto number = [&](const char* name, uint64_t otherwise) {
    return arguments.contains(name) ? std::strtoull(arguments[name].c_str(), nullptr, 10) : otherwise;
  };
  if (arguments.contains("--prove")) return prove();
  if (arguments.contains("--seed")) {
    Totals totals;
    return live({.seed = number("--seed", 1), .verbose = arguments.contains("--verbose")}, totals, argv[0]) ? 0 : 1;
  }
  if (arguments.contains("--hours"))
    return live_many(number("--from", 1), UINT64_MAX, std::chrono::hours(number("--hours", 1)), argv[0]);
  return live_many(number("--from", 1), number("--seeds", 200), Duration::max(), argv[0]);
}
