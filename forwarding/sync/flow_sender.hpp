// What one peer is told about the flows of this box.
//
// The flow table keeps a bit a flow and peer: "the peer has not been told". This takes the bits, reads each flow as it is at
// that moment, and writes it down. There is no queue: a flow that changes a hundred times while the peer is slow is one bit
// and is told once, in its latest state. A new peer, and one whose connection was lost with who knows what in flight, is a
// table whose flows are all dirty. Where nothing is dirty nothing is looked for: a pass over the bits begins by asking to be told
// (FlowTable::await_news), and whoever is told begins another.
//
// The bits are taken in the order of the table. begin() starts a pass; when it has come to the end of the table, every flow
// that was dirty at its beginning has been told once, and TABLE_END may be said. What becomes dirty behind the pass is told
// by the next one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/base/time.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/sources.hpp"
#include "forwarding/sync/protocol.hpp"

namespace tandem::forwarding::sync {

class FlowSender {
 public:
  // `peer` is the number of the peer's bitmap. REQUIRES: peer < TANDEM_MAX_PEERS.
  FlowSender(FlowTable& table, unsigned peer);

  // Everything is to be told (again). Costs one walk over the table.
  void begin();

  struct Batch {
    size_t flows = 0;
    bool table_ended = false;  // a pass begun by begin() ended with this batch: say TABLE_END
    bool more = false;         // the end of the table was not reached: there may be more at once
  };
  // Whether collect() would begin a pass: then what became dirty before needs no other one.
  bool at_begin() const { return word_ == 0; }
  // Appends at most one FLOWS frame, and what is to be said by FLOWS6 and FLOWS_SOURCED; none when no flow is dirty.
  Batch collect(Buffer& out, TimePoint now);

  // The peer is gone from the configuration: nobody is to be told any more.
  void end();

  uint64_t flows_sent() const { return flows_sent_; }

 private:
  bool add_sourced(const Flow& flow, TimePoint now);

  FlowTable& table_;
  Sources sources_;
  unsigned peer_;
  size_t word_ = 0;           // where in the bitmap to go on
  bool whole_table_ = false;  // this pass is the one TABLE_END stands behind
  std::vector<FlowRecord> batch_;
  std::vector<FlowRecord6> batch6_;
  std::vector<FlowRecordSourced> sourced_;
  uint64_t flows_sent_ = 0;
};

// The record of a flow as it stands; remaining_ms is 0 when its lifetime is over.
FlowRecord record_of(const FlowTable& table, const Flow& flow, TimePoint now);
FlowRecord6 record6_of(const FlowTable& table, const Flow& flow, const Ipv6Address& client, TimePoint now);

}  // namespace tandem::forwarding::sync
