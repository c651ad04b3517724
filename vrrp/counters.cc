#include "vrrp/counters.hpp"

namespace tandem::vrrp {

std::vector<NamedCount> named(const Counters& c) {
  const auto rejected = [&](AdvertError error) { return c.rejected_for(error); };
  std::vector<NamedCount> list{
      // RFC 6527, in the order of its table vrrpv3StatisticsTable and of the globals before it.
      {"active_transitions", c.active_transitions},
      {"new_active_reason", static_cast<uint64_t>(c.new_active_reason)},
      {"adverts_received", c.adverts_received},
      {"adverts_sent", c.adverts_sent},
      {"priority_zero_received", c.priority_zero_received},
      {"priority_zero_sent", c.priority_zero_sent},
      {"adv_interval_errors", c.adv_interval_errors},
      {"address_list_errors", c.address_list_errors},
      {"ip_ttl_errors", rejected(AdvertError::kTtl)},
      {"invalid_type_packets_received", rejected(AdvertError::kType)},
      {"packet_length_errors", rejected(AdvertError::kLength)},
      {"router_checksum_errors", rejected(AdvertError::kChecksum)},
      {"router_version_errors", rejected(AdvertError::kVersion)},
      // RFC 2787, version 2.
      {"invalid_auth_type", rejected(AdvertError::kAuthType)},
      {"auth_type_mismatch", rejected(AdvertError::kAuthMismatch)},
      {"auth_failures", rejected(AdvertError::kAuthFailure)},
      // Ours.
      {"adverts_rejected", c.adverts_rejected},
      {"message_only_checksums", c.message_only_checksums},
      {"pseudo_header_checksums", c.pseudo_header_checksums},
      {"ignored_in_fault", c.ignored_in_fault},
      {"clamped_intervals", c.clamped_intervals},
      {"repeated_releases", c.repeated_releases},
      {"assertions", c.assertions},
      {"deaf_intervals", c.deaf_intervals},
      {"late_wakeups", c.late_wakeups},
      {"addresses_restored", c.addresses_restored},
      {"address_conflicts", c.address_conflicts},
  };
  for (const auto& [source, count] : c.adverts_from) list.push_back({"adverts from " + source.text(), count});
  for (size_t i = 0; i < kAdvertErrors; ++i)
    list.push_back({"rejected: " + std::string(text(static_cast<AdvertError>(i))), c.rejected[i]});
  return list;
}

std::vector<NamedCount> named(const LegCounters& c, const std::string& leg) {
  const auto rejected = [&](AdvertError error) { return c.rejected[static_cast<size_t>(error)]; };
  std::vector<NamedCount> list{
      {"adverts_received", c.adverts_received},
      {"priority_zero_received", c.priority_zero_received},
      {"adv_interval_errors", c.adv_interval_errors},
      {"address_list_errors", c.address_list_errors},
      {"ip_ttl_errors", rejected(AdvertError::kTtl)},
      {"invalid_type_packets_received", rejected(AdvertError::kType)},
      {"packet_length_errors", rejected(AdvertError::kLength)},
      {"router_checksum_errors", rejected(AdvertError::kChecksum)},
      {"router_version_errors", rejected(AdvertError::kVersion)},
      {"adverts_rejected", c.adverts_rejected},
  };
  for (NamedCount& each : list) each.name = leg + ": " + each.name;
  return list;
}

}  // namespace tandem::vrrp
