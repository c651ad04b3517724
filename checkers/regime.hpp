// Who of a service's servers gets new connections: the quorum, the sorry servers, and the groups of spares.
//
// Quorum (keepalived's rule, its check_api.c: update_quorum_state). W is the weight of the servers that are up, or their
// number. The service goes down when W is 0 or less than quorum - hysteresis, and comes up when W is at least quorum +
// hysteresis. A share is one of all servers' configured weight, or of their number; of the quorum it is rounded up, of
// the hysteresis down. Neither spares nor sorry servers are special: spares count, sorry servers never do.
//
// Who serves:
//   quorum  W    a sorry server is up   new connections go to
//   there   any  any                    the groups in use
//   gone    any  yes                    the sorry servers alone; the others keep the connections they have
//   gone    >0   no                     the groups in use
//   gone    0    no                     nobody
//
// Groups. Group 1 is in use, and as many of the next ones as it takes to have `group_minimum` servers that take
// connections; all of them when there are not so many.
//
// Beginning. Until every server has been looked at once, one that was not counts as if it were up, for the choice of
// sorry servers and spares alone: nobody sees a sorry page because a director was just started.
#pragma once

#include <array>
#include <cstdint>

#include "checkers/settings.hpp"

namespace tandem::checkers {

// One server as the regime sees it.
struct Stance {
  bool up = false;
  bool known = false;
  uint32_t weight = 0;      // it would have, were it up: the operator's, what its checks say, or the configured one
  uint32_t configured = 0;  // weight
  uint8_t group = 1;
  bool sorry = false;
  bool takes() const { return up && weight > 0; }
  bool operator==(const Stance&) const = default;
};

// Sums over a service's servers, kept while they change.
class Tally {
 public:
  void add(const Stance& stance) { change(stance, 1); }
  void remove(const Stance& stance) { change(stance, ~uint64_t{0}); }

  uint64_t servers() const { return servers_; }  // without sorry servers, as all below
  uint64_t up() const { return up_; }
  uint64_t taking() const { return taking_; }
  uint64_t unknown() const { return unknown_; }
  uint64_t weight_up() const { return weight_up_; }
  uint64_t weight_unknown() const { return weight_unknown_; }
  uint64_t configured() const { return configured_; }
  uint64_t sorry_taking() const { return sorry_taking_; }
  uint64_t taking_of(size_t group) const { return groups_[group - 1].taking; }
  uint64_t unknown_of(size_t group) const { return groups_[group - 1].unknown; }
  size_t last_group() const;

 private:
  // Modulo 2^64: by -1 what was added is taken away.
  void change(const Stance& stance, uint64_t by);
  struct Group {
    uint64_t servers = 0, taking = 0, unknown = 0;
  };
  std::array<Group, kMostGroups> groups_{};
  uint64_t servers_ = 0, up_ = 0, taking_ = 0, unknown_ = 0, weight_up_ = 0, weight_unknown_ = 0, configured_ = 0;
  uint64_t sorry_taking_ = 0;
};

// The quorum in the numbers of the moment.
struct Quorum {
  uint64_t has = 0;    // W
  uint64_t total = 0;  // what W would be with all servers up, as configured
  uint64_t needed = 1;
  uint64_t hysteresis = 0;
  bool holds(bool before) const {
    return before ? has > 0 && has + hysteresis >= needed : has > 0 && has >= needed + hysteresis;
  }
  bool operator==(const Quorum&) const = default;
};
Quorum quorum_of(const QuorumRule& rule, const Tally& tally);

struct Regime {
  bool up = false;     // the quorum is there
  bool sorry = false;  // sorry servers serve, and nobody else
  uint8_t groups = 1;  // 1 to so many are in use
  bool serves(const Stance& stance) const { return stance.sorry == sorry && (stance.sorry || stance.group <= groups); }
  bool operator==(const Regime&) const = default;
};

// `settled`: every server has been looked at once since the service is known here.
Regime regime_of(const ServicePolicy& policy, const Tally& tally, bool up_before, bool settled);

}  // namespace tandem::checkers
