// The peer link to one other director: when to connect, what to say next, what to believe, when to give up.
//
// The shell owns a socket and tells what happened to it (events); the machine says what to do with it (actions) and states
// one deadline. What is written is pulled: when the socket takes more, the shell asks fill() for the next piece. So nothing
// ever waits in a queue here; all that is to be said is what differs between the two directors now.
//
//   kDown        no connection; the one whose name sorts first tries again after 100 ms, 200 ms, ... 1 s
//   kConnecting  the shell connects and shakes hands (only the end that connects)
//   kGreeting    TLS stands: HELLO and NAMES are said, the peer's HELLO is awaited
//   kUp          flows go both ways; a peer that says nothing for the alive timeout is gone
//
// in_step means that the peer's whole table has been received on this connection. VRRP waits for it before this director
// takes a virtual router back, or clients would lose their connections to the very director that comes back to serve them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/time.hpp"
#include "forwarding/flow_table.hpp"
#include "forwarding/sync/flow_receiver.hpp"
#include "forwarding/sync/flow_sender.hpp"
#include "forwarding/sync/protocol.hpp"

namespace tandem::forwarding::sync {

struct PeerSettings {
  std::string site;
  std::string self;
  std::string peer;
  std::string digest;     // of the configuration in force
  uint64_t boot_id = 0;   // random for each start of the room
  unsigned peer_bit = 0;  // the number of the peer's bitmap in the flow table

  Duration alive_interval = 100ms;
  Duration alive_timeout = 1s;     // nothing received for so long: the peer is gone
  Duration connect_timeout = 3s;   // TCP and TLS
  Duration greeting_timeout = 3s;  // from TLS to HELLO
  Duration write_timeout = 3s;     // a piece that is not taken for so long
  Duration flush_interval = 5ms;   // dirty flows are collected this often at most
  Duration retry_first = 100ms;
  Duration retry_longest = 1s;
};

// Of two directors exactly one connects.
inline bool connects(const PeerSettings& settings) {
  return settings.self < settings.peer;
}

// ---- events
struct Start {};
struct ConnectFailed {
  std::string why;
};
struct LinkUp {};  // TCP and TLS stand, the other end is proved to be the peer. Replaces a link that was up.
struct LinkLost {
  std::string why;
};
struct FrameReceived {
  uint8_t type = 0;
  Bytes body;
};
struct StreamBroken {  // what was received cannot be cut into frames
  FrameError error;
};
struct Written {};  // the socket has taken what fill() gave
struct NamesChanged {
  std::shared_ptr<const Names> names;
};
struct RoutersChanged {
  std::vector<RouterReport> routers;
};
struct SayWord {  // dropped when the link is not up: whoever says it waits for an answer, and not for long
  RouterWord word;
};
struct DigestChanged {
  std::string digest;
};
struct FlowsDirty {};  // FlowTable::take_news()
struct DeadlineReached {};
struct Stop {};
using PeerEvent = std::variant<Start, ConnectFailed, LinkUp, LinkLost, FrameReceived, StreamBroken, Written,
                               NamesChanged, RoutersChanged, SayWord, DigestChanged, FlowsDirty, DeadlineReached, Stop>;

// ---- actions
struct Connect {};        // answer with LinkUp or ConnectFailed
struct CloseLink {};      // also an attempt under way; no event of it is to follow
struct AskForMore {};     // call fill(): there is something to say, and the socket is free
struct StatusChanged {};  // status() has news worth telling at once
struct RoutersHeard {};   // peer_routers() changed
struct WordHeard {        // the peer's, about one of its routers
  RouterWord word;
};
using PeerAction = std::variant<Connect, CloseLink, AskForMore, StatusChanged, RoutersHeard, WordHeard>;
using PeerActions = std::vector<PeerAction>;

enum class PeerPhase : uint8_t { kStopped, kDown, kConnecting, kGreeting, kUp };

struct PeerStatus {
  PeerPhase phase = PeerPhase::kStopped;
  bool in_step = false;
  std::string reason;       // of the last change, in words
  bool same_digest = true;  // both run the same configuration, as far as the peer said
  size_t unmatched = 0;     // services and servers of the peer that this box does not have
  uint64_t flows_sent = 0;
  ReceiveCounts received;
  uint64_t connections = 0;  // that came to kUp
  bool connected() const { return phase == PeerPhase::kUp; }
};

class PeerMachine {
 public:
  // REQUIRES: settings.self != settings.peer; `table` outlives the machine.
  PeerMachine(PeerSettings settings, FlowTable& table, std::shared_ptr<const Names> names);

  PeerActions on(const PeerEvent& event, TimePoint now);
  std::optional<TimePoint> deadline() const;

  // Appends the next piece, at most a few small frames and one of FLOWS, and says whether there was one. After a piece
  // the socket is taken as busy until Written.
  bool fill(Buffer& out, TimePoint now);
  bool writing() const { return busy_since_.has_value(); }

  PeerStatus status() const;
  const std::vector<RouterReport>& peer_routers() const { return peer_routers_; }
  const PeerSettings& settings() const { return settings_; }

 private:
  void handle(const Start& event, TimePoint now);
  void handle(const ConnectFailed& event, TimePoint now);
  void handle(const LinkUp& event, TimePoint now);
  void handle(const LinkLost& event, TimePoint now);
  void handle(const FrameReceived& event, TimePoint now);
  void handle(const StreamBroken& event, TimePoint now);
  void handle(const Written& event, TimePoint now);
  void handle(const NamesChanged& event, TimePoint now);
  void handle(const RoutersChanged& event, TimePoint now);
  void handle(const SayWord& event, TimePoint now);
  void handle(const DigestChanged& event, TimePoint now);
  void handle(const FlowsDirty& event, TimePoint now);
  void handle(const DeadlineReached& event, TimePoint now);
  void handle(const Stop& event, TimePoint now);

  void receive(const Hello& hello, TimePoint now);
  void receive(const NamesPart& part, TimePoint now);
  void receive(const Flows& flows, TimePoint now);
  void receive(const Flows6& flows, TimePoint now);
  void receive(const FlowsSourced& flows, TimePoint now);
  void receive(const TableEnd& end, TimePoint now);
  void receive(const TableRequest& request, TimePoint now);
  void receive(const Alive& alive, TimePoint now);
  void receive(const RouterWord& word, TimePoint now);
  void receive(const UnknownFrame& frame, TimePoint now);

  bool linked() const { return phase_ == PeerPhase::kGreeting || phase_ == PeerPhase::kUp; }
  void down(std::string why, TimePoint now);
  void close(std::string why, TimePoint now);  // down(), and the shell is to close the link
  void say(std::string reason);                // a new reason for the status
  void prompt();                               // something is to be said: ask, if the socket is free
  void forget_peer_routers();
  std::optional<TimePoint> next_word() const;  // when something is to be said next; none while the socket is busy

  PeerSettings settings_;
  FlowSender sender_;
  FlowReceiver receiver_;
  std::shared_ptr<const Names> names_;
  std::vector<RouterReport> routers_;
  std::vector<RouterReport> peer_routers_;

  PeerPhase phase_ = PeerPhase::kStopped;
  std::string reason_ = "not started";
  bool in_step_ = false;
  Duration backoff_{};
  TimePoint until_{};  // of kDown: try again; of kConnecting and kGreeting: give up; of kUp: the peer is gone
  uint64_t connections_ = 0;
  std::optional<Hello> peer_hello_;
  uint64_t peer_boot_id_ = 0;  // of the connection before

  // What is still to be said on this connection.
  bool hello_due_ = false;
  std::vector<NamesPart> names_due_;  // last part first
  bool request_due_ = false;
  std::vector<RouterWord> words_due_;
  TimePoint alive_at_{};
  std::optional<TimePoint> flush_at_;  // none: no flow is dirty, as far as is known
  TimePoint flushed_at_{};
  bool news_ = false;                    // flows became dirty since the pass over them began
  std::optional<TimePoint> busy_since_;  // the socket has not taken the last piece yet

  PeerActions actions_;  // of the event under way
};

}  // namespace tandem::forwarding::sync
