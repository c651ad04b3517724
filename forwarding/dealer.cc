#include "forwarding/dealer.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

namespace tandem::forwarding {
namespace {

constexpr size_t kFewest = 32;  // picks at once

// Where it stands does not depend on connections.
bool goes_round(SchedulerKind kind) {
  return kind == SchedulerKind::kRoundRobin || kind == SchedulerKind::kWeightedRoundRobin;
}

bool asks_no_client(SchedulerKind kind) {
  switch (kind) {
    case SchedulerKind::kRoundRobin:
    case SchedulerKind::kWeightedRoundRobin:
    case SchedulerKind::kLeastConnection:
    case SchedulerKind::kWeightedLeastConnection:
    case SchedulerKind::kShortestDelay:
    case SchedulerKind::kNeverQueue:
    case SchedulerKind::kFailover:
    case SchedulerKind::kOverflow:
    case SchedulerKind::kTwoChoices:
    case SchedulerKind::kLeastLatency:
      return true;
    case SchedulerKind::kSourceHash:
    case SchedulerKind::kDestinationHash:
    case SchedulerKind::kMaglev:
    case SchedulerKind::kLocality:
    case SchedulerKind::kLocalityReplicated:
      return false;
  }
  return false;
}

uint64_t connections_of(const Service& service) {
  uint64_t all = 0;
  for (const Server* server : service.servers) all += server->connections.load(std::memory_order_relaxed);
  return all;
}

}  // namespace

Dealer::~Dealer() {
  for (const auto& [slot, deck] : busy_) (void)fast_.take_back(slot);
}

bool Dealer::may_deal(const Service& service) {
  const ServiceSetting& setting = service.setting;
  return setting.protocol == kTcp && setting.active && service.slot < TANDEM_FAST_DECKS && !setting.is_persistent() &&
         setting.limits == LimitSetting{} && !setting.watched && setting.clamp_mss == 0 &&
         asks_no_client(setting.scheduler.kind) &&
         std::ranges::none_of(service.rotation, [](const Server* server) { return server->upper != 0; });
}

bool Dealer::all_go_fast(const Service& service) const {
  return std::ranges::all_of(service.rotation, [this](const Server* server) {
    return server->weight == 0 || services_.goes_fast(server->slot);
  });
}

void Dealer::deal(TimePoint now, bool heard) {
  if (now - looked_ >= kLookEvery) look(now);
  for (auto each = busy_.begin(); each != busy_.end();) {
    Service* const service = services_.service(each->first);
    if (service != nullptr && service->slot == each->first && may_deal(*service) && all_go_fast(*service)) {
      deal_to(*service, each->second, now, heard);
      ++each;
    } else {
      (void)fast_.take_back(each->first);
      each = busy_.erase(each);
    }
  }
}

void Dealer::look(TimePoint now) {
  const Duration since = now - looked_;
  looked_ = now;
  for (const Service* service : services_.all_services()) {
    if (service->setting.protocol != kTcp || !service->setting.active) continue;
    const uint64_t all = connections_of(*service);
    const auto [counted, first] = connections_.emplace(service->slot, all);
    if (first) continue;
    const uint64_t before = std::exchange(counted->second, all);
    // Servers that were removed take their count along.
    const uint64_t more = all > before ? all - before : 0;
    const uint64_t a_second = more * static_cast<uint64_t>(Duration(1s).count()) / static_cast<uint64_t>(since.count());
    const auto known = busy_.find(service->slot);
    if (known == busy_.end()) {
      if (a_second >= kMany && more >= kFewest / 2 && may_deal(*service)) busy_[service->slot];
    } else if (a_second >= kFew) {
      known->second.quiet = 0;
    } else if (++known->second.quiet >= kQuietLooks) {
      (void)fast_.take_back(service->slot);
      busy_.erase(known);
    }
  }
}

void Dealer::deal_to(Service& service, Deck& deck, TimePoint now, bool heard) {
  const FastPath::Dealt so_far = fast_.dealt(service.slot);
  const bool round = goes_round(service.setting.scheduler.kind);
  const bool holds = deck.edits == service.edits && !deck.picks.empty();
  const bool used_up = so_far.taken * 2 >= so_far.picks;
  if (holds && !used_up && (round || !heard || so_far.taken == 0)) return;

  const FastPath::Dealt was = fast_.take_back(service.slot);
  // Twice as many as were needed since the last time.
  const size_t wanted = std::clamp<size_t>(size_t{was.taken} * 2, kFewest, TANDEM_FAST_PICKS);
  std::vector<uint16_t> picks;
  picks.reserve(TANDEM_FAST_PICKS);
  if (round && holds) {
    const size_t taken = std::min<size_t>(was.taken, deck.picks.size());
    picks.assign(deck.picks.begin() + static_cast<ptrdiff_t>(taken), deck.picks.end());
  }
  {
    const std::lock_guard guard(service.lock);
    const NewFlow anybody{.client = {}, .client_port = 0, .destination = service.setting.vip, .now = now};
    while (picks.size() < wanted) {
      Server* const picked = service.scheduler->pick(service.rotation, anybody);
      if (picked == nullptr) break;
      picks.push_back(picked->slot);
      picked->dealt.fetch_add(1, std::memory_order_relaxed);
    }
    for (Server* server : service.rotation) server->dealt.store(0, std::memory_order_relaxed);
  }
  fast_.deal(service.slot, picks);
  deck.edits = service.edits;
  deck.picks = std::move(picks);
}

}  // namespace tandem::forwarding
