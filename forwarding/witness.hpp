// What real clients meet at the servers of a NAT service that asks for it (ServiceSetting::watched): connections that a
// server did not answer, and those that it reset before they stood. The checkers take a server down that fails too many.
//
// A new flow is open until the server's first answer has been seen, or its want was counted: TANDEM_FLOW_SETTLED. Then
// nothing that either end does can be counted any more, so each connection counts once at most, and a client that provokes
// resets of a server that had answered (a SYN with ACK into a half-open connection, RFC 9293, 3.10.7.3) provokes nothing here.
//
// Not answered: the client sends its SYN again a second later or more (the first retransmission's timeout, RFC 6298, 2.1),
// and the flow is still open. Two SYNs on each other's heels are no want of an answer. A flow that a peer told is left out: its answer
// may have passed the peer.
//
// Clients are told apart by a mark of 64, by the table's own hash, so that nobody can choose addresses of many or of few marks.
#pragma once

#include <cstdint>

#include "daemon/base/time.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/packet.hpp"
#include "forwarding/server.hpp"

namespace tandem::forwarding {

class Witness {
 public:
  explicit Witness(FlowTable& flows) : flows_(flows) {}

  // The client's SYN for a flow that is there. `flow` becomes what is in the table afterwards.
  void syn_again(const Packet& packet, Flow& flow, Server& server, TimePoint now);
  // The server's segment of a flow. REQUIRES: before the flow's state follows it.
  void answered(const Packet& packet, Flow& flow, Server& server);

 private:
  static bool is_open(const Flow& flow);
  bool settle(Flow& flow);
  uint64_t mark_of(const IpAddress& client) const;

  FlowTable& flows_;
};

}  // namespace tandem::forwarding
