// What happened, counted by reason. Every drop has a name. One worker writes, anybody may read.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "forwarding/flow_table.h"

namespace tandem::forwarding {

// A counter with one writer: no locked instruction, and no torn read elsewhere.
class Count {
 public:
  void add(uint64_t n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

enum class Counter : uint8_t {
  kFrames,
  kNotOurs,
  kToServer,
  kToClient,
  kNewFlows,
  kFastNewFlows,  // of them: placed by the fast path
  kRescheduled,   // a flow moved to another server in place
  kExpired,       // timed out
  kExpiredTemplates,
  kEndedByDown,    // flows marked to be reset, because their server went down
  kOrphaned,       // removed because its service or server is gone
  kNewTemplates,   // clients that got a server of their own by persistence
  kEvicted,        // pushed out by a new flow
  kErrorsRelayed,  // ICMP errors about a flow
  kResets,
  kUnreachables,
  kTimeExceeded,
  kTooBigSaid,     // ICMP fragmentation needed
  kPathMtuLearnt,  // by ICMP errors about a tunnel's outer header
  kSegmented,      // super-packets cut in pieces for a tunnel
  kFragmented,
  kEndsNotBelieved,   // RST and FIN outside of the window: forwarded, but the flow stays as it is
  kMssClamped,        // SYNs whose maximum segment size was made smaller
  kFragmentsHeld,     // parts of datagrams that came before the first one, and wait for it
  kFragmentsGivenUp,  // datagrams forgotten before all of their parts had come
  kDropBadLength,
  kDropBadOffload,
  kDropBadChecksum,        // of an IPv4 header or an ICMP error
  kDropBadOptions,         // malformed, or a source route; of IPv6: hop-by-hop options, or a chain of headers
  kDropSpoofedSource,      // a new flow from an address nobody can send from: ours, loopback, multicast, IPv4-mapped
  kDropFragment,           // overlaps another part, stands where none can, or has not the whole transport header
  kDropFragmentDuplicate,  // has been there already
  kDropFragmentNoRoom,     // too many wait for their first part
  kDropNotActive,          // a new flow, but this director does not own the VIP
  kDropNoServer,
  kDropLimitConnections,        // over a limit of its service
  kDropLimitRate,               // new connections a second
  kDropLimitClientConnections,  // the same of one client
  kDropLimitClientRate,
  kDropNoSource,           // fullnat: every port tried of the pool is taken, towards this server
  kDropOutOfState,         // TCP without a flow that must not be answered, or not yet
  kDropAnswerWithoutFlow,  // from a server, to nobody we know
  kDropErrorWithoutFlow,   // an ICMP error about a flow we do not know
  kDropKilled,             // of a flow that an operator ended
  kDropServerDown,         // of a flow whose server went down (action_on_down: reset)
  kDropTooBig,
  kDropTtl,
  kDropAnswerLimited,  // an answer that the rate limit or a rule of ICMP forbade
  kDropNoRoom,         // the arena was full
  kDropCannotSegment,  // a kind of super-packet that cannot be cut in pieces here
  kCount
};

// Stable, as metrics have it: "drop_no_server".
std::string_view name_of(Counter counter);

class Counters {
 public:
  void add(Counter counter, uint64_t n = 1) { counts_[static_cast<size_t>(counter)].add(n); }
  uint64_t value(Counter counter) const { return counts_[static_cast<size_t>(counter)].value(); }

 private:
  std::array<Count, static_cast<size_t>(Counter::kCount)> counts_;
};

// The drops of every service by reason, in rows made when first written. By the number of what the client came to.
class ServiceDrops {
 public:
  ServiceDrops() = default;
  ~ServiceDrops();
  ServiceDrops(const ServiceDrops&) = delete;
  ServiceDrops& operator=(const ServiceDrops&) = delete;

  // 0 is nobody's.
  void add(uint16_t facet, Counter reason) {
    if (facet == 0 || facet >= rows_.size()) return;
    Row* row = rows_[facet].load(std::memory_order_relaxed);
    if (row == nullptr) row = make_row(facet);
    (*row)[static_cast<size_t>(reason)].add(1);
  }
  uint64_t of(uint16_t facet, Counter reason) const;

 private:
  using Row = std::array<Count, static_cast<size_t>(Counter::kCount)>;
  Row* make_row(uint16_t facet);
  std::array<std::atomic<Row*>, TANDEM_SERVICE_SLOTS> rows_{};
};

// Of one server. Packets as they are on the wire, bytes of IP.
struct ServerTraffic {
  uint64_t packets_in = 0, bytes_in = 0;    // from clients
  uint64_t packets_out = 0, bytes_out = 0;  // to clients
  bool operator==(const ServerTraffic&) const = default;
  ServerTraffic& operator+=(const ServerTraffic& more) {
    packets_in += more.packets_in, bytes_in += more.bytes_in;
    packets_out += more.packets_out, bytes_out += more.bytes_out;
    return *this;
  }
};

// The traffic of every server slot, in pages made when first written.
class Traffic {
 public:
  Traffic() = default;
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  void add_in(uint16_t server, uint64_t packets, uint64_t bytes) {
    Entry& entry = at(server);
    entry.packets_in.add(packets), entry.bytes_in.add(bytes);
  }
  void add_out(uint16_t server, uint64_t packets, uint64_t bytes) {
    Entry& entry = at(server);
    entry.packets_out.add(packets), entry.bytes_out.add(bytes);
  }
  ServerTraffic of(uint16_t server) const;

 private:
  struct Entry {
    Count packets_in, bytes_in, packets_out, bytes_out;
  };
  using Page = std::array<Entry, 256>;
  Entry& at(uint16_t server) {
    Page* page = pages_[server >> 8].load(std::memory_order_relaxed);
    if (page == nullptr) page = make_page(server);
    return (*page)[server & 0xff];
  }
  Page* make_page(uint16_t server);

  std::array<std::atomic<Page*>, 256> pages_{};
};

}  // namespace tandem::forwarding
