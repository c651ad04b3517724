// Persistence: a client's later connections go where its first one went, whatever the scheduler would say.
//
// A *template* says so: a record in the flow table with the client's address masked, port 0, protocol 0 and state kTemplate. It
// names the service, so it holds for every address and port of it. It lives where flows live: it survives a restart of the
// room, peers are told of it as of any flow, and whoever takes over has it.
//
// Its life is IPVS's (ip_vs_sched_persist, ip_vs_conn_expire). Every new connection makes it last `timeout` from then on.
// When that is over it stays as long as any flow of the service from that client group lives, looked at about every minute
// (sweeper.hpp). A template is worthless when its server is dead or gone, and, unless the service says `keep_drained`, when its
// server is drained (IPVS: expire_quiescent_template); the client's next connection is then scheduled afresh. An upper
// threshold does not move persistent clients, as in IPVS.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/counters.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

// The client group of a template.
IpAddress group_of(const PersistenceSetting& setting, const IpAddress& client);

class Persistence {
 public:
  Persistence(FlowTable& flows, ServiceTable& services, Counters& counters)
      : flows_(flows), services_(services), counters_(counters) {}

  // The server a new connection of this client goes to by its template, or nullptr. The template then lasts again.
  // REQUIRES: the service is persistent.
  Server* recall(const Service& service, const IpAddress& client, TimePoint now);
  // The scheduler picked `server`: it becomes the template's. Another worker may have been quicker; then its server is
  // returned.
  Server* remember(const Service& service, const IpAddress& client, Server& server, TimePoint now);
  // What recall() would say; changes nothing.
  static std::optional<Flow> find(const FlowTable& flows, const Service& service, const IpAddress& client);
  static bool holds(const Service& service, const Server* server);

 private:
  Server* server_of(const Service& service, const Flow& found) const;
  void refresh(const Service& service, Flow found, TimePoint now);

  FlowTable& flows_;
  ServiceTable& services_;
  Counters& counters_;
};

}  // namespace tandem::forwarding
