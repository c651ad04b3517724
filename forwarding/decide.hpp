// Stage two, decide: what is to be done with a parsed packet. The single truth of forwarding: which
// service it is for, which flow it belongs to, where a new flow goes, what its TCP state becomes.
// It writes the flow table and the connection counts; it touches no byte of the packet.
//
// A packet is looked at in this order: an ICMP error about a flow; AH and ESP, which follow a flow's key exchange; a client's
// packet to a service; a server's answer, to an address of a fullnat pool or to a client. Anything else is not ours. decide.cc
// has what comes from clients, decide_answers.cc what comes back.
#pragma once

#include <cstdint>
#include <vector>

#include "daemon/base/time.hpp"
#include "forwarding/counters.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/packet.hpp"
#include "forwarding/persistence.hpp"
#include "forwarding/service_table.hpp"
#include "forwarding/witness.hpp"

namespace tandem::forwarding {

// After a service became active here, TCP that no flow knows is dropped silently for this long: the
// peer's record of it may be on its way, and a reset could not be taken back.
inline constexpr Duration kGrace = 5s;

// The key exchange of IPsec: IPVS lets AH and ESP follow its flow (ip_vs_proto_ah_esp.c).
inline constexpr uint16_t kIsakmp = 500;

enum class Step : uint8_t {
  kNotOurs,
  kDrop,
  kToServer,       // by the recipe of `server`
  kToLocal,        // to this box's own programs, as it came
  kToClient,       // a NAT answer
  kErrorToServer,  // an ICMP error about an answer
  kErrorToClient,  // an ICMP error about a client's packet that NAT rewrote
  kTunnelError,    // an ICMP error about our own outer header
  kReset,
  kBreak,  // a flow that was ended: its ends are reset
  kPortUnreachable,
};

struct Decision {
  Step step = Step::kNotOurs;
  Counter reason = Counter::kNotOurs;  // of kDrop
  uint16_t server = 0;                 // slot
  uint16_t facet = 0;                  // slot: what the client came to, where a server is named
  // Of fullnat: the source that the server sees, in what goes to it; the client, in what goes there.
  EndPoint end;
  FlowName answered;  // of kToClient: the flow
};
inline Decision drop(Counter reason, uint16_t facet = 0) {
  return {Step::kDrop, reason, 0, facet};
}

class Decider {
 public:
  Decider(FlowTable& flows, ServiceTable& services, Counters& counters);

  Decision decide(const Packet& packet, TimePoint now);

  // By its addresses the packet may be of a flow, or an error about one: what part of a datagram it is has to be looked at.
  bool may_be_ours(const Packet& packet) const;
  // What was decided for the first part of a datagram and holds for the others, unless its server went meanwhile.
  bool still_holds(const Decision& decision) const;

  // This client's packet can have gone into the tunnel that ends at `tunnel_end`: it belongs to a flow, or to a service without flows that
  // has a server there.
  bool can_have_sent(const Packet& packet, const IpAddress& tunnel_end) const;
  // Flows whose packets may take the fast path from now on, as they were when that was found; the caller empties it, once the packets
  // that came before are on their way.
  std::vector<Flow>& offers() { return offers_; }
  // What the fast path's programs have sent on and tell of: a packet of a flow, or of one that they have placed.
  void told(const tandem_fast_event& event, TimePoint now);
  // The number of the server whose answer this is, as it leaves for the client.
  std::optional<uint16_t> server_that_sent(const Packet& answer) const;

 private:
  Decision from_client(const Packet& packet, const Facet& facet, TimePoint now);
  std::optional<Decision> from_server(const Packet& packet, TimePoint now);
  Decision beside_isakmp(const Packet& packet, TimePoint now);
  // The server that has this address, where every packet is placed by itself; no flow knows what it sends to `client` and gets.
  const Server* server_of_one_packet(uint8_t protocol, const IpAddress& server, uint16_t port,
                                     const IpAddress& client) const;
  Decision from_pool(const Packet& packet, uint16_t number, TimePoint now);
  Decision to_client(const Packet& packet, Flow flow, TimePoint now);
  Decision about_flow(const Packet& packet);
  Decision known(const Packet& packet, const Facet& facet, Flow flow, Server& server, TimePoint now);
  bool is_spoofed(const Packet& packet) const;
  Decision unknown(const Packet& packet, const Facet& facet, Flow* former, TimePoint now);
  Server* choose(const Packet& packet, Service& service, TimePoint now);
  // Why another connection of this client would be one too many; nothing when it may be opened.
  std::optional<Counter> over_limit(const Packet& packet, Service& service, TimePoint now);
  // The flow weighs something else now, on its server and for its client.
  void weigh(Server& server, const Flow& flow, const IpAddress& client, Load from, Load to);
  // The flow's server is dead, and the service wants to do something about it.
  static bool is_lost(const Packet& packet, const Service& service, const Server& server, FlowsOnDown how);
  Decision place(const Packet& packet, const Facet& facet, Flow* former, TimePoint now);

  // What a NAT server sent, or would have sent: from `server` and its port to a client.
  struct Answer {
    uint8_t protocol = 0;
    IpAddress server;
    uint16_t server_port = 0;
    IpAddress client;
    uint16_t client_port = 0;
  };
  // The flow it is an answer of. `ours` says whether a NAT server of that address and port is in force at all.
  std::optional<Flow> find_answered(const Answer& answer, bool& ours) const;
  // What of a packet moves its flow.
  struct Seen {
    uint8_t protocol = 0;
    uint8_t tcp_flags = 0;
    uint8_t sctp_chunk = 0;
    bool from_client = true;
    TcpSegment segment;  // of TCP
  };
  static Seen seen_in(const Packet& packet, bool from_client);
  static Seen seen_in(const tandem_fast_event& event);
  bool is_believed(const Flow& flow, const Seen& seen);
  void take_up(const tandem_fast_event& event, TimePoint now);
  // A new connection has its place. `seen`: the packet that began it.
  void begin(const Flow& flow, Server& server, const IpAddress& client, const Seen& seen);
  // Of fullnat: the answer's client is the source with this number.
  std::optional<Flow> find_sourced(const Answer& answer, uint16_t number) const;
  // The other end of a fullnat flow, as its server sees it and as it is.
  std::optional<EndPoint> source_of(const Flow& flow) const;
  std::optional<EndPoint> client_of(const Flow& flow) const;
  // The decision with that end, where the server's method is fullnat.
  Decision with_end(Decision decision, const Server& server, const Packet& packet,
                    const std::optional<EndPoint>& end) const;
  void follow(Flow flow, Server& server, const Packet& packet, bool from_client, TimePoint now) {
    follow(flow, server, seen_in(packet, from_client), now);
  }
  void follow(Flow flow, Server& server, const Seen& seen, TimePoint now);
  void offer(const Flow& flow, const Server& server);
  // What the fast path's programs would do for the flow is all that is to be done.
  bool is_watched(const Flow& flow) const;
  bool may_go_fast(const Flow& flow, const Server& server) const;

  FlowTable& flows_;
  ServiceTable& services_;
  Counters& counters_;
  Persistence persistence_;
  Witness witness_;
  std::vector<Flow> offers_;
};

}  // namespace tandem::forwarding
