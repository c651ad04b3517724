// What a tap hands up, and which of several workers gets it: two classic BPF programs, made of the addresses in force.
//
// The tap copies every frame that the program wants, before anybody else sees it. So it wants only what the engine may take:
// frames to the services' addresses, frames of NAT servers that are not for this director itself (answers to its health checks
// are), and ICMP. What is for the engine beyond the addresses (ports, protocols) the engine finds out.
//
// Among several workers a frame goes by its client's address alone: the source on the way to a service, the destination on the
// way back. So both directions of a connection, behind NAT too, and all fragments of a datagram meet one worker, and stay in
// order. Clients behind one address share a worker.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <set>
#include <vector>

#include "daemon/base/address.hpp"

namespace tandem::forwarding {

struct TapAddresses {
  std::set<IpAddress> services;  // where clients send to
  std::set<IpAddress> servers;   // that answer through this director
  std::set<IpAddress> own;       // this director's; what is for them and not for a service is the kernel's
  bool operator==(const TapAddresses&) const = default;
};

// More than so many addresses, one of IPv6 counted as four, would make a longer program than the kernel ever takes; then every
// IP frame is wanted. It may refuse a shorter one, for want of socket memory (net.core.optmem_max): that is found out by trying.
inline constexpr size_t kMostTapAddresses = 500;

// Returns a huge length for a frame that is wanted, 0 for another. Only frames addressed to this box, or to a virtual router's
// MAC address (RFC 9568, 7.3: 00:00:5e:00:01:ID and 00:00:5e:00:02:ID), which lives on a device above and is another host's
// here; and none with a VLAN's tag: it is seen again, untagged, on the VLAN's own interface. A tag of priority alone (IEEE
// 802.1Q, 6.9: VID 0) is no VLAN's.
std::vector<sock_filter> wanted_frames(const TapAddresses& addresses);

// Of every IP frame, as far as the packet type and the tag go.
std::vector<sock_filter> any_frames();

// Of nothing, while a socket is being made ready.
std::vector<sock_filter> no_frames();

// A number that is the same for all frames of a client.
std::vector<sock_filter> number_of_client(const TapAddresses& addresses);

struct TapPrograms {
  std::vector<sock_filter> wanted;
  std::vector<sock_filter> any;
  std::vector<sock_filter> client;
};
inline TapPrograms tap_programs(const TapAddresses& addresses) {
  return {.wanted = wanted_frames(addresses), .any = any_frames(), .client = number_of_client(addresses)};
}

}  // namespace tandem::forwarding
