// Every word the rooms say to each other. One header, plain structs; nothing else passes between
// two processes.
//
// A message is *retained* when a room that starts must learn the last one of each key (the board
// keeps it); the others are said once and forgotten. kKind names the message in JSON, key() tells
// which retained one it replaces. fields() is the one description from which the codec, the JSON of
// `tandemctl --json` and the API are made.
//
// Times `*_unix_ms` are wall-clock milliseconds since 1970, for people. Durations carry their unit
// in the name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tandem::bus {

// The validated site file itself: no second format exists. Said by the supervisor; every room reads
// it again.
struct SiteText {
  static constexpr std::string_view kKind = "SiteText";
  static constexpr bool kRetained = true;
  std::string text;
  std::string path;         // as the operator named it, for messages
  std::string director;     // which of the site's directors this box is
  std::string digest;       // SHA-256 of text, hex
  uint64_t generation = 0;  // 1 at start, one more for every applied reload
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) {
    f("text", m.text), f("path", m.path), f("director", m.director), f("digest", m.digest);
    f("generation", m.generation);
  }
};

struct NamedCounter {
  std::string name;
  uint64_t value = 0;
  static auto fields(auto& m, auto&& f) { f("name", m.name), f("value", m.value); }
};

enum class RouterState : uint8_t { kInitialize, kBackup, kActive, kFault };

// One change of a virtual router's state, with its reason in words.
struct Transition {
  uint64_t unix_ms = 0;
  RouterState from = RouterState::kInitialize;
  RouterState to = RouterState::kInitialize;
  std::string reason;
  static auto fields(auto& m, auto&& f) {
    f("unix_ms", m.unix_ms), f("from", m.from), f("to", m.to), f("reason", m.reason);
  }
};

// Where a virtual router stands on this box. Said by vrrp, which also reads its own last one after
// a restart.
struct InstanceState {
  static constexpr std::string_view kKind = "InstanceState";
  static constexpr bool kRetained = true;
  std::string router;
  RouterState state = RouterState::kInitialize;
  std::string reason;  // why the last transition happened, in words
  uint64_t since_unix_ms = 0;
  std::string interface;
  uint8_t vrid = 0;
  uint8_t priority = 0;  // the one in force
  std::vector<std::string> addresses;
  std::string active_address;  // who is active, as far as heard; empty when unknown
  uint64_t transitions = 0;
  uint64_t adverts_sent = 0;
  uint64_t adverts_received = 0;
  uint64_t adverts_rejected = 0;
  std::vector<NamedCounter> counters;  // every one of RFC 6527's and ours, by name
  std::vector<Transition> history;     // the last ones, oldest first
  std::vector<std::string> tracked;    // what is tracked and how it stands, a line each
  std::string key() const { return router; }
  static auto fields(auto& m, auto&& f) {
    f("router", m.router), f("state", m.state), f("reason", m.reason), f("since_unix_ms", m.since_unix_ms);
    f("interface", m.interface), f("vrid", m.vrid), f("priority", m.priority), f("addresses", m.addresses);
    f("active_address", m.active_address), f("transitions", m.transitions);
    f("adverts_sent", m.adverts_sent), f("adverts_received", m.adverts_received);
    f("adverts_rejected", m.adverts_rejected), f("counters", m.counters), f("history", m.history),
        f("tracked", m.tracked);
  }
};

// What two directors settle about one virtual router over the peer link, which forwarding has.
// A planned change: an operator asks (control to vrrp), the active router offers (vrrp to forwarding), the peer's takes (its
// forwarding to its vrrp). A cross-check: a router that hears nobody inquires (vrrp to forwarding), the peer's is inquired
// (forwarding to vrrp), and if it is active it affirms (vrrp to forwarding), so the first one's is affirmed.
enum class HandoverStep : uint8_t { kAsk, kOffer, kTake, kInquire, kInquired, kAffirm, kAffirmed };

struct Handover {
  static constexpr std::string_view kKind = "Handover";
  static constexpr bool kRetained = false;
  HandoverStep step = HandoverStep::kAsk;
  std::string router;  // kAsk: empty means every one that is active here
  std::string peer;    // the other director; empty in kAsk
  uint64_t id = 0;     // chosen by who asks; HandoverResult carries it back
  std::string key() const { return router; }
  static auto fields(auto& m, auto&& f) { f("step", m.step), f("router", m.router), f("peer", m.peer), f("id", m.id); }
};

// What became of a Handover that was asked for. Said by vrrp.
struct HandoverResult {
  static constexpr std::string_view kKind = "HandoverResult";
  static constexpr bool kRetained = false;
  uint64_t id = 0;
  bool done = false;               // every router asked for is active on a peer
  std::vector<std::string> lines;  // one for each router, in words
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) { f("id", m.id), f("done", m.done), f("lines", m.lines); }
};

// Whether an operator has taken this box out of service: it hands over what it has, and takes over only from silence.
// Kept by the supervisor over restarts of the rooms.
struct Maintenance {
  static constexpr std::string_view kKind = "Maintenance";
  static constexpr bool kRetained = true;
  bool on = false;
  uint64_t since_unix_ms = 0;
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) { f("on", m.on), f("since_unix_ms", m.since_unix_ms); }
};

// Attempts in a row that ended alike.
struct CheckRun {
  bool passed = false;
  std::string words;  // how they ended
  uint64_t count = 0;
  uint64_t first_unix_ms = 0, last_unix_ms = 0;
  uint32_t last_duration_us = 0;
  static auto fields(auto& m, auto&& f) {
    f("passed", m.passed), f("words", m.words), f("count", m.count), f("first_unix_ms", m.first_unix_ms);
    f("last_unix_ms", m.last_unix_ms), f("last_duration_us", m.last_duration_us);
  }
};

// One of a server's checks.
struct CheckHealth {
  std::string name;  // "check" where there is one alone
  std::string type;  // "http"
  bool up = false;
  bool known = false;  // false until the first attempt of its life ended
  std::string reason;  // of the last change, in words
  uint64_t since_unix_ms = 0;
  uint64_t attempts = 0;
  uint64_t failures = 0;
  uint32_t last_duration_us = 0;
  std::string weight;            // what it says of the server's weight: "", "5", "75%"
  std::string weight_when_down;  // "50%": it does not count for up or down
  std::vector<CheckRun> recent;  // the last attempts, oldest first
  static auto fields(auto& m, auto&& f) {
    f("name", m.name), f("type", m.type), f("up", m.up), f("known", m.known), f("reason", m.reason);
    f("since_unix_ms", m.since_unix_ms), f("attempts", m.attempts), f("failures", m.failures);
    f("last_duration_us", m.last_duration_us), f("weight", m.weight), f("weight_when_down", m.weight_when_down);
    f("recent", m.recent);
  }
};

enum class OverrideKind : uint8_t { kNone, kWeight, kDrain, kDisable };

// What the checkers think of one server of one service. Forwarding does as `weight`, `in_rotation` and `dead` say; the rest
// is why.
struct ServerHealth {
  static constexpr std::string_view kKind = "ServerHealth";
  static constexpr bool kRetained = true;
  std::string service;
  std::string server;
  bool up = false;           // its checks pass, and no operator has disabled it
  bool known = false;        // that is settled: enough first attempts have ended
  bool dead = false;         // known not to be up
  bool in_rotation = false;  // schedulers deal as if others did not exist: those down, spares, sorry servers
  uint32_t weight = 0;       // the effective one: 0 takes no new connections
  uint32_t configured_weight = 0;
  uint32_t share = 100;  // per cent of its weight, by slow start, latency and checks together
  uint32_t scale = 1;    // what weights of this service are multiplied by, so that shares of 1 can be said
  uint32_t group = 1;    // of spares; 1 serves first
  bool sorry = false;    // serves only while the quorum is not there
  OverrideKind override = OverrideKind::kNone;  // the operator's word
  uint32_t override_weight = 0;                 // of kWeight
  uint64_t override_since_unix_ms = 0;
  uint64_t ramp_since_unix_ms = 0;  // its weight grows since then (slow start); 0: it does not
  uint32_t latency_us = 0;          // of its first check, smoothed; 0: not known
  std::string reason;               // of the last change, in words
  uint64_t since_unix_ms = 0;
  uint64_t attempts = 0;  // of all checks
  uint64_t failures = 0;
  uint32_t last_duration_us = 0;  // of the first check
  std::vector<CheckHealth> checks;
  std::string key() const { return service + '/' + server; }
  static auto fields(auto& m, auto&& f) {
    f("service", m.service), f("server", m.server), f("up", m.up), f("known", m.known), f("dead", m.dead);
    f("in_rotation", m.in_rotation), f("weight", m.weight), f("configured_weight", m.configured_weight);
    f("share", m.share), f("scale", m.scale), f("group", m.group), f("sorry", m.sorry), f("override", m.override);
    f("override_weight", m.override_weight), f("override_since_unix_ms", m.override_since_unix_ms);
    f("ramp_since_unix_ms", m.ramp_since_unix_ms), f("latency_us", m.latency_us), f("reason", m.reason);
    f("since_unix_ms", m.since_unix_ms), f("attempts", m.attempts), f("failures", m.failures);
    f("last_duration_us", m.last_duration_us), f("checks", m.checks);
  }
};

struct ServiceHealth {
  static constexpr std::string_view kKind = "ServiceHealth";
  static constexpr bool kRetained = true;
  std::string service;
  bool up = false;             // the quorum is there
  bool sorry_in_use = false;   // sorry servers get the new connections, and nobody else
  uint32_t groups_in_use = 1;  // 1 to so many
  uint32_t servers_up = 0;     // without sorry servers
  uint32_t servers_total = 0;
  uint32_t servers_overridden = 0;  // by an operator
  std::string quorum_of;            // "weight" or "servers"
  uint64_t quorum_has = 0;          // of that, up now
  uint64_t quorum_total = 0;        // of that, with all servers up as configured
  uint64_t quorum = 0;              // so many are wanted
  uint64_t hysteresis = 0;          // down below quorum - hysteresis, up again from quorum + hysteresis
  uint64_t since_unix_ms = 0;       // of `up`
  std::string key() const { return service; }
  static auto fields(auto& m, auto&& f) {
    f("service", m.service), f("up", m.up), f("sorry_in_use", m.sorry_in_use), f("groups_in_use", m.groups_in_use);
    f("servers_up", m.servers_up), f("servers_total", m.servers_total);
    f("servers_overridden", m.servers_overridden), f("quorum_of", m.quorum_of), f("quorum_has", m.quorum_has);
    f("quorum_total", m.quorum_total), f("quorum", m.quorum), f("hysteresis", m.hysteresis);
    f("since_unix_ms", m.since_unix_ms);
  }
};

// What an operator made of a server, until `tandemctl server set ... enable` (which forgets it). Said by control, kept by
// the supervisor over restarts.
struct Override {
  static constexpr std::string_view kKind = "Override";
  static constexpr bool kRetained = true;
  std::string service;
  std::string server;
  OverrideKind kind = OverrideKind::kNone;
  uint32_t weight = 0;  // of kWeight
  uint64_t since_unix_ms = 0;
  std::string key() const { return service + '/' + server; }
  static auto fields(auto& m, auto&& f) {
    f("service", m.service), f("server", m.server), f("kind", m.kind), f("weight", m.weight);
    f("since_unix_ms", m.since_unix_ms);
  }
};

// How real clients fared with a server in about the last second. Said by forwarding, only of what failed or may matter for
// a share: not for every packet, and not for a server nobody goes to.
struct PassiveHealth {
  static constexpr std::string_view kKind = "PassiveHealth";
  static constexpr bool kRetained = false;
  std::string service;
  std::string server;
  uint64_t opened = 0;        // connections
  uint64_t unanswered = 0;    // that the server did not answer
  uint64_t resets = 0;        // that it refused by a reset before they stood
  uint64_t client_marks = 0;  // a bit for each client among the failures, by a hash of forwarding's own
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) {
    f("service", m.service), f("server", m.server), f("opened", m.opened), f("unanswered", m.unanswered);
    f("resets", m.resets), f("client_marks", m.client_marks);
  }
};

// The peer link to one other director. Said by forwarding. vrrp holds its preemption until in_step.
struct SyncStatus {
  static constexpr std::string_view kKind = "SyncStatus";
  static constexpr bool kRetained = true;
  std::string peer;
  bool connected = false;
  bool in_step = false;  // the peer's whole table has been received since the link came up
  std::string reason;    // of the last change, in words
  uint64_t since_unix_ms = 0;
  uint64_t flows_sent = 0;
  uint64_t flows_received = 0;
  uint64_t flows_refused = 0;  // received, but naming a service or server this box does not have
  std::string key() const { return peer; }
  static auto fields(auto& m, auto&& f) {
    f("peer", m.peer), f("connected", m.connected), f("in_step", m.in_step), f("reason", m.reason);
    f("since_unix_ms", m.since_unix_ms), f("flows_sent", m.flows_sent), f("flows_received", m.flows_received);
    f("flows_refused", m.flows_refused);
  }
};

// What grows by how much in a second, damped.
struct TrafficRates {
  uint64_t connections = 0;
  uint64_t packets_in = 0, bytes_in = 0;
  uint64_t packets_out = 0, bytes_out = 0;
  static auto fields(auto& m, auto&& f) {
    f("connections", m.connections), f("packets_in", m.packets_in), f("bytes_in", m.bytes_in);
    f("packets_out", m.packets_out), f("bytes_out", m.bytes_out);
  }
  bool operator==(const TrafficRates&) const = default;
};

// Counters of one server of one service, as forwarding has them since the room started.
struct ServerStats {
  static constexpr std::string_view kKind = "ServerStats";
  static constexpr bool kRetained = true;
  std::string service;
  std::string server;
  std::string method;  // "nat"
  uint64_t active_connections = 0;
  uint64_t inactive_connections = 0;
  uint64_t connections = 0;                 // ever
  uint64_t packets_in = 0, bytes_in = 0;    // from clients
  uint64_t packets_out = 0, bytes_out = 0;  // to clients (nat; dr and tun answer past the director)
  TrafficRates rates;
  std::string key() const { return service + '/' + server; }
  static auto fields(auto& m, auto&& f) {
    f("service", m.service), f("server", m.server), f("method", m.method);
    f("active_connections", m.active_connections);
    f("inactive_connections", m.inactive_connections), f("connections", m.connections);
    f("packets_in", m.packets_in), f("bytes_in", m.bytes_in);
    f("packets_out", m.packets_out), f("bytes_out", m.bytes_out), f("rates", m.rates);
  }
};

// Counters of one service: its servers' together, those that are gone included, and what was dropped.
struct ServiceStats {
  static constexpr std::string_view kKind = "ServiceStats";
  static constexpr bool kRetained = true;
  std::string service;
  std::string method;  // "nat"; "dr+nat" when its servers differ
  uint64_t active_connections = 0;
  uint64_t inactive_connections = 0;
  uint64_t connections = 0;
  uint64_t packets_in = 0, bytes_in = 0;
  uint64_t packets_out = 0, bytes_out = 0;
  TrafficRates rates;
  std::vector<NamedCounter> drops;  // those that are not 0, by reason
  std::string key() const { return service; }
  static auto fields(auto& m, auto&& f) {
    f("service", m.service), f("method", m.method), f("active_connections", m.active_connections);
    f("inactive_connections", m.inactive_connections), f("connections", m.connections);
    f("packets_in", m.packets_in), f("bytes_in", m.bytes_in);
    f("packets_out", m.packets_out), f("bytes_out", m.bytes_out), f("rates", m.rates), f("drops", m.drops);
  }
};

// The engine as a whole.
struct EngineStats {
  static constexpr std::string_view kKind = "EngineStats";
  static constexpr bool kRetained = true;
  std::string engine;  // "af_packet"
  uint64_t flows = 0;
  uint64_t flow_capacity = 0;
  bool fast_path = false;              // packets of established flows go on inside of the kernel
  std::vector<NamedCounter> counters;  // drops by reason and the like
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) {
    f("engine", m.engine), f("flows", m.flows), f("flow_capacity", m.flow_capacity);
    f("fast_path", m.fast_path), f("counters", m.counters);
  }
};

enum class RoomPhase : uint8_t { kStarting, kRunning, kStopping, kDead };

// A room as the supervisor sees it.
struct RoomStatus {
  static constexpr std::string_view kKind = "RoomStatus";
  static constexpr bool kRetained = true;
  std::string room;
  RoomPhase phase = RoomPhase::kStarting;
  int64_t pid = 0;
  uint64_t restarts = 0;
  uint64_t since_unix_ms = 0;
  std::string reason;  // how the last one ended
  std::string key() const { return room; }
  static auto fields(auto& m, auto&& f) {
    f("room", m.room), f("phase", m.phase), f("pid", m.pid), f("restarts", m.restarts);
    f("since_unix_ms", m.since_unix_ms), f("reason", m.reason);
  }
};

// Said by a room once it does its work with the current configuration. The supervisor tells systemd
// when all have.
struct RoomReady {
  static constexpr std::string_view kKind = "RoomReady";
  static constexpr bool kRetained = false;
  std::string room;
  uint64_t generation = 0;  // of the SiteText in force
  std::string key() const { return room; }
  static auto fields(auto& m, auto&& f) { f("room", m.room), f("generation", m.generation); }
};

struct ReloadRequest {
  static constexpr std::string_view kKind = "ReloadRequest";
  static constexpr bool kRetained = false;
  uint64_t id = 0;  // chosen by the asker; the result carries it back
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) { f("id", m.id); }
};

struct ReloadResult {
  static constexpr std::string_view kKind = "ReloadResult";
  static constexpr bool kRetained = true;  // the last one answers "did my reload take?" later too
  uint64_t id = 0;                         // 0: asked for by SIGHUP
  bool applied = false;
  std::vector<std::string> lines;  // what changed, or every error as file:line:column: text
  uint64_t unix_ms = 0;
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) {
    f("id", m.id), f("applied", m.applied), f("lines", m.lines), f("unix_ms", m.unix_ms);
  }
};

// An operator asks for flows, or has them ended (control to forwarding). What is empty or 0 matches everything.
struct FlowQuestion {
  static constexpr std::string_view kKind = "FlowQuestion";
  static constexpr bool kRetained = false;
  uint64_t id = 0;  // chosen by the asker; the answer carries it back
  bool kill = false;
  std::string client;  // an address, or a network with its length
  uint16_t client_port = 0;
  std::string virtual_address;  // as client
  uint16_t virtual_port = 0;
  std::string protocol;  // as FlowRecord has it
  std::string service;
  std::string server;
  std::string state;   // as FlowRecord has it
  uint32_t limit = 0;  // of the flows listed; never of what is counted
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) {
    f("id", m.id), f("kill", m.kill), f("client", m.client), f("client_port", m.client_port);
    f("virtual_address", m.virtual_address), f("virtual_port", m.virtual_port), f("protocol", m.protocol);
    f("service", m.service), f("server", m.server), f("state", m.state), f("limit", m.limit);
  }
};

// One flow, in words.
struct FlowRecord {
  std::string service;
  std::string server;
  std::string protocol;
  std::string client;
  uint16_t client_port = 0;
  // Where the client came to. Empty: of no service in force, or a template of a service that has several.
  std::string virtual_address;
  uint16_t virtual_port = 0;
  uint16_t virtual_last_port = 0;  // the same, unless the service has a range
  std::string server_address;      // empty: the server is gone
  uint16_t server_port = 0;        // 0: the one the client came to
  std::string source_address;      // what the server sees in place of the client; empty: the client
  uint16_t source_port = 0;
  std::string state;
  uint64_t idle_ms = 0;
  uint64_t expires_ms = 0;
  bool learnt = false;  // told by a peer; no packet of it has been seen here
  static auto fields(auto& m, auto&& f) {
    f("service", m.service), f("server", m.server), f("protocol", m.protocol), f("client", m.client);
    f("client_port", m.client_port), f("virtual_address", m.virtual_address), f("virtual_port", m.virtual_port);
    f("virtual_last_port", m.virtual_last_port), f("server_address", m.server_address);
    f("server_port", m.server_port), f("source_address", m.source_address), f("source_port", m.source_port);
    f("state", m.state), f("idle_ms", m.idle_ms), f("expires_ms", m.expires_ms), f("learnt", m.learnt);
  }
};

struct FlowAnswer {
  static constexpr std::string_view kKind = "FlowAnswer";
  static constexpr bool kRetained = false;
  uint64_t id = 0;
  std::string error;  // in words; empty: none
  uint64_t matched = 0;
  std::vector<NamedCounter> states;  // of those that matched, by state; without those in which none is
  uint64_t killed = 0;
  bool complete = true;           // false: more are to be killed; ask again
  std::vector<FlowRecord> flows;  // the first ones met
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) {
    f("id", m.id), f("error", m.error), f("matched", m.matched), f("states", m.states), f("killed", m.killed);
    f("complete", m.complete), f("flows", m.flows);
  }
};

// An operator asks what is decided for a client's next packets (control to forwarding).
struct TraceRequest {
  static constexpr std::string_view kKind = "TraceRequest";
  static constexpr bool kRetained = false;
  uint64_t id = 0;
  std::string client;        // an address
  uint16_t client_port = 0;  // 0: not said
  std::string service;       // empty: every one
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) {
    f("id", m.id), f("client", m.client), f("client_port", m.client_port), f("service", m.service);
  }
};

struct TraceAnswer {
  static constexpr std::string_view kKind = "TraceAnswer";
  static constexpr bool kRetained = false;
  uint64_t id = 0;
  std::string error;
  std::vector<std::string> lines;
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) { f("id", m.id), f("error", m.error), f("lines", m.lines); }
};

// The checkers' programs that run as another user: the checkers, who read hostile bytes, have no right to become somebody, so
// they name the check, and the supervisor runs what its own copy of the site says of it (checkers to supervisor).
struct ExecRequest {
  static constexpr std::string_view kKind = "ExecRequest";
  static constexpr bool kRetained = false;
  uint64_t id = 0;      // chosen by the asker; the result carries it back
  bool cancel = false;  // of an earlier request: the names are empty, and no result follows
  std::string service;
  std::string server;
  std::string check;
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) {
    f("id", m.id), f("cancel", m.cancel), f("service", m.service), f("server", m.server), f("check", m.check);
  }
};

enum class ExecEnd : uint8_t { kExited, kKilled, kTimedOut, kNotStarted, kNotRun };

// How it ended (supervisor to checkers).
struct ExecResult {
  static constexpr std::string_view kKind = "ExecResult";
  static constexpr bool kRetained = false;
  uint64_t id = 0;
  ExecEnd end = ExecEnd::kNotRun;  // not run: nothing is known of the server
  uint32_t exit_code = 0;          // exited; of killed: the signal
  std::string output;              // the end of what it wrote; not started, not run: why, in words
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) {
    f("id", m.id), f("end", m.end), f("exit_code", m.exit_code), f("output", m.output);
  }
};

enum class Severity : uint8_t { kDebug, kInfo, kNotice, kWarning, kError };

// Something happened. Rooms never write logs: they say an Event, the supervisor writes it down.
struct Event {
  static constexpr std::string_view kKind = "Event";
  static constexpr bool kRetained = false;
  Severity severity = Severity::kInfo;
  std::string id;  // stable, greppable: VRRP_BECAME_ACTIVE
  std::string room;
  std::string subject;  // router, service/server, peer; may be empty
  std::string text;     // one sentence, with advice where there is any
  uint64_t unix_ms = 0;
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) {
    f("severity", m.severity), f("id", m.id), f("room", m.room), f("subject", m.subject), f("text", m.text);
    f("unix_ms", m.unix_ms);
  }
};

// A retained message's end: what its key named is gone (a server removed by a reload).
struct Forget {
  static constexpr std::string_view kKind = "Forget";
  static constexpr bool kRetained = false;
  std::string kind;
  std::string of_key;
  std::string key() const { return {}; }
  static auto fields(auto& m, auto&& f) { f("kind", m.kind), f("of_key", m.of_key); }
};

using Message = std::variant<SiteText, InstanceState, ServerHealth, ServiceHealth, SyncStatus, ServerStats,
                             ServiceStats, EngineStats, RoomStatus, RoomReady, ReloadRequest, ReloadResult, Handover,
                             HandoverResult, Maintenance, Override, PassiveHealth, FlowQuestion, FlowAnswer,
                             TraceRequest, TraceAnswer, ExecRequest, ExecResult, Event, Forget>;

}  // namespace tandem::bus
