// What a virtual router counts. Names follow RFC 6527 (VRRPV3-MIB), with "master" said as "active".
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "vrrp/packet.hpp"

namespace tandem::vrrp {

// RFC 6527, vrrpv3StatisticsNewMasterReason.
enum class NewActiveReason : uint8_t { kNotActive, kPriority, kPreempted, kActiveNoResponse };

// A link has a handful of routers; more is somebody making them up.
inline constexpr size_t kMostSources = 16;

struct Counters {
  uint64_t active_transitions = 0;  // vrrpv3StatisticsMasterTransitions
  NewActiveReason new_active_reason = NewActiveReason::kNotActive;
  uint64_t adverts_received = 0;                   // vrrpv3StatisticsRcvdAdvertisements: valid ones
  uint64_t adverts_sent = 0;                       // with priority 0 among them
  uint64_t priority_zero_received = 0;             // vrrpv3StatisticsRcvdPriZeroPackets
  uint64_t priority_zero_sent = 0;                 // vrrpv3StatisticsSentPriZeroPackets
  uint64_t adv_interval_errors = 0;                // vrrpv3StatisticsAdvIntervalErrors: differs from ours, or 0
  uint64_t address_list_errors = 0;                // vrrpv3StatisticsAddressListErrors: differs from ours, or empty
  uint64_t adverts_rejected = 0;                   // all of the next
  std::array<uint64_t, kAdvertErrors> rejected{};  // by AdvertError; ...IpTtlErrors, ...PacketLengthErrors and kin
  // Beyond the MIB.
  uint64_t message_only_checksums = 0;         // received adverts with RFC 9568's checksum
  uint64_t pseudo_header_checksums = 0;        // and with RFC 5798's
  uint64_t ignored_in_fault = 0;               // valid, but the router could not act on them
  uint64_t clamped_intervals = 0;              // learned intervals beyond three times our own
  uint64_t repeated_releases = 0;              // priority 0 while the skew timer already ran
  uint64_t assertions = 0;                     // adverts sent because another active was heard and lost
  uint64_t deaf_intervals = 0;                 // down intervals in which a peer said elsewhere that it is active
  uint64_t late_wakeups = 0;                   // the process slept through its own deadline
  uint64_t addresses_restored = 0;             // put back after somebody took them away
  uint64_t address_conflicts = 0;              // another station said that it has one of our addresses
  std::map<IpAddress, uint64_t> adverts_from;  // valid ones by source; of the first kMostSources

  uint64_t rejected_for(AdvertError error) const { return rejected[static_cast<size_t>(error)]; }
};

// What differs between the virtual routers (a VRID of one family) of one election; what is sent is sent on all of them.
struct LegCounters {
  uint64_t adverts_received = 0;
  uint64_t priority_zero_received = 0;
  uint64_t adv_interval_errors = 0;
  uint64_t address_list_errors = 0;
  uint64_t adverts_rejected = 0;
  std::array<uint64_t, kAdvertErrors> rejected{};
};

struct NamedCount {
  std::string name;
  uint64_t value = 0;
};

// Every counter with its name, in a fixed order: RFC 6527's first, ours after them, the refusals by reason at the end.
std::vector<NamedCount> named(const Counters& counters);
// The same of one of several legs, RFC 6527's alone: "ipv6: adverts_received".
std::vector<NamedCount> named(const LegCounters& counters, const std::string& leg);

}  // namespace tandem::vrrp
