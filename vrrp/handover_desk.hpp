// The desk where planned changes are asked for: which routers go to which peer, until when, and what became of it.
//
// One at a time for each router. A peer that does not take a router over within kHandoverPatience is not asked again; the
// next one is, and when there is none left the router stays. The desk is told what happens and says what to offer; the
// machines do the rest (machine_handover.cc).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/time.hpp"

namespace tandem::vrrp {

// A peer answers in a few milliseconds; the router is silent meanwhile, so this must stay below a takeover's time.
inline constexpr Duration kHandoverPatience = std::chrono::milliseconds(500);

class HandoverDesk {
 public:
  struct Offer {
    std::string router;
    std::string peer;
    bool operator==(const Offer&) const = default;
  };
  // Of everything that was asked for with one id.
  struct Verdict {
    uint64_t id = 0;
    bool done = false;               // every router is a peer's now
    std::vector<std::string> lines;  // one for each router, for people
  };
  struct Outcome {
    std::vector<Offer> offers;  // to be made now; the router gives way for kHandoverPatience
    std::vector<Verdict> verdicts;
  };

  // `routers` are active here; `peers` are in step with this box, the preferred first. `refused` is said in the verdict
  // for what cannot even be tried.
  Outcome ask(uint64_t id, const std::vector<std::string>& routers, const std::vector<std::string>& peers,
              std::vector<std::string> refused, TimePoint now);
  // The router is not active here any more.
  Outcome released(const std::string& router, TimePoint now);
  Outcome deadline_reached(TimePoint now);

  std::optional<TimePoint> deadline() const;
  bool busy() const { return !pending_.empty(); }
  bool has(const std::string& router) const { return pending_.contains(router); }

 private:
  struct Pending {
    uint64_t id = 0;
    std::vector<std::string> peers;  // not asked yet, the next one last
    std::string asked;
    TimePoint begun{};
    TimePoint until{};
  };
  struct Record {
    size_t open = 0;
    bool done = true;
    std::vector<std::string> lines;
  };
  void close(const std::string& router, bool done, const std::string& words, Outcome& outcome);

  std::map<std::string, Pending> pending_;  // by router
  std::map<uint64_t, Record> records_;      // by id
};

}  // namespace tandem::vrrp
