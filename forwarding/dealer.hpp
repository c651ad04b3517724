// Deals picks of a service's scheduler in advance, for the fast path's programs to place new connections by (fast_path.h).
//
// Only where many connections begin, some hundreds a second: there each SYN that does not go up saves more than everything else about the
// connection costs, and elsewhere the engine picks by what is true at the very moment. Only for services where nothing but the scheduler decides, and
// by schedulers that do not ask who the client is: no persistence, limits, thresholds, passive checks, MSS clamping; servers that all take
// the fast path.
//
// Round robin (rr, wrr) deals on where it was: what was not taken is dealt again, first. Schedulers that look at connections deal as if each pick
// were a connection already, and anew whenever something was heard of any: what they do not know is what began and ended since, which is
// some milliseconds.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "daemon/base/time.hpp"
#include "forwarding/fast_path.hpp"
#include "forwarding/service_table.hpp"

namespace tandem::forwarding {

class Dealer {
 public:
  // How often it looks where many connections begin.
  static constexpr Duration kLookEvery = 50ms;
  // New connections of a service a second: from the first on it is dealt to, and not any more when there were fewer than the second for so
  // many looks; those who come at all come in bursts.
  static constexpr uint64_t kMany = 400, kFew = 100;
  static constexpr unsigned kQuietLooks = 20;

  Dealer(ServiceTable& services, FastPath& fast) : services_(services), fast_(fast) {}
  // Leaves nothing dealt.
  ~Dealer();
  Dealer(const Dealer&) = delete;
  Dealer& operator=(const Dealer&) = delete;

  // To be called again and again; `heard`: connections began or changed since. REQUIRES: no service is changed meanwhile.
  void deal(TimePoint now, bool heard);
  // Picks are dealt somewhere, so that it is to be called within kLookEvery.
  bool is_dealing() const { return !busy_.empty(); }

  static bool may_deal(const Service& service);

 private:
  struct Deck {
    uint64_t edits = 0;           // of the service, as it was when `picks` were made
    std::vector<uint16_t> picks;  // dealt last
    unsigned quiet = 0;           // looks at which few had come
  };
  void look(TimePoint now);
  void deal_to(Service& service, Deck& deck, TimePoint now, bool heard);
  bool all_go_fast(const Service& service) const;

  ServiceTable& services_;
  FastPath& fast_;
  TimePoint looked_{};
  std::unordered_map<uint16_t, uint64_t> connections_;  // of each service, when it was looked last
  std::unordered_map<uint16_t, Deck> busy_;
};

}  // namespace tandem::forwarding
