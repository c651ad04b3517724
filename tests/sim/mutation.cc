#include "tests/sim/mutation.hpp"

#include <algorithm>
#include <utility>

#include "vrrp/timers.hpp"

namespace tandem::sim {

using namespace vrrp;

// The event as the mutated machine gets it; nothing when it does not get it at all.
std::optional<Event> Subject::mutate(const Event& event, TimePoint now) {
  const Settings& settings = machine_.settings();
  if (const auto* received = std::get_if<AdvertReceived>(&event)) {
    Advert advert = received->advert;
    const bool release = advert.priority == kPriorityRelease;
    if (is(Mutation::kDeafActive, State::kActive)) return std::nullopt;
    if (mutation_ == Mutation::kFollowsForeigner) {
      for (const VirtualAddress& each : settings.legs[0].addresses) advert.addresses.push_back(each.prefix.address);
      return AdvertReceived{advert};
    }
    if (mutation_ == Mutation::kIgnoresRelease && release) return std::nullopt;
    if (is(Mutation::kFollowsLower, State::kBackup) && !release && advert.priority < settings.priority) {
      advert.priority = settings.priority;
      return AdvertReceived{advert};
    }
    if (is(Mutation::kReleaseRestartsSkew, State::kBackup) && release) {
      Advert restart = advert;
      restart.priority = kPriorityOwner;
      machine_.on(AdvertReceived{restart}, now);
    }
    if (is(Mutation::kHastyBackup, State::kBackup)) {
      advert.advert_interval /= 4;
      return AdvertReceived{advert};
    }
    if (is(Mutation::kBelievesLongInterval, State::kBackup) && !release) {
      const Duration down = active_down_interval(settings.priority, advert.advert_interval);
      if (advert.advert_interval > kMaxLearnedFactor * settings.advert_interval) not_before_ = now + down;
    }
  }
  if (std::holds_alternative<AdvertRejected>(event) && is(Mutation::kRejectedRestartsTimer, State::kActive))
    not_before_ = now + settings.advert_interval;
  if (std::holds_alternative<DeadlineReached>(event) && is(Mutation::kNeverTakesOver, State::kBackup))
    return std::nullopt;
  if (std::holds_alternative<GiveWay>(event) && mutation_ == Mutation::kHandsOverEarly) return Stop{};
  if (std::holds_alternative<GiveWay>(event) && mutation_ == Mutation::kRefusesToHandOver) return std::nullopt;
  if (std::holds_alternative<TakeOver>(event) && mutation_ == Mutation::kRefusesToHandOver) return std::nullopt;
  if (std::holds_alternative<PeerAffirms>(event) && mutation_ == Mutation::kBelievesSilence) return std::nullopt;
  if (std::holds_alternative<PreemptHold>(event) && mutation_ == Mutation::kBreaksHold) return PreemptHold{};
  if (std::holds_alternative<Start>(event) && mutation_ == Mutation::kRestartListensFirst) return Start{};
  return event;
}

Actions Subject::on(const Event& event, TimePoint now) {
  if (is(Mutation::kAdvertisesAfterSleep, State::kActive)) {
    // It believes that it was punctual all the time.
    const Duration interval = machine_.settings().advert_interval;
    while (machine_.state() == State::kActive && now - *machine_.deadline() > interval)
      machine_.on(DeadlineReached{}, *machine_.deadline());
  }
  const std::optional<Event> mutated = mutate(event, now);
  if (!mutated) return {};
  const State before = machine_.state();
  Actions actions = machine_.on(*mutated, now);
  if (machine_.state() != before) not_before_.reset();

  const bool stays = before == State::kActive && machine_.state() == State::kActive;
  std::erase_if(actions, [&](const Action& action) {
    switch (mutation_) {
      case Mutation::kKeepsAddresses:
        return std::holds_alternative<RemoveAddresses>(action);
      case Mutation::kForgetsAddresses:
        return std::holds_alternative<AddAddresses>(action);
      case Mutation::kSilentStop:
        return action == Action(SendAdvert{kPriorityRelease});
      case Mutation::kDoesNotReannounce:
        return stays && std::holds_alternative<Announce>(action);
      default:
        return false;
    }
  });
  return actions;
}

std::optional<TimePoint> Subject::deadline() const {
  std::optional<TimePoint> due = machine_.deadline();
  if (!due) return due;
  const Duration interval = machine_.settings().advert_interval;
  if (is(Mutation::kSlowAdverts, State::kActive)) *due += interval / 2;
  if (not_before_) due = std::max(*due, *not_before_);
  return due;
}

}  // namespace tandem::sim
