// The sweep: goes over the flow table a piece at a time and does what time alone brings about.
// Flows that timed out are removed, and flows whose service or server is gone; connections are
// counted afresh (server.hpp); numbers no flow names are freed (numbering.hpp).
//
// A template of persistence whose time is over may not go while a flow of it lives. In every eighth pass such templates are
// marked. From then on, for one whole pass, every flow of their services asks for its template, and a marked one that is
// found lasts another minute. One that is met again still marked goes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/base/time.hpp"
#include "forwarding/counters.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

class Sweeper {
 public:
  Sweeper(FlowTable& flows, ServiceTable& services, Counters& counters);

  // Sweeps the next `slots` slots, at most to the end of the table, and stops after about `most` flows; false when it did.
  // Does nothing before the service table was applied for the first time, when every flow would look like an orphan.
  bool step(TimePoint now, size_t slots, size_t most);

  uint64_t flow_count() const { return flow_count_.load(std::memory_order_relaxed); }

 private:
  void begin_pass();
  void end_pass();
  void name(const Flow& flow);
  void visit(Flow flow, uint32_t now_tick);
  // What went by the fast path counts as seen now.
  void take_activity(Flow& flow, uint32_t now_tick);
  void count_for_client(const Service& service, const Flow& flow, int by);
  // Whether it is ended now, because its server is dead and its service says so (FlowsOnDown::kReset).
  bool end_with_server(const Service& service, const Server& server, Flow flow);
  // False when it was removed.
  bool visit_template(const Service& service, Flow flow, uint32_t now_tick);
  void keep_template_of(const Service& service, const Flow& flow, uint32_t now_tick);
  bool is_sought(const Service& service) const { return marked_[service.slot] || marked_before_[service.slot]; }

  FlowTable& flows_;
  ServiceTable& services_;
  Counters& counters_;
  size_t next_ = 0;
  uint64_t met_ = 0;
  std::vector<bool> services_named_;
  std::vector<bool> servers_named_;
  uint64_t pass_ = 0;
  // By service slot: templates of it were marked in this pass, or in the one before.
  std::vector<bool> marked_;
  std::vector<bool> marked_before_;
  std::atomic<uint64_t> flow_count_ = 0;
};

}  // namespace tandem::forwarding
