// A fast path without a kernel, for tests: what its programs would read is plain memory here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "forwarding/fast_path.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding::testing {

struct FastVectors {
  explicit FastVectors(uint32_t buckets, size_t processors = 1)
      : flows(buckets), tags(buckets / 2), sequences(buckets), counts(processors * TANDEM_FAST_SERVERS) {}

  FastMemory memory() {
    return {.flows = flows,
            .tags = tags,
            .sequences = sequences,
            .servers = servers,
            .fronts = fronts,
            .hops = hops,
            .counts = counts,
            .decks = decks,
            .picks = picks};
  }
  tandem_fast_flow& flow(size_t index) { return flows[index / TANDEM_BUCKET_FLOWS].flows[index % TANDEM_BUCKET_FLOWS]; }
  tandem_sequences& sequences_of(size_t index) {
    return sequences[index / TANDEM_BUCKET_FLOWS].flows[index % TANDEM_BUCKET_FLOWS];
  }

  std::vector<tandem_fast_bucket> flows;
  std::vector<tandem_fast_tags> tags;
  std::vector<tandem_fast_sequences> sequences;
  std::vector<tandem_fast_server> servers = std::vector<tandem_fast_server>(TANDEM_FAST_SERVERS);
  std::vector<tandem_fast_front> fronts = std::vector<tandem_fast_front>(TANDEM_SERVICE_SLOTS);
  std::vector<tandem_fast_hop> hops = std::vector<tandem_fast_hop>(TANDEM_FAST_HOPS);
  std::vector<tandem_fast_count> counts;
  std::vector<tandem_fast_deck> decks = std::vector<tandem_fast_deck>(TANDEM_FAST_DECKS);
  std::vector<tandem_fast_picks> picks = std::vector<tandem_fast_picks>(TANDEM_FAST_DECKS * 2 * TANDEM_FAST_PICKS / 4);
};

// A director that has a fast path.
struct FastDirector : Director {
  explicit FastDirector(uint32_t buckets = 64) : Director(buckets), vectors(buckets), fast(vectors.memory()) {
    flows.use_fast_path(fast.flows(), fast.sequences());
    services.use_fast_path(&fast);
  }

  // The service's servers are found where they are.
  void know_the_ways_to(const std::string& service) {
    for (const Server* each : services.find(service)->servers)
      services.set_next_hop(each->slot, {.ifindex = 3,
                                         .source_mac = {{2, 0, 0, 0, 0, 1}},
                                         .destination_mac = {{2, 0, 0, 0, 0, 2}},
                                         .mtu = 1500,
                                         .tunnel_source = ip("10.0.0.254")});
  }
  // What a worker does behind a batch, and with a batch of one packet.
  void offer_flows() {
    for (const Flow& flow : engine.offers()) flows.offer(flow);
    engine.offers().clear();
  }
  void handle(const PacketBuilder& builder) {
    send(builder);
    offer_flows();
  }
  std::optional<Flow> flow_of(uint8_t protocol, std::string_view client, uint16_t port,
                              std::string_view service) const {
    return flows.find(protocol, any_ip(client), port, services.service_slot(service));
  }
  // Whether packets of this client's flow would go on in the kernel.
  bool is_fast(uint8_t protocol, std::string_view client, uint16_t port, std::string_view service) {
    const auto flow = flow_of(protocol, client, port, service);
    return flow && fast.flows().has(flow->index, flow->key) &&
           fast.is_usable(vectors.flow(flow->index).server & static_cast<uint16_t>(~TANDEM_FAST_TELL));
  }
  // Whether the engine is told of each of them. REQUIRES: is_fast().
  bool is_told(uint8_t protocol, std::string_view client, uint16_t port, std::string_view service) {
    return (vectors.flow(flow_of(protocol, client, port, service).value().index).server & TANDEM_FAST_TELL) != 0;
  }

  FastVectors vectors;
  FastPath fast;
};

}  // namespace tandem::forwarding::testing
