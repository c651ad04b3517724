// What is believed of the flows a peer tells.
//
// A flow that no packet has been seen of on this box is the peer's: what it says is put in the table as it says it, marked
// TANDEM_FLOW_LEARNT, at once usable by the packet path. A flow this box has seen packets of is this box's own (the packet
// path takes the mark away), and then:
//
//   ours, alive        told by one who saw it himself, later than we did   taken: the clients moved over to it
//   ours, alive        told earlier than we saw it, or only from hearsay   kept: this is our own echo, or old news
//   learnt             told by one who saw it himself                      taken
//   learnt             told from hearsay                                   taken when it is later
//   expired or none    anything                                            taken
//
// Nothing here marks a flow dirty: a director tells what it saw, and everybody hears that from itself. Otherwise two
// directors would tell each other the same flow for ever.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "daemon/base/time.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/sources.hpp"
#include "forwarding/sync/number_map.hpp"
#include "forwarding/sync/protocol.hpp"

namespace tandem::forwarding::sync {

struct ReceiveCounts {
  uint64_t received = 0;  // records
  uint64_t refused = 0;   // naming a service, server, state or source this box does not have
  uint64_t kept = 0;      // this box knew better
  uint64_t expired = 0;   // nothing left of its lifetime
  uint64_t evicting = 0;  // found no free place and took one
};

class FlowReceiver {
 public:
  explicit FlowReceiver(FlowTable& table) : table_(table), sources_(table) {}

  NumberMap& numbers() { return numbers_; }
  const NumberMap& numbers() const { return numbers_; }

  void merge(std::span<const FlowRecord> records, TimePoint now);
  void merge(std::span<const FlowRecord6> records, TimePoint now);
  // With its source: a flow by fullnat goes on with the address and port its server knows. Where another flow has that
  // already, or no pool the address, it is refused: it could not go on.
  void merge(std::span<const FlowRecordSourced> records, TimePoint now);

  const ReceiveCounts& counts() const { return counts_; }

 private:
  // The flow as it stands now, if what was told was taken.
  template <class Record>
  std::optional<Flow> merge_one(const Record& record, const IpAddress& client, TimePoint now);
  bool knows_better(const Flow& ours, uint8_t told_flags, uint32_t told_last_seen, uint32_t now_tick) const;

  FlowTable& table_;
  Sources sources_;
  NumberMap numbers_;
  ReceiveCounts counts_;
};

}  // namespace tandem::forwarding::sync
