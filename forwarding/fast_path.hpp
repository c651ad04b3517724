// The engine's side of the fast path (fast_path.h): what it lets the kernel's programs know, and what they tell back.
//
// Who may call what. The records of servers and fronts are written by whoever changes the service table, one at a time. Ways to
// clients are numbered by all workers (under a lock). Counts are read from any thread. The flows' copies have rules of their own
// (fast_flows.hpp).
//
// The memory is the kernel's maps, or, in a test, any. Without a fast path there is no FastPath, and nothing here is called.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <unordered_map>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/counters.hpp"
#include "forwarding/fast_flows.hpp"
#include "forwarding/fast_path.h"

namespace tandem::forwarding {

// An address as the shared records have it.
void put_fast_address(const IpAddress& address, uint8_t (&place)[16]);
IpAddress fast_address(const uint8_t (&bytes)[16]);

struct FastMemory {
  std::span<tandem_fast_bucket> flows;         // as many as the flow table has
  std::span<tandem_fast_tags> tags;            // half as many
  std::span<tandem_fast_sequences> sequences;  // as many
  std::span<tandem_fast_server> servers;       // TANDEM_FAST_SERVERS
  std::span<tandem_fast_front> fronts;         // TANDEM_SERVICE_SLOTS
  std::span<tandem_fast_hop> hops;             // TANDEM_FAST_HOPS
  std::span<const tandem_fast_count> counts;   // TANDEM_FAST_SERVERS for each processor
  std::span<tandem_fast_deck> decks;           // TANDEM_FAST_DECKS
  std::span<tandem_fast_picks> picks;          // of them
};

// By which interface and to whom a packet for a client leaves.
struct FastWay {
  uint32_t ifindex = 0;
  uint16_t mtu = 0;  // bytes of IP; 0: unknown
  MacAddress source, destination;
  bool operator==(const FastWay&) const = default;
};

class FastPath {
 public:
  // What a server is to the programs; nothing that only the engine does may be one.
  struct ServerRecord {
    bool translates = false;  // NAT; else direct routing
    uint8_t protocol = 0;     // kTcp or kUdp
    IpAddress address;
    uint16_t port = 0;
    FastWay way;
  };

  explicit FastPath(const FastMemory& memory);

  FastFlows& flows() { return flows_; }
  std::span<tandem_fast_sequences> sequences() const { return memory_.sequences; }

  void set_server(uint16_t server, const ServerRecord& record);
  void forget_server(uint16_t server);
  bool is_usable(uint16_t server) const {
    return server < memory_.servers.size() && memory_.servers[server].usable != 0;
  }
  struct FrontRecord {
    uint8_t protocol = 0;
    IpAddress address;
    uint16_t port = 0;
    uint16_t service = 0;  // its number; 0: its new connections are the engine's alone
    bool clamps = false;   // what SYNs say of segments
  };
  void set_front(uint16_t front, const FrontRecord& record);
  void forget_front(uint16_t front);

  // Whether the flow's copy has no way to its client that holds.
  bool wants_hop(size_t index, uint64_t key) const;
  // Remembers the way as the one to the client of this flow, if the flow still has a copy.
  void set_hop(size_t index, uint64_t key, const FastWay& way, TimePoint now);
  // Ways may have changed: every flow's is to be told anew. What comes of it costs every flow an answer by the engine, so where routes
  // change all the time it is done once a second: false says that it is still to be done, and this is to be called again.
  bool forget_hops(TimePoint now);

  // ---- picks that the programs take for new connections, of a service by its number; one writes at a time
  struct Dealt {
    uint32_t picks = 0, taken = 0;
  };
  // How many were dealt last, and how many of them are taken.
  Dealt dealt(uint16_t service) const;
  // Nothing is taken from now on. How it was with what was dealt last.
  Dealt take_back(uint16_t service);
  // REQUIRES: taken back before; at most TANDEM_FAST_PICKS.
  void deal(uint16_t service, std::span<const uint16_t> servers);

  // Of one server, all processors together; packets as on the wire, bytes of IP.
  ServerTraffic traffic(uint16_t server) const;
  // Frames, a super-packet being one.
  struct Frames {
    uint64_t to_servers = 0, to_clients = 0;
  };
  Frames frames() const;

 private:
  struct HashWay {
    size_t operator()(const FastWay& way) const;
  };
  uint16_t number_of(const FastWay& way, TimePoint now);
  static Dealt said_by(const tandem_fast_deck& deck, uint64_t taken);

  FastMemory memory_;
  FastFlows flows_;
  std::mutex hops_lock_;
  std::unordered_map<FastWay, uint16_t, HashWay> numbers_;  // of ways that hold
  uint16_t last_number_ = 0;
  TimePoint forgotten_{};    // ways
  TimePoint begun_again_{};  // with their numbers
};

}  // namespace tandem::forwarding
