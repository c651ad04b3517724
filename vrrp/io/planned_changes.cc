#include "vrrp/io/planned_changes.hpp"

#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "daemon/loop/clock.hpp"

namespace tandem::vrrp {

using bus::Severity;

namespace {

// Handovers that no operator waits for. Those that one does have a clock's number.
constexpr uint64_t kAtStop = 1;
constexpr uint64_t kForMaintenance = 2;

void write_down(const std::filesystem::path& file, bool on) {
  std::error_code error;
  if (on)
    std::ofstream(file) << "tandemctl maintenance on\n";
  else
    std::filesystem::remove(file, error);
}

}  // namespace

PlannedChanges::PlannedChanges(boost::asio::io_context& io, bus::RoomLink& bus, Hands& hands, PreemptGate& gate,
                               const Routers& routers, std::filesystem::path maintenance_file, Callbacks callbacks)
    : bus_(bus),
      hands_(hands),
      gate_(gate),
      routers_(routers),
      maintenance_file_(std::move(maintenance_file)),
      callbacks_(std::move(callbacks)),
      timer_(io.get_executor(), [this] { carry_out(desk_.deadline_reached(loop::monotonic_now())); }) {}

// The election a router takes part in, by the router's name.
Router* PlannedChanges::find(const std::string& name) const {
  for (const auto& [key, router] : routers_)
    for (const Leg& leg : router->settings().legs)
      if (leg.router == name) return router.get();
  return nullptr;
}

void PlannedChanges::remember_maintenance() {
  std::error_code error;
  if (maintenance_heard_ || !std::filesystem::exists(maintenance_file_, error)) return;
  gate_.set_maintenance(true);
  callbacks_.hold_changed();
  bus_.publish(bus::Maintenance{.on = true, .since_unix_ms = loop::unix_ms_now()});
}

void PlannedChanges::hear(const bus::Handover& handover) {
  if (handover.step == bus::HandoverStep::kAsk) ask(handover.id, handover.router);
  Router* const router = find(handover.router);
  if (router == nullptr || stopping_) return;
  if (handover.step == bus::HandoverStep::kTake) router->take_over();
  if (handover.step == bus::HandoverStep::kAffirmed) router->affirmed_by(handover.peer);
  if (handover.step == bus::HandoverStep::kInquired && router->active())
    bus_.publish(bus::Handover{.step = bus::HandoverStep::kAffirm, .router = handover.router, .peer = handover.peer});
}

void PlannedChanges::hear(const bus::Maintenance& maintenance) {
  maintenance_heard_ = true;
  hands_.perform([file = maintenance_file_, on = maintenance.on] { write_down(file, on); });
  gate_.set_maintenance(maintenance.on);
  callbacks_.hold_changed();
  if (maintenance.on && !stopping_) ask(kForMaintenance, "");
}

void PlannedChanges::hand_over_all() {
  stopping_ = true;
  ask(kAtStop, "");
}

// `only`: one router, or all that are active when empty.
void PlannedChanges::ask(uint64_t id, const std::string& only) {
  std::vector<std::string> active, refused;
  for (const auto& [name, router] : routers_)
    if (router->active() && (only.empty() || find(only) == router.get())) active.push_back(name);
  if (!only.empty() && active.empty())
    refused.push_back(only + (find(only) != nullptr ? ": is not active here" : ": there is no such router"));
  carry_out(desk_.ask(id, active, gate_.peers_in_step(), std::move(refused), loop::monotonic_now()));
}

// The link is gone, the peer link may be there: whoever is in step need not wait for the adverts that will not come.
// And whoever hears nobody asks them.
void PlannedChanges::offer(const std::string& router, bus::HandoverStep step) {
  for (const std::string& peer : gate_.peers_in_step())
    bus_.publish(bus::Handover{.step = step, .router = router, .peer = peer});
}

void PlannedChanges::settle() {
  for (const auto& [name, router] : routers_)
    if (desk_.has(name) && !router->active()) carry_out(desk_.released(name, loop::monotonic_now()));
}

void PlannedChanges::carry_out(const HandoverDesk::Outcome& outcome) {
  for (const auto& [router, peer] : outcome.offers) {
    const auto found = routers_.find(router);
    if (found == routers_.end()) continue;  // a reload took it away; the offer's time runs out
    found->second->give_way(kHandoverPatience);
    bus_.publish(bus::Handover{.step = bus::HandoverStep::kOffer, .router = router, .peer = peer});
  }
  for (const HandoverDesk::Verdict& verdict : outcome.verdicts) {
    if (verdict.id == kAtStop) {
      callbacks_.nothing_left();
      continue;
    }
    for (const std::string& line : verdict.lines)
      bus_.event(verdict.done ? Severity::kNotice : Severity::kWarning, "VRRP_HANDOVER", "", line);
    if (verdict.id != kForMaintenance)
      bus_.publish(bus::HandoverResult{.id = verdict.id, .done = verdict.done, .lines = verdict.lines});
  }
  timer_.set(desk_.deadline());
}

}  // namespace tandem::vrrp
