// When a router may take over from a lower active one that works: not before this box's connection table is in step
// with the peer's, or every connection that began there would be lost by the preemption.
//
// A box that starts does not know yet whether there is a peer to get in step with. It waits for the peer link for a
// bounded time, because the peer may be gone while a third box is active. Nobody's takeover from a silent active is
// ever held (Machine, PreemptHold).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/time.hpp"

namespace tandem::vrrp {

inline constexpr Duration kPeerLinkPatience = std::chrono::seconds(10);

class PreemptGate {
 public:
  struct Peer {
    bool connected = false;
    bool in_step = false;
  };

  explicit PreemptGate(TimePoint started) : patience_ends_(started + kPeerLinkPatience) {}

  // A site without a peer link has nothing to wait for.
  void set_peer_link(bool configured) { peer_link_ = configured; }
  void set_peer(const std::string& name, Peer peer) { peers_[name] = peer; }
  // Of a peer that is no longer in the site.
  void forget_peer(const std::string& name) { peers_.erase(name); }

  // An operator took this box out of service: it takes over from nobody that works.
  void set_maintenance(bool on) { maintenance_ = on; }
  // The peers that could take over now without losing a connection, by name.
  std::vector<std::string> peers_in_step() const;

  // Why preemption is held, for people; nothing when it is not.
  std::optional<std::string> held(TimePoint now) const;

  // When to ask again without news; nothing when only news can change the answer.
  std::optional<TimePoint> deadline(TimePoint now) const;

 private:
  bool waits_for_link() const;

  TimePoint patience_ends_;
  bool peer_link_ = false;
  bool maintenance_ = false;
  std::map<std::string, Peer> peers_;
};

}  // namespace tandem::vrrp
