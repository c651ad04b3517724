// What the schedulers' files share: one maker each, how a copy is made, and IPVS's measure of a
// server's load.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "forwarding/scheduler.hpp"

namespace tandem::forwarding {

// A scheduler whose copy constructor makes the copy.
template <class Self>
class Copyable : public Scheduler {
 public:
  std::unique_ptr<Scheduler> copy() const final { return std::make_unique<Self>(static_cast<const Self&>(*this)); }
};

// One that keeps nothing.
template <class Self>
class Stateless : public Copyable<Self> {
 public:
  void changed(const ServerList&) final {}
  void removing(const ServerList&, size_t) final {}
};

inline int64_t active_of(const Server& server) {
  return server.active.load(std::memory_order_relaxed) + server.dealt.load(std::memory_order_relaxed);
}

// An active connection costs as much as 256 inactive ones (ip_vs_dest_conn_overhead).
inline int64_t overhead_of(const Server& server) {
  return active_of(server) * 256 + server.inactive.load(std::memory_order_relaxed);
}

// a / weight of `of_a` > b / weight of `of_b`, without dividing.
inline bool is_heavier(int64_t a, const Server& of_a, int64_t b, const Server& of_b) {
  return a * int64_t{of_b.weight} > b * int64_t{of_a.weight};
}

// The rule of wlc, which lblc and lblcr fall back on: the first with the least overhead for its weight.
Server* least_connected(const ServerList& servers);

// The rule by which lblc and lblcr leave a server: it has more active connections than its weight, while somebody has fewer
// than half of his.
bool is_overrun(const Server& server, const ServerList& servers);

std::unique_ptr<Scheduler> make_round_robin();
std::unique_ptr<Scheduler> make_weighted_round_robin();
std::unique_ptr<Scheduler> make_least_connection();
std::unique_ptr<Scheduler> make_weighted_least_connection();
std::unique_ptr<Scheduler> make_shortest_delay();
std::unique_ptr<Scheduler> make_never_queue();
std::unique_ptr<Scheduler> make_source_hash(const SchedulerSetting& setting);
std::unique_ptr<Scheduler> make_destination_hash();
std::unique_ptr<Scheduler> make_maglev(const SchedulerSetting& setting);
std::unique_ptr<Scheduler> make_locality(const SchedulerSetting& setting);
std::unique_ptr<Scheduler> make_locality_replicated(const SchedulerSetting& setting);
std::unique_ptr<Scheduler> make_failover();
std::unique_ptr<Scheduler> make_overflow();
std::unique_ptr<Scheduler> make_two_choices(uint64_t seed);
std::unique_ptr<Scheduler> make_least_latency();

// The sizes mh's table may have, smallest first: IPVS's ten (CONFIG_IP_VS_MH_TAB_INDEX 8-17) and 65537, Maglev's own.
std::span<const uint32_t> maglev_sizes();
// The slots of mh's table for `servers`, as it stands after the last settled(); for tests and for a published ring.
// REQUIRES: `scheduler` is an mh.
std::vector<Server*> maglev_slots(const Scheduler& scheduler);

}  // namespace tandem::forwarding
