// Planned changes of the active router: an operator's handover, maintenance, the orderly stop, and what a peer asks for or
// offers by the peer link. HandoverDesk (the core) keeps count; this is its hands and its memory.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "daemon/bus/room_link.hpp"
#include "daemon/loop/deadline_timer.hpp"
#include "vrrp/handover_desk.hpp"
#include "vrrp/io/hands.hpp"
#include "vrrp/io/router.hpp"
#include "vrrp/preempt_gate.hpp"

namespace tandem::vrrp {

using Routers = std::map<std::string, std::shared_ptr<Router>>;  // by the name of the first of its members

class PlannedChanges {
 public:
  struct Callbacks {
    std::function<void()> hold_changed;  // maintenance begins or ends
    std::function<void()> nothing_left;  // after hand_over_all(): everything is handed over, or nobody takes it
  };

  // `maintenance_file` is there while the box is in maintenance: it outlives the daemon. REQUIRES: all outlive this.
  PlannedChanges(boost::asio::io_context& io, bus::RoomLink& bus, Hands& hands, PreemptGate& gate,
                 const Routers& routers, std::filesystem::path maintenance_file, Callbacks callbacks);

  void hear(const bus::Handover& handover);
  void hear(const bus::Maintenance& maintenance);
  // Called when the room has caught up: an earlier life of the daemon may have been told.
  void remember_maintenance();
  // Says a step about a router to every peer that is in step.
  void offer(const std::string& router, bus::HandoverStep step);
  // The state of routers may have changed.
  void settle();
  // The stop. Make before break: who can take over does so before this box lets go.
  void hand_over_all();

 private:
  Router* find(const std::string& name) const;
  void ask(uint64_t id, const std::string& only);
  void carry_out(const HandoverDesk::Outcome& outcome);

  bus::RoomLink& bus_;
  Hands& hands_;
  PreemptGate& gate_;
  const Routers& routers_;
  std::filesystem::path maintenance_file_;
  Callbacks callbacks_;
  HandoverDesk desk_;
  loop::DeadlineTimer timer_;
  bool maintenance_heard_ = false;
  bool stopping_ = false;
};

}  // namespace tandem::vrrp
