// Looking through the flow table for an operator: which flows there are, how many, and ending them.
//
// The table is gone through in slices while packets flow; what appears or goes during the search may be missed. Rows are
// bounded, counts are not.
//
// A TCP flow that is ended is put into CLOSE, which the peers are told, and marked: until it expires, 10 s later, whatever
// either of its ends sends is answered with a reset (Step::kBreak). A flow of another protocol is put into CLOSE, told, and a
// moment later removed, unless its client has begun anew in its place; its next packet is placed afresh.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/service_table.hpp"
#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {

// What is not given matches everything.
struct FlowFilter {
  std::optional<Prefix> client;
  std::optional<uint16_t> client_port;
  std::optional<Prefix> virtual_address;
  std::optional<uint16_t> virtual_port;  // a range that has it matches
  std::optional<uint8_t> protocol;
  std::string service;  // name
  std::string server;   // name
  std::optional<FlowState> state;
  bool operator==(const FlowFilter&) const = default;

  bool is_empty() const { return *this == FlowFilter{}; }
};

// One flow in words.
struct FlowRow {
  std::string service;  // empty: none in force
  std::string server;
  uint8_t protocol = 0;
  IpAddress client;
  uint16_t client_port = 0;
  std::optional<Front>
      front;  // where the client came to; none: of no service in force, or a template of several fronts
  std::optional<EndPoint> target;  // the server's address and port; port 0: the one the client came to
  std::optional<EndPoint> source;  // fullnat: what the server sees in place of the client
  FlowState state = FlowState::kNone;
  Duration idle{};
  Duration expires{};   // zero: at the next sweep
  bool learnt = false;  // told by a peer; no packet of it has been seen here
};

// "ESTABLISHED", in capitals or not.
std::optional<FlowState> flow_state_named(std::string_view name);

class FlowSearch {
 public:
  enum class Act : uint8_t { kList, kKill };
  // kKill ends at most this many in one search; complete() says whether that was all.
  static constexpr size_t kMostKilled = 65'536;

  FlowSearch(FlowTable& flows, ServiceTable& services, FlowFilter filter, Act act, size_t most_rows);

  // Looks at the next `slots` slots. True when the search has ended.
  bool step(TimePoint now, size_t slots);
  // The second step of kKill, a moment after the search ended: removes what no mark can end.
  void finish();

  uint64_t matched() const { return matched_; }
  // By FlowState, of those that matched.
  const std::array<uint64_t, kFlowStates>& by_state() const { return by_state_; }
  uint64_t killed() const { return killed_; }
  bool complete() const { return complete_; }
  const std::vector<FlowRow>& rows() const { return rows_; }
  const std::vector<Flow>& found() const { return found_; }  // of the rows

 private:
  bool matches(const Flow& flow) const;
  bool has_names(const Flow& flow) const;
  const Front* front_of(const Flow& flow) const;
  // Ended already.
  static bool is_over(const Flow& flow) { return (flow.flags() & TANDEM_FLOW_KILLED) != 0; }
  FlowRow row_of(const Flow& flow, uint32_t now_tick) const;
  void end(Flow flow, uint32_t now_tick);

  FlowTable& flows_;
  ServiceTable& services_;
  FlowFilter filter_;
  Act act_;
  size_t most_rows_;
  size_t next_ = 0;
  uint64_t matched_ = 0, killed_ = 0;
  std::array<uint64_t, kFlowStates> by_state_{};
  bool complete_ = true;
  std::vector<FlowRow> rows_;
  std::vector<Flow> found_;
  std::vector<Flow> ended_;  // that are still to be removed
  size_t ended_count_ = 0;
};

}  // namespace tandem::forwarding
