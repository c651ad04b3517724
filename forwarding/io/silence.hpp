// Silence: the kernel must neither answer nor forward what forwarding took.
//
// The engine's packet sockets are taps: they see a copy of a frame, and the kernel would go on with its own. A SYN to the
// VIP would be answered by a reset, because no local program listens; an answer of a NAT server would be forwarded to the
// client with the server's own address. So an nftables table `netdev tandem` drops exactly the engine's traffic at the
// ingress hook, which comes after the taps and before everything else of the kernel. It holds, for every configured
// service whether this box is active or not (a takeover then has no moment in which the kernel resets clients):
//   - what comes to a service's address and port;
//   - what comes from a NAT server's address and port and is not for this box itself. Answers to the director's own
//     health checks are for this box and pass;
//   - AH and ESP to the address of a service with UDP port 500 whose servers are behind dr or tun;
//   - TCP, UDP and SCTP to a source of fullnat, which has no programs of its own;
//   - ICMP errors about a packet sent to a NAT server, when they are not for this box: the engine translates those.
// Of a datagram in pieces the later parts go the way of the first, whose name is kept in a set for two seconds.
// Frames with a VLAN's tag pass: they come by again, untagged, on the VLAN's own interface.
// ICMP echo to the VIP passes, unless its services say otherwise: the kernel answers pings. So does everything else of
// ICMPv6: neighbours are the kernel's.
//
// The table outlives the process on purpose: a room that was killed and is started again within 100 ms finds its traffic
// still silenced, and replaces the table in one transaction. Only an orderly stop, or the cleaner, removes it. Whoever runs
// `nft flush ruleset` (a restart of nftables.service does) removes it too: RulesetWatch tells when to apply it again.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <memory>
#include <set>
#include <string>

#include "daemon/base/address.hpp"

namespace tandem::netlink {
class Nft;
}

namespace tandem::forwarding {

struct Endpoint {
  uint8_t protocol = 0;  // IPPROTO_TCP, IPPROTO_UDP
  IpAddress address;
  uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

struct EndpointRange {
  uint8_t protocol = 0;
  IpAddress address;
  uint16_t first_port = 0, last_port = 0;
  auto operator<=>(const EndpointRange&) const = default;
};

struct SilencedInterface {
  std::string name;
  int index = 0;  // another index under the same name is another interface, which has no filter yet
  auto operator<=>(const SilencedInterface&) const = default;
};

struct SilenceRules {
  std::set<SilencedInterface> interfaces;
  std::set<Endpoint> services;     // VIP and port
  std::set<Endpoint> nat_servers;  // RIP and port
  std::set<IpAddress> sources;     // fullnat's: for the engine alone
  std::set<IpAddress> isakmp;      // VIPs whose AH and ESP go where the client's key exchange went
  // The same for services and servers of many ports. May overlap.
  std::set<EndpointRange> service_ranges;
  std::set<EndpointRange> nat_server_ranges;
  std::set<IpAddress> deaf_to_ping;  // pings to these are dropped
  void add(const SilenceRules& more);
  // Where what is for the engine is sent to, and where it comes from.
  std::set<IpAddress> taken_to() const;
  std::set<IpAddress> taken_from() const;
  bool operator==(const SilenceRules&) const = default;
};

// The nft commands that make the table from whatever was there before, in one transaction.
std::string silence_table(const SilenceRules& rules);

// The nft commands that lead from `before` to `after` by adding and deleting elements; empty when nothing is to do.
// REQUIRES: equal interfaces.
std::string silence_changes(const SilenceRules& before, const SilenceRules& after);

class Silence {
 public:
  using Outcome = std::expected<void, std::string>;  // what nft said, for an Event

  Silence();
  ~Silence();
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

  // Brings the kernel to `rules`, by the difference when this object made the table and nobody else touched it, otherwise
  // by replacing the table. Atomic either way; on an error the kernel is as it was.
  Outcome apply(const SilenceRules& rules);

  // The kernel's table is no longer what apply() made of it: the next apply() replaces it.
  void distrust() { standing_.reset(); }

  // Removes the table; no error when there is none.
  Outcome remove();

  // For the cleaner after a crash: the same without having made it.
  static Outcome remove_leftovers();

 private:
  Outcome run(const std::string& commands);

  std::unique_ptr<netlink::Nft> nft_;
  std::unique_ptr<SilenceRules> standing_;
};

}  // namespace tandem::forwarding
