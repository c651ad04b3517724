// mh: Maglev. Every server has its own order of preference over the slots of a table of prime size;
// the servers take slots in turns, each the first of its order that is still free, as many in a row
// as its weight (divided by the greatest common divisor) says. The hash of the client's address (with
// `port`: and port) then names a slot. When a server goes, its slots are dealt to the others and
// nearly all others stay where they are; boxes with the same servers have the same table.
//   Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, 3.4.
// Table and picks are those of Linux 6.1's ip_vs_mh, its fixed keys included.
//
// A server of weight 0: IPVS leaves it the slots of its last weight, so that its clients find no
// server, or with `fallback` are spread over the others. That is `keep_slots`. Without it its slots are
// dealt out as if it were not there; flows it has are in the flow table and stay.
#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <vector>

#include "daemon/base/assert.hpp"
#include "forwarding/flow_table.h"
#include "forwarding/schedulers/hashes.hpp"
#include "forwarding/schedulers/kinds.hpp"

namespace tandem::forwarding {
namespace {

constexpr uint64_t kFirstKey = 2654435761, kSecondKey = 2654446892;
constexpr std::array<uint32_t, 11> kSizes = {251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 65537, 131071};
constexpr uint32_t kStandardSize = 4093;  // CONFIG_IP_VS_MH_TAB_INDEX 12

// How many bits of a weight count: half of the kernel's table index, which is 8 for 251, 9 for 509, and so on.
constexpr unsigned weight_bits(uint32_t size) {
  return static_cast<unsigned>(std::bit_width(size - 2)) / 2;
}
static_assert(weight_bits(251) == 4 && weight_bits(509) == 4 && weight_bits(4093) == 6 && weight_bits(8191) == 6);
static_assert(weight_bits(65521) == 8 && weight_bits(65537) == 8 && weight_bits(131071) == 8);

class Maglev final : public Copyable<Maglev> {
 public:
  explicit Maglev(const SchedulerSetting& setting)
      : port_(setting.port),
        fallback_(setting.fallback),
        keep_slots_(setting.keep_slots),
        slots_(setting.table_size == 0 ? kStandardSize : setting.table_size, kNobody) {
    TANDEM_ASSERT(std::ranges::find(kSizes, slots_.size()) != kSizes.end());
  }

  void changed(const ServerList&) override {}
  void removing(const ServerList&, size_t) override {}

  void settled(const ServerList& servers) override {
    std::ranges::fill(slots_, kNobody);
    servers_ = servers;
    uint32_t divisor = 0, highest = 0;
    for (const Server* server : servers) {
      divisor = std::gcd(divisor, weight_of(*server));
      highest = std::max(highest, weight_of(*server));
    }
    // The kernel refuses the edit that brings more servers than slots and keeps its table; the configuration does not let
    // it come to that.
    if (divisor > 0 && servers.size() <= slots_.size()) populate(divisor, shift_of(highest / divisor));
  }

  Server* pick(const ServerList&, const NewFlow& flow) override {
    const uint32_t value = (port_ ? flow.client_port : 0u) + fold(flow.client);
    const uint32_t size = static_cast<uint32_t>(slots_.size());
    const uint32_t first = hsiphash_32(value, kFirstKey) % size;
    if (slots_[first] == kNobody) return nullptr;
    if (at(first)->takes_new_flows()) return at(first);
    if (!fallback_) return nullptr;
    for (uint32_t step = 0; step < size; ++step) {
      Server* server = at(hsiphash_32(value + (step + first) % size, kFirstKey) % size);
      if (server->takes_new_flows()) return server;
    }
    return nullptr;
  }

  std::vector<Server*> slots() const {
    std::vector<Server*> servers;
    for (uint32_t slot = 0; slot < slots_.size(); ++slot)
      servers.push_back(slots_[slot] == kNobody ? nullptr : at(slot));
    return servers;
  }

 private:
  // Two bytes a slot: the table is gone through in no order, and 128 KB of it stay in a cache.
  static constexpr uint16_t kNobody = 0xffff;
  static_assert(TANDEM_SERVER_SLOTS - 1 <= kNobody);  // so many servers there are at most

  // A server's way through the table.
  struct Preference {
    uint16_t server;  // its place in the list
    uint32_t next;    // the slot it wants next
    uint32_t skip;    // and how far on the one after that is
    uint32_t turns;   // slots it takes in a row
  };

  uint32_t weight_of(const Server& server) const { return keep_slots_ ? server.last_weight : server.weight; }
  unsigned shift_of(uint32_t highest_turns) const {
    const auto bits = static_cast<unsigned>(std::bit_width(highest_turns));
    const unsigned counted = weight_bits(static_cast<uint32_t>(slots_.size()));
    return bits > counted ? bits - counted : 0;
  }

  Server* at(uint32_t slot) const { return servers_[slots_[slot]]; }

  Preference preference_of(uint16_t place, uint32_t divisor, unsigned shift) const {
    const Server* server = servers_[place];
    const auto size = static_cast<uint32_t>(slots_.size());
    const uint32_t value = server->port + fold(server->address);
    const uint32_t weight = weight_of(*server);
    const uint32_t turns = (weight / divisor) >> shift;
    return {.server = place,
            .next = hsiphash_32(value, kFirstKey) % size,
            .skip = hsiphash_32(value, kSecondKey) % (size - 1) + 1,
            .turns = turns != 0 ? turns : (weight != 0 ? 1u : 0u)};
  }

  void populate(uint32_t divisor, unsigned shift) {
    std::vector<Preference> preferences;
    for (size_t place = 0; place < servers_.size(); ++place)
      if (weight_of(*servers_[place]) > 0)
        preferences.push_back(preference_of(static_cast<uint16_t>(place), divisor, shift));
    const auto size = static_cast<uint32_t>(slots_.size());
    for (uint32_t taken = 0; taken < size;) {
      for (Preference& wanted : preferences) {
        for (uint32_t turn = 0; turn < wanted.turns; ++turn) {
          while (slots_[wanted.next] != kNobody) {
            wanted.next += wanted.skip;
            if (wanted.next >= size) wanted.next -= size;
          }
          slots_[wanted.next] = wanted.server;
          if (++taken == size) return;
        }
      }
    }
  }

  bool port_, fallback_, keep_slots_;
  std::vector<uint16_t> slots_;
  ServerList servers_;  // as the table was made for
};

}  // namespace

std::span<const uint32_t> maglev_sizes() {
  return kSizes;
}

std::vector<Server*> maglev_slots(const Scheduler& scheduler) {
  return static_cast<const Maglev&>(scheduler).slots();
}

std::unique_ptr<Scheduler> make_maglev(const SchedulerSetting& setting) {
  return std::make_unique<Maglev>(setting);
}

}  // namespace tandem::forwarding
