// Whether there is a fast path, and that it stays as it should be: the kernel's programs, the engine's side of them, and at which
// interfaces they stand. The forwarder's; no worker runs while it begins or ends.
//
// Between the tap, which passes over a frame, and the program that sends it on, somebody else's program may come to stand, or ours may be
// taken away (`tc qdisc del`). The first frame that is lost this way switches the fast path off, inside of the kernel; every
// second it is looked for why, put right and switched on again. After a few times without success it stays off.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/bus/messages.hpp"
#include "forwarding/dealer.hpp"
#include "forwarding/fast_path.hpp"
#include "forwarding/io/engines.hpp"
#include "forwarding/io/fast_events.hpp"
#include "forwarding/io/fast_programs.hpp"
#include "forwarding/io/tap_filter.hpp"
#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

class FastPathKeeper {
 public:
  using Say = std::function<void(bus::Severity severity, const char* id, std::string subject, std::string text)>;

  FastPathKeeper(FlowTable& flows, ServiceTable& services, Engines& engines, Say say);
  ~FastPathKeeper();
  FastPathKeeper(const FastPathKeeper&) = delete;
  FastPathKeeper& operator=(const FastPathKeeper&) = delete;

  // Loads the programs, if they are not, and gives up what only that needs: the right to do without the kernel's fences against
  // speculation (CAP_PERFMON), which would also let this process read the kernel's memory. What is loaded again later, after end(), has
  // the fences, and costs half as much again. REQUIRES: the process has no other thread yet; rights are each thread's own.
  void load();
  // REQUIRES of both: no worker is at work. The kernel's refusal is said once and holds; then all goes by the engine.
  void begin(const TapAddresses& addresses);
  void end();

  // Nothing: there is no fast path.
  FastPath* fast() { return fast_.get(); }
  FastEvents* events() { return events_.get(); }
  Dealer* dealer() { return dealer_.get(); }
  // Packets take it now: it has begun, and was not switched off for frames that were lost.
  bool is_on() const;
  // The filter for taps of interfaces where attach() succeeded.
  int tap() const { return programs_->tap(); }

  // The addresses and services in force; called whenever they have changed.
  void tell(const TapAddresses& addresses);
  void tell_fronts();

  // False: this interface's frames all go by the engine.
  bool attach(uint32_t ifindex, const std::string& name);
  void detach(uint32_t ifindex);
  void every_second();

 private:
  void complain(const std::string& what);
  void try_to_load();

  FlowTable& flows_;
  ServiceTable& services_;
  Engines& engines_;
  Say say_;
  std::unique_ptr<FastPrograms> programs_;
  std::unique_ptr<FastPath> fast_;
  std::unique_ptr<FastEvents> events_;
  std::unique_ptr<Dealer> dealer_;
  std::map<uint32_t, std::string> interfaces_;
  std::string refusal_;
  bool refusal_said_ = false;
  bool complained_ = false;  // the lists of addresses or services are not as they should be
  unsigned repairs_ = 0;     // that did not last
  unsigned quiet_seconds_ = 0;
};

}  // namespace tandem::forwarding
