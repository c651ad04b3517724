// A site under construction: what was read so far, and where each thing stood, so that a contradiction between two of
// them can be shown at both.
//
// What was missing or wrong (and has been reported) is left at its zero: an empty text, port 0, VRID 0, address 0.0.0.0.
// No valid value is zero, so the search for contradictions leaves those out.
#pragma once

#include <vector>

#include "daemon/config/diagnostic.hpp"
#include "daemon/config/findings.hpp"
#include "daemon/config/site.hpp"
#include "daemon/config/tree.hpp"

namespace tandem::config {

struct DirectorPlaces {
  Place name, priority, peer_address;
};

struct RouterPlaces {
  Place name, id, preempt, version, password, advert_interval, group, unicast, min_ttl, virtual_mac, cross_check,
      accept;
  std::vector<Place> priorities, addresses, excluded_addresses, track_interfaces, tracked;
};

struct ServerPlaces {
  Place name, address, port, weight, forward;
};

struct ServicePlaces {
  Place name, address, port, scheduler;
  std::vector<ServerPlaces> servers;
  Place source_pool, one_packet;
};

// Index by index with the site's own lists.
struct SitePlaces {
  Place peer_link;
  std::vector<DirectorPlaces> directors;
  std::vector<RouterPlaces> virtual_routers;
  std::vector<ServicePlaces> services;
};

struct Draft {
  Site site;
  SitePlaces places;
  std::vector<NamedFile> files;
};

// Reads every key. Reports what is wrong with single values.
Draft read_draft(const Node& root, Findings& findings);

// Reports what does not go together with a forwarding method: sources of fullnat, local servers, one_packet.
void examine_methods(const Draft& draft, Findings& findings);

// Reports what is wrong between values, and what is odd (warnings).
void find_contradictions(const Draft& draft, Findings& findings);

}  // namespace tandem::config
