// The services and their servers as they are in force, and what follows from them: the numbers
// flows name them by, the recipes, the connection counts the schedulers look at.
//
// Who may call what. Changes (apply, set_*) are made while no worker is inside of
// Engine::handle() or expire(): the shell holds a std::shared_mutex, shared around a batch of
// packets, exclusive around a change. Everything a worker calls is safe among workers: counts are
// atomic, a scheduler is asked under its service's lock.
//
// The settings say what is wanted in full; apply() computes the difference, so a service that did
// not change keeps its scheduler's position, and a server that did not change keeps its flows.
//
// The scheduler knows the servers in rotation, the last of the configuration first. That is IPVS's order for a service made of
// a file. IPVS puts a server that is added or comes back at the head, so that two directors with one file and different pasts
// have different orders; here the order is the file's, always, and two directors deal alike.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"
#include "forwarding/endpoint_map.hpp"
#include "forwarding/fast_path.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/limits.hpp"
#include "forwarding/numbering.hpp"
#include "forwarding/packet.hpp"
#include "forwarding/scheduler.hpp"
#include "forwarding/server.hpp"
#include "forwarding/sources.hpp"
#include "forwarding/tcp_state.hpp"

namespace tandem::forwarding {

enum class NoServerPolicy : uint8_t {
  kReject,  // TCP reset, ICMP port unreachable
  kDrop,
};

// When the kernel may answer pings to the service's addresses.
enum class Ping : uint8_t { kUnsaid, kAlways, kUp, kNever };

// What becomes of TCP in the midst of a connection that no flow is known of.
enum class OutOfState : uint8_t {
  kReset,  // not in the first seconds after a takeover
  kDrop,
  kAccept,  // goes to a server as if it were new: IPVS's sloppy_tcp
};

// What becomes of the TCP connections of a server that is known to be dead. UDP leaves it in any case.
enum class FlowsOnDown : uint8_t {
  kKeep,      // they go on to it
  kReset,     // both ends are reset with the next segment, also when the server has come back meanwhile
  kReselect,  // the client's next segment goes to another server
};

struct ServerSetting {
  std::string name;  // at most 63 bytes
  IpAddress address;
  uint16_t port = 0;    // 0: the one the client came to; always so with a range
  uint32_t weight = 1;  // the one in force: 0 takes no new flows
  bool up = true;       // false: known to be dead, so UDP flows leave it
  bool in_rotation = true;
  uint32_t upper = 0;                        // connections from which on it takes no new ones; 0: no limit
  uint32_t lower = 0;                        // connections below which it takes them again; 0: three quarters of upper
  std::optional<tandem_method> method = {};  // none: the service's
  TunnelSetting tunnel = {};
  ServerStanding standing() const { return {.weight = weight, .up = up, .in_rotation = in_rotation}; }
  bool operator==(const ServerSetting&) const = default;
};

// Persistence; a timeout of zero: none.
struct PersistenceSetting {
  Duration timeout{};        // since the last new connection; at most 31 days
  uint8_t ipv4_prefix = 32;  // clients that share so many bits are one
  uint8_t ipv6_prefix = 128;
  bool keep_drained = false;  // a drained server gets the new connections of its clients
  bool operator==(const PersistenceSetting&) const = default;
};

// Where clients come to: an address, and a port or a range of them.
struct Front {
  IpAddress address;
  uint16_t first_port = 0, last_port = 0;
  bool has(uint16_t port) const { return port >= first_port && port <= last_port; }
  bool is_range() const { return first_port != last_port; }
  auto operator<=>(const Front&) const = default;
};

struct ServiceSetting {
  std::string name;  // at most 63 bytes
  IpAddress vip;
  uint16_t port = 0;
  uint16_t last_port = 0;             // of a range; 0: `port` alone
  std::vector<Front> other_fronts;    // further addresses and ports of the same service
  uint8_t protocol = kTcp;            // kTcp, kUdp or kSctp
  tandem_method method = TANDEM_NAT;  // of the servers that have none of their own
  SchedulerSetting scheduler;
  NoServerPolicy no_server = NoServerPolicy::kReject;
  PersistenceSetting persistence;
  FlowsOnDown flows_on_down = FlowsOnDown::kKeep;
  std::vector<IpAddress> source_pool;  // of servers behind TANDEM_FULLNAT: this director's own, as long as it is active
  bool one_packet = false;  // UDP: every packet is placed by itself, and no flow is kept. With NAT servers: one front
  OutOfState out_of_state = OutOfState::kReset;
  Timeouts timeouts;
  LimitSetting limits;
  Ping ping = Ping::kUnsaid;
  uint16_t clamp_mss = 0;  // the most that SYNs may say; 0: they stay as they are
  bool watched = false;    // what clients meet is counted: witness.hpp. NAT and TCP alone
  bool active = false;     // this director owns the VIP: new flows are taken here
  std::vector<ServerSetting> servers;
  // The first is the one the service is known by: another one is another service.
  std::vector<Front> fronts() const;
  tandem_method method_of(const ServerSetting& server) const { return server.method.value_or(method); }
  bool is_persistent() const { return persistence.timeout != Duration::zero(); }
  bool operator==(const ServiceSetting&) const = default;
};

// How a server is reached from here; the shell learns it from the kernel's routes and neighbours.
struct NextHop {
  uint32_t ifindex = 0;
  MacAddress source_mac;
  MacAddress destination_mac;
  uint16_t mtu = 0;         // bytes of IP; 0: unknown, never too big
  IpAddress tunnel_source;  // the outer source of a TUN server: this director's address there
  bool operator==(const NextHop&) const = default;
};

struct Service {
  uint16_t slot = 0;             // of its first front
  std::vector<uint16_t> facets;  // the numbers of its fronts, the first one's included
  ServiceSetting setting;
  TimePoint active_since{};
  SpinLock lock;  // over the scheduler and the pace
  Pace pace;      // of new connections, where they are limited
  std::unique_ptr<Scheduler> scheduler;
  ServerList servers;                 // the last of the configuration first
  std::vector<uint16_t> pool, pool6;  // numbers of its source addresses
  ServerList rotation;                // those of them in rotation, in the same order: what the scheduler knows
  uint64_t edits = 0;                 // whatever was picked in advance before the last of them is void

  const std::vector<uint16_t>& pool_for(const IpAddress& client) const { return client.is_v4() ? pool : pool6; }
};

// A front in force: what a packet is for. Flows name it by its number, so that one client port may have a flow to each.
struct Facet {
  uint16_t slot = 0;
  Front front;
  Service* service = nullptr;  // nullptr: no such number in force
};

// What apply() did, for the shell's next-hop and filter work and for the event that says so.
struct TableChanges {
  std::vector<uint16_t> servers_added;    // slots
  std::vector<uint16_t> servers_removed;  // slots
  std::vector<std::string> services_added;
  std::vector<std::string> services_removed;
  std::vector<std::string> services_changed;
  std::vector<std::string> refused;  // no slot left, or the name is too long: "service" or
                                     // "service/server"; or no number for a source: its address
};

class ServiceTable {
 public:
  // Takes up the numbers and recipes an earlier process left in the table. No service is in force
  // until apply().
  explicit ServiceTable(FlowTable& flows);
  ~ServiceTable();
  ServiceTable(const ServiceTable&) = delete;
  ServiceTable& operator=(const ServiceTable&) = delete;

  // ---- changes
  // REQUIRES: names unique, (protocol, vip, port) unique. `active` of the settings is taken over.
  TableChanges apply(const std::vector<ServiceSetting>& settings, TimePoint now);
  // False when there is no such service or server.
  bool set_weight(std::string_view service, std::string_view server, uint32_t weight);
  bool set_up(std::string_view service, std::string_view server, bool up);
  bool set_standing(std::string_view service, std::string_view server, const ServerStanding& standing);
  // A check of the server succeeded and took so long.
  bool hear_latency(std::string_view service, std::string_view server, uint32_t us);
  bool set_active(std::string_view service, bool active, TimePoint now);
  // In one step, for the fast path takes the way as soon as it is told.
  void set_next_hop(uint16_t server_slot, const NextHop& hop, bool neighbour_known = true);
  // This director's own addresses: what a server sends them (answers to health checks) is the
  // kernel's.
  void set_own_addresses(std::vector<IpAddress> addresses);

  // What the fast path is to know of servers and fronts is told to it from now on; nullptr: there is none.
  void use_fast_path(FastPath* fast);

  // ---- lookups
  const Facet* find(uint8_t protocol, const IpAddress& vip, uint16_t port) const {
    const uint32_t found = by_vip_.find(endpoint_key(protocol, vip, port));
    if (found != 0 && (vip.is_v4() || facets_[found].front.address == vip)) return &facets_[found];
    return range_lists_.size() > 1 ? find_in_ranges(protocol, vip, port) : nullptr;
  }
  Service* find(std::string_view name) const;
  // The first NAT server with this address and port; others follow by Server::next_same_endpoint. Port 0: the first that
  // has the port its clients came to.
  Server* find_server(uint8_t protocol, const IpAddress& address, uint16_t port) const {
    const uint32_t found = by_server_.find(endpoint_key(protocol, address, port));
    if (found == 0 || (!address.is_v4() && servers_[found]->address != address)) return nullptr;
    return servers_[found].get();
  }
  // The first TUN server with this address, whatever its tunnel's type; others follow.
  Server* find_tunnel(const IpAddress& address) const { return find_server(kIpInIp, address, 0); }
  // Some service of this protocol has this address.
  bool is_vip(uint8_t protocol, const IpAddress& address) const {
    return vips_.find(endpoint_key(protocol, address, 0)) != 0;
  }
  // Some NAT server of this protocol has this address.
  bool is_nat_server(uint8_t protocol, const IpAddress& address) const {
    return nat_servers_.find(endpoint_key(protocol, address, 0)) != 0;
  }
  bool is_own(const IpAddress& address) const;
  // By number; nullptr when nothing in force has it.
  Service* service(uint16_t slot) const { return slot < facets_.size() ? facets_[slot].service : nullptr; }
  const Facet* facet(uint16_t slot) const {
    return slot < facets_.size() && facets_[slot].service != nullptr ? &facets_[slot] : nullptr;
  }
  bool has_servers_of_any_port() const { return has_servers_of_any_port_; }
  Server* server(uint16_t slot) const { return slot < servers_.size() ? servers_[slot].get() : nullptr; }
  // Slot numbers by name, 0 when there is none: how the peer's records find their place.
  uint16_t service_slot(std::string_view service) const;
  uint16_t server_slot(std::string_view service, std::string_view server) const;
  bool applied() const { return applied_; }
  // Servers in force, by slot.
  std::vector<const Server*> all_servers() const;
  std::vector<const Service*> all_services() const;
  const tandem_recipe& recipe(uint16_t server_slot) const { return recipes_[server_slot]; }

  // Packets to and from this server may take the fast path.
  bool goes_fast(uint16_t server_slot) const { return fast_ != nullptr && fast_->is_usable(server_slot); }

  Sources& sources() { return sources_; }
  const Sources& sources() const { return sources_; }
  Numbering& numbering() { return numbering_; }
  FlowCounts& counts() { return counts_; }
  ClientLimits& client_limits() { return client_limits_; }

 private:
  void apply_service(Service& service, const ServiceSetting& wanted, TimePoint now, TableChanges& changes);
  void add_server(Service& service, const ServerSetting& wanted, TableChanges& changes);
  void in_order_of(const ServiceSetting& wanted, Service& service);
  // True when the scheduler was told of it.
  bool take_standing(Service& service, Server& server, const ServerStanding& standing);
  void leave_rotation(Service& service, Server& server);
  void join_rotation(Service& service, Server& server);
  void remove_server(Service& service, size_t index, TableChanges& changes);
  void remove_service(Service& service, TableChanges& changes);
  void write_recipe(const Service& service, const Server& server);
  void tell_fast_path(const Server& server);
  void tell_fast_path(const Facet& facet);
  // What was picked in advance holds no longer.
  void edited(Service& service);
  void index_again();

  uint64_t seed_of(uint16_t service_slot) const;

  uint64_t seed_;
  bool applied_ = false;
  std::span<tandem_recipe, TANDEM_SERVER_SLOTS> recipes_;
  Numbering numbering_;
  Sources sources_;
  FlowCounts counts_;
  ClientLimits client_limits_;
  const Facet* find_in_ranges(uint8_t protocol, const IpAddress& vip, uint16_t port) const;
  void take_fronts(Service& service, TableChanges& changes);
  void take_pools(TableChanges& changes);

  std::vector<std::unique_ptr<Service>> services_;  // by slot
  std::vector<Facet> facets_;                       // by slot
  std::vector<std::unique_ptr<Server>> servers_;    // by slot
  std::unordered_map<std::string, uint16_t> by_name_;
  EndpointMap by_vip_;
  EndpointMap by_server_;
  EndpointMap nat_servers_;                      // by address alone
  EndpointMap vips_;                             // to a list of ranges, by its place; list 0 is empty
  std::vector<std::vector<Facet>> range_lists_;  // each of one address, narrow ranges first
  bool has_servers_of_any_port_ = false;
  std::vector<IpAddress> own_addresses_;  // sorted
  FastPath* fast_ = nullptr;
  uint64_t edits_ = 0;
};

}  // namespace tandem::forwarding
