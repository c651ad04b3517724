// Limits on new connections: of a service in all, and of each of its clients; how many there may be at a time, and how many may
// begin in a second.
//
// Who is over a limit is not answered: a client's stack tries again after a second or more (RFC 6298, 2.1), by when there may be
// room, and a flood costs no answers. What is refused counts nowhere else, so a client over its own limit takes nothing of
// the service's.
//
// A client is its address, cut to the bits the service says. What is known of a client stands in a table that does not grow: where four
// places are all taken by clients with connections, a further client is not limited (counted), because who floods from many
// addresses must not lock out all others. The service's own limits, the flow table's bound and its order of eviction hold for
// those.
//
// Connections of clients are counted where flows change, and counted afresh by every sweep (server.hpp tells how), which also finds
// those that a peer told.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/server.hpp"

namespace tandem::forwarding {

// 0: no limit.
struct LimitSetting {
  uint32_t connections = 0;         // at a time
  uint32_t per_second = 0;          // new ones
  uint32_t client_connections = 0;  // the same for each client
  uint32_t client_per_second = 0;
  uint8_t ipv4_prefix = 32;  // clients that share so many bits are one
  uint8_t ipv6_prefix = 64;
  bool of_clients() const { return client_connections != 0 || client_per_second != 0; }
  bool operator==(const LimitSetting&) const = default;
};

// So many a second, with a second's worth at once after a pause (the generic cell rate algorithm, ITU-T I.371: one number is
// remembered, when the next one would come if they came evenly).
class Pace {
 public:
  bool may(uint32_t per_second, TimePoint now) const { return next_ - now.time_since_epoch() <= burst(per_second); }
  void take(uint32_t per_second, TimePoint now) {
    next_ = std::max(next_, Duration(now.time_since_epoch())) + Duration(1s) / per_second;
  }

 private:
  static Duration burst(uint32_t per_second) { return Duration(1s) - Duration(1s) / per_second; }
  Duration next_{};
};

class ClientLimits {
 public:
  static constexpr size_t kSets = 16384;
  static constexpr size_t kWays = 4;

  enum class Verdict : uint8_t { kTaken, kTooMany, kTooFast };

  // `seed`: of the flow table, so that nobody can choose addresses that share places.
  explicit ClientLimits(uint64_t seed) : seed_(seed) {}

  // Whether the client may open another connection; then its pace has taken it. REQUIRES: setting.of_clients().
  Verdict open(uint16_t service, const LimitSetting& setting, const IpAddress& client, TimePoint now);
  // The flow in slot `index` of the table is one connection more, or one less, of its client.
  void change(uint16_t service, const LimitSetting& setting, const IpAddress& client, size_t index, int by);

  // The sweep: a connection met, everything below `index` done, and the end of a pass.
  void met(uint16_t service, const LimitSetting& setting, const IpAddress& client);
  void swept_below(size_t index) { swept_.store(index, std::memory_order_relaxed); }
  void end_pass();

  // Clients that found no place since the beginning; they were not limited.
  uint64_t without_place() const { return without_place_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    uint64_t tag = 0;  // of service and client; 0: free
    int32_t open = 0;
    int32_t fresh = 0;  // of the sweep under way
    Pace pace;
    int64_t last_ns = 0;  // when it was last asked for
  };
  struct Set {
    SpinLock lock;
    Entry entries[kWays];
  };
  uint64_t tag_of(uint16_t service, const LimitSetting& setting, const IpAddress& client) const;
  Set& set_of(uint64_t tag) { return sets_[tag % kSets]; }
  static Entry* find(Set& set, uint64_t tag);
  // The client's entry, or one made of a client without connections; nullptr when there is none.
  Entry* take(Set& set, uint64_t tag, int64_t now_ns);
  void make_room();

  uint64_t seed_;
  std::unique_ptr<Set[]> sets_;  // made when a service first limits its clients
  std::atomic<bool> made_ = false;
  SpinLock making_;
  std::atomic<size_t> swept_ = 0;
  std::atomic<uint64_t> without_place_ = 0;
};

}  // namespace tandem::forwarding
