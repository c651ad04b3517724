// Sources of fullnat: which address of the pool and which port the server sees instead of the client, and how an answer to them
// finds its flow.
//
// A source is given to a flow, not to a client: a port of a pool's address serves as many flows at once as there are servers,
// because what must be unique is the whole of (protocol, source, server). Ports are 1024 - 65535. The first one tried is the
// client's own, then kMostTries others in an order that follows from the client: the same on every try, never a walk through
// a full pool. When all of them are taken the pool counts as exhausted, for this client.
//
// Who owns what. Flows and sources live in the mapping (flow_table.h), so they outlive the process, and the peer is told of
// them; addresses are known by numbers that stay with them. This is a view, like FlowTable: copies are views of the same.
// allocate() and claim() may be called by any thread; take_pools() as changes of the service table.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "daemon/base/address.hpp"
#include "forwarding/flow_table.hpp"

namespace tandem::forwarding {

struct EndPoint {
  IpAddress address;
  uint16_t port = 0;
  bool operator==(const EndPoint&) const = default;
};

class Sources {
 public:
  static constexpr uint16_t kFirstPort = 1024;
  static constexpr uint32_t kPorts = 65536 - kFirstPort;
  static constexpr unsigned kMostTries = 256;

  explicit Sources(FlowTable& flows) : flows_(flows) {}

  // ---- addresses
  // These are in force, and no others. Those for which no number is left are returned.
  std::vector<IpAddress> take_pools(std::span<const IpAddress> addresses);
  // 0: of no pool in force.
  uint16_t number_of(const IpAddress& address) const;

  // ---- flows
  // Gives the flow a source out of the addresses with these numbers; its client is `client`. False: exhausted.
  // REQUIRES: the flow stands in the table, with its server.
  bool allocate(const Flow& flow, std::span<const uint16_t> pool, const EndPoint& client);
  // Gives it this very one, which a peer told. False: the address is of no pool in force, or another flow has it.
  bool claim(const Flow& flow, const EndPoint& source);
  // Takes the source away, of a flow that is moved to a server without.
  void drop(const Flow& flow);
  // The flow's source, while its address is of a pool in force.
  std::optional<EndPoint> of(const Flow& flow) const;
  // The flow that has this source and goes to this server.
  std::optional<Flow> find(uint8_t protocol, const EndPoint& server, uint16_t number, uint16_t port) const;

 private:
  // What a way back leads over.
  struct Way {
    uint8_t protocol = 0;
    EndPoint server;
    uint32_t source = 0;  // as in the table
    bool operator==(const Way&) const = default;
  };
  uint64_t hash_of(const Way& way) const;
  Way way_of(const Flow& flow, uint32_t source) const;
  // What stands in the section "ways back": the slot's index, and above it as much of the hash as there is room for.
  unsigned index_bits() const { return static_cast<unsigned>(std::bit_width(flows_.slots() - 1)); }
  uint32_t record_of(uint64_t hash, size_t index) const;
  size_t index_in(uint32_t record) const;
  // Whether the record leads to a flow that has such a way.
  bool counts(uint32_t record) const;
  std::optional<Flow> find_by(const Way& way, uint64_t hash) const;
  bool put(const Flow& flow, uint32_t source);
  bool put_record(size_t bucket, uint32_t record);

  FlowTable& flows_;
};

}  // namespace tandem::forwarding
