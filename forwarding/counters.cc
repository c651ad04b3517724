#include "forwarding/counters.hpp"

#include <memory>

namespace tandem::forwarding {

std::string_view name_of(Counter counter) {
  switch (counter) {
    case Counter::kFrames:
      return "frames";
    case Counter::kNotOurs:
      return "not_ours";
    case Counter::kToServer:
      return "to_server";
    case Counter::kToClient:
      return "to_client";
    case Counter::kNewFlows:
      return "new_flows";
    case Counter::kFastNewFlows:
      return "fast_new_flows";
    case Counter::kRescheduled:
      return "rescheduled";
    case Counter::kExpired:
      return "expired";
    case Counter::kExpiredTemplates:
      return "expired_templates";
    case Counter::kEndedByDown:
      return "ended_by_down";
    case Counter::kOrphaned:
      return "orphaned";
    case Counter::kNewTemplates:
      return "new_templates";
    case Counter::kEvicted:
      return "evicted";
    case Counter::kErrorsRelayed:
      return "icmp_errors_relayed";
    case Counter::kResets:
      return "resets_made";
    case Counter::kUnreachables:
      return "unreachables_made";
    case Counter::kTimeExceeded:
      return "time_exceeded_made";
    case Counter::kTooBigSaid:
      return "fragmentation_needed_made";
    case Counter::kPathMtuLearnt:
      return "path_mtu_learnt";
    case Counter::kSegmented:
      return "super_packets_segmented";
    case Counter::kFragmented:
      return "packets_fragmented";
    case Counter::kEndsNotBelieved:
      return "ends_not_believed";
    case Counter::kMssClamped:
      return "mss_clamped";
    case Counter::kFragmentsHeld:
      return "fragments_held";
    case Counter::kFragmentsGivenUp:
      return "fragments_given_up";
    case Counter::kDropBadLength:
      return "drop_bad_length";
    case Counter::kDropBadOffload:
      return "drop_bad_offload";
    case Counter::kDropBadChecksum:
      return "drop_bad_checksum";
    case Counter::kDropBadOptions:
      return "drop_bad_options";
    case Counter::kDropSpoofedSource:
      return "drop_spoofed_source";
    case Counter::kDropFragment:
      return "drop_fragment";
    case Counter::kDropFragmentDuplicate:
      return "drop_fragment_duplicate";
    case Counter::kDropFragmentNoRoom:
      return "drop_fragment_no_room";
    case Counter::kDropNotActive:
      return "drop_not_active";
    case Counter::kDropNoServer:
      return "drop_no_server";
    case Counter::kDropLimitConnections:
      return "drop_limit_connections";
    case Counter::kDropLimitRate:
      return "drop_limit_rate";
    case Counter::kDropLimitClientConnections:
      return "drop_limit_client_connections";
    case Counter::kDropLimitClientRate:
      return "drop_limit_client_rate";
    case Counter::kDropNoSource:
      return "drop_no_source_port";
    case Counter::kDropOutOfState:
      return "drop_out_of_state";
    case Counter::kDropAnswerWithoutFlow:
      return "drop_answer_without_flow";
    case Counter::kDropErrorWithoutFlow:
      return "drop_icmp_error_without_flow";
    case Counter::kDropKilled:
      return "drop_killed";
    case Counter::kDropServerDown:
      return "drop_server_down";
    case Counter::kDropTooBig:
      return "drop_too_big";
    case Counter::kDropTtl:
      return "drop_ttl";
    case Counter::kDropAnswerLimited:
      return "drop_answer_limited";
    case Counter::kDropNoRoom:
      return "drop_no_room";
    case Counter::kDropCannotSegment:
      return "drop_cannot_segment";
    case Counter::kCount:
      break;
  }
  return "unknown";
}

ServiceDrops::~ServiceDrops() {
  for (auto& row : rows_) delete row.load(std::memory_order_relaxed);
}

ServiceDrops::Row* ServiceDrops::make_row(uint16_t facet) {
  auto row = std::make_unique<Row>();
  rows_[facet].store(row.get(), std::memory_order_release);
  return row.release();
}

uint64_t ServiceDrops::of(uint16_t facet, Counter reason) const {
  const Row* row = facet < rows_.size() ? rows_[facet].load(std::memory_order_acquire) : nullptr;
  return row == nullptr ? 0 : (*row)[static_cast<size_t>(reason)].value();
}

Traffic::~Traffic() {
  for (auto& page : pages_) delete page.load(std::memory_order_relaxed);
}

Traffic::Page* Traffic::make_page(uint16_t server) {
  auto page = std::make_unique<Page>();
  pages_[server >> 8].store(page.get(), std::memory_order_release);
  return page.release();
}

ServerTraffic Traffic::of(uint16_t server) const {
  const Page* page = pages_[server >> 8].load(std::memory_order_acquire);
  if (page == nullptr) return {};
  const Entry& entry = (*page)[server & 0xff];
  return {entry.packets_in.value(), entry.bytes_in.value(), entry.packets_out.value(), entry.bytes_out.value()};
}

}  // namespace tandem::forwarding
