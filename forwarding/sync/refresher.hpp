// Long-lived flows are told again before the peers forget them.
//
// A packet that changes nothing but last_seen does not make its flow dirty: that would be a record a packet. But the peer
// counts the lifetime down from what it was told last. So one walk over the table goes on all the time, once around in
// kRound, and marks those flows dirty that this box has seen since their last turn; a flow has its turn every third of its
// lifetime. Which round that is, is staggered over the flows, so that it is a trickle and not a wave: a million busy
// connections with 15 minutes each are 3,300 records a second, 53 KB.
#pragma once

#include <cstddef>
#include <cstdint>

#include "daemon/base/time.hpp"
#include "forwarding/flow_table.hpp"

namespace tandem::forwarding::sync {

class Refresher {
 public:
  static constexpr Duration kRound = 8s;

  explicit Refresher(FlowTable& table) : table_(table) {}

  // Goes on to where the walk should be by now, at most kMaxStep slots. Call it a few times a second.
  void step(TimePoint now);

 private:
  static constexpr size_t kMaxStep = 1 << 17;
  void visit(const Flow& flow, uint32_t now_tick);

  FlowTable& table_;
  size_t next_ = 0;
  uint64_t round_ = 0;
  bool started_ = false;
  TimePoint round_began_{};
};

}  // namespace tandem::forwarding::sync
