// What the checkers room is told to do: services, their servers, and the one check of each service.
// The shell makes these values from the validated site; names are the identity over a reload.
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
  uint16_t port = 0;                   // 0: the server's own
  std::optional<IpAddress> address;    // else the server's own
  std::optional<IpAddress> source;     // the attempt comes from this address
  std::string interface;               // and leaves by this one
  uint32_t mark = 0;                   // SO_MARK of its packets; 0: none
  std::string path = "/";
  std::string host;  // Host header, SNI and certificate name; empty: the server's address
  std::vector<StatusRange> expect{StatusRange{}};
  std::string ca_file;  // empty: the system's store
  bool verify = true;
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
  std::string file;                      // file
  bool operator==(const Check&) const = default;
};

struct ServerSettings {
  std::string name;
  IpAddress address;
  uint16_t port = 0;
  uint32_t weight = 1;
  std::shared_ptr<const Check> check;  // null: the service's
};

struct ServiceSettings {
  std::string name;
  std::shared_ptr<const Check> check;  // never null; shared by the service's attempts under way
  std::vector<ServerSettings> servers;
};

// What one attempt is made against.
struct Target {
  IpAddress address;
  uint16_t port = 0;
  std::shared_ptr<const Check> check;
};

}  // namespace tandem::checkers
