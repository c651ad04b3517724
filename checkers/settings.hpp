// What the checkers room is told to do: services, their servers, the checks, and the rules by which the verdicts become
// weights. The shell makes these values from the validated site; names are the identity over a reload. What many servers
// have in common is one value that all of them point to.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkers/http_expect.hpp"
#include "daemon/base/address.hpp"
#include "daemon/base/time.hpp"

namespace tandem::checkers {

// In the order of config::CheckType.
enum class CheckKind : uint8_t {
  kNone,
  kTcp,
  kHttp,
  kHttps,
  kTls,    // the handshake, nothing else
  kSmtp,   // greeting and EHLO (RFC 5321), with STARTTLS where it is wanted
  kDns,    // a question by UDP; an empty answer is a failure
  kPing,   // ICMP echo
  kUdp,    // a datagram, and a reply where one is expected
  kExec,   // an operator's program: exit code 0, 1, or 2-255 for a weight
  kFile,   // a file on this box, in the words of kAgent
  kAgent,  // HAProxy's agent-check: "up 75%", "drain", "maint", "down"
  kMysql,
  kPgsql,
  kRedis,
  kGrpc,  // grpc.health.v1.Health/Check by HTTP/2
};

// What the body of an http answer must be.
struct BodyMatch {
  enum class Kind : uint8_t { kNone, kContains, kRegex, kSha256 };
  Kind kind = Kind::kNone;
  std::string text;  // of kSha256: 64 hex digits, lower case
  bool operator==(const BodyMatch&) const = default;
};

struct Check {
  CheckKind kind = CheckKind::kTcp;
  Duration interval = 2s;              // from the start of one attempt to the start of the next, +-10 %
  Duration timeout = 2s;               // of the whole attempt
  Duration interval_while_changing{};  // while a row of results contradicts the state; 0: the interval
  bool initially_up = false;           // a new server takes connections before its first answer
  uint32_t rise = 2;                   // successes in a row that bring a server up
  uint32_t fall = 3;                   // failures in a row that take it down
  // Per cent of its weight that a server keeps while this check fails: such a check does not count towards CheckSet::need.
  std::optional<uint8_t> weight_when_down;
  uint16_t port = 0;                 // 0: the server's own
  std::optional<IpAddress> address;  // else the server's own
  std::optional<IpAddress> source;   // the attempt comes from this address
  std::string interface;             // and leaves by this one
  uint32_t mark = 0;                 // SO_MARK of its packets; 0: none
  std::string path = "/";
  std::string host;  // Host header, SNI and certificate name; empty: the server's address
  std::vector<StatusRange> expect{StatusRange{}};
  std::string ca_file;  // empty: the system's store
  bool verify = true;
  std::string crl_file;                          // revocation lists; empty: none is looked into
  std::string certificate;                       // ours, for servers that ask for one; empty: none
  std::string private_key;                       // of it; empty: in the same file
  Duration warn_before_expiry = 7 * 24 * 3600s;  // how long before a certificate's end people are warned; 0: never
  std::string method = "GET";
  std::vector<std::string> headers;  // "Name: value"
  BodyMatch body;
  // smtp: the name in EHLO; dns: the name asked for
  std::string name;
  std::string record = "A";              // dns
  std::string answer;                    // dns: one record must be this; udp: the reply must contain it; empty: any
  std::string payload;                   // udp, agent: what is sent
  bool starttls = false;                 // smtp
  std::string user, password, database;  // mysql, pgsql, redis
  std::vector<std::string> command;      // exec
  std::string account;                   // exec: who it runs as; empty: as we do
  std::string file;                      // file
  std::string service;                   // grpc: the one asked about; empty: the server as a whole
  bool tls = false;                      // grpc
  bool operator==(const Check&) const = default;
};

struct NamedCheck {
  std::string name;
  std::shared_ptr<const Check> check;  // never null, never CheckKind::kNone
};

// All the checks of a server.
struct CheckSet {
  std::vector<NamedCheck> checks;  // empty: it is not checked, and up
  uint32_t need = 0;               // so many of those that count must pass; 0: all
};

struct ServerSettings {
  std::string name;
  IpAddress address;
  uint16_t port = 0;
  uint32_t weight = 1;
  uint8_t group = 1;                       // 1 to kMostGroups: the first serves, the others are spares
  bool sorry = false;                      // serves only while the quorum is not there
  std::shared_ptr<const CheckSet> checks;  // null: the service's
};

constexpr size_t kMostGroups = 16;

// A number, or per cent of a whole.
struct Amount {
  uint32_t value = 0;
  bool percent = false;
  bool operator==(const Amount&) const = default;
};

struct QuorumRule {
  Amount quorum{1};
  Amount hysteresis{0};
  bool of_servers = false;  // servers are counted; else their weights are added up
  bool operator==(const QuorumRule&) const = default;
};

// When what real clients met takes a server down (passive.hpp).
struct PassiveRule {
  bool on = false;
  uint8_t failures = 50;   // per cent of the connections of a window at least
  uint32_t minimum = 20;   // failures of a window at least
  uint32_t clients = 5;    // different clients among the failures at least
  Duration window = 10s;   // what is looked at
  Duration hold = 30s;     // how long a server stays down at least; doubled each time it does not help
  uint8_t most_down = 50;  // per cent of the service's servers that may be down for this at once
  bool operator==(const PassiveRule&) const = default;
};

struct ServicePolicy {
  QuorumRule quorum;
  uint32_t group_minimum = 1;  // servers that the groups in use must have between them, or the next one joins
  bool inhibit = false;        // a server that is down keeps its place, with weight 0
  Duration slow_start{};       // how long a server's weight grows after it came up
  bool by_latency = false;     // weights follow what the checks measure
  bool hundredths = false;     // weights are said a hundred times as large, so that shares of 1 can be said
  PassiveRule passive;
  bool operator==(const ServicePolicy&) const = default;
};

struct ServiceSettings {
  std::string name;
  std::shared_ptr<const CheckSet> checks;  // never null; shared by the service's servers
  std::vector<ServerSettings> servers;
  ServicePolicy policy;
};

// Whether the check has a TLS handshake in it, and so a trust store.
constexpr bool speaks_tls(const Check& check) {
  return check.kind == CheckKind::kHttps || check.kind == CheckKind::kTls ||
         (check.kind == CheckKind::kSmtp && check.starttls) || (check.kind == CheckKind::kGrpc && check.tls);
}

// Of one check of one server.
struct CheckName {
  std::string service, server, check;
};

// What one attempt is made against.
struct Target {
  IpAddress address;
  uint16_t port = 0;
  std::shared_ptr<const Check> check;
};

}  // namespace tandem::checkers
