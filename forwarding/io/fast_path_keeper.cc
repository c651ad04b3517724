#include "forwarding/io/fast_path_keeper.hpp"

#include <sys/capability.h>

#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "daemon/loop/clock.hpp"
#include "forwarding/io/packet_port.hpp"

namespace tandem::forwarding {
namespace {

constexpr const char* kEvent = "FORWARDING_FAST_PATH";
constexpr unsigned kMostRepairs = 5;
constexpr unsigned kSecondsToTrust = 60;  // after which earlier repairs are forgiven

void give_up_rights() {
  const std::unique_ptr<std::remove_pointer_t<cap_t>, decltype(&cap_free)> rights(cap_get_proc(), &cap_free);
  if (!rights) return;
  constexpr cap_value_t kRight = CAP_PERFMON;
  for (const auto flag : {CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE})
    if (cap_set_flag(rights.get(), flag, 1, &kRight, CAP_CLEAR) != 0) return;
  (void)cap_set_proc(rights.get());
}

}  // namespace

FastPathKeeper::FastPathKeeper(FlowTable& flows, ServiceTable& services, Engines& engines, Say say)
    : flows_(flows), services_(services), engines_(engines), say_(std::move(say)) {}

FastPathKeeper::~FastPathKeeper() {
  end();
}

void FastPathKeeper::load() {
  // Of a process that was killed; those of interfaces that are served again would be replaced, others would keep their memory.
  const auto removed = FastPrograms::remove_leftovers();
  static_cast<void>(removed);  // whoever attaches says what stands in its way
  try_to_load();
  give_up_rights();
}

void FastPathKeeper::try_to_load() {
  if (programs_ || !refusal_.empty()) return;
  auto programs = FastPrograms::load(flows_.bucket_count());
  if (!programs) {
    refusal_ = programs.error();
  } else if (const auto taken = try_fast_tap((*programs)->tap()); !taken) {
    refusal_ = std::string("a packet socket does not take its filter: ") + std::strerror(taken.error());
  } else if (auto events = FastEvents::open((*programs)->map("fast_events")); !events) {
    refusal_ = events.error();
  } else {
    programs_ = std::move(*programs);
    events_ = std::move(*events);
  }
}

void FastPathKeeper::begin(const TapAddresses& addresses) {
  if (fast_) return;
  try_to_load();
  if (!programs_) {
    if (std::exchange(refusal_said_, true)) return;
    return say_(bus::Severity::kNotice, kEvent, "",
                "There is no fast path, so every packet goes by the engine, which costs more: " + refusal_);
  }
  fast_ = std::make_unique<FastPath>(programs_->memory());
  dealer_ = std::make_unique<Dealer>(services_, *fast_);
  complained_ = false;
  repairs_ = quiet_seconds_ = 0;
  tandem_fast_control& control = programs_->control();
  control.seed[0] = flows_.header().seed[0];
  control.seed[1] = flows_.header().seed[1];
  control.bucket_count = flows_.bucket_count();
  flows_.use_fast_path(fast_->flows(), fast_->sequences());
  services_.use_fast_path(fast_.get());
  engines_.use_fast_path(fast_.get());
  tell(addresses);
  tell_fronts();
  __atomic_store_n(&control.on, 1U, __ATOMIC_SEQ_CST);
  say_(bus::Severity::kInfo, kEvent, "", "Packets of established flows, by nat and dr, go on inside of the kernel.");
}

void FastPathKeeper::end() {
  if (fast_) {
    __atomic_store_n(&programs_->control().on, 0U, __ATOMIC_SEQ_CST);
    dealer_.reset();
    // What is on its way is not forgotten.
    while (events_->hear([this](std::span<const tandem_fast_event> events) {
      for (const tandem_fast_event& event : events) engines_.at(0).told(event, loop::monotonic_now());
    }) != 0) {
    }
    engines_.use_fast_path(nullptr);
    services_.use_fast_path(nullptr);
    flows_.use_fast_path({}, {});
    interfaces_.clear();
    fast_.reset();
  }
  events_.reset();
  programs_.reset();
}

bool FastPathKeeper::is_on() const {
  return fast_ && __atomic_load_n(&programs_->control().on, __ATOMIC_RELAXED) != 0;
}

void FastPathKeeper::complain(const std::string& what) {
  if (std::exchange(complained_, true)) return;
  say_(bus::Severity::kWarning, kEvent, "", "The fast path does not know all that it should: " + what);
}

void FastPathKeeper::tell(const TapAddresses& addresses) {
  if (!fast_) return;
  if (const auto told = programs_->set_addresses(addresses); !told) complain(told.error());
}

void FastPathKeeper::tell_fronts() {
  if (!fast_) return;
  std::map<Endpoint, uint32_t> fronts;
  for (const Service* service : services_.all_services()) {
    if (service->setting.one_packet) continue;
    for (const uint16_t number : service->facets) {
      const Facet* facet = services_.facet(number);
      if (facet == nullptr || facet->front.is_range()) continue;
      fronts[{service->setting.protocol, facet->front.address, facet->front.first_port}] = number;
    }
  }
  if (const auto told = programs_->set_endpoints(fronts); !told) complain(told.error());
}

bool FastPathKeeper::attach(uint32_t ifindex, const std::string& name) {
  if (!fast_) return false;
  const auto attached = programs_->attach(ifindex);
  if (!attached) {
    say_(bus::Severity::kNotice, kEvent, name,
         "All packets of this interface go by the engine, because the fast path cannot stand at it: " +
             attached.error());
    return false;
  }
  interfaces_[ifindex] = name;
  return true;
}

void FastPathKeeper::detach(uint32_t ifindex) {
  if (!programs_ || interfaces_.erase(ifindex) == 0) return;
  // What cannot be taken away is the cleaner's.
  const auto detached = programs_->detach(ifindex);
  static_cast<void>(detached);
}

void FastPathKeeper::every_second() {
  if (!fast_) return;
  tandem_fast_control& control = programs_->control();
  const bool lost = __atomic_load_n(&control.on, __ATOMIC_RELAXED) == 0;
  if (!lost) {
    if (++quiet_seconds_ >= kSecondsToTrust) repairs_ = 0;
    return;
  }
  quiet_seconds_ = 0;
  if (repairs_ >= kMostRepairs) return;  // said already
  const auto where = interfaces_.find(control.lost_ifindex);
  const std::string name = where == interfaces_.end() ? "" : where->second;
  const bool gone = where != interfaces_.end() && !programs_->is_attached(where->first);
  if (gone)
    if (const auto again = programs_->attach(where->first); !again) {
      ++repairs_;
      return;  // the interface may be going, too
    }
  const bool last = ++repairs_ >= kMostRepairs;
  say_(bus::Severity::kWarning, kEvent, name,
       std::string(gone ? "Somebody took the fast path's filter away from this interface's clsact qdisc; it is put back"
                        : "A program of somebody else's takes packets of this interface before the fast path does") +
           (last ? ". This happened too often: all packets go by the engine from now on." : "."));
  if (!last) __atomic_store_n(&control.on, 1U, __ATOMIC_SEQ_CST);
}

}  // namespace tandem::forwarding
