#include "vrrp/handover_desk.hpp"

#include <algorithm>
#include <utility>

namespace tandem::vrrp {
namespace {

std::string in_ms(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

HandoverDesk::Outcome HandoverDesk::ask(uint64_t id, const std::vector<std::string>& routers,
                                        const std::vector<std::string>& peers, std::vector<std::string> refused,
                                        TimePoint now) {
  Outcome outcome;
  Record record{.done = refused.empty(), .lines = std::move(refused)};
  for (const std::string& router : routers) {
    if (pending_.contains(router)) {
      record.done = false;
      record.lines.push_back(router + ": is being handed over already");
    } else if (peers.empty()) {
      record.done = false;
      record.lines.push_back(router + ": stays, because no other director is connected and in step (peer_link)");
    } else {
      Pending pending{.id = id, .peers = peers, .asked = peers.front(), .begun = now, .until = now + kHandoverPatience};
      std::ranges::reverse(pending.peers);
      pending.peers.pop_back();
      outcome.offers.push_back({router, pending.asked});
      pending_.emplace(router, std::move(pending));
      ++record.open;
    }
  }
  if (record.open == 0)
    outcome.verdicts.push_back({id, record.done, std::move(record.lines)});
  else
    records_.insert_or_assign(id, std::move(record));
  return outcome;
}

void HandoverDesk::close(const std::string& router, bool done, const std::string& words, Outcome& outcome) {
  const uint64_t id = pending_.at(router).id;
  pending_.erase(router);
  const auto found = records_.find(id);
  if (found == records_.end()) return;
  Record& record = found->second;
  record.done &= done;
  record.lines.push_back(router + ": " + words);
  if (--record.open > 0) return;
  outcome.verdicts.push_back({id, record.done, std::move(record.lines)});
  records_.erase(found);
}

HandoverDesk::Outcome HandoverDesk::released(const std::string& router, TimePoint now) {
  Outcome outcome;
  const auto pending = pending_.find(router);
  if (pending == pending_.end()) return outcome;
  close(router, true, pending->second.asked + " has it after " + in_ms(now - pending->second.begun), outcome);
  return outcome;
}

HandoverDesk::Outcome HandoverDesk::deadline_reached(TimePoint now) {
  Outcome outcome;
  std::vector<std::string> given_up;
  for (auto& [router, pending] : pending_) {
    if (now < pending.until) continue;
    if (pending.peers.empty()) {
      given_up.push_back(router);
      continue;
    }
    pending.asked = std::move(pending.peers.back());
    pending.peers.pop_back();
    pending.until = now + kHandoverPatience;
    outcome.offers.push_back({router, pending.asked});
  }
  for (const std::string& router : given_up) {
    const std::string asked = pending_.at(router).asked;
    close(router, false, "stays, because " + asked + " did not take it over within " + in_ms(kHandoverPatience),
          outcome);
  }
  return outcome;
}

std::optional<TimePoint> HandoverDesk::deadline() const {
  std::optional<TimePoint> earliest;
  for (const auto& [router, pending] : pending_) earliest = std::min(earliest.value_or(pending.until), pending.until);
  return earliest;
}

}  // namespace tandem::vrrp
